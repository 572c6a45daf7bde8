"""Standard deviations that a calibration reports, beside the scatter of its results over seeds.

The boards stand in the same places every time; only the noise of the corners differs.
"""

import argparse
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from benchmarks.calibration import point_rms_mm, ring, waved
from benchmarks.measurement import save, show
from calibration import CalibrationReport, Rig, calibrate

NOISE = 0.2
"""Of a corner, px per coordinate."""

LENS = ("fx", "fy", "cx", "cy")
PLACE = ("rx", "ry", "rz", "tx", "ty", "tz")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--frames", type=int, default=200)
    options = parser.parse_args()
    truth = ring()
    clean = waved(truth, options.frames, noise=0.0)
    xyz = np.random.default_rng(5).uniform([-0.7, -0.7, 0.5], [0.7, 0.7, 1.3], (400, 3))
    found, reported, errors, expected = [], [], [], []
    for seed in range(options.seeds):
        noise = np.random.default_rng(seed).normal(0, NOISE, clean.xy.shape)
        rig, report = calibrate(replace(clean, xy=clean.xy + noise), validate=False)
        found.append(numbers(rig, truth))
        reported.append(deviations(report))
        errors.append(point_rms_mm(rig, truth, xyz))
        expected.append(1e3 * np.sqrt(np.nanmean(report.volume.calibration**2)))
    scatter, said = np.std(found, axis=0, ddof=1), np.sqrt(np.mean(np.square(reported), axis=0))
    rows = [row(name, scatter[:, i], said[:, i]) for i, name in enumerate((*LENS, *PLACE))]
    rows.append(row("all", scatter, said))
    show(f"{len(truth)} cameras, {options.frames} boards, {options.seeds} seeds: scatter over reported", rows)
    error, told = np.sqrt(np.mean(np.square(errors))), np.sqrt(np.mean(np.square(expected)))
    print(f"\n3D error after the best rigid motion {error:.4f} mm rms (worst {max(errors):.4f} mm); ", end="")
    print(f"reported where the board was {told:.4f} mm")
    print(f"A ratio of {options.seeds} seeds is itself uncertain by {100 / np.sqrt(2 * options.seeds):.0f}%.")
    print(f"Written to {save('deviations', {'scatter over reported': rows})}")


def numbers(rig: Rig, truth: Rig) -> np.ndarray:
    """Lens numbers and the place of every camera relative to its true one, (views, 10) px, rad, m."""
    rows = []
    for camera, true in zip(rig.cameras, truth.cameras, strict=True):
        K = camera.intrinsics.K
        # The world of a calibration is its first camera.
        true_R, true_t = (
            true.R @ truth.cameras[0].R.T,
            true.t - true.R @ truth.cameras[0].R.T @ truth.cameras[0].t,
        )
        turn = camera.R @ true_R.T
        place = [*Rotation.from_matrix(turn).as_rotvec(), *(camera.t - turn @ true_t)]
        rows.append([K[0, 0], K[1, 1], K[0, 2], K[1, 2], *place])
    return np.array(rows)


def deviations(report: CalibrationReport) -> np.ndarray:
    """Return the standard deviations that were reported of the same numbers."""
    views = range(len(report.names))
    places = [[report.uncertainty.deviation(f"{view}:{axis}") for axis in PLACE] for view in views]
    return np.hstack([report.uncertainty.lenses[:, :4], places])


def row(name: str, scatter: np.ndarray, said: np.ndarray) -> dict[str, Any]:
    """Return scatter over what was said: root mean square, least and greatest over the cameras."""
    ratio = (scatter / np.where(said > 0, said, np.nan)).ravel()
    ratio = ratio[np.isfinite(ratio)]
    return {"of": name, "rms": float(np.sqrt(np.mean(ratio**2))), "least": ratio.min(), "most": ratio.max()}


if __name__ == "__main__":
    main()
