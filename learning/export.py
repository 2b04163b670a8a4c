"""Writes the model file: the backbone's graph with a fitted head, a temperature and what must be known about them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import TensorProto, helper, numpy_helper

from contracts.categories import CATEGORIES
from learning.datasets import DatasetInvalid
from learning.graph import FEATURES, IMAGE, OUTLIER_SCORE, PROBABILITIES, SIDE_PX, WIDTH
from learning.head import Head
from learning.outliers import OutlierHead

_HEAD = "head."
"""Prefix of every node and constant that is replaced when a new head is attached."""
_UNREADABLE = (OSError, ValueError, RuntimeError, DecodeError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError)


@dataclass(frozen=True)
class ModelCard:
    """What goes with the model as metadata; `calibration` holds the figures of the validation set."""

    version: str
    threshold: float
    outlier_threshold: float | None
    preprocessing: str
    temperature: float
    calibration: Mapping[str, float]
    data_fingerprint: str
    git_revision: str

    def metadata(self) -> dict[str, str]:
        """Return the card as the key-value texts of an ONNX file; `adapters.onnx.model` documents the keys."""
        outliers = {} if self.outlier_threshold is None else {"outlier_threshold": repr(self.outlier_threshold)}
        return {
            "labels": json.dumps([category.value for category in CATEGORIES]),
            "version": self.version,
            "threshold": repr(self.threshold),
            "preprocessing": self.preprocessing,
            "calibration": json.dumps({"temperature": self.temperature, **self.calibration}),
            "data_fingerprint": self.data_fingerprint,
            "git_revision": self.git_revision,
        } | outliers


def read_backbone(path: Path, preprocessing: str) -> onnx.ModelProto:
    """Return the graph at `path` from `image` to its output `features`, without a head.

    Raises `DatasetInvalid` with the file's name if it is none, was trained with another `preprocessing`, has another program's
    head, or holds weights that are no numbers.
    """
    try:
        model = onnx.load(path)
        named = {entry.key: entry.value for entry in model.metadata_props}.get("preprocessing", preprocessing)
        if named != preprocessing:
            raise DatasetInvalid(f"trained with preprocessing {named[:100]!r}, not {preprocessing}")
        _remove_heads(model)
        onnx.checker.check_model(model, full_check=True)
        _check_backbone(model.graph)
    except _UNREADABLE as error:
        raise DatasetInvalid(f"{path}: {' '.join(str(error).split())}") from error
    return model


def _remove_heads(model: onnx.ModelProto) -> None:
    _keep(model.graph.node, [node for node in model.graph.node if not node.name.startswith(_HEAD)])
    _keep(model.graph.initializer, [c for c in model.graph.initializer if not c.name.startswith(_HEAD)])
    made = {name for node in model.graph.node for name in node.output}
    if FEATURES not in made:
        raise DatasetInvalid(f"computes no {FEATURES}")
    if strange := sorted(name for name in made if name in {PROBABILITIES, OUTLIER_SCORE} or name.startswith(_HEAD)):
        raise DatasetInvalid(f"{', '.join(strange)} is of a head that this program did not make: leave it out of the file")
    _keep(model.graph.output, [output for output in model.graph.output if output.name == FEATURES])
    del model.metadata_props[:]


def _check_backbone(graph: onnx.GraphProto) -> None:
    """Check what is declared, which the ONNX checker has held against what the nodes make; raises `DatasetInvalid`."""
    ends = [[_declared(one) for one in values] for values in (graph.input, graph.output)]
    pixels = (IMAGE, TensorProto.UINT8, [SIDE_PX, SIDE_PX, 3])
    wanted = [[pixels], [(FEATURES, TensorProto.FLOAT, [WIDTH])]]
    if ends != wanted:
        raise DatasetInvalid(f"goes from {ends[0]} to {ends[1]}, not from {wanted[0]} to {wanted[1]}")
    for constant in graph.initializer:
        values = numpy_helper.to_array(constant)
        if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
            raise DatasetInvalid(f"the weights {constant.name} are no finite numbers")


def _declared(value: onnx.ValueInfoProto) -> tuple[str, int, list[int]]:
    """Return a value's name, type and shape without the number of pictures; a length that is not fixed is 0."""
    tensor = value.type.tensor_type
    return value.name, tensor.elem_type, [one.dim_value for one in tensor.shape.dim][1:]


def _keep(field: object, items: list[object]) -> None:
    copies = [type(item).FromString(item.SerializeToString()) for item in items]  # type: ignore[attr-defined]
    del field[:]  # type: ignore[attr-defined]
    field.extend(copies)  # type: ignore[attr-defined]


def attach_heads(backbone: onnx.ModelProto, head: Head, outliers: OutlierHead | None, card: ModelCard) -> onnx.ModelProto:
    """Return a new model: `backbone`, then `probabilities` float32 [n, 5], and `outlier_score` float32 [n] with `outliers`.

    The probabilities are softmax(head(features) / temperature); the score is sigmoid(outliers(features)).
    """
    model = onnx.ModelProto()
    model.CopyFrom(backbone)
    _attach_categories(model.graph, head, card.temperature)
    if outliers is not None:
        _attach_outliers(model.graph, outliers)
    helper.set_model_props(model, card.metadata())
    onnx.checker.check_model(model, full_check=True)
    return model


@dataclass(frozen=True)
class Heads:
    """What `attach_heads` has attached, read back."""

    categories: Head
    temperature: float
    outliers: OutlierHead | None
    threshold: float
    outlier_threshold: float | None

    @property
    def calibrated(self) -> Head:
        """The head of the categories with the temperature in it."""
        return Head(self.categories.weights / self.temperature, self.categories.bias / self.temperature)


def read_heads(model: onnx.ModelProto) -> Heads:
    """Return the heads of a model that `attach_heads` made; raises `DatasetInvalid` for another's."""
    constants = {one.name.removeprefix(_HEAD): one for one in model.graph.initializer if one.name.startswith(_HEAD)}
    said = {entry.key: entry.value for entry in model.metadata_props}
    try:
        found = {name: numpy_helper.to_array(one) for name, one in constants.items()}
        outliers = None
        if "outlier.weights" in found:
            outliers = OutlierHead(found["outlier.weights"], float(found["outlier.bias"]))
        return Heads(
            Head(found["weights"], found["bias"]),
            float(found["temperature"]),
            outliers,
            float(said["threshold"]),
            float(said["outlier_threshold"]) if outliers else None,
        )
    except (KeyError, ValueError, TypeError) as error:
        raise DatasetInvalid(f"the model has no heads that this program made: {type(error).__name__} {error}") from error


def _attach_categories(graph: onnx.GraphProto, head: Head, temperature: float) -> None:
    constants = {"weights": head.weights, "bias": head.bias, "temperature": np.array(temperature, np.float32)}
    graph.initializer.extend(numpy_helper.from_array(v, _HEAD + k) for k, v in constants.items())
    gemm_inputs = [FEATURES, _HEAD + "weights", _HEAD + "bias"]
    graph.node.extend(
        [
            helper.make_node("Gemm", gemm_inputs, [_HEAD + "logits"], name=_HEAD + "gemm", transB=1),
            helper.make_node("Div", [_HEAD + "logits", _HEAD + "temperature"], [_HEAD + "scaled"], name=_HEAD + "scale"),
            helper.make_node("Softmax", [_HEAD + "scaled"], [PROBABILITIES], name=_HEAD + "softmax", axis=1),
        ]
    )
    graph.output.insert(0, helper.make_tensor_value_info(PROBABILITIES, TensorProto.FLOAT, ["n", len(CATEGORIES)]))


def _attach_outliers(graph: onnx.GraphProto, outliers: OutlierHead) -> None:
    constants = {"outlier.weights": outliers.weights, "outlier.bias": np.array(outliers.bias, np.float32)}
    graph.initializer.extend(numpy_helper.from_array(v, _HEAD + k) for k, v in constants.items())
    product, logit = _HEAD + "outlier.product", _HEAD + "outlier.logit"
    graph.node.extend(
        [
            helper.make_node("MatMul", [FEATURES, _HEAD + "outlier.weights"], [product], name=product),
            helper.make_node("Add", [product, _HEAD + "outlier.bias"], [logit], name=logit),
            helper.make_node("Sigmoid", [logit], [OUTLIER_SCORE], name=_HEAD + "outlier.score"),
        ]
    )
    graph.output.insert(1, helper.make_tensor_value_info(OUTLIER_SCORE, TensorProto.FLOAT, ["n"]))
