"""The kernels on several threads: the same numbers, and safe to call from threads of one's own."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from calibration import threads
from tests.rigs import ring
from triangulate import solve_points, triangulate_points


def disturbed(count, seed=0):
    rng = np.random.default_rng(seed)
    xy = ring().project(rng.uniform(-0.5, 0.5, (count, 3)) + np.array([0, 0, 0.9])) + rng.normal(
        size=(count, 6, 2)
    )
    bad = rng.random((count, 6)) < 0.1
    xy[bad] += rng.normal(0, 80, (bad.sum(), 2))
    xy[rng.random((count, 6)) < 0.15] = np.nan
    return xy


@pytest.mark.parametrize("method", ["linear", "refined", "ransac"])
def test_the_number_of_cores_changes_no_bit(method, monkeypatch):
    xy = disturbed(40001)
    monkeypatch.setattr(threads, "cores", lambda: 1)
    alone = solve_points(xy, ring(), method=method)
    monkeypatch.setattr(threads, "cores", lambda: 7)
    monkeypatch.setattr(threads, "CHUNK", 1000)
    together = solve_points(xy, ring(), method=method)
    for field in ("xyz", "covariance", "error", "inliers", "status"):
        assert np.array_equal(getattr(alone, field), getattr(together, field), equal_nan=field[0] in "xce")


def test_the_same_input_gives_the_same_bits():
    xy = disturbed(5000)
    assert np.array_equal(triangulate_points(xy, ring()), triangulate_points(xy, ring()), equal_nan=True)


def test_several_threads_may_triangulate_at_once():
    inputs = [disturbed(20000, seed) for seed in range(4)]
    expected = [triangulate_points(xy, ring()) for xy in inputs]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda xy: triangulate_points(xy, ring()), inputs))
    for one, other in zip(expected, found, strict=True):
        assert np.array_equal(one, other, equal_nan=True)


def test_every_point_is_done_once_whatever_the_pieces(monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 3)
    for count in (0, 1, 63, 64, 65, 16384, 16385, 100_000):
        seen = np.zeros(count, dtype=int)
        threads.over_chunks(lambda start, stop, seen=seen: seen[start:stop].__iadd__(1), count, multiple=64)
        assert (seen == 1).all()


def test_an_error_in_a_thread_is_raised(monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 3)

    def broken(start, stop):
        raise ValueError(f"cannot do {start} to {stop}")

    with pytest.raises(ValueError, match="cannot do 0"):
        threads.over_chunks(broken, 100_000)
