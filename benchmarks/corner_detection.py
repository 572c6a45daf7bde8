"""Corner detection beside aniposelib's: CPU time per 1080p frame and corners found, on the same frames.

Run with `python -m benchmarks.corner_detection [FOLDER]`. FOLDER holds a folder of images per camera (the
mouse board: 8 x 11 squares, 4X4_1000), enlarged to 1920 px width and cut to 1080 rows; without it frames are
rendered. One warm-up, then the median over frames of the smallest of three CPU times, with OpenCV's own
threads switched off.
"""

import sys
import time
from pathlib import Path

import cv2
import numpy as np
from aniposelib.boards import CharucoBoard

from calibration.boards.board import Board
from calibration.boards.pattern import board_image
from calibration.corners.detectors import detect_corners
from calibration.recordings.frame_sources import read_image

board = Board.charuco(columns=8, rows=11, square=0.024, marker=0.01875, dictionary="4X4_1000")


def rendered(count):
    rng = np.random.default_rng(0)
    picture = cv2.copyMakeBorder(board_image(board, 90), *(45,) * 4, cv2.BORDER_CONSTANT, value=255)
    height, width = picture.shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
    for _ in range(count):
        place = 0.8 * corners + rng.uniform(0, 200, (4, 2)).astype(np.float32) + [500, 20]
        H = cv2.getPerspectiveTransform(corners, place.astype(np.float32))
        image = cv2.warpPerspective(picture, H, (1920, 1080), flags=cv2.INTER_AREA, borderValue=110)
        image = cv2.GaussianBlur(image, (0, 0), 0.8) * 0.7 + rng.normal(20, 2, image.shape)
        yield cv2.cvtColor(np.clip(image, 0, 255).astype(np.uint8), cv2.COLOR_GRAY2BGR)


def real(folder, count):
    files = sorted(path for path in Path(folder).glob("*/calibration_images/*") if path.is_file())
    for path in files[:: max(1, len(files) // count)]:
        image = read_image(path)
        scale = 1920 / image.shape[1]
        yield cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)[:1080]


def measure(name, detect, frames):
    detect(frames[0])
    times, corners = [], 0
    for frame in frames:
        trials = []
        for _ in range(3):
            start = time.process_time()
            found = detect(frame)
            trials.append(time.process_time() - start)
        times.append(min(trials))
        corners += found
    found = f"{corners} corners in {len(frames)} frames"
    print(f"{name:12s} {1e3 * np.median(times):7.1f} ms per frame and core, {found}")


def main():
    cv2.setNumThreads(1)
    frames = list(real(sys.argv[1], 12) if len(sys.argv) > 1 else rendered(8))
    theirs = CharucoBoard(8, 11, square_length=24.0, marker_length=18.75, marker_bits=4, dict_size=1000)

    def anipose(frame):
        corners, _ = theirs.detect_image(frame)
        return 0 if corners is None else len(corners)

    measure("this package", lambda frame: int(np.isfinite(detect_corners(frame, board)[:, 0]).sum()), frames)
    measure("aniposelib", anipose, frames)


if __name__ == "__main__":
    main()
