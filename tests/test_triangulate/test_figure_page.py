"""The page opens in a real browser without an error, and its slider moves the skeleton."""

import numpy as np
import pytest

import triangulate
from tests.browser import opened_page
from triangulate import Status, Trajectories3D
from triangulate.synthetic.body import figure_skeleton
from triangulate.synthetic.scene import FIGURE_FPS, demo_rig, demo_scene


def true_trajectories(frames):
    xyz = demo_scene(figure_frames=frames).xyz[:, None]
    points = xyz.shape[:3]
    return Trajectories3D(
        xyz=xyz,
        covariance=np.broadcast_to(1e-6 * np.eye(3), (*points, 3, 3)),
        inliers=np.ones((points[0], 4, *points[1:]), dtype=bool),
        status=np.full(points, Status.OK),
        error=np.full(points, 0.5),
        views=demo_rig().names,
        skeleton=figure_skeleton(),
        subjects=("figure",),
        fps=FIGURE_FPS,
    )


@pytest.mark.browser
def test_the_slider_moves_the_skeleton(tmp_path):
    trajectories = true_trajectories(20)
    path = tmp_path / "figure.html"
    triangulate.figure(trajectories, demo_rig()).write_html(path, auto_play=False)
    head = "document.querySelector('.plotly-graph-div').data.at(-1).z[0]"
    with opened_page(path) as (page, errors):
        page.wait_for_selector(".slider-rail-touch-rect", state="attached")
        before = page.evaluate(head)
        rail = page.locator(".slider-rail-touch-rect").bounding_box()
        page.mouse.click(rail["x"] + rail["width"] - 2, rail["y"] + rail["height"] / 2)
        page.wait_for_function(f"{head} !== {before}")
        assert page.evaluate(head) == pytest.approx(trajectories.xyz[-1, 0, 0, 2], abs=1e-4)
        assert before == pytest.approx(trajectories.xyz[0, 0, 0, 2], abs=1e-4)
        assert errors == []
