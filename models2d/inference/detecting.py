"""Detect keypoints in a recording: decoding, cutting and network overlap; interrupted, it goes on."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.recordings.recording import Recording
from models2d.detections import Detections2D
from models2d.inference.block_search import (
    Block,
    Frames,
    find_everybody,
    find_in_boxes,
    find_individuals,
    follow_everybody,
)
from models2d.inference.kept_blocks import KeptBlocks, digest
from models2d.models.ensemble import Ensemble
from models2d.models.pose_model import FrameModel, Model, SequenceModel

Image = NDArray[np.uint8]
Float = NDArray[np.float64]
Progress = Callable[..., Iterable[Any]]


def detect(
    recording: Recording,
    model: Model | FrameModel | SequenceModel | Sequence[Model],
    *,
    boxes: Float | None = None,
    locate_every: int | None = None,
    least_confidence: float = 0.2,
    fps: float | None = None,
    block: int = 8,
    workers: int = 2,
    folder: str | Path | None = None,
    progress: Progress | None = None,
) -> Detections2D:
    """Find keypoints in every view and frame of a recording.

    Parameters
    ----------
    recording : Recording
    model : Model, FrameModel, SequenceModel, or sequence of Model
        As `load_model` returns; several are averaged, and their disagreement widens the covariance.
    boxes : (frames, views, slots, 4) float, px, optional
        Where to look: left, top, right, bottom; NaN where there is nobody. By default the model looks itself.
    locate_every : int, optional
        Look for the individuals in every so many frames, counted from the start of a block. In those between,
        boxes are put around the keypoints of the frame before; where one is lost, the model looks again. By
        default in every frame, but as often as it says where a model follows individuals itself.
    least_confidence : float
        What is less sure is taken as not found.
    fps : float, Hz, optional
        Of recordings that do not say, such as image folders.
    block : int
        Frames that are processed together.
    workers : int
        Blocks that are in work at the same time.
    folder : path, optional
        Keep finished blocks here, and take up what an interrupted run left.
    progress : callable, optional
        Wraps the blocks as tqdm does.

    Returns
    -------
    detections : Detections2D
        As many slots as `boxes` or the model has individuals, the surest first; `models2d.follow` finds out
        who is who over time.

    Raises
    ------
    ShapeError
        If `boxes` do not have the recording's frames and views.
    ValueError
        If neither the recording nor the caller states the frame rate, `folder` is of another run, or boxes
        are given to a model that looks for individuals itself.
    """
    whole = model if not isinstance(model, Sequence) else Ensemble(model)
    if boxes is not None and isinstance(whole, SequenceModel):
        raise ValueError("boxes: this model follows people in turned squares of its own; leave them out")
    fps = _rate(recording, fps)
    frames, views = len(recording), len(recording.names)
    if boxes is not None:
        boxes = np.asarray(boxes, dtype=np.float64)
        if boxes.ndim != 4 or boxes.shape[:2] != (frames, views) or boxes.shape[3] != 4:
            raise ValueError(
                f"boxes: expected ({frames}, {views}, slots, 4) for this recording, got {boxes.shape}"
            )
    if locate_every is None:
        locate_every = whole.locate_every if isinstance(whole, SequenceModel) else 1
    work = _Work(whole, boxes, locate_every, whole.individuals if boxes is None else boxes.shape[2])
    kept = None
    if folder is not None:
        made_with = {"model": digest(whole), "boxes": digest(boxes)}
        kept = KeptBlocks(Path(folder), recording, made_with | {"block": block, "locate_every": locate_every})
    starts: Iterable[int] = range(0, frames, block)
    parts: Iterable[Block] = _all_blocks(recording, work, kept, block, workers)
    if progress is not None:
        parts = progress(parts, desc="detect", total=len(range(0, frames, block)))
    done = dict(zip(starts, parts, strict=True))
    return _together(recording, whole, done, least_confidence, fps)


class _Work:
    """What is done with a block of frames."""

    def __init__(
        self, model: Model | FrameModel | SequenceModel, boxes: Float | None, locate_every: int, slots: int
    ) -> None:
        self.model, self.boxes, self.locate_every, self.slots = model, boxes, locate_every, slots

    def __call__(self, start: int, frames: Frames) -> Block:
        """Find keypoints in the frames from number `start` on."""
        block = Block.empty(len(frames), len(frames[0]), self.slots, len(self.model.skeleton.keypoints))
        if isinstance(self.model, SequenceModel):
            follow_everybody(self.model, frames, self.locate_every, block)
        elif isinstance(self.model, FrameModel):
            find_everybody(self.model, frames, block)
        elif self.boxes is not None:
            find_in_boxes(self.model, frames, self.boxes[start : start + len(frames)], block)
        else:
            find_individuals(self.model, frames, self.locate_every, block)
        return block


def _all_blocks(
    recording: Recording, work: _Work, kept: KeptBlocks | None, block: int, workers: int
) -> Iterator[Block]:
    """Go through the recording in blocks, a few at a time in threads: OpenCV and torch let others run."""
    first = 0 if kept is None else kept.finished()
    for number in range(first):
        yield kept.load(number)  # type: ignore[union-attr]
    rest = recording if first == 0 else recording.select(slice(first * block, None))
    with ThreadPoolExecutor(workers) as pool:
        waiting: list[tuple[int, Future[Block]]] = []
        try:
            for number, frames in enumerate(_grouped(rest, block), start=first):
                waiting.append((number, pool.submit(work, number * block, frames)))
                if len(waiting) > workers:
                    yield _finished(waiting.pop(0), kept)
            while waiting:
                yield _finished(waiting.pop(0), kept)
        finally:
            for _, future in waiting:
                future.cancel()


def _finished(job: tuple[int, Future[Block]], kept: KeptBlocks | None) -> Block:
    number, future = job
    result = future.result()
    if kept is not None:
        kept.save(number, result)
    return result


def _grouped(recording: Recording, block: int) -> Iterator[list[tuple[Image | None, ...]]]:
    group: list[tuple[Image | None, ...]] = []
    for images in recording:
        group.append(images)
        if len(group) == block:
            yield group
            group = []
    if group:
        yield group


def _together(
    recording: Recording,
    model: Model | FrameModel | SequenceModel,
    blocks: dict[int, Block],
    least: float,
    fps: float,
) -> Detections2D:
    parts = list(blocks.values())
    xy = np.concatenate([part.xy for part in parts])
    confidence = np.concatenate([part.confidence for part in parts])
    covariance = np.concatenate([part.covariance for part in parts])
    with np.errstate(invalid="ignore"):
        found = confidence >= least
    xy[~found], confidence[~found], covariance[~found] = np.nan, np.nan, np.nan
    return Detections2D(
        xy=xy,
        confidence=np.clip(confidence, 0, 1),
        covariance=covariance,
        views=recording.names,
        skeleton=model.skeleton,
        fps=fps,
        times=recording.times,
        sizes=recording.sizes,
        shared_error=getattr(model, "shared_error", None),
    )


def _rate(recording: Recording, fps: float | None) -> float:
    rate = recording.fps if fps is None else fps
    if not (np.isfinite(rate) and rate > 0):
        raise ValueError(f"the recording does not say how many frames per second it has ({rate}); give fps=")
    return float(rate)
