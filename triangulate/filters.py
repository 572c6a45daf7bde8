"""The filters that people expect, on whole trajectories: gap-aware, without a time shift unless causal.

A filter runs over each stretch of known points by itself and bridges nothing: what is NaN stays NaN. The
covariance is that of the input; `smooth` is what knows better.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

from triangulate.trajectories import Trajectories3D

Float = NDArray[np.float64]


def butterworth(trajectories: Trajectories3D, cutoff: float, order: int = 4) -> Trajectories3D:
    """Filter with a zero-phase low-pass Butterworth, run forwards and backwards.

    The design's cutoff is raised so that the two passes together are 3 dB down at `cutoff`
    (Winter 2009, "Biomechanics and motor control of human movement", ch. 2).

    Parameters
    ----------
    trajectories : Trajectories3D
    cutoff : float, Hz
    order : int
        Of both passes together; even.

    Returns
    -------
    trajectories : Trajectories3D
        Stretches too short for the filter's padding are left as they are.

    Raises
    ------
    ValueError
        If the cutoff does not lie between 0 and half the frame rate, or the order is not even and positive.
    """
    half = trajectories.fps / 2
    if not 0 < cutoff < half:
        raise ValueError(f"cutoff: expected between 0 and {half:g} Hz, half the frame rate, got {cutoff}")
    if order < 2 or order % 2:
        raise ValueError(f"order: expected an even number of 2 or more, got {order}")
    warped = np.tan(np.pi * cutoff / trajectories.fps) / (np.sqrt(2) - 1) ** (1 / order)
    sections = signal.butter(order // 2, 2 * np.arctan(warped) / np.pi, output="sos")
    pad = 3 * (2 * len(sections) + 1)

    def low_pass(xyz: Float) -> Float:
        return signal.sosfiltfilt(sections, xyz, axis=0, padlen=pad) if len(xyz) > pad else xyz

    return over_stretches(trajectories, low_pass)


def savitzky_golay(trajectories: Trajectories3D, window: float = 0.15, order: int = 3) -> Trajectories3D:
    """Fit a polynomial around every frame (Savitzky & Golay 1964).

    Parameters
    ----------
    trajectories : Trajectories3D
    window : float, s
        Rounded to an odd number of frames.
    order : int
        Of the polynomial.

    Returns
    -------
    trajectories : Trajectories3D
        Stretches shorter than the window get one polynomial, those too short for that stay as they are.

    Raises
    ------
    ValueError
        If the window holds too few frames for the polynomial.
    """
    frames = odd_frames(window, trajectories.fps)
    if frames <= order:
        raise ValueError(
            f"window: {window} s are {frames} frames at {trajectories.fps:g} Hz; a polynomial of order "
            f"{order} needs at least {order + 1}"
        )

    def fit(xyz: Float) -> Float:
        length = min(frames, len(xyz) - 1 + len(xyz) % 2)
        return signal.savgol_filter(xyz, length, order, axis=0) if length > order else xyz

    return over_stretches(trajectories, fit)


def median_filter(trajectories: Trajectories3D, window: float = 0.1) -> Trajectories3D:
    """Take the median around every frame, coordinate by coordinate.

    Parameters
    ----------
    trajectories : Trajectories3D
    window : float, s
        Rounded to an odd number of frames.

    Returns
    -------
    trajectories : Trajectories3D
    """
    frames = odd_frames(window, trajectories.fps)
    return over_stretches(
        trajectories, lambda xyz: ndimage.median_filter(xyz, size=(frames, 1), mode="nearest")
    )


def one_euro(
    trajectories: Trajectories3D, cutoff: float = 1.0, beta: float = 1.0, speed_cutoff: float = 1.0
) -> Trajectories3D:
    """Filter causally, less the faster the point moves: for use while recording.

    Source: Casiez, Roussel & Vogel 2012, "1 Euro filter", algorithms 1 and 2.

    Parameters
    ----------
    trajectories : Trajectories3D
    cutoff : float, Hz
        At rest.
    beta : float, 1/m
        By how much the cutoff rises with the speed in m/s.
    speed_cutoff : float, Hz

    Returns
    -------
    trajectories : Trajectories3D

    Raises
    ------
    ValueError
        If a cutoff is not positive or beta negative.
    """
    if not (cutoff > 0 and speed_cutoff > 0 and beta >= 0):
        raise ValueError(
            f"expected positive cutoffs and beta >= 0, got {cutoff} Hz, {speed_cutoff} Hz and {beta}"
        )
    fps = trajectories.fps

    def share(frequency: Float) -> Float:
        return 1.0 / (1.0 + fps / (2 * np.pi * frequency))

    def follow(xyz: Float) -> Float:
        out, speed = xyz.copy(), np.zeros(3)
        for frame in range(1, len(xyz)):
            speed = speed + share(np.array(speed_cutoff)) * ((xyz[frame] - xyz[frame - 1]) * fps - speed)
            new = share(cutoff + beta * np.abs(speed))
            out[frame] = out[frame - 1] + new * (xyz[frame] - out[frame - 1])
        return out

    return over_stretches(trajectories, follow)


def odd_frames(window: float, fps: float) -> int:
    """Return the odd number of frames nearest to a window, at least 1.

    Parameters
    ----------
    window : float, s
    fps : float, Hz

    Returns
    -------
    frames : int

    Raises
    ------
    ValueError
        If the window is not positive.

    Examples
    --------
    >>> odd_frames(0.1, 60.0)
    7
    """
    if not window > 0:
        raise ValueError(f"window: expected a positive time, got {window}")
    return 2 * int(window * fps / 2) + 1


def over_stretches(trajectories: Trajectories3D, function: Callable[[Float], Float]) -> Trajectories3D:
    """Apply a function to every stretch of known points.

    Parameters
    ----------
    trajectories : Trajectories3D
    function : callable
        From (frames, 3) to (frames, 3).

    Returns
    -------
    trajectories : Trajectories3D
    """
    xyz = trajectories.xyz.copy()
    for subject, keypoint in np.ndindex(xyz.shape[1:3]):
        track = xyz[:, subject, keypoint]
        for first, last in stretches(np.asarray(np.isfinite(track).all(axis=1))):
            track[first:last] = function(track[first:last])
    return replace(trajectories, xyz=xyz)


def stretches(known: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Find the runs of known frames.

    Parameters
    ----------
    known : (frames,) bool

    Returns
    -------
    runs : list of (int, int)
        First frame, and the one after the last.

    Examples
    --------
    >>> stretches(np.array([True, True, False, True]))
    [(0, 2), (3, 4)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(np.int8)))
    return [(int(first), int(last)) for first, last in zip(edges[::2], edges[1::2], strict=True)]
