"""Mask R-CNN's keypoint branch (He et al., ICCV 2017) from torchvision, where that is installed."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models2d.errors import ModelError
from models2d.model_files.pretrained import read_tensors
from models2d.models.pose_model import FoundKeypoints
from models2d.skeleton import Skeleton

Image = NDArray[np.uint8]


class KeypointRCNN:
    """Boxes and the keypoints of COCO in one pass.

    Parameters
    ----------
    network : torch Module
        Called with a list of images (3, height, width) between 0 and 1, answers as torchvision's detectors
        do.
    individuals : int
    least : float
        Boxes that are less sure are left out.
    """

    def __init__(self, network: Any, individuals: int = 1, least: float = 0.5) -> None:
        self.network, self.individuals, self.least = network, individuals, least
        self.skeleton = Skeleton.load("coco17")

    @classmethod
    def load(cls, weights: str | Path, *, individuals: int = 1, device: str | None = None) -> "KeypointRCNN":
        """Build torchvision's `keypointrcnn_resnet50_fpn` with weights from a file.

        Parameters
        ----------
        weights : path
            As torchvision publishes them: keypointrcnn_resnet50_fpn_coco-fc266e95.pth.
        individuals : int
        device : str, optional

        Returns
        -------
        model : KeypointRCNN

        Raises
        ------
        ModelError
            If torchvision or the file is missing.
        """
        try:
            detection = import_module("torchvision.models.detection")
        except (ImportError, RuntimeError) as error:
            raise ModelError(
                "this model needs torchvision in the version that belongs to the installed torch: "
                f"pip install torchvision ({error})"
            ) from error
        if not Path(weights).is_file():
            raise ModelError(
                f"{weights} is not there: download keypointrcnn_resnet50_fpn_coco-fc266e95.pth from "
                "https://download.pytorch.org/models/ and give its path"
            )
        network = detection.keypointrcnn_resnet50_fpn(weights=None, weights_backbone=None)
        network.load_state_dict(read_tensors(weights))
        return cls(network.eval().to(device or ("cuda" if torch.cuda.is_available() else "cpu")), individuals)

    @torch.inference_mode()
    def find_all(self, images: Sequence[Image]) -> list[FoundKeypoints]:
        """Find everybody.

        Parameters
        ----------
        images : sequence of (height, width, 3) uint8

        Returns
        -------
        found : list of FoundKeypoints
            The surest individuals of each image. The confidence is the sigmoid of torchvision's keypoint
            score; the covariance that of a thirtieth of the box.
        """
        device = next(self.network.parameters()).device
        given = [
            torch.from_numpy(np.ascontiguousarray(image[..., ::-1])).permute(2, 0, 1).to(device) / 255
            for image in images
        ]
        return [self._keypoints_of(answer) for answer in self.network(given)]

    def _keypoints_of(self, answer: dict[str, torch.Tensor]) -> FoundKeypoints:
        kept = torch.nonzero(answer["scores"] >= self.least)[: self.individuals, 0]
        # torchvision puts pixel centres at half integers.
        xy = answer["keypoints"][kept, :, :2].cpu().numpy().astype(np.float64) - 0.5
        confidence = answer["keypoints_scores"][kept].sigmoid().cpu().numpy().astype(np.float64)
        boxes = answer["boxes"][kept].cpu().numpy().astype(np.float64)
        side = np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)) / 30
        covariance = side[:, None, None, None] ** 2 * np.ones((1, xy.shape[1], 1, 1)) * np.eye(2)
        return FoundKeypoints(xy, confidence, covariance)
