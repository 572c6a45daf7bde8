"""Several people: who is who across views and over time, and grouping body parts to proven optimality."""

import time

import numpy as np
from scipy.spatial.transform import RigidTransform, Rotation

from calibration import Camera, Intrinsics, Rig
from models2d import Detections2D, Skeleton, group_by_program
from models2d.grouping.affinity import normal_affinity, offset_costs
from triangulate import associate

standing = np.array(
    [
        *([0, 0, 1.7], [0.03, 0.03, 1.75], [0.03, -0.03, 1.75], [0, 0.08, 1.7], [0, -0.08, 1.7]),
        *([0, 0.2, 1.45], [0, -0.2, 1.45], [0.05, 0.3, 1.15], [0.05, -0.3, 1.15]),
        *([0.1, 0.3, 0.9], [0.1, -0.3, 0.9], [0, 0.12, 0.95], [0, -0.12, 0.95]),
        *([0.03, 0.12, 0.5], [0.03, -0.12, 0.5], [0, 0.12, 0.08], [0, -0.12, 0.08]),
    ]
)


def ring(views: int) -> Rig:
    cameras = []
    for number in range(views):
        angle = 2 * np.pi * number / views
        center = np.array([4 * np.cos(angle), 4 * np.sin(angle), 1.6])
        forward = np.array([0, 0, 1.0]) - center
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, [0, 0, 1.0])
        right /= np.linalg.norm(right)
        R = np.array([right, np.cross(forward, right), forward])
        place = RigidTransform.from_components(-R @ center, Rotation.from_matrix(R))
        lens = Intrinsics.from_focal((1280, 1024), 1000.0)
        cameras.append(Camera(name=f"c{number}", intrinsics=lens, cam_from_world=place))
    return Rig(cameras=tuple(cameras))


def crossing(people: int, rig: Rig, frames: int, seed: int) -> tuple[Detections2D, np.ndarray]:
    """People who walk through each other's places, slots shuffled: 3 px noise, a quarter missing."""
    random = np.random.default_rng(seed)
    t = np.arange(frames)[:, None] / 30
    phase = random.uniform(0, 6.28, (3, people))
    spot = 1.2 * np.stack([np.cos(0.5 * t + phase[0]), np.sin(0.4 * t + phase[1])], axis=-1)
    turn = Rotation.from_rotvec((phase[2] + 0.6 * t).reshape(-1, 1) * [0, 0, 1]).as_matrix()
    poses = (standing @ np.swapaxes(turn, -1, -2)).reshape(frames, people, 17, 3)
    poses[..., :2] += spot[:, :, None]
    xy = np.moveaxis(rig.project(poses), -2, 1) + random.normal(0, 3, (frames, len(rig), people, 17, 2))
    xy[random.random(xy.shape[:-1]) < 0.15] = np.nan
    xy[random.random(xy.shape[:3]) < 0.1] = np.nan
    who = random.permuted(np.broadcast_to(np.arange(people), xy.shape[:3]), axis=2)
    xy = np.take_along_axis(xy, who[..., None, None], axis=2)
    confidence = random.uniform(0.4, 1, xy.shape[:-1])
    skeleton = Skeleton.load("coco17")
    return Detections2D(xy=xy, confidence=confidence, views=rig.names, skeleton=skeleton, fps=30), who


def accuracy(tracks, detections, who) -> tuple[float, float]:
    """Part of each subject's detections that are one person's, and of all detections in the right track."""
    equal = (tracks.xy[:, :, :, None] == detections.xy[:, :, None]).any(axis=(-1, -2))
    counts = []
    for subject in range(tracks.shape[2]):
        frame, view, slot = np.nonzero(equal[:, :, subject])
        counts.append(np.bincount(who[frame, view, slot], minlength=detections.shape[2]))
    right = np.array(counts).max(axis=1).sum()
    return right / np.sum(counts), right / np.isfinite(detections.xy[..., 0]).any(axis=-1).sum()


def seconds(call) -> tuple[float, object]:
    """Processor time, which other programs on the machine do not change."""
    start = time.process_time()
    result = call()
    return time.process_time() - start, result


def crowd(seed: int, people: int = 10):
    """Candidates of overlapping people in two rows, with 15 stray ones, and their regressed offsets."""
    random = np.random.default_rng(seed)
    body = random.uniform([-25, -80], [25, 80], (17, 2))
    place = np.column_stack([np.arange(people) % 5 * 70.0, np.arange(people) // 5 * 120.0])
    truth = body + random.normal(0, 4, (people, 17, 2)) + place[:, None]
    offsets = (truth[:, None] - truth[:, :, None]).reshape(-1, 17, 2)
    offsets = np.concatenate(
        [offsets + random.normal(0, 6, offsets.shape), random.normal(0, 60, (15, 17, 2))]
    )
    xy = np.concatenate([truth.reshape(-1, 2), random.uniform([-50, -100], [350, 300], (15, 2))])
    part = np.concatenate([np.tile(np.arange(17), people), random.integers(0, 17, 15)])
    sure = np.concatenate([random.uniform(0.5, 0.95, people * 17), random.uniform(0.2, 0.6, 15)])
    return xy, sure, part, offsets


def grouped(xy, sure, part, offsets):
    edges, cost = offset_costs(xy, part, offsets, normal_affinity(17, 6.0), merge=6.0)
    return group_by_program(xy, sure, part, edges=edges, pairwise=cost, keypoints=17)[1]


def main() -> None:
    print("associate: frames/s of processor time, correct part of the tracks, part of detections in them")
    for people, views in ((2, 2), (3, 3), (4, 5), (6, 6)):
        rig = ring(views)
        rows = []
        for seed in range(3):
            detections, who = crossing(people, rig, 150, seed)
            took, tracks = seconds(lambda there=detections, cameras=rig: associate(there, cameras))
            rows.append((150 / took, *accuracy(tracks, detections, who)))
        rate, right, recalled = np.median(rows, axis=0)
        print(f"  {people} people, {views} views: {rate:6.0f} frames/s, {right:.2%}, {recalled:.2%}")
    grouped(*crowd(99))
    took, results = zip(*(seconds(lambda s=seed: grouped(*crowd(s))) for seed in range(15)), strict=True)
    optimal = all(result.optimal for result in results)
    print(
        f"group_by_program, 10 people x 17 joints + 15 stray: median {1e3 * np.median(took):.1f} ms of "
        f"processor time, worst {1e3 * max(took):.1f} ms, proven optimal: {optimal}"
    )


if __name__ == "__main__":
    main()
