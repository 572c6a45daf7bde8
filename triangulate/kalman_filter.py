"""A Kalman filter with Rauch-Tung-Striebel smoothing of raw trajectories, under constant acceleration.

State: position, velocity and acceleration of a point; the acceleration is driven by white jerk. Points are
measured with their own covariance; a missing one is bridged. Sources: Kalman 1960; Rauch, Tung & Striebel
1965, "Maximum likelihood estimates of linear dynamic systems".
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from triangulate.smoothing.gaps import gaps
from triangulate.trajectories import Status, Trajectories3D

Float = NDArray[np.float64]


def kalman(trajectories: Trajectories3D, jerk_sigma: float, max_gap: float = 0.25) -> Trajectories3D:
    """Smooth every keypoint by itself, from its positions and their covariance.

    Parameters
    ----------
    trajectories : Trajectories3D
        As `reconstruct` gives them.
    jerk_sigma : float, m/s3
        Standard deviation of the jerk, constant within a frame and independent from frame to frame.
    max_gap : float, s
        Longest gap that is filled.

    Returns
    -------
    trajectories : Trajectories3D
        With the smoothed covariance; what was bridged has the status FILLED.

    Raises
    ------
    ValueError
        If jerk_sigma is not positive.
    """
    if not jerk_sigma > 0:
        raise ValueError(f"jerk_sigma: expected a positive number of m/s3, got {jerk_sigma}")
    xyz, covariance = trajectories.xyz.copy(), trajectories.covariance.copy()
    status = trajectories.status.copy()
    known = np.asarray(np.isfinite(xyz).all(axis=-1) & np.isfinite(covariance).all(axis=(-2, -1)))
    length, _ = gaps(known)
    fill = ~known & (length <= max_gap * trajectories.fps)
    for subject, keypoint in np.ndindex(xyz.shape[1:3]):
        seen = known[:, subject, keypoint]
        if seen.sum() < 3:
            continue
        means, spreads = smooth_point(
            xyz[:, subject, keypoint],
            covariance[:, subject, keypoint],
            seen,
            1 / trajectories.fps,
            jerk_sigma,
        )
        use = seen | fill[:, subject, keypoint]
        xyz[use, subject, keypoint], covariance[use, subject, keypoint] = means[use], spreads[use]
    status[fill & np.isfinite(xyz).all(axis=-1)] = Status.FILLED
    return replace(trajectories, xyz=xyz, covariance=covariance, status=status)


def motion(dt: float, jerk_sigma: float) -> tuple[Float, Float]:
    """Return the transition of one frame and the covariance that a random jerk adds.

    Parameters
    ----------
    dt : float, s
    jerk_sigma : float, m/s3

    Returns
    -------
    F, Q : (9, 9) float
        Position, velocity, acceleration in blocks of three coordinates.
    """
    step = np.array([[1, dt, dt**2 / 2], [0, 1, dt], [0, 0, 1.0]])
    push = np.array([dt**3 / 6, dt**2 / 2, dt])
    F: Float = np.kron(step, np.eye(3)).astype(np.float64)
    Q: Float = np.kron(np.outer(push, push) * jerk_sigma**2, np.eye(3)).astype(np.float64)
    return F, Q


def smooth_point(
    xyz: Float, covariance: Float, seen: NDArray[np.bool_], dt: float, jerk_sigma: float
) -> tuple[Float, Float]:
    """Filter forwards and smooth backwards one point.

    Parameters
    ----------
    xyz : (frames, 3) float, m, world
    covariance : (frames, 3, 3) float, m2
    seen : (frames,) bool
    dt : float, s
    jerk_sigma : float, m/s3

    Returns
    -------
    xyz : (frames, 3) float, m, world
    covariance : (frames, 3, 3) float, m2
    """
    frames = len(xyz)
    F, Q = motion(dt, jerk_sigma)
    first = int(np.argmax(seen))
    mean = np.concatenate([xyz[first], np.zeros(6)])
    # Diffuse start: standard deviations of 10 m, 100 m/s and 1000 m/s2.
    P = np.diag([1e2] * 3 + [1e4] * 3 + [1e6] * 3)
    means: Float = np.empty((frames, 9))
    spreads: Float = np.empty((frames, 9, 9))
    ahead, ahead_spread = np.empty((frames, 9)), np.empty((frames, 9, 9))
    for frame in range(frames):
        if frame:
            mean, P = F @ mean, F @ P @ F.T + Q
        ahead[frame], ahead_spread[frame] = mean, P
        if seen[frame]:
            gain = np.linalg.solve(P[:3, :3] + covariance[frame], P[:3]).T
            mean = np.asarray(mean + gain @ (xyz[frame] - mean[:3]))
            keep = np.eye(9)
            keep[:, :3] -= gain
            P = keep @ P @ keep.T + gain @ covariance[frame] @ gain.T  # Joseph's form stays symmetric
        means[frame], spreads[frame] = mean, P
    for frame in range(frames - 2, -1, -1):
        back = np.linalg.solve(ahead_spread[frame + 1], F @ spreads[frame]).T
        means[frame] += back @ (means[frame + 1] - ahead[frame + 1])
        spreads[frame] += back @ (spreads[frame + 1] - ahead_spread[frame + 1]) @ back.T
    positions: Float = means[:, :3]
    certain: Float = spreads[:, :3, :3]
    return positions, certain
