"""Values stay what they were: their arrays are copied in and cannot be written."""

import ast
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from calibration.arrays import ReadOnlyArrays

root = Path(__file__).parents[2]

KERNEL_TYPES = {
    "calibration/bundle": {"BoardSolution", "Normal", "Free", "Corners", "Unknowns"},
    "calibration/points": {"Observations", "Freedom", "PointSolution"},
    "triangulate/points": {"SolvedPoints"},
    "triangulate/smoothing": {"LocalWorld", "Solution"},
}
"""What solvers work on: compiled kernels read or write these arrays."""

PROTECTED = ("ReadOnlyArrays", "frozen(", "checked_points(")
"""What makes arrays read-only: the base, or a function that checks them too."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Path3D(ReadOnlyArrays):
    """A value to try the base on."""

    xyz: np.ndarray
    name: str = ""


def test_what_is_written_later_is_not_seen():
    xyz = np.zeros((4, 3))
    value, of_view = Path3D(xyz=xyz), np.broadcast_to(xyz, (2, 4, 3))
    shared = Path3D(xyz=of_view)
    xyz[:] = 1.0
    assert (value.xyz == 0).all()
    assert (shared.xyz == 0).all()
    with pytest.raises(ValueError, match="read-only"):
        value.xyz[0] = 1.0


def test_what_cannot_be_written_is_not_copied_again():
    value = Path3D(xyz=np.zeros((4, 3)))
    assert replace(value, name="other").xyz is value.xyz
    assert np.shares_memory(replace(value, xyz=value.xyz[1:]).xyz, value.xyz)


def test_every_frozen_type_with_arrays_protects_them():
    open_ones = []
    for layer in ("calibration", "models2d", "triangulate"):
        for path in sorted((root / layer).rglob("*.py")):
            allowed = KERNEL_TYPES.get(str(path.relative_to(root).parent), set())
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.ClassDef) and is_frozen(node) and has_arrays(node):
                    safe = any(word in ast.unparse(node) for word in PROTECTED)
                    if not safe and node.name not in allowed:
                        open_ones.append(f"{path.relative_to(root)}: {node.name}")
    assert not open_ones


def is_frozen(node):
    return any("frozen=True" in ast.unparse(decorator) for decorator in node.decorator_list)


def has_arrays(node):
    fields = [one for one in node.body if isinstance(one, ast.AnnAssign)]
    names = {part.id for one in fields for part in ast.walk(one.annotation) if isinstance(part, ast.Name)}
    return bool(names & {"Float", "Int", "Bool", "NDArray", "Image", "Gray"})
