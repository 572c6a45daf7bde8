"""The fitted lens, the written lens, and the analytic derivatives of both."""

import numpy as np
import pytest

from calibration import Board
from calibration.bundle.adjustment import move, normal_equations, residuals
from calibration.bundle.lens_rules import LensRules
from calibration.bundle.parameters import Choice, free_unknowns
from calibration.bundle.problem import Corners, row_lens, start_unknowns
from calibration.geometry.lens_conversion import to_rational, widest_angle

board = Board.charuco(columns=6, rows=5, square=0.05, marker=0.03, dictionary="4X4_50").corners
stages = ("pinhole5", "pinhole12", "fisheye")


@pytest.mark.parametrize("focal", [760.0, 1100.0, 2000.0, 30000.0])
@pytest.mark.parametrize(
    "k", [(-0.04, 0.01, 0.005, -0.003), (1 / 3, 2 / 15, 0.054, 0.022), (0.1, -0.05, 0.02, -0.01)]
)
def test_the_written_lens_is_the_fitted_one(focal, k):
    lens = np.zeros(16)
    lens[:4], lens[[4, 5, 8, 9]] = (focal, focal, 640, 512), k
    size = (1280, 1024)
    if widest_angle(lens, size) > np.deg2rad(75):
        pytest.skip("no pinhole model serves a lens this wide; 'fisheye' does")
    assert to_rational(lens, size)[1] < 0.01


def scene():
    rng = np.random.default_rng(3)
    lens = np.zeros((3, 16))
    lens[:, :4] = [[800, 810, 640, 500], [760, 750, 630, 510], [500, 505, 650, 505]]
    lens[0, 4:9] = [-0.3, 0.1, 1e-3, -2e-3, 0.02]
    lens[1, 4:] = [-0.05, 0.02, 1e-3, 2e-3, 0.01, -0.005, 0, 0, 1e-3, -1e-3, 2e-3, 1e-3]
    lens[2, 4:8] = [-0.05, 0.02, 0.01, -0.005]
    turn = np.array([[1, 0, 0], [0, 0.96, -0.28], [0, 0.28, 0.96]])
    unknowns = start_unknowns(
        lens, np.array([0, 2, 1]), Rc=np.array([np.eye(3), turn, turn.T]), tc=rng.normal(0, 0.02, (3, 3)),
        Rb=np.array([turn, turn.T]), tb=np.array([[-0.1, -0.1, 0.7], [-0.1, 0.0, 0.6]]), board=board,
    )  # fmt: skip
    unknowns.twist[:] = rng.normal(0, 0.5, (2, 6))
    unknowns.clock_offset[:] = [0.0, 0.02, -0.03]
    xy = np.full((2, 3, len(board), 2), 500.0)
    return Corners.from_array(xy), unknowns


def test_derivatives_agree_with_differences():
    corners, unknowns = scene()
    sizes = np.array([[1280, 1024]] * 3)
    choice = Choice(stages=stages, rules=LensRules.none(3), shape="free", time=True)
    free = free_unknowns(choice, unknowns, sizes, board)
    normal = normal_equations(corners, unknowns, free, np.ones(3), 0.0)
    pull = free.prior @ (free.mean - free.read(unknowns))

    def half_cost(x, frames):
        return 0.5 * np.sum(residuals(corners, move(unknowns, free, x, frames)) ** 2)

    rng = np.random.default_rng(0)
    zero, still = np.zeros(len(free.names)), np.zeros((2, 6))
    scale = np.where(np.abs(free.read(unknowns)) > 10, 1e-2, 1e-6)
    for i in rng.permutation(len(zero))[:60]:
        step = np.zeros_like(zero)
        step[i] = scale[i]
        slope = (half_cost(step, still) - half_cost(-step, still)) / (2 * scale[i])
        assert np.isclose(-slope, normal.g[i] - pull[i], rtol=1e-4, atol=1e-7 * np.abs(normal.g).max())
    for f in range(2):
        for i in range(6):
            step = np.zeros((2, 6))
            step[f, i] = 1e-6
            slope = (half_cost(zero, step) - half_cost(zero, -step)) / 2e-6
            assert np.isclose(-slope, normal.h[f, i], rtol=1e-4)


@pytest.mark.parametrize("view", [0, 1, 2])
def test_the_solvers_projection_is_the_rigs(view):
    corners, unknowns = scene()
    unknowns.twist[:] = 0
    predicted = 500.0 - residuals(corners, unknowns)
    size = (1280, 1024)
    lens = row_lens(unknowns.lens[view], int(unknowns.model[view]), size, 4 if view == 2 else 12)
    for frame in range(2):
        world = board @ unknowns.Rb[frame].T + unknowns.tb[frame]
        cam = world @ unknowns.Rc[view].T + unknowns.tc[view]
        mine = predicted[(corners.view == view) & (corners.frame == frame)]
        assert np.abs(lens.project(cam) - mine).max() < 5e-3
