"""Put tensors into networks, all of them or none."""

import torch

from models2d.errors import ModelError


def fill(network: torch.nn.Module, tensors: dict[str, torch.Tensor], name: str) -> None:
    """Put tensors into a network, all of them, or say which do not fit.

    Parameters
    ----------
    network : torch Module
    tensors : dict of str to Tensor
    name : str
        Of their file, for the message.

    Raises
    ------
    ModelError
        With the first keys that are missing, unknown or of another shape.
    """
    own = network.state_dict()
    missing = sorted(set(own) - set(tensors))
    unknown = sorted(set(tensors) - set(own))
    shapes = [
        f"{key} is {tuple(tensors[key].shape)} where {tuple(own[key].shape)} is needed"
        for key in sorted(set(own) & set(tensors))
        if own[key].shape != tensors[key].shape
    ]
    wrong = [f"{key} is missing" for key in missing] + [f"{key} is unknown" for key in unknown] + shapes
    if wrong:
        raise ModelError(
            f"{name} does not fit the network: {'; '.join(wrong[:4])}"
            f"{f' and {len(wrong) - 4} more' if len(wrong) > 4 else ''}"
        )
    network.load_state_dict({key: value.to(own[key].dtype) for key, value in tensors.items()})
