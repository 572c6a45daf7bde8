"""Several models as one."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models2d.models.pose_model import FoundKeypoints, FrameModel, Model

Image = NDArray[np.uint8]
Float = NDArray[np.float64]


class Ensemble:
    """Models of the same skeleton, averaged; where they disagree, the covariance says so.

    Parameters
    ----------
    models : sequence of Model
        The first one looks for individuals.

    Raises
    ------
    ValueError
        If there is none, one finds everybody in a frame at once, or their keypoints differ.
    """

    def __init__(self, models: Sequence[Model]) -> None:
        if not models:
            raise ValueError("an ensemble needs at least one model")
        keypoints = models[0].skeleton.keypoints
        for number, model in enumerate(models):
            if isinstance(model, FrameModel):
                raise ValueError(
                    f"model {number} finds everybody in a frame at once: only models that look at boxes can "
                    "be averaged, for they answer for the same individual"
                )
            if model.skeleton.keypoints != keypoints:
                raise ValueError(
                    f"model {number} has the keypoints {', '.join(model.skeleton.keypoints)}, model 0 has "
                    f"{', '.join(keypoints)}: an ensemble needs the same"
                )
        self.models = tuple(models)
        self.skeleton = models[0].skeleton
        self.individuals = models[0].individuals

    def locate(self, images: Sequence[Image]) -> list[Float]:
        """Find the individuals with the first model."""
        return self.models[0].locate(images)

    def around(self, xy: Float, confidence: Float) -> Float:
        """Put boxes around poses as the first model does."""
        return self.models[0].around(xy, confidence)

    def find(self, images: Sequence[Image], boxes: Sequence[Float]) -> FoundKeypoints:
        """Average over the models, weighted by confidence.

        Parameters
        ----------
        images : sequence of (height, width, 3) uint8
        boxes : sequence of (4,) float, px

        Returns
        -------
        found : FoundKeypoints
            Its covariance is the mean of the models' own plus the scatter between them (law of total
            variance).
        """
        answers = [model.find(images, boxes) for model in self.models]
        confidence = np.stack([answer.confidence for answer in answers])
        weight = np.maximum(confidence, 1e-6)
        weight = (weight / weight.sum(axis=0))[..., None]
        xy = np.stack([answer.xy for answer in answers])
        mean = (weight * xy).sum(axis=0)
        away = xy - mean
        scatter = (weight[..., None] * away[..., :, None] * away[..., None, :]).sum(axis=0)
        within = (weight[..., None] * np.stack([answer.covariance for answer in answers])).sum(axis=0)
        return FoundKeypoints(mean, confidence.mean(axis=0), within + scatter)
