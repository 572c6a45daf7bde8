# %% [markdown]
# Convert BlazePose, the network of `load_model("human")`, from the .tflite files of the npm package
# `@mediapipe/pose` (Google, Apache-2.0) to one safetensors file. Needs `pip install tflite`.
#
#     npm pack @mediapipe/pose@0.5.1675469404 && tar xzf mediapipe-pose-*.tgz
#     python examples/convert_blazepose.py package human.safetensors [--landmarks heavy]
#
# What ships is *full*. *heavy* is more accurate and three times slower: convert it, and name its file as the
# model.

# %%
import argparse
import hashlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import tflite
import torch

from models2d.model_files.blazepose_file import DETECTOR, LANDMARKS, save_parts

parser = argparse.ArgumentParser()
parser.add_argument("package", type=Path, help="the unpacked npm package")
parser.add_argument("out", type=Path)
parser.add_argument("--landmarks", choices=("lite", "full", "heavy"), default="full")
arguments = parser.parse_args()

# %% The files, and the digests of those that were looked at: others may be built otherwise.
DETECTOR_BYTES = 2_962_288
packed = (arguments.package / "pose_solution_packed_assets.data").read_bytes()
files = {
    DETECTOR: packed[:DETECTOR_BYTES],
    LANDMARKS: (arguments.package / f"pose_landmark_{arguments.landmarks}.tflite").read_bytes(),
}
KNOWN = {
    "a63c614bef30d35947f13be361820b1e4e3bec9cfeebf4d11216a18373108e85",  # detector
    "f17bfbecadb61c3be1baa8b8d851cc6619c870a87167b32848ad20db306b9d61",  # lite
    "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",  # full
    "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",  # heavy
}
digests = {part: hashlib.sha256(content).hexdigest() for part, content in files.items()}
for part, digest in digests.items():
    print(f"{part}: sha256 {digest}")
    if digest not in KNOWN:
        raise SystemExit(f"the file of the {part} is not that of version 0.5.1675469404")

# Outputs that are used, by their names in the files; segmentation and world landmarks are left out, with
# every layer that only they need.
OUTPUTS = {DETECTOR: ("Identity", "Identity_1"), LANDMARKS: ("Identity", "Identity_1", "Identity_3")}
ACTIVATIONS = {0: None, 1: "relu", 3: "relu6"}
OPERATORS = {code: name for name, code in vars(tflite.BuiltinOperator).items() if isinstance(code, int)}


# %% Reading a .tflite file: constants, and one layer for each operator.
class Graph:
    """The first subgraph of a .tflite file."""

    def __init__(self, content):
        self.model = tflite.Model.GetRootAsModel(content, 0)
        self.graph = self.model.Subgraphs(0)
        self.operators = [self.graph.Operators(n) for n in range(self.graph.OperatorsLength())]
        self.maker = {int(op.Outputs(0)): op for op in self.operators}

    def name(self, op):
        code = self.model.OperatorCodes(op.OpcodeIndex())
        return OPERATORS[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]

    def shape(self, tensor):
        return tuple(int(side) for side in self.graph.Tensors(tensor).ShapeAsNumpy())

    def constant(self, tensor):
        """The numbers of a tensor that no image decides, as stored (16 bits), or None."""
        stored = self.graph.Tensors(tensor)
        buffer = self.model.Buffers(stored.Buffer())
        if buffer.DataLength():
            kind = {0: np.float32, 1: np.float16, 2: np.int32}[stored.Type()]
            numbers = np.frombuffer(buffer.DataAsNumpy().tobytes(), kind)
            return (
                numbers.reshape(self.shape(tensor)) if stored.Sparsity() is None else dense(stored, numbers)
            )
        op = self.maker.get(tensor)
        unpacks = op is not None and self.name(op) in {"DEQUANTIZE", "DENSIFY"}
        return self.constant(int(op.Inputs(0))) if unpacks else None

    def options(self, op, kind):
        options = kind()
        options.Init(op.BuiltinOptions().Bytes, op.BuiltinOptions().Pos)
        return options


def dense(stored, numbers):
    """Fill in the zeros of a kernel of which only the others are stored, row by row."""
    sparsity, shape = stored.Sparsity(), tuple(stored.ShapeAsNumpy())
    formats = [sparsity.DimMetadata(n).Format() for n in range(len(shape))]
    if formats != [0] * (len(shape) - 1) + [1] or sparsity.TraversalOrderAsNumpy().tolist() != [0, 1, 2, 3]:
        raise SystemExit(f"a kernel is stored in an unknown sparse form: {formats}")
    last = sparsity.DimMetadata(len(shape) - 1)
    starts, columns = (
        vector(last.ArraySegments(), last.ArraySegmentsType()),
        vector(last.ArrayIndices(), last.ArrayIndicesType()),
    )
    full = np.zeros((int(np.prod(shape[:-1])), shape[-1]), numbers.dtype)
    for row, (first, end) in enumerate(pairwise(starts)):
        full[row, columns[first:end]] = numbers[first:end]
    return full.reshape(shape)


def vector(table, kind):
    made = {1: tflite.Int32Vector, 2: tflite.Uint16Vector, 3: tflite.Uint8Vector}[kind]()
    made.Init(table.Bytes, table.Pos)
    return made.ValuesAsNumpy().astype(int)


# %% Layers in the words of `models2d.networks.layer_list`.
class Conversion:
    """The layers and tensors that some outputs of a graph need."""

    def __init__(self, content, outputs):
        self.graph, self.layers, self.tensors = Graph(content), [], {}
        self.number = {int(self.graph.graph.Inputs(0)): 0}
        named = {
            self.graph.graph.Tensors(int(n)).Name().decode(): int(n)
            for n in self.graph.graph.OutputsAsNumpy()
        }
        needed = self.needed([named[name] for name in outputs])
        for op in self.graph.operators:
            made, kind = int(op.Outputs(0)), self.graph.name(op)
            if made in needed and kind not in {"DEQUANTIZE", "DENSIFY"} and not self.folded(op):
                layer = getattr(self, kind.lower())(op)
                self.layers.append({key: value for key, value in layer.items() if value is not None})
                self.number[made] = len(self.layers)
        self.outputs = [self.number[named[name]] for name in outputs]

    def needed(self, tensors):
        """Return the tensors that some tensors are made from, themselves among them."""
        found, open_ends = set(), list(tensors)
        while open_ends:
            tensor = open_ends.pop()
            if tensor not in found:
                found.add(tensor)
                op = self.graph.maker.get(tensor)
                open_ends += [] if op is None else [int(source) for source in op.InputsAsNumpy()]
        return found

    def folded(self, op):
        """Tell whether an operator pads space, which becomes the padding of the convolutions after it."""
        if self.graph.name(op) != "PAD":
            return False
        return not self.graph.constant(int(op.Inputs(1)))[[0, 3]].any()

    def inputs(self, op, count=1):
        return [self.number[int(op.Inputs(n))] for n in range(count)]

    def conv_2d(self, op):
        return self.convolution(op, self.graph.options(op, tflite.Conv2DOptions), grouped=False)

    def depthwise_conv_2d(self, op):
        return self.convolution(op, self.graph.options(op, tflite.DepthwiseConv2DOptions), grouped=True)

    def convolution(self, op, options, *, grouped):
        source, stride = int(op.Inputs(0)), options.StrideW()
        weight = self.graph.constant(int(op.Inputs(1)))
        weight = weight.transpose((3, 0, 1, 2) if grouped else (0, 3, 1, 2))
        padding = (0, 0, 0, 0)
        if options.Padding() == tflite.Padding.SAME:
            padding = same(self.graph.shape(source)[1:3], weight.shape[2:], stride)
        maker = self.graph.maker.get(source)
        if maker is not None and self.folded(maker):
            (top, bottom), (left, right) = self.graph.constant(int(maker.Inputs(1)))[1:3].tolist()
            padding, source = (left, right, top, bottom), int(maker.Inputs(0))
        channels = (self.graph.shape(source)[3], weight.shape[0])
        key = f"convolutions.{len(self.layers) + 1}"
        self.tensors[f"{key}.weight"] = torch.tensor(weight)
        self.tensors[f"{key}.bias"] = torch.tensor(self.graph.constant(int(op.Inputs(2))))
        return {
            "kind": "conv",
            "inputs": [self.number[source]],
            "channels": channels,
            "kernel": weight.shape[2:],
            "stride": stride,
            "groups": channels[0] if grouped else 1,
            "padding": padding,
            "activation": ACTIVATIONS[options.FusedActivationFunction()],
        }

    def pad(self, op):
        amounts = self.graph.constant(int(op.Inputs(1)))
        if amounts[:3].any() or amounts[3, 0]:
            raise SystemExit("space is padded other than before a convolution")
        return {"kind": "channels", "inputs": self.inputs(op), "more": int(amounts[3, 1])}

    def add(self, op):
        options = self.graph.options(op, tflite.AddOptions)
        activation = ACTIVATIONS[options.FusedActivationFunction()]
        return {"kind": "add", "inputs": self.inputs(op, 2), "activation": activation}

    def max_pool_2d(self, op):
        return {
            "kind": "maximum",
            "inputs": self.inputs(op),
            "size": self.graph.options(op, tflite.Pool2DOptions).FilterWidth(),
        }

    def resize_bilinear(self, op):
        if not self.graph.options(op, tflite.ResizeBilinearOptions).HalfPixelCenters():
            raise SystemExit("a layer resizes by corners, not by pixel centres")
        return {
            "kind": "resize",
            "inputs": self.inputs(op),
            "size": self.graph.constant(int(op.Inputs(1))).tolist(),
        }

    def depth_to_space(self, op):
        size = self.graph.options(op, tflite.DepthToSpaceOptions).BlockSize()
        return {"kind": "spread", "inputs": self.inputs(op), "size": size}

    def concatenation(self, op):
        return {"kind": "join", "inputs": self.inputs(op, op.InputsLength())}

    def reshape(self, op):
        return {"kind": "rows", "inputs": self.inputs(op), "channels": self.graph.shape(op.Outputs(0))[-1]}

    def logistic(self, op):
        return {"kind": "sigmoid", "inputs": self.inputs(op)}


def same(size, kernel, stride):
    """TensorFlow's "same" padding (left, right, top, bottom): what is odd goes to the end."""
    total = [max((-(-n // stride) - 1) * stride + k - n, 0) for n, k in zip(size, kernel, strict=True)]
    (top, left) = (amount // 2 for amount in total)
    return (left, total[1] - left, top, total[0] - top)


# %% Convert, and write what ships.
parts = {}
for part, content in files.items():
    conversion = Conversion(content, OUTPUTS[part])
    parts[part] = (conversion.layers, conversion.outputs, conversion.tensors)
    kept = sum(tensor.numel() for tensor in conversion.tensors.values())
    print(f"{part}: {len(conversion.layers)} layers, {kept:,} weights")
save_parts(arguments.out, parts, origin={part: f"sha256 {digest}" for part, digest in digests.items()})
print(f"{arguments.out}: {arguments.out.stat().st_size:,} bytes")
