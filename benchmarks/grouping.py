"""Networks that group keypoints, trained on rendered fish: how many are found whole, with mosaics or not."""

import tempfile
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch

from models2d import Augmentation, LabelledFrame, Labels, Recipe, Skeleton, TrainingOptions, train
from models2d.training.judging import paired_individuals

fish = Skeleton.from_names("fish", ["head", "middle", "tail"], [("head", "middle"), ("middle", "tail")])
side = 96
near = 4.0  # px; a keypoint is found where it is nearer than this
options = TrainingOptions(
    recipe=Recipe(
        architecture="unet_tags",
        options={"widths": (8, 16, 24, 32)},
        input_size=(side, side),
        sigma=1.5,
        decoding="offsets",
    ),
    augmentation=Augmentation(rotation_deg=180, motion_blur=0, cutout=0, blur=0),
    steps=600,
    batch=8,
    rate=4e-3,
    average=0.97,
    evaluate_every=150,
)


def shoal(folder: Path, count: int, seed: int, *, people: int = 3, length: float = 24.0) -> Labels:
    """Render fish that look alike, crossing here and there: a red head, a green middle and a blue tail."""
    random = np.random.default_rng(seed)
    xy, frames = np.empty((count, people, 3, 2)), []
    folder.mkdir(parents=True)
    for number in range(count):
        image = random.integers(40, 120, (side, side, 3), dtype=np.uint8)
        for one in range(people):
            while True:
                angle = random.uniform(0, 2 * np.pi)
                along = length / 2 * np.outer([-1, 0, 1], [np.cos(angle), np.sin(angle)])
                xy[number, one] = random.uniform(20, side - 20, 2) + along
                away = np.linalg.norm(xy[number, one, :, None, None] - xy[number, :one], axis=-1)
                if away.min(initial=np.inf) > length / 3:
                    break
            points = np.round(xy[number, one] * 16).astype(int)
            cv2.polylines(image, [points], False, (200, 200, 200), 2, cv2.LINE_AA, 4)
            for point, colour in zip(points.tolist(), [(0, 0, 255), (0, 255, 0), (255, 0, 0)], strict=True):
                cv2.circle(image, point, round(2 * length), colour, -1, cv2.LINE_AA, 4)
        cv2.imwrite(str(folder / f"{number:03d}.png"), image)
        frames.append(LabelledFrame(path=folder / f"{number:03d}.png"))
    names = tuple(f"fish{number}" for number in range(people))
    return Labels(frames=tuple(frames), xy=xy, individuals=names, skeleton=fish)


def judge(model, labels: Labels) -> tuple[float, float, float]:
    """Part of the fish with every keypoint in its place, part of the keypoints, milliseconds of an image."""
    whole, points, took = 0, 0, 0.0
    for frame, truth in zip(labels.frames, labels.xy, strict=True):
        image = cv2.imread(str(frame.path))
        start = time.process_time()
        found = model.find_all([image])[0]
        took += time.process_time() - start
        for one, other in paired_individuals(found, truth):
            right = np.linalg.norm(found.xy[one] - truth[other], axis=-1) < near
            whole, points = whole + right.all(), points + right.sum()
    count = labels.xy[..., 0].size
    return whole / (count / 3), points / count, 1e3 * took / len(labels)


def main() -> None:
    torch.set_num_threads(1)
    print(f"three fish of 24 px in {side} x {side}; 120 frames, {options.steps} steps, two seeds; 60 to test")
    print("                            fish of 24 px          fish of 15 px")
    print("network        mosaic   whole  keypoints        whole  keypoints   ms/image   training s")
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        learn, stop = shoal(home / "learn", 120, 0), shoal(home / "validation", 20, 1)
        tests = [shoal(home / "test", 60, 2), shoal(home / "small", 60, 3, length=15.0)]
        for architecture in ("unet_tags", "unet_pairwise"):
            for mosaic in (0.0, 0.5):
                rows = []
                for seed in range(2):
                    chosen = replace(
                        options,
                        recipe=replace(options.recipe, architecture=architecture),
                        augmentation=replace(options.augmentation, mosaic=mosaic),
                        seed=seed,
                    )
                    start = time.process_time()
                    run = home / f"{architecture}-{mosaic}-{seed}"
                    model = train(learn, run, chosen, validation=stop, device="cpu")
                    took = time.process_time() - start
                    usual, small = (judge(model, labels) for labels in tests)
                    rows.append((*usual[:2], *small[:2], usual[2], took))
                a, b, c, d, ms, s = np.mean(rows, axis=0)
                print(
                    f"{architecture:14s} {mosaic:6.1f}  {a:6.1%} {b:10.1%}       {c:6.1%} {d:10.1%}   "
                    f"{ms:8.1f}   {s:10.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
