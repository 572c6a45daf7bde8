"""Find keypoints in every view: networks, other tools' files, metrics."""

from importlib import import_module
from typing import Any

_home = {
    "Augmentation": "training.augmentation",
    "BottomUp": "models.bottom_up",
    "Detections2D": "detections",
    "Ensemble": "models.ensemble",
    "KeypointRCNN": "model_files.torchvision",
    "LabelledFrame": "labels",
    "Labels": "labels",
    "ModelError": "errors",
    "OnnxTopDown": "model_files.onnx",
    "PoseModel": "models.pose_model",
    "Recipe": "models.recipe",
    "Skeleton": "skeleton",
    "TopDown": "models.top_down",
    "Tracks2D": "detections",
    "TrainingOptions": "training.trainer",
    "detect": "inference.detecting",
    "evaluate": "evaluation.evaluating",
    "export_onnx": "model_files.onnx",
    "extract_images": "labelling.images",
    "follow": "inference.tracking",
    "group_by_program": "grouping.assembly",
    "group_by_tags": "grouping.assembly",
    "labels_from": "labelling.images",
    "load_backbone": "model_files.pretrained",
    "load_model": "model_files.weights",
    "load_vitpose": "model_files.hub",
    "read_detections": "readers.joining",
    "read_labels": "labelling.choosing",
    "read_tracks": "readers.joining",
    "save_model": "model_files.weights",
    "train": "training.trainer",
    "write_detections": "readers.writing",
    "write_labels": "labelling.choosing",
}
"""Every public name and the module it lives in, which is imported when the name is first used."""

__all__ = list(_home)


def __getattr__(name: str) -> Any:
    if name not in _home:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_home[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_home)
