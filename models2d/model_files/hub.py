"""Ready models from `transformers` (an extra): ViTPose for people and animals, RT-DETR to find them."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models2d.decoding.heatmaps import Grid, decode
from models2d.errors import ModelError
from models2d.model_files.places import RT_DETR
from models2d.models.crops import cut, in_proportion
from models2d.models.pose_model import FoundKeypoints
from models2d.models.rough_look import sure_box
from models2d.models.top_down import TopDown
from models2d.skeleton import Skeleton

Image = NDArray[np.uint8]
Float = NDArray[np.float64]

MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def load_vitpose(
    name: str | Path,
    *,
    detector: str | Path | None = RT_DETR,
    label: str = "person",
    individuals: int = 1,
    skeleton: Skeleton | None = None,
    device: str | None = None,
) -> "TopDown | ViTPose":
    """Load ViTPose (Xu et al., NeurIPS 2022) and a detector by hub name or folder.

    Parameters
    ----------
    name : str or path
        Such as "usyd-community/vitpose-base-simple", or a folder with its files.
    detector : str, path or None
        Of RT-DETR; None where boxes are given to `detect`.
    label : str
        What the detector looks for: a name of its classes, such as "person", "dog" or "horse".
    individuals : int
    skeleton : Skeleton, optional
        By default the 17 keypoints of COCO.
    device : str, optional

    Returns
    -------
    model : Model

    Raises
    ------
    ModelError
        If transformers is missing, or the files are neither there nor to be had.
    """
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    network = _pretrained("VitPoseForPoseEstimation", name).eval().to(device)
    pose = ViTPose(network, skeleton or Skeleton.load("coco17"))
    if detector is None:
        return pose
    finder = _pretrained("RTDetrForObjectDetection", detector).eval().to(device)
    return TopDown(detector=RTDetr(finder, label), model=pose, individuals=individuals)


class ViTPose:
    """A vision transformer with heatmaps at a quarter of its input's size.

    Parameters
    ----------
    network : transformers VitPoseForPoseEstimation
    skeleton : Skeleton
    margin : float
        Boxes are enlarged by this factor first.

    Raises
    ------
    ModelError
        If the network has another number of keypoints.
    """

    individuals: int = 1

    def __init__(self, network: Any, skeleton: Skeleton, margin: float = 1.25) -> None:
        self.network, self.skeleton, self.margin = network, skeleton, margin
        height, width = network.config.backbone_config.image_size
        self.input_size = (int(width), int(height))
        labels = int(network.config.num_labels)
        if labels != len(skeleton.keypoints):
            raise ModelError(
                f"the network has {labels} keypoints, skeleton {skeleton.name} has "
                f"{len(skeleton.keypoints)}: give the skeleton it was trained on"
            )

    def locate(self, images: Sequence[Image]) -> list[Float]:  # noqa: ARG002 - of every model
        """Refuse: ViTPose looks at boxes that it is given."""
        raise ModelError("ViTPose finds no boxes: load it with a detector, or give boxes to detect")

    def around(self, xy: Float, confidence: Float) -> Float:
        """Put boxes around poses, a tenth wider on each side: bodies reach beyond their keypoints."""
        return sure_box(xy, confidence, self.input_size, 0.1)

    @torch.inference_mode()
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
        cuts = [
            cut(image, _wide(box, self.margin, self.input_size), self.input_size)
            for image, box in zip(images, boxes, strict=True)
        ]
        patches = np.stack([patch for patch, _ in cuts])[..., ::-1] / 255.0
        normal = torch.from_numpy(((patches - MEAN) / DEVIATION).astype(np.float32)).permute(0, 3, 1, 2)
        many = getattr(self.network.config.backbone_config, "num_experts", 1) > 1
        expert = {"dataset_index": torch.zeros(len(cuts), dtype=torch.long)} if many else {}
        heatmaps = self.network(pixel_values=normal.to(self.network.device), **expert).heatmaps
        peaks = decode(heatmaps.float().cpu().numpy(), method="udp")
        cells = (heatmaps.shape[3], heatmaps.shape[2])
        grid = Grid.unbiased(self.input_size, cells)
        maps = np.stack([image_from_input for _, image_from_input in cuts])
        scale, shift = maps[:, None, 0], maps[:, None, 1]
        per_cell = scale * np.array(grid.scale)
        return FoundKeypoints(
            xy=grid.to_input(np.asarray(peaks.xy, dtype=np.float64)) * scale + shift,
            confidence=np.asarray(peaks.confidence, dtype=np.float64),
            covariance=peaks.covariance * per_cell[..., :, None] * per_cell[..., None, :],
        )


class RTDetr:
    """RT-DETR (Zhao et al., CVPR 2024) as a detector of one class.

    Parameters
    ----------
    network : transformers RTDetrForObjectDetection
    label : str
        Name of the class.
    least : float
        Boxes that are less sure are left out.
    size : int, px
        Side of its square input.

    Raises
    ------
    ModelError
        If it knows no such class.
    """

    def __init__(self, network: Any, label: str = "person", least: float = 0.3, size: int = 640) -> None:
        self.network, self.least, self.size = network, least, size
        names = {str(name).lower(): int(index) for index, name in network.config.id2label.items()}
        if label.lower() not in names:
            raise ModelError(f"the detector knows no {label!r}; it knows {', '.join(sorted(names))}")
        self.label = names[label.lower()]

    @torch.inference_mode()
    def locate(self, images: Sequence[Image]) -> list[Float]:
        """Find boxes.

        Parameters
        ----------
        images : sequence of (height, width, 3) uint8

        Returns
        -------
        boxes : list of (n, 4) float, px
            The surest first.
        """
        cuts = [cut(image, _all_of(image), (self.size, self.size)) for image in images]
        patches = np.stack([patch for patch, _ in cuts])[..., ::-1] / 255.0
        pixels = torch.from_numpy(patches.astype(np.float32)).permute(0, 3, 1, 2)
        answer = self.network(pixel_values=pixels.to(self.network.device))
        scores = answer.logits.sigmoid()[..., self.label].float().cpu().numpy()
        boxes = answer.pred_boxes.float().cpu().numpy()
        return [
            self._in_image(box, score, transform)
            for box, score, (_, transform) in zip(boxes, scores, cuts, strict=True)
        ]

    def _in_image(self, boxes: NDArray[np.float32], scores: NDArray[np.float32], transform: Float) -> Float:
        order = np.argsort(-scores)
        order = order[scores[order] >= self.least]
        centre, half = boxes[order, :2] * self.size - 0.5, boxes[order, 2:] * self.size / 2
        corners = np.stack([centre - half, centre + half], axis=1) * transform[0] + transform[1]
        return np.asarray(corners.reshape(-1, 4), dtype=np.float64)


def _all_of(image: Image) -> Float:
    """Return the box of the whole image, which is stretched to a square as RT-DETR is trained."""
    return np.array([-0.5, -0.5, image.shape[1] - 0.5, image.shape[0] - 0.5])


def _wide(box: Float, factor: float, input_size: tuple[int, int]) -> Float:
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2 * factor
    return in_proportion(np.concatenate([centre - half, centre + half]), input_size)


def _pretrained(kind: str, name: str | Path) -> Any:
    try:
        transformers = import_module("transformers")
    except ImportError as error:
        raise ModelError(f"{name} needs transformers: pip install 'triangulate[transformers]'") from error
    try:
        return getattr(transformers, kind).from_pretrained(str(name), use_safetensors=True)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"the files of {name} are not on this machine and cannot be fetched: on a machine with "
            f"internet run `hf download {name} --local-dir FOLDER`, copy FOLDER here and give its path in "
            "place of the name"
        ) from error
