"""BlazePose in one safetensors file: two lists of layers in the header, and the tensors of both."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from models2d.errors import ModelError
from models2d.models.blazepose import BlazePose
from models2d.models.person_detector import PersonDetector
from models2d.networks.device_network import DeviceNetwork
from models2d.networks.filling import fill
from models2d.networks.layer_list import Layer, LayerList

DETECTOR, LANDMARKS = "detector", "landmarks"
Part = tuple[Sequence[Layer], Sequence[int], Mapping[str, Tensor]]


def save_parts(path: str | Path, parts: Mapping[str, Part], *, origin: Mapping[str, str]) -> None:
    """Write the networks of BlazePose to one file, atomically.

    Parameters
    ----------
    path : path
    parts : mapping of str to (sequence of Layer, sequence of int, mapping of str to Tensor)
        Layers, numbers of the outputs and tensors, of "detector" and "landmarks".
    origin : mapping of str to str
        Where each comes from.
    """
    path = Path(path)
    lists = {
        name: {"layers": list(layers), "outputs": outputs} for name, (layers, outputs, _) in parts.items()
    }
    header = {"format": "models2d 1", "parts": json.dumps(lists), "origin": json.dumps(dict(origin))}
    tensors = {f"{name}.{key}": value for name, (*_, own) in parts.items() for key, value in own.items()}
    temporary = path.with_name(path.name + ".part")
    save_file(tensors, temporary, metadata=header)
    os.replace(temporary, path)


def load_blazepose(
    path: Path,
    header: Mapping[str, str],
    *,
    device: str | None = None,
    precision: str | None = None,
) -> BlazePose:
    """Load the model from a file that `save_parts` wrote.

    Parameters
    ----------
    path : path
    header : mapping of str to str
        Of the file.
    device : str, optional
    precision : str, optional

    Returns
    -------
    model : BlazePose

    Raises
    ------
    ModelError
        If a part is missing, or tensors do not fit their layers.
    """
    lists, tensors = json.loads(header["parts"]), load_file(path)
    networks = {}
    for name, low in ((DETECTOR, -1.0), (LANDMARKS, 0.0)):
        if name not in lists:
            raise ModelError(f"{path} has no {name}; convert it again with examples/convert_blazepose.py")
        network = LayerList(lists[name]["layers"], lists[name]["outputs"])
        start = f"{name}."
        own = {key.removeprefix(start): value for key, value in tensors.items() if key.startswith(start)}
        fill(network, own, f"{path}, {name}")
        networks[name] = DeviceNetwork(network, low=low, device=device, precision=precision)
    detector = PersonDetector(networks[DETECTOR])
    return BlazePose(detector, networks[LANDMARKS])
