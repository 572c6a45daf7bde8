"""What a training leaves on disk: configuration, log, curve, checkpoint, best model, metrics."""

import csv
import hashlib
import json
import os
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import plotly.graph_objects as go
import torch
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from models2d.errors import ModelError
from models2d.labels import Labels
from models2d.skeleton import Skeleton
from models2d.training.options import TrainingOptions

Float = NDArray[np.float64]
columns = ("step", "loss", "rate", "rmse_px", "median_px")


class RunFolder:
    """The files of one training.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.best = path / "best.safetensors"

    def begin(self, options: TrainingOptions, labels: Labels) -> None:
        """Write the configuration, or check that a run that is there had the same.

        Parameters
        ----------
        options : TrainingOptions
        labels : Labels

        Raises
        ------
        ModelError
            If it had not; the options that differ are named.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        config = {
            "options": json.loads(json.dumps(asdict(options))),
            "labels": {
                "frames": len(labels),
                "digest": hashlib.sha256(np.ascontiguousarray(labels.xy).tobytes()).hexdigest()[:16],
                "keypoints": list(labels.skeleton.keypoints),
            },
        }
        file = self.path / "config.json"
        if file.is_file():
            before = json.loads(file.read_text())
            before["options"] = _completed(before["options"], asdict(type(options)()))
            differ = [
                key
                for part in ("options", "labels")
                for key in config[part]
                if before[part].get(key) != config[part][key]
            ]
            if differ:
                raise ModelError(
                    f"{self.path} holds a training with other {', '.join(differ)}: choose another folder, or "
                    "delete it"
                )
            return
        versions = {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}
        _write(file, json.dumps(config | {"versions": versions | {"opencv": cv2.__version__}}, indent=1))

    def checkpoint(self, device: torch.device) -> dict[str, Any] | None:
        """Read the last checkpoint, None where there is none.

        Parameters
        ----------
        device : torch device

        Returns
        -------
        state : dict or None

        Raises
        ------
        ModelError
            If the file is damaged.
        """
        file = self.path / "checkpoint.pt"
        if not file.is_file():
            return None
        try:
            state: dict[str, Any] = torch.load(file, map_location=device, weights_only=True)
        except (RuntimeError, OSError, EOFError, ValueError) as error:
            raise ModelError(f"{file} is damaged ({error}); delete it to train anew") from error
        return state

    def restore(self, parts: dict[str, Any], device: torch.device) -> dict[str, Any] | None:
        """Bring networks and optimisers back to the last checkpoint, where there is one.

        Parameters
        ----------
        parts : dict
            By name, what has `load_state_dict`.
        device : torch device

        Returns
        -------
        state : dict or None
            The checkpoint, with what else it holds.

        Raises
        ------
        ModelError
            If the file is damaged, or of another network.
        """
        state = self.checkpoint(device)
        try:
            for name, part in parts.items() if state else ():
                part.load_state_dict(state[name])  # type: ignore[index]
        except (RuntimeError, KeyError, ValueError) as error:
            raise ModelError(
                f"the checkpoint in {self.path} is of another network ({error}); choose another folder, or "
                "delete it"
            ) from error
        return state

    def save_checkpoint(self, state: dict[str, Any]) -> None:
        """Write the checkpoint, atomically.

        Parameters
        ----------
        state : dict
        """
        temporary = self.path / "checkpoint.pt.part"
        torch.save(state, temporary)
        os.replace(temporary, self.path / "checkpoint.pt")

    def last_good(self) -> str:
        """Where the last good checkpoint is, in words."""
        file = self.path / "checkpoint.pt"
        return str(file) if file.is_file() else f"not there yet: none was written to {self.path}"

    def log(self, **values: float) -> None:
        """Append a line to `log.csv` and redraw the curve.

        Parameters
        ----------
        **values
            One for each of `columns`.
        """
        file = self.path / "log.csv"
        new = not file.is_file()
        with file.open("a", newline="") as stream:
            writer = csv.writer(stream)
            if new:
                writer.writerow(columns)
            writer.writerow([f"{values[name]:.6g}" for name in columns])
        self.draw()

    def read_log(self) -> dict[str, list[float]]:
        """Return the log as columns."""
        file = self.path / "log.csv"
        if not file.is_file():
            return {name: [] for name in columns}
        with file.open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        return {name: [float(row[name]) for row in rows] for name in columns}

    def cut_log(self, step: int) -> None:
        """Drop the lines after a step: they will be written again.

        Parameters
        ----------
        step : int
        """
        log = self.read_log()
        keep = [number for number, at in enumerate(log["step"]) if at <= step]
        lines = [",".join(columns)]
        lines += [",".join(f"{log[name][number]:.6g}" for name in columns) for number in keep]
        _write(self.path / "log.csv", "\n".join(lines) + "\n")

    def draw(self) -> None:
        """Draw loss and error over the steps into `curve.html`."""
        log = self.read_log()
        figure = make_subplots(
            rows=2, shared_xaxes=True, subplot_titles=("training loss", "validation error, px")
        )
        figure.add_scatter(x=log["step"], y=log["loss"], name="loss", row=1, col=1)
        figure.add_scatter(x=log["step"], y=log["rmse_px"], name="RMSE", row=2, col=1)
        figure.add_scatter(x=log["step"], y=log["median_px"], name="median", row=2, col=1)
        figure.update_yaxes(type="log")
        figure.update_xaxes(title_text="step", row=2, col=1)
        figure.update_layout(template="plotly_white", height=640, title=self.path.name)
        _write(self.path / "curve.html", go.Figure(figure).to_html(include_plotlyjs=True))

    def finish(self, distance: Float, skeleton: Skeleton, steps: int, found: float) -> None:
        """Write `metrics.json`.

        Parameters
        ----------
        distance : (individuals, keypoints) float, px
            Of the validation frames.
        skeleton : Skeleton
        steps : int
            That were trained.
        found : float
            Part of the labelled keypoints that were found.
        """
        per_keypoint = {
            keypoint: float(np.median(column[np.isfinite(column)]))
            for keypoint, column in zip(skeleton.keypoints, distance.T, strict=True)
            if np.isfinite(column).any()
        }
        metrics = {
            "steps": steps,
            "found": found,
            "rmse_px": float(np.sqrt(np.nanmean(distance**2))),
            "median_px": float(np.nanmedian(distance)),
            "median_px_per_keypoint": per_keypoint,
        }
        _write(self.path / "metrics.json", json.dumps(metrics, indent=1))


def _completed(before: dict[str, Any], default: dict[str, Any]) -> dict[str, Any]:
    """Add the options that are newer than a run, which by default change nothing."""
    missing = {key: value for key, value in json.loads(json.dumps(default)).items() if key not in before}
    inner = {
        key: _completed(value, default[key])
        for key, value in before.items()
        if isinstance(value, dict) and isinstance(default.get(key), dict)
    }
    return before | inner | missing


def _write(file: Path, text: str) -> None:
    temporary = file.with_name(file.name + ".part")
    temporary.write_text(text)
    os.replace(temporary, file)
