"""A trained network with everything it needs to turn images into keypoints."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models2d.decoding.heatmaps import Peaks, decode
from models2d.errors import ModelError
from models2d.models.crops import box_around, cut, frame_box
from models2d.models.recipe import Recipe
from models2d.models.rough_look import sure_box, surest_boxes
from models2d.networks.device_network import precisions
from models2d.networks.output import HeatmapOutput, PointOutput
from models2d.skeleton import Skeleton

Image = NDArray[np.uint8]
Float = NDArray[np.float64]


class FoundKeypoints(NamedTuple):
    """Keypoints of boxes.

    Attributes
    ----------
    xy : (boxes, keypoints, 2) float, px
        In pixels of the images that were given.
    confidence : (boxes, keypoints) float
    covariance : (boxes, keypoints, 2, 2) float, px2
    """

    xy: Float
    confidence: Float
    covariance: Float


class Model(Protocol):
    """What `detect` needs of a model.

    `locate` gives for each image the boxes worth a look, (n, 4) px with at most `individuals` rows; `find`
    gives the keypoints of one individual per box, where `boxes` and `images` have equal length; `around`
    gives the boxes to look into in the next frame, NaN where there is too little to go by.
    """

    @property
    def skeleton(self) -> Skeleton:
        """What is looked for."""
        ...

    @property
    def individuals(self) -> int:
        """How many at most."""
        ...

    def locate(self, images: Sequence[Image]) -> list[Float]:
        """Find the individuals."""
        ...

    def find(self, images: Sequence[Image], boxes: Sequence[Float]) -> FoundKeypoints:
        """Find the keypoints of each box."""
        ...

    def around(self, xy: Float, confidence: Float) -> Float:
        """Put boxes (n, 4) px around poses (n, keypoints, 2) px."""
        ...


@runtime_checkable
class FrameModel(Protocol):
    """A model that finds everybody in a frame at once: bottom-up, or with a detector built in."""

    @property
    def skeleton(self) -> Skeleton:
        """What is looked for."""
        ...

    @property
    def individuals(self) -> int:
        """How many at most."""
        ...

    def find_all(self, images: Sequence[Image]) -> list[FoundKeypoints]:
        """Find the keypoints of everybody in each image."""
        ...


@runtime_checkable
class SequenceModel(Protocol):
    """A model that follows everybody through consecutive frames itself.

    `locate_every` is how many frames it follows before it looks at whole images again, unless told.
    """

    @property
    def skeleton(self) -> Skeleton:
        """What is looked for."""
        ...

    @property
    def individuals(self) -> int:
        """How many at most."""
        ...

    @property
    def locate_every(self) -> int:
        """Frames from one look at whole images to the next."""
        ...

    def with_individuals(self, individuals: int) -> "SequenceModel":
        """Return the same model for up to so many individuals."""
        ...

    def find_through(
        self, frames: Sequence[tuple[Image | None, ...]], *, locate_every: int
    ) -> list[list[FoundKeypoints]]:
        """Find the keypoints of everybody, for each frame and view."""
        ...


class PoseModel:
    """A heatmap network for one individual per box.

    Parameters
    ----------
    network : torch Module
        Images to `HeatmapOutput`.
    recipe : Recipe
    skeleton : Skeleton
    device : str, optional
        "cpu" or "cuda"; by default the graphics card where there is one.
    flip : bool
        Also look at the mirror image and average the heatmaps.
    batch : int
        Images per pass through the network.
    precision : str, optional
        "float32", "float16" or "bfloat16" (fast on processors with matrix units); by default float16 on a
        graphics card and float32 elsewhere.
    compiled : bool
        Let `torch.compile` make the network faster, which takes a minute at the first image and needs a
        compiler.

    Raises
    ------
    ValueError
        If there is no such precision.
    """

    individuals: int = 1

    def __init__(
        self,
        network: nn.Module,
        recipe: Recipe,
        skeleton: Skeleton,
        *,
        device: str | None = None,
        flip: bool = False,
        batch: int = 16,
        precision: str | None = None,
        compiled: bool = False,
    ) -> None:
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.precision = precision or ("float16" if self.device.type == "cuda" else "float32")
        if self.precision not in precisions:
            raise ValueError(f"precision: expected one of {', '.join(precisions)}, got {precision!r}")
        self.network = network.eval().to(self.device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.compiled = compiled
        self._run = torch.compile(self.network) if compiled else self.network
        self.recipe, self.skeleton, self.flip, self.batch = recipe, skeleton, flip, batch
        self._mean = torch.tensor(recipe.mean, device=self.device).view(1, 3, 1, 1) * 255
        self._deviation = torch.tensor(recipe.deviation, device=self.device).view(1, 3, 1, 1) * 255

    def with_shared_error(self, share: Float) -> "PoseModel":
        """Return the same model with another part of the error that all views share, (keypoints,)."""
        return self._changed(recipe=replace(self.recipe, shared_error=tuple(float(one) for one in share)))

    @property
    def shared_error(self) -> Float | None:
        """Part of the error that all views share, (keypoints,), see `Detections2D`; None if not measured."""
        return np.array(self.recipe.shared_error) if self.recipe.shared_error else None

    def with_temperature(self, temperature: Float, tail: float | None = None) -> "PoseModel":
        """Return the same model with other covariance temperatures, (keypoints,), and tail of the errors."""
        factors = tuple(float(value) for value in temperature)
        return self._changed(recipe=replace(self.recipe, temperature=factors, tail=tail))

    def faster(self, *, precision: str | None = None, compiled: bool = False) -> "PoseModel":
        """Return the same model in another precision, or compiled; the numbers change a little.

        Parameters
        ----------
        precision : str, optional
        compiled : bool

        Returns
        -------
        model : PoseModel
        """
        return self._changed(precision=precision, compiled=compiled)

    def _changed(self, **changes: Any) -> "PoseModel":
        names = ("recipe", "skeleton", "flip", "batch", "precision", "compiled")
        kept = {name: getattr(self, name) for name in names}
        return PoseModel(self.network, device=str(self.device), **(kept | changes))

    def with_affinity(self, affinity: Float) -> "PoseModel":
        """Return the same model with another affinity, (pairs, 3)."""
        rows = tuple((float(a), float(b), float(c)) for a, b, c in affinity)
        return self._changed(recipe=replace(self.recipe, affinity=rows))

    @property
    def temperature(self) -> Float:
        """What the heatmaps' covariances are multiplied with, (keypoints,)."""
        return np.array(self.recipe.temperature or np.ones(len(self.skeleton.keypoints)))

    @property
    def tail(self) -> float | None:
        """How heavy the tails of errors are, as `fit_tail` says."""
        return self.recipe.tail

    def locate(self, images: Sequence[Image]) -> list[Float]:
        """Find the individual in each image.

        Parameters
        ----------
        images : sequence of (height, width, 3) uint8

        Returns
        -------
        boxes : list of (n, 4) float, px
            One box per image, or none where nothing was found.

        Raises
        ------
        ModelError
            If the network only looks at boxes that it is given.
        """
        if self.recipe.region == "box":
            raise ModelError(
                "this network looks at boxes and finds none itself: give detect(..., boxes=...), or a "
                "detector: TopDown(detector, model)"
            )
        whole = [frame_box((image.shape[1], image.shape[0]), self.recipe.input_size) for image in images]
        if self.recipe.region == "frame":
            return [box[None] for box in whole]
        rough = self.find(images, whole)
        close = sure_box(rough.xy, rough.confidence, self.recipe.input_size, self.recipe.margin, part=0.4)
        wide = box_around(rough.xy, self.recipe.input_size, self.recipe.margin)
        boxes = surest_boxes(images, close, wide, self._sureness)
        return [box[None][np.isfinite(box[:1])] for box in boxes]

    def around(self, xy: Float, confidence: Float) -> Float:
        """Put boxes around individuals that were found, to look for them there again.

        Parameters
        ----------
        xy : (n, keypoints, 2) float, px
        confidence : (n, keypoints) float

        Returns
        -------
        boxes : (n, 4) float, px
            NaN where hardly anything was found, and always for a network that looks at whole frames.
        """
        if self.recipe.region == "frame":
            return np.full((len(xy), 4), np.nan)
        return sure_box(xy, confidence, self.recipe.input_size, self.recipe.margin)

    def _sureness(self, images: Sequence[Image], boxes: Sequence[Float]) -> Float:
        return np.asarray(self.find(images, boxes).confidence.mean(axis=1))

    def find(self, images: Sequence[Image], boxes: Sequence[Float]) -> FoundKeypoints:
        """Find the keypoints of one individual per box.

        Parameters
        ----------
        images : sequence of (height, width, 3) uint8
        boxes : sequence of (4,) float, px
            One for each image.

        Returns
        -------
        found : FoundKeypoints
        """
        cuts = [cut(image, box, self.recipe.input_size) for image, box in zip(images, boxes, strict=True)]
        keypoints = len(self.skeleton.keypoints)
        if not cuts:
            return FoundKeypoints(
                np.zeros((0, keypoints, 2)), np.zeros((0, keypoints)), np.zeros((0, keypoints, 2, 2))
            )
        peaks = self.peaks(np.stack([patch for patch, _ in cuts]))
        maps = np.stack([image_from_input for _, image_from_input in cuts])
        scale, shift = maps[:, None, 0], maps[:, None, 1]
        per_cell = scale * np.array(self.recipe.grid.scale)
        temperature = self.temperature[:, None, None]
        return FoundKeypoints(
            xy=self.recipe.grid.to_input(peaks.xy) * scale + shift,
            confidence=np.asarray(peaks.confidence, dtype=np.float64),
            covariance=peaks.covariance * temperature * per_cell[..., :, None] * per_cell[..., None, :],
        )

    def peaks(self, patches: Image) -> Peaks:
        """Run the network and read its heatmaps.

        Parameters
        ----------
        patches : (batch, height, width, 3) uint8
            Blue, green, red.

        Returns
        -------
        peaks : Peaks
        """
        parts = [
            self._read(self.answer(patches[first : first + self.batch]))
            for first in range(0, len(patches), self.batch)
        ]
        xy, confidence, covariance = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("xy", "confidence", "covariance")
        )
        return Peaks(xy=xy, confidence=confidence, covariance=covariance)

    def _read(self, output: HeatmapOutput | PointOutput) -> Peaks:
        if isinstance(output, PointOutput):
            return self._read_points(output)
        refined = self.recipe.decoding == "offsets" and output.offsets is not None
        return decode(
            output.heatmaps.float().cpu().numpy(),
            method="dark" if self.recipe.decoding == "offsets" else self.recipe.decoding,
            sigma=self.recipe.sigma,
            offsets=output.offsets.float().cpu().numpy() if refined and output.offsets is not None else None,
        )

    def _read_points(self, output: PointOutput) -> Peaks:
        """Read coordinates as if they were peaks, with a hundredth of the input where no sigma is stated."""
        size, scale = np.array(self.recipe.input_size), np.array(self.recipe.grid.scale)
        fraction = output.xy.float().cpu().numpy()
        sigma = np.full_like(fraction, 0.01) if output.sigma is None else output.sigma.float().cpu().numpy()
        deviation = sigma * size / scale
        return Peaks(
            xy=self.recipe.grid.to_cells((fraction + 0.5) * size - 0.5),
            confidence=np.clip(1 - sigma.mean(axis=-1), 0, 1),
            covariance=deviation[..., None] ** 2 * np.eye(2),
        )

    @torch.inference_mode()
    def answer(self, patches: Image) -> HeatmapOutput | PointOutput:
        """Run the network on patches, with the mirror image's answer averaged in where asked for.

        Parameters
        ----------
        patches : (batch, height, width, 3) uint8

        Returns
        -------
        output : HeatmapOutput or PointOutput
        """
        images = self.prepared(torch.from_numpy(np.ascontiguousarray(patches)).to(self.device))
        short = precisions[self.precision]
        with torch.autocast(self.device.type, dtype=short, enabled=short is not torch.float32):
            output: HeatmapOutput | PointOutput = self._run(images)
            if self.flip and isinstance(output, HeatmapOutput):
                return self._with_mirror(output, images)
            return output

    def prepared(self, patches: Tensor) -> Tensor:
        """Turn uint8 BGR patches (batch, height, width, 3) into a normalised (batch, 3, height, width)."""
        images = patches.flip(3).permute(0, 3, 1, 2).to(torch.float32)
        return ((images - self._mean) / self._deviation).contiguous(memory_format=torch.channels_last)

    def _with_mirror(self, output: HeatmapOutput, images: Tensor) -> HeatmapOutput:
        """Average heatmaps and offsets; tags of two passes have no common scale, so the first's stay."""
        other: HeatmapOutput = self._run(images.flip(3))
        mirror = torch.as_tensor(np.array(self.skeleton.mirror), device=images.device)
        heatmaps = (output.heatmaps + other.heatmaps.flip(3)[:, mirror]) / 2
        if output.offsets is None or other.offsets is None:
            return output._replace(heatmaps=heatmaps)
        back = other.offsets.flip(4)[:, mirror] * torch.tensor([-1.0, 1.0], device=images.device).view(
            2, 1, 1
        )
        return output._replace(heatmaps=heatmaps, offsets=(output.offsets + back) / 2)
