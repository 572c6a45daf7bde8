"""Find keypoints in every view: networks, other tools' files, metrics."""

from importlib import import_module
from typing import Any

_home = {
    "Augmentation": "augmentation",
    "BottomUp": "bottom_up",
    "Detections2D": "detections",
    "Ensemble": "ensemble",
    "KeypointRCNN": "torchvision_models",
    "LabelledFrame": "labels",
    "Labels": "labels",
    "ModelError": "errors",
    "OnnxTopDown": "onnx_models",
    "PoseModel": "pose_model",
    "Recipe": "recipe",
    "Skeleton": "skeleton",
    "TopDown": "top_down",
    "Tracks2D": "detections",
    "TrainingOptions": "training",
    "detect": "inference",
    "evaluate": "evaluation",
    "export_onnx": "onnx_models",
    "extract_images": "label_files.images",
    "follow": "tracking2d",
    "group_by_program": "assembly",
    "group_by_tags": "assembly",
    "labels_from": "label_files.images",
    "load_backbone": "pretrained",
    "load_model": "weights",
    "load_vitpose": "hub_models",
    "read_detections": "readers.joining",
    "read_labels": "label_files.choosing",
    "read_tracks": "readers.joining",
    "save_model": "weights",
    "train": "training",
    "write_detections": "readers.writing",
    "write_labels": "label_files.choosing",
}
"""Every public name and the module it lives in, which is imported when the name is first used."""

__all__ = list(_home)


def __getattr__(name: str) -> Any:
    if name not in _home:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_home[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_home)
