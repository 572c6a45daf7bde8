"""Finished blocks of a detection on disk, so that an interrupted run goes on."""

import hashlib
import json
import os
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from calibration.recordings.recording import Recording
from models2d.inference.block_search import Block


class KeptBlocks:
    """Finished blocks, one file each, written in order.

    Parameters
    ----------
    folder : Path
    recording : Recording
    settings : dict
        What else decides the result, as JSON-ready values.

    Raises
    ------
    ValueError
        If the folder is of another recording or was made with other settings; those that differ are named.
    """

    def __init__(self, folder: Path, recording: Recording, settings: dict[str, Any]) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        about = {
            "frames": len(recording),
            "views": list(recording.names),
            "paths": [str(path) for path in recording.paths],
            **settings,
        }
        file = folder / "about.json"
        before = json.loads(file.read_text()) if file.is_file() else about
        differ = [name for name in about if before.get(name) != about[name]]
        if differ:
            raise ValueError(f"{folder} holds detections of other {', '.join(differ)}; choose another folder")
        file.write_text(json.dumps(about, indent=1))

    def finished(self) -> int:
        """Count the blocks that are there, without gaps."""
        number = 0
        while self._file(number).is_file():
            number += 1
        return number

    def load(self, number: int) -> Block:
        """Read block `number`."""
        with np.load(self._file(number), allow_pickle=False) as file:
            return Block(file["xy"], file["confidence"], file["covariance"])

    def save(self, number: int, block: Block) -> None:
        """Write block `number`, atomically."""
        temporary = self.folder / f"part_{number:06d}.tmp.npz"
        np.savez(temporary, **block._asdict())
        os.replace(temporary, self._file(number))

    def _file(self, number: int) -> Path:
        return self.folder / f"block_{number:06d}.npz"


def digest(value: Any) -> str:
    """Digest what decides the answers of a model: its weights, recipe and settings, of all its parts.

    Parameters
    ----------
    value : Model or FrameModel, or anything that one consists of
        Objects from outside this package, such as a session of ONNX, count by their type only.

    Returns
    -------
    digest : str

    Examples
    --------
    >>> digest({"flip": True}) == digest({"flip": False})
    False
    """
    return hashlib.sha256(_bytes(value)).hexdigest()[:16]


def _bytes(value: Any) -> bytes:
    if isinstance(value, nn.Module):
        value = dict(value.state_dict())
    if isinstance(value, torch.Tensor):
        value = value.detach().float().cpu().numpy()
    if isinstance(value, np.ndarray):
        return value.tobytes()
    if isinstance(value, dict):
        return b"|".join(str(name).encode() + b"=" + _bytes(part) for name, part in value.items())
    if isinstance(value, list | tuple):
        return b"|".join(map(_bytes, value))
    if not type(value).__module__.startswith("models2d"):
        plain = value is None or isinstance(value, str | int | float)
        return (repr(value) if plain else type(value).__name__).encode()
    names = [field.name for field in fields(value)] if is_dataclass(value) else list(vars(value))
    return type(value).__name__.encode() + _bytes({n: getattr(value, n) for n in names if n[0] != "_"})
