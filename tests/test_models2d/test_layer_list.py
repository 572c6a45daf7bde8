"""Networks as lists of layers: each kind is what PyTorch's own module does, and wrong lists are refused."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from models2d.errors import ModelError
from models2d.networks.layer_list import LayerList

torch.manual_seed(0)
images = torch.randn(2, 4, 8, 6)


def answer(*layers, **more):
    network = LayerList(layers, [len(layers)], **more).eval()
    with torch.inference_mode():
        return network, network(images)[0]


@pytest.mark.parametrize("activation", [None, "relu", "relu6"])
@pytest.mark.parametrize(("groups", "padding"), [(1, (1, 1, 1, 1)), (4, (0, 1, 0, 1)), (1, (2, 0, 1, 3))])
def test_a_convolution_pads_as_it_is_told(groups, padding, activation):
    layer = {"kind": "conv", "inputs": [0], "channels": (4, 8), "kernel": (3, 3), "stride": 2}
    network, found = answer(layer | {"groups": groups, "padding": padding, "activation": activation})
    own = network.state_dict()
    wanted = functional.conv2d(functional.pad(images, padding), *own.values(), stride=2, groups=groups)
    wanted = {None: lambda x: x, "relu": torch.relu, "relu6": nn.ReLU6()}[activation](wanted)
    torch.testing.assert_close(found, wanted)


def test_space_is_made_of_channels_in_tensorflows_order():
    _, found = answer({"kind": "spread", "inputs": [0], "size": 2})
    assert found.shape == (2, 1, 16, 12)
    for row in (0, 1):
        for column in (0, 1):
            torch.testing.assert_close(found[:, 0, row::2, column::2], images[:, 2 * row + column])


def test_maps_become_a_table_cell_by_cell():
    _, found = answer({"kind": "rows", "inputs": [0], "channels": 2})
    assert found.shape == (2, 8 * 6 * 2, 2)
    torch.testing.assert_close(found[1, 2 * (6 * 3 + 5) + 1], images[1, 2:, 3, 5])


def test_layers_take_the_answers_of_any_before():
    layers = [
        {"kind": "maximum", "inputs": [0], "size": 2},
        {"kind": "resize", "inputs": [1], "size": (8, 6)},
        {"kind": "add", "inputs": [0, 2], "activation": "relu"},
        {"kind": "channels", "inputs": [3], "more": 3},
        {"kind": "sigmoid", "inputs": [4]},
        {"kind": "join", "inputs": [0, 5]},
    ]
    kept = images.clone()
    _, found = answer(*layers)
    up = functional.interpolate(functional.max_pool2d(images, 2), (8, 6), mode="bilinear")
    torch.testing.assert_close(found[:, :4], images)
    torch.testing.assert_close(found[:, 4:8], torch.sigmoid(torch.relu(images + up)))
    torch.testing.assert_close(found[:, 8:], torch.full((2, 3, 8, 6), 0.5))
    torch.testing.assert_close(images, kept)  # nothing was done to the input in place


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"kind": "spiral", "inputs": [0]}, "layer 1: no kind 'spiral'; there are conv, add"),
        ({"kind": "add", "inputs": [0, 1]}, r"layer 1 takes layers \[0, 1\], of which one comes later"),
        ({"kind": "conv", "inputs": [0]}, "layer 1: has no 'channels'"),
    ],
)
def test_a_wrong_list_is_refused(layer, message):
    with pytest.raises(ModelError, match=message):
        LayerList([layer], [1])
