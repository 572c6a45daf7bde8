"""Networks that are written out as lists of layers: converted weights, which no class describes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from models2d.errors import ModelError

Layer = Mapping[str, Any]
"""`kind`, `inputs` (numbers of layers; 0 is the image, n the n-th layer) and what the kind needs besides."""


class LayerList(nn.Module):
    """Layers that are applied in their order, each to the answers of earlier ones.

    Parameters
    ----------
    layers : sequence of Layer
        Kinds and their keys: "conv" (channels (input, output), kernel (rows, columns), stride, groups,
        padding (left, right, top, bottom) px), "add", "join", "rows" (channels; maps to a table of so many
        columns), "maximum" (size), "resize" (size (rows, columns)), "spread" (size; channels to space),
        "channels" (more; so many of zeros), "sigmoid". Any may have an `activation`, "relu" or "relu6".
    outputs : sequence of int
        Numbers of the layers that are answered.

    Raises
    ------
    ModelError
        If a layer is of no known kind, lacks a key or takes one that does not come before it.

    Examples
    --------
    >>> halves = [{"kind": "maximum", "inputs": [0], "size": 2}, {"kind": "add", "inputs": [1, 1]}]
    >>> LayerList(halves, outputs=[2])(torch.ones(1, 3, 4, 4))[0].shape
    torch.Size([1, 3, 2, 2])
    """

    def __init__(self, layers: Sequence[Layer], outputs: Sequence[int]) -> None:
        super().__init__()
        self.layers, self.outputs = tuple(layers), tuple(outputs)
        self.convolutions = nn.ModuleDict()
        for number, layer in enumerate(layers, start=1):
            try:
                if not all(0 <= source < number for source in layer["inputs"]):
                    raise ModelError(
                        f"layer {number} takes layers {layer['inputs']}, of which one comes later"
                    )
                if layer["kind"] == "conv":
                    self.convolutions[str(number)] = _convolution(layer)
                elif layer["kind"] not in _kinds:
                    known = ", ".join(["conv", *_kinds])
                    raise ModelError(f"layer {number}: no kind {layer['kind']!r}; there are {known}")
            except KeyError as error:
                raise ModelError(f"layer {number}: has no {error}") from error
        self._last = {source: n for n, layer in enumerate(layers, start=1) for source in layer["inputs"]}
        self._last |= dict.fromkeys(self.outputs, len(layers) + 1)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """(batch, channels, height, width) to the answers of the output layers."""
        found = {0: images}
        for number, layer in enumerate(self.layers, start=1):
            inputs = [found[source] for source in layer["inputs"]]
            for source in layer["inputs"]:
                if self._last[source] == number:
                    found.pop(source, None)
            if layer["kind"] == "conv":
                answer = self._convolved(number, layer, inputs[0])
            else:
                answer = _kinds[layer["kind"]](layer, inputs)
            found[number] = _activations[layer.get("activation")](answer)
        return tuple(found[number] for number in self.outputs)

    def _convolved(self, number: int, layer: Layer, x: Tensor) -> Tensor:
        convolution = self.convolutions[str(number)]
        answer: Tensor = convolution(
            x if _symmetric(layer["padding"]) else functional.pad(x, layer["padding"])
        )
        return answer


def _convolution(layer: Layer) -> nn.Conv2d:
    before, after = layer["channels"]
    left, _, top, _ = layer["padding"]
    return nn.Conv2d(
        before,
        after,
        tuple(layer["kernel"]),
        layer["stride"],
        (top, left) if _symmetric(layer["padding"]) else 0,
        groups=layer["groups"],
    )


def _symmetric(padding: Sequence[int]) -> bool:
    left, right, top, bottom = padding
    return left == right and top == bottom


def _rows(layer: Layer, inputs: list[Tensor]) -> Tensor:
    return inputs[0].permute(0, 2, 3, 1).reshape(len(inputs[0]), -1, layer["channels"])


def _spread(layer: Layer, inputs: list[Tensor]) -> Tensor:
    """Make space of channels in TensorFlow's order, (row, column, channel); PyTorch's has channel first."""
    x, size = inputs[0], layer["size"]
    batch, channels, height, width = x.shape
    parts = x.reshape(batch, size, size, channels // size**2, height, width)
    return parts.permute(0, 3, 4, 1, 5, 2).reshape(batch, -1, height * size, width * size)


_kinds: dict[str, Callable[[Layer, list[Tensor]], Tensor]] = {
    "add": lambda _, inputs: inputs[0] + inputs[1],
    "join": lambda _, inputs: torch.cat(inputs, dim=1),
    "rows": _rows,
    "maximum": lambda layer, inputs: functional.max_pool2d(inputs[0], layer["size"]),
    "resize": lambda layer, inputs: functional.interpolate(inputs[0], tuple(layer["size"]), mode="bilinear"),
    "spread": _spread,
    "channels": lambda layer, inputs: functional.pad(inputs[0], (0, 0, 0, 0, 0, layer["more"])),
    "sigmoid": lambda _, inputs: torch.sigmoid(inputs[0]),
}
_activations: dict[str | None, Callable[[Tensor], Tensor]] = {
    None: lambda x: x,
    "relu": lambda x: functional.relu(x, inplace=True),  # of what a layer has just made
    "relu6": lambda x: functional.relu6(x, inplace=True),
}
