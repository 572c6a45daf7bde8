"""ONNX: our networks out, other tools' top-down models in (onnxruntime, an extra)."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models2d.decoding.heatmaps import Grid, Peaks, decode
from models2d.decoding.simcc import decode_simcc
from models2d.errors import ModelError
from models2d.models.bottom_up import BottomUp
from models2d.models.crops import cut, in_proportion
from models2d.models.pose_model import FoundKeypoints, PoseModel
from models2d.models.rough_look import sure_box
from models2d.networks.output import HeatmapOutput, PointOutput
from models2d.skeleton import Skeleton

Image = NDArray[np.uint8]
Float = NDArray[np.float64]

MEAN = (123.675, 116.28, 103.53)
DEVIATION = (58.395, 57.12, 57.375)
"""Of red, green and blue in 0 to 255, as ImageNet's: what RTMPose and nearly every exported model expects."""


def export_onnx(model: PoseModel | BottomUp, path: str | Path) -> None:
    """Write a model's network to ONNX: normalised images in, all its maps out.

    Parameters
    ----------
    model : PoseModel or BottomUp
        What groups keypoints is exported without its grouping: heatmaps with tags or pairwise vectors.
    path : path
        The batch size stays free.

    Raises
    ------
    ModelError
        If the model is not one network of this project.
    """
    if isinstance(model, BottomUp):
        model = model.model
    if not isinstance(model, PoseModel):
        raise ModelError(
            f"a {type(model).__name__} is not one network that could be exported to ONNX: give a PoseModel "
            "or BottomUp, as the members of an ensemble or the model behind a detector are"
        )
    width, height = model.recipe.input_size
    example = torch.zeros(2, 3, height, width, device=model.device)
    with torch.inference_mode():
        answer = model.network(example)
    names = [name for name, value in answer._asdict().items() if value is not None]
    with warnings.catch_warnings():
        # The exporter that torch would rather have used needs one more package and gives no better file here.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # sizes are fixed, which is what it warns of
        torch.onnx.export(
            _Tuple(model.network).eval(),
            (example,),
            str(path),
            input_names=["images"],
            output_names=names,
            dynamic_axes={name: {0: "batch"} for name in ("images", *names)},
            dynamo=False,
        )


class _Tuple(nn.Module):
    """ONNX knows no named tuples with gaps."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        answer: HeatmapOutput | PointOutput = self.network(images)
        return tuple(value for value in answer if value is not None)


class OnnxTopDown:
    """A top-down model in ONNX that answers with heatmaps or with SimCC.

    Parameters
    ----------
    path : path
    skeleton : Skeleton
    margin : float
        Boxes are enlarged by this factor first: 1.25 in MMPose.
    grid : Grid, optional
        Where heatmap cells lie; by default as HRNet's, at the corner.

    Raises
    ------
    ModelError
        If onnxruntime is missing, the file is not ONNX, it answers neither with heatmaps nor with SimCC for
        the skeleton's keypoints, or it finds everybody in a frame.
    """

    individuals: int = 1

    def __init__(
        self, path: str | Path, skeleton: Skeleton, *, margin: float = 1.25, grid: Grid | None = None
    ) -> None:
        self.skeleton, self.margin = skeleton, margin
        self.session = _session(Path(path))
        shape = self.session.get_inputs()[0].shape
        if len(shape) != 4 or not all(isinstance(side, int) for side in shape[2:]):
            raise ModelError(f"{path}: expected images (batch, 3, height, width) of fixed size, got {shape}")
        self.input_size = (int(shape[3]), int(shape[2]))
        outputs = self.session.get_outputs()
        _check_top_down(path, [output.name for output in outputs])
        self.simcc = len(outputs) == 2 and len(outputs[0].shape) == 3
        self.grid = grid
        keypoints = outputs[0].shape[1]
        if isinstance(keypoints, int) and keypoints != len(skeleton.keypoints):
            raise ModelError(
                f"{path} has {keypoints} keypoints, skeleton {skeleton.name} has {len(skeleton.keypoints)}"
            )

    def locate(self, images: Sequence[Image]) -> list[Float]:  # noqa: ARG002 - of every model
        """Refuse: this model looks at boxes that it is given."""
        raise ModelError("a top-down model finds no boxes itself: give detect(..., boxes=...) or a detector")

    def around(self, xy: Float, confidence: Float) -> Float:
        """Put boxes around poses, a tenth wider on each side: bodies reach beyond their keypoints."""
        return sure_box(xy, confidence, self.input_size, 0.1)

    def find(self, images: Sequence[Image], boxes: Sequence[Float]) -> FoundKeypoints:
        """Find the keypoints of one individual per box.

        Parameters
        ----------
        images : sequence of (height, width, 3) uint8
        boxes : sequence of (4,) float, px

        Returns
        -------
        found : FoundKeypoints
        """
        wide = [in_proportion(_enlarged(box, self.margin), self.input_size) for box in boxes]
        cuts = [cut(image, box, self.input_size) for image, box in zip(images, wide, strict=True)]
        patches = np.stack([patch for patch, _ in cuts])[..., ::-1].astype(np.float32)
        normal = ((patches - MEAN) / DEVIATION).astype(np.float32).transpose(0, 3, 1, 2)
        name = self.session.get_inputs()[0].name
        grid, peaks = self._read(self.session.run(None, {name: np.ascontiguousarray(normal)}))
        maps = np.stack([image_from_input for _, image_from_input in cuts])
        scale, shift = maps[:, None, 0], maps[:, None, 1]
        per_cell = scale * np.array(grid.scale)
        return FoundKeypoints(
            xy=grid.to_input(np.asarray(peaks.xy, dtype=np.float64)) * scale + shift,
            confidence=np.asarray(peaks.confidence, dtype=np.float64),
            covariance=peaks.covariance * per_cell[..., :, None] * per_cell[..., None, :],
        )

    def _read(self, outputs: list[Any]) -> tuple[Grid, Peaks]:
        if self.simcc:
            bins = outputs[0].shape[-1] / self.input_size[0]
            return Grid.corner(1), decode_simcc(outputs[0], outputs[1], bins)
        stride = self.input_size[0] / outputs[0].shape[-1]
        return self.grid or Grid.corner(stride), decode(outputs[0], method="dark")


def _enlarged(box: Float, factor: float) -> Float:
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2 * factor
    return np.concatenate([centre - half, centre + half])


def _check_top_down(path: str | Path, outputs: list[str]) -> None:
    bottom_up = sorted({"tags", "pairwise"} & set(outputs))
    if bottom_up:
        raise ModelError(
            f"{path} answers with {', '.join(bottom_up)}: it finds everybody in a frame, and is no top-down "
            "model; load the .safetensors file it was exported from"
        )


def _session(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ModelError("ONNX models need onnxruntime: pip install 'triangulate[onnx]'") from error
    states = onnxruntime.capi.onnxruntime_pybind11_state
    damaged = (
        states.InvalidProtobuf,
        states.InvalidGraph,
        states.InvalidArgument,
        states.Fail,
        states.NoModel,
    )
    try:
        return onnxruntime.InferenceSession(str(path), providers=onnxruntime.get_available_providers())
    except damaged as error:
        raise ModelError(f"{path} cannot be read as an ONNX model: {error}") from error
