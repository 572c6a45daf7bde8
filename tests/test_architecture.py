"""The rules of the house, checked on the source itself."""

import ast
import importlib
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

root = Path(__file__).parents[1]
layers = ["calibration", "models2d", "triangulate"]
modules = sorted(path for layer in layers for path in (root / layer).rglob("*.py"))
ids = [str(path.relative_to(root)) for path in modules]


def imported_packages(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names.add((node.module or "").split(".")[0])
    return names


@pytest.mark.parametrize("path", modules, ids=ids)
def test_nothing_imports_upward(path):
    layer = layers.index(path.relative_to(root).parts[0])
    assert not imported_packages(path) & set(layers[layer + 1 :])


@pytest.mark.parametrize("layer", layers)
def test_folders_import_each_other_in_one_direction(layer):
    folders = {path.parent.name for path in (root / layer).glob("*/__init__.py")}
    imports = {
        folder: {
            name.split(".")[1]
            for path in (root / layer / folder).rglob("*.py")
            for name in imported_modules(path)
            if name.startswith(f"{layer}.")
        }
        - {folder}
        for folder in folders
    }
    assert folders <= set(TopologicalSorter(imports).static_order())  # or a CycleError that names them


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def test_files_import_each_other_in_one_direction():
    """Imports inside functions and for types alone count as well: they hide a circle, they do not open it."""
    names = {dotted(path) for path in modules}
    imports = {}
    for path in modules:
        # "from a.b import c" names a module a.b.c, or something in the module a.b
        found = {one if one in names else one.rpartition(".")[0] for one in imported_modules(path)}
        imports[dotted(path)] = found & names - {dotted(path)}
    assert names <= set(TopologicalSorter(imports).static_order())  # or a CycleError that names them


def imported_modules(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", modules, ids=ids)
def test_a_module_is_one_idea(path):
    assert path.stem not in {"utils", "helpers", "common", "misc", "core", "base", path.parent.name}
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("package", ["torch", "jax", "numba", "plotly", "transformers", "aniposelib"])
def test_importing_the_packages_loads_nothing_heavy(package):
    code = f"import calibration, models2d, triangulate, sys; sys.exit({package!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


@pytest.mark.parametrize("path", modules, ids=ids)
def test_foreign_worlds_have_one_door(path):
    name = str(path.relative_to(root))
    if name != "calibration/anipose.py":
        assert "aniposelib" not in imported_packages(path)
    if name not in {
        f"calibration/{door}.py" for door in ("boards/pattern", "corners/detectors", "boards/markers_seen")
    }:
        assert "aruco." not in path.read_text()


@pytest.mark.parametrize("layer", layers)
def test_exported_names_exist_and_are_public(layer):
    package = importlib.import_module(layer)
    for name in package.__all__:
        assert not name.startswith("_")
        assert getattr(package, name).__doc__, f"{layer}.{name} has no docstring"


SCRIPT = """\
from pathlib import Path

import calibration, models2d, triangulate


def work(folder: Path) -> None:
    board = calibration.Board.charuco(columns=7, rows=5, square=0.1, marker=0.075, dictionary="4X4_50")
    observations = calibration.find_corners(calibration.Recording.open(folder), board)
    rig, report = calibration.calibrate(observations)
    tracks = models2d.read_detections({"left": folder / "left.csv"}).as_tracks()
    trajectories, fit = triangulate.smooth(tracks, rig, triangulate.reconstruct(tracks, rig))
    reveal_type(rig)
    reveal_type(report.median)
    reveal_type(trajectories.xyz)
    triangulate.write(trajectories, 3)  # wrong
    print(triangulate.no_such_name)  # wrong
"""


def test_a_users_script_is_checked_with_its_types(tmp_path):
    pytest.importorskip("mypy", reason="types are checked where mypy is installed (extra dev)")
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--cache-dir", tmp_path]
    found = subprocess.run(
        [*command, "--config-file", root / "pyproject.toml", tmp_path / "script.py"],
        cwd=root,
        check=False,
        capture_output=True,
        text=True,
    ).stdout
    said = [line.split(": ", 1)[1] for line in found.splitlines()[:-1]]
    wanted = ("calibration.rig.Rig", "float", "float64", "Argument 2 to .write.*int", "no_such_name")
    assert len(said) == len(wanted), found
    for line, part in zip(said, wanted, strict=True):
        assert re.search(part, line), found


@pytest.mark.parametrize("layer", layers)
def test_a_public_name_stays_what_it_is_whatever_is_imported(layer):
    code = f"""
import importlib, pkgutil, sys, {layer} as package
for module in pkgutil.walk_packages(package.__path__, "{layer}."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
for name in package.__all__:
    there = [getattr(module, name) for module in list(sys.modules.values())
             if getattr(module, "__name__", "") == getattr(getattr(package, name), "__module__", None)]
    if there != [getattr(package, name)]:
        sys.exit(f"{layer}.{{name}} is {{getattr(package, name)!r}}")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=root, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("layer", layers)
def test_no_public_name_is_that_of_a_module(layer):
    inside = {path.stem for path in (root / layer).iterdir() if path.suffix == ".py" or path.is_dir()}
    assert not inside & set(importlib.import_module(layer).__all__)


@pytest.mark.parametrize("path", modules, ids=ids)
def test_zero_is_not_taken_for_an_option_left_out(path):
    for function in ast.walk(ast.parse(path.read_text())):
        if not isinstance(function, ast.FunctionDef):
            continue
        arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        numbers = {one.arg for one in arguments if one.annotation and is_optional_number(one.annotation)}
        for node in ast.walk(function):
            asked = node.values if isinstance(node, ast.BoolOp) else []
            asked = [node.test] if isinstance(node, ast.If | ast.IfExp | ast.While) else asked
            for one in asked:
                assert not (isinstance(one, ast.Name) and one.id in numbers), f"{path}:{one.lineno}: {one.id}"


def is_optional_number(annotation: ast.expr) -> bool:
    kinds = {part.strip() for part in ast.unparse(annotation).split("|")}
    return "None" in kinds and bool(kinds & {"int", "float"})


@pytest.mark.parametrize("path", modules, ids=ids)
def test_errors_are_not_swallowed(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"{path}:{node.lineno}: bare except"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "load":
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id == "torch":
                assert any(keyword.arg == "weights_only" for keyword in node.keywords)
            assert not (isinstance(owner, ast.Name) and owner.id == "pickle")


REASONS = {
    "read write recognise limit": "each file format has its own module, which is called by these names",
    "calibrate detect evaluate reconstruct refine run train": "commands are named as on the command line",
    "Float Int Bool Image Gray Progress": "short names for types that a test below holds equal",
    "distort_pinhole distort_fisheye": "the same source, as it is and compiled",
    "Frames Place": "aliases of types, which the model may not import from what calls it",
    "invert observe prior_terms solve": "bands, series and windows of the smoother each have theirs",
}
"""Why a public name stands in several modules."""


def public_definitions(path: Path) -> dict[str, str]:
    """Return the public names that a module defines, with what they are set to where they are variables."""
    names = {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names[node.name] = ""
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                names |= {
                    one.id: ast.unparse(node.value) if node.value else ""
                    for one in ast.walk(target)
                    if isinstance(one, ast.Name)
                }
    return {name: value for name, value in names.items() if not name.startswith("_")}


def test_a_public_name_stands_in_one_module_or_has_a_reason():
    """A constant counts where other modules import it; else it is the business of its module alone."""
    imported = {name for path in modules for name in imported_modules(path)}
    homes: dict[str, set[str]] = {}
    for path in modules:
        for name in public_definitions(path):
            if not name.isupper() or f"{dotted(path)}.{name}" in imported:
                homes.setdefault(name, set()).add(dotted(path))
    several = {name: where for name, where in homes.items() if len(where) > 1}
    allowed = set(" ".join(REASONS).split())
    assert not {name: where for name, where in several.items() if name not in allowed}
    assert allowed <= set(several), "a reason for a name that stands once"


@pytest.mark.parametrize("name", ["Float", "Int", "Bool", "Image", "Gray", "Progress"])
def test_a_short_name_of_a_type_means_one_type(name):
    meanings = {public_definitions(path).get(name) for path in modules} - {None}
    assert len(meanings) == 1
