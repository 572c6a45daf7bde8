"""The labelling page: sessions, guides, the server, and the page itself in a real browser."""

import http.client
import json

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform, Rotation

from calibration import Camera, Intrinsics, Rig
from models2d import Skeleton, read_labels
from tests.browser import opened_url
from triangulate.labelling.guides import epipolar_lines, guides
from triangulate.labelling.server import LabellingServer
from triangulate.labelling.session import LabellingSession, image_path

triangle = Skeleton.from_names("triangle", ["top", "left", "right"], [("top", "left"), ("top", "right")])
size = (320, 240)


def small_rig():
    cameras = []
    for name, angle in (("back", 0.0), ("mid", 0.6), ("side", 1.2)):
        lens = Intrinsics.from_focal(size, 300.0, (-0.2, 0.05, 0, 0, 0))
        turn = Rotation.from_rotvec([0, angle, 0])
        place = RigidTransform.from_components([0, 0, 2.0], turn)
        cameras.append(Camera(name=name, intrinsics=lens, cam_from_world=place))
    return Rig(cameras=tuple(cameras))


def bodies(frames=3):
    base = np.array([[0, -0.3, 0], [-0.25, 0.2, 0.1], [0.25, 0.2, -0.1]])
    return base + 0.05 * np.arange(frames)[:, None, None]


def project(folder, rig, frames=3):
    """Images with a dot for every keypoint."""
    truth = np.moveaxis(rig.project(bodies(frames)), -2, 1)
    for view, name in enumerate(rig.names):
        for frame in range(frames):
            path = image_path(folder, name, 10 * frame)
            path.parent.mkdir(parents=True, exist_ok=True)
            image = np.full((size[1], size[0], 3), 40, np.uint8)
            for x, y in truth[frame, view]:
                cv2.circle(image, (round(float(x)), round(float(y))), 4, (200, 200, 200), -1)
            cv2.imwrite(str(path), image)
    return truth


@pytest.fixture
def session(tmp_path):
    rig = small_rig()
    project(tmp_path, rig)
    return LabellingSession(tmp_path, rig.names, [0, 10, 20], triangle, rig=rig)


def test_guides_of_two_labels_hit_the_third_view():
    rig = small_rig()
    truth = rig.project(bodies()[0]).swapaxes(0, 1)
    labels = np.full_like(truth, np.nan)
    labels[:2, 0] = truth[:2, 0]
    found = {guide["view"]: guide for guide in guides(labels, rig)}
    assert sorted(found) == [0, 1, 2]
    np.testing.assert_allclose(found[2]["xy"], truth[2, 0], atol=0.02)
    assert found[2]["error"] < 0.01
    assert [found[view]["labelled"] for view in range(3)] == [True, True, False]


def test_epipolar_lines_pass_through_the_point():
    rig = small_rig()
    truth = rig.project(bodies()[0]).swapaxes(0, 1)
    for view, line in epipolar_lines(truth[0, 1], 0, rig).items():
        ends = np.array(line)
        along, start = np.diff(ends, axis=0), ends[:-1]
        step = np.clip(((truth[view, 1] - start) * along).sum(-1) / (along**2).sum(-1), 0, 1)
        assert np.linalg.norm(start + step[:, None] * along - truth[view, 1], axis=-1).min() < 0.05


def test_points_are_saved_at_once_and_taken_up_again(session):
    session.place(1, 2, 0, keypoint=0, xy=[12.5, 30.25])
    session.place(0, 2, 0, keypoint=1, xy=[1.0, 2.0])
    session.place(0, 2, 0, keypoint=1, xy=None)
    table = session.folder / "labeled-data" / "side" / "CollectedData_labeller.csv"
    for path in (table, table.with_suffix(".h5")):
        labels = read_labels(path)
        assert [frame.path.name for frame in labels.frames] == [
            "img000000.png",
            "img000010.png",
            "img000020.png",
        ]
        assert labels.xy[1, 0, 0].tolist() == [12.5, 30.25]
        assert np.isfinite(labels.xy).sum() == 2
    again = LabellingSession(session.folder, session.views, [10], triangle)
    assert again.xy[0, 2, 0, 0].tolist() == [12.5, 30.25]


def test_labels_of_other_frames_stay(session):
    session.place(0, 0, 0, keypoint=0, xy=[3, 4])
    later = LabellingSession(session.folder, session.views, [20], triangle)
    later.place(0, 0, 0, keypoint=2, xy=[5, 6])
    labels = read_labels(session.folder / "labeled-data" / "back" / "CollectedData_labeller.csv")
    assert labels.xy[0, 0, 0].tolist() == [3, 4]
    assert labels.xy[2, 0, 2].tolist() == [5, 6]


def test_session_from_real_videos(recordings, tmp_path):
    folder = recordings("mouse_4cam")
    videos = {view: folder / view / f"minimal_{view}.mp4" for view in ("side", "top")}
    session = LabellingSession.open(videos, tmp_path, [3, 0], triangle)
    assert session.instants == (0, 3)
    assert session.sizes == [(1280, 1024)] * 2
    assert session.guides(0, 0) == []


@pytest.mark.parametrize(
    ("index", "xy", "match"),
    [
        ((0, 0, 0, 9), [1, 1], "no point"),
        ((0, 5, 0, 0), [1, 1], "no point"),
        ((0, 0, 0, 0), [400, 1], "outside"),
        ((0, 0, 0, 0), [float("nan"), 1], "outside"),
    ],
)
def test_points_that_cannot_be(session, index, xy, match):
    with pytest.raises(ValueError, match=match):
        session.place(*index[:3], keypoint=index[3], xy=xy)


def test_missing_and_corrupt_images(tmp_path):
    rig = small_rig()
    with pytest.raises(ValueError, match=r"img000000\.png: the image is missing"):
        LabellingSession(tmp_path, rig.names, [0], triangle)
    project(tmp_path, rig)
    image_path(tmp_path, "back", 0).write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"img000000\.png: the image is corrupt"):
        LabellingSession(tmp_path, rig.names, [0], triangle)


def test_labels_of_other_individuals_are_not_overwritten(session):
    session.place(0, 0, 0, keypoint=0, xy=[3, 4])
    with pytest.raises(ValueError, match="has the individuals individual1, the session has ann"):
        LabellingSession(session.folder, session.views, [0], triangle, individuals=["ann"])


def request(server, method, path, body=None, **headers):
    connection = http.client.HTTPConnection(server.url.split("/")[2])
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


def test_server_answers_this_machine_only(session):
    with LabellingServer(session) as server:
        assert server.url.startswith("http://127.0.0.1:")
        assert request(server, "GET", "/state")[0] == 200
        assert request(server, "GET", "/state", Host="evil.example")[0] == 403
        assert request(server, "GET", "/../../secret")[0] == 404
        point = json.dumps({"instant": 0, "view": 0, "individual": 0, "keypoint": 0, "xy": [1, 2]})
        assert request(server, "POST", "/point", point, **{"Content-Type": "text/plain"})[0] == 415
        assert np.isnan(session.xy).all()
        assert request(server, "POST", "/point", point, **{"Content-Type": "application/json"})[0] == 200
        assert session.xy[0, 0, 0, 0].tolist() == [1, 2]
        status, content = request(
            server,
            "POST",
            "/point",
            point.replace("[1, 2]", "[1, 999]"),
            **{"Content-Type": "application/json"},
        )
        assert status == 400
        assert b"outside" in content


def click(page, view, xy):
    """Click at a pixel of a view's image."""
    at = page.evaluate(
        "([view, x, y]) => { const svg = document.querySelector(`[data-view=${view}] svg`);"
        "const p = new DOMPoint(x, y).matrixTransform(svg.getScreenCTM()); return [p.x, p.y]; }",
        [view, float(xy[0]), float(xy[1])],
    )
    page.mouse.click(*at)
    return at


@pytest.mark.browser
def test_labelling_in_a_browser(session):
    truth = np.moveaxis(session.rig.project(bodies()), -2, 1)
    with LabellingServer(session) as server, opened_url(server.url) as (page, errors):
        page.wait_for_selector("#status:text-is('ready')")
        click(page, "back", truth[0, 0, 0])
        page.wait_for_selector("[data-view=side] [data-guide='0'].line", state="attached")
        assert page.locator("#keypoints li.chosen .label").inner_text() == "left"
        page.keyboard.press("ArrowUp")
        click(page, "mid", truth[0, 1, 0])
        page.wait_for_selector("[data-view=side] [data-guide='0'].cross", state="attached")
        page.wait_for_selector("#status:text-is('saved')")
        np.testing.assert_allclose(session.xy[0, 1, 0, 0], truth[0, 1, 0], atol=1.5)

        page.keyboard.press("ArrowUp")
        page.locator("[data-view=side] svg").hover()
        page.keyboard.press("Enter")
        page.wait_for_selector("[data-view=side] circle[data-keypoint='0']", state="attached")
        page.wait_for_selector("#status:text-is('saved')")
        np.testing.assert_allclose(session.xy[0, 2, 0, 0], truth[0, 2, 0], atol=3)

        page.keyboard.press("Control+z")
        page.wait_for_function("!document.querySelector(\"[data-view=side] circle[data-keypoint='0']\")")
        page.wait_for_selector("#status:text-is('saved')")
        assert np.isnan(session.xy[0, 2]).all()
        page.keyboard.press("Control+Shift+z")
        page.wait_for_selector("[data-view=side] circle[data-keypoint='0']", state="attached")

        start = click(page, "back", truth[0, 0, 0])
        page.mouse.move(*start)
        page.mouse.down()
        page.mouse.move(start[0] + 20, start[1], steps=4)
        page.mouse.up()
        page.wait_for_selector("#status:text-is('saved')")
        page.wait_for_timeout(100)
        assert session.xy[0, 0, 0, 0, 0] > truth[0, 0, 0, 0] + 5

        page.locator("[data-view=mid] svg").hover()
        page.mouse.wheel(0, -600)
        page.wait_for_function(
            f"document.querySelector('[data-view=mid] svg').viewBox.baseVal.width < {size[0] / 2}"
        )
        page.keyboard.press("f")
        page.keyboard.press("ArrowRight")
        page.wait_for_selector("#instant:text('frame 10')")
        assert page.locator("circle").count() == 0
        page.reload()
        page.wait_for_selector("[data-view=mid] circle[data-keypoint='0']", state="attached")
        assert errors == []
    labels = read_labels(session.folder / "labeled-data" / "mid" / "CollectedData_labeller.csv")
    np.testing.assert_allclose(labels.xy[0, 0, 0], truth[0, 1, 0], atol=1.5)


@pytest.mark.browser
def test_the_page_says_when_nothing_was_saved(session):
    with LabellingServer(session) as server, opened_url(server.url) as (page, _):
        page.wait_for_selector("#status:text-is('ready')")
        for view in session.views:
            folder = session.folder / "labeled-data" / view
            folder.rename(folder.with_name(f"{view}-gone"))
        click(page, "back", (50, 60))
        page.wait_for_selector("#status.bad:text('not saved')")
