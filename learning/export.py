"""Writes the model file: the backbone's graph with a fitted head, a temperature and what must be known about them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from contracts.categories import CATEGORIES
from learning.datasets import DatasetInvalid
from learning.graph import FEATURES, OUTLIER_SCORE, PROBABILITIES
from learning.head import Head
from learning.outliers import OutlierHead

_HEAD = "head."
"""Prefix of every node and constant that is replaced when a new head is attached."""


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
        """Return the card as the key-value texts of an ONNX file; `adapters.onnx_model` documents the keys."""
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


def read_backbone(path: Path) -> onnx.ModelProto:
    """Return the graph at `path` up to its output `features`, without a head; raises `DatasetInvalid` if it has none."""
    try:
        model = onnx.load(path)
    except (OSError, ValueError, RuntimeError) as error:
        raise DatasetInvalid(f"{path}: {error}") from error
    if FEATURES not in {name for node in model.graph.node for name in node.output}:
        raise DatasetInvalid(f"{path} computes no {FEATURES}")
    _keep(model.graph.node, [node for node in model.graph.node if not node.name.startswith(_HEAD)])
    _keep(model.graph.initializer, [c for c in model.graph.initializer if not c.name.startswith(_HEAD)])
    _keep(model.graph.output, [output for output in model.graph.output if output.name == FEATURES])
    del model.metadata_props[:]
    return model


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
