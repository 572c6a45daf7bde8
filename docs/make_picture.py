"""Make README's picture from a finished demo: `python docs/make_picture.py triangulate-demo`."""

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from playwright.sync_api import sync_playwright

import calibration
import models2d
import triangulate
from triangulate.reporting.traces import LEFT, MIDDLE, RIGHT, bone_sides

FRAME = 62
WIDTH, HEIGHT = 760, 620


def main(folder: Path) -> None:
    """Put four views with their detections beside the skeleton in 3D."""
    results = folder / "results" / "walk"
    detections = models2d.read_detections(results / "detections.parquet")
    recording = calibration.Recording.open(folder / "trials" / "walk").views(detections.views)
    images = next(iter(recording.select(np.array([FRAME]))))
    views = [drawn(image, detections, view) for view, image in enumerate(images)]
    left = np.vstack([np.hstack(views[:2]), np.hstack(views[2:])])
    right = skeleton(results, calibration.Rig.load(folder / "calibration.toml"))
    scale = HEIGHT / left.shape[0]
    left = cv2.resize(left, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    picture = np.hstack([left, np.full((HEIGHT, 12, 3), 255, dtype=np.uint8), right])
    cv2.imwrite(str(Path(__file__).with_name("demo.jpg")), picture, [cv2.IMWRITE_JPEG_QUALITY, 88])


def drawn(image: np.ndarray, detections: models2d.Detections2D, view: int) -> np.ndarray:
    """Draw the detected bones and the camera's name over its image."""
    image = image.copy()
    xy = detections.xy[FRAME, view, 0]
    for bone, side in zip(detections.skeleton.bones, bone_sides(detections.skeleton), strict=True):
        if np.isfinite(xy[bone]).all():
            a, b = (tuple(np.rint(16 * point).astype(int).tolist()) for point in xy[bone])
            cv2.line(image, a, b, (255, 255, 255), 5, cv2.LINE_AA, 4)
            cv2.line(image, a, b, bgr({0: MIDDLE, 1: LEFT, -1: RIGHT}[int(side)]), 3, cv2.LINE_AA, 4)
    for point in xy[np.isfinite(xy[:, 0])]:
        cv2.circle(
            image,
            tuple(np.rint(16 * point).astype(int).tolist()),
            16 * 5,
            (255, 255, 255),
            -1,
            cv2.LINE_AA,
            4,
        )
        cv2.circle(
            image, tuple(np.rint(16 * point).astype(int).tolist()), 16 * 3, (60, 60, 60), -1, cv2.LINE_AA, 4
        )
    cv2.putText(
        image, detections.views[view], (18, 44), cv2.FONT_HERSHEY_SIMPLEX, 1.3, (0, 0, 0), 6, cv2.LINE_AA
    )
    cv2.putText(
        image,
        detections.views[view],
        (18, 44),
        cv2.FONT_HERSHEY_SIMPLEX,
        1.3,
        (255, 255, 255),
        2,
        cv2.LINE_AA,
    )
    return cv2.copyMakeBorder(image, 3, 3, 3, 3, cv2.BORDER_CONSTANT, value=(255, 255, 255))


def bgr(colour: str) -> tuple[int, int, int]:
    """Turn #rrggbb around for OpenCV."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return blue, green, red


def skeleton(results: Path, rig: calibration.Rig) -> np.ndarray:
    """Photograph the interactive figure at the same frame."""
    figure = triangulate.figure(triangulate.read(results / "trajectories.parquet"), rig)
    figure.update_layout(title="", margin={"t": 0})
    figure.layout.scene.camera.eye = {"x": 1.4, "y": -1.0, "z": 0.5}
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        page_file = Path(folder) / "figure.html"
        figure.write_html(page_file, auto_play=False, config={"displayModeBar": False})
        flags = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(page_file.as_uri())
        page.wait_for_timeout(1500)
        show = "[name], {mode: 'immediate', frame: {duration: 0, redraw: true}, transition: {duration: 0}}"
        page.evaluate(
            "name => Plotly.animate(document.querySelector('.plotly-graph-div'), " + show + ")", str(FRAME)
        )
        page.wait_for_timeout(1500)
        shot = np.frombuffer(page.screenshot(), dtype=np.uint8)
        browser.close()
    return cv2.imdecode(shot, cv2.IMREAD_COLOR)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
