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
from learning.graph import FEATURES, PROBABILITIES
from learning.head import Head

_HEAD = "head."
"""Prefix of every node and constant that is replaced when a new head is attached."""


@dataclass(frozen=True)
class ModelCard:
    """What goes with the model as metadata; `calibration` holds the figures of the validation set."""

    version: str
    threshold: float
    preprocessing: str
    temperature: float
    calibration: Mapping[str, float]
    data_fingerprint: str
    git_revision: str

    def metadata(self) -> dict[str, str]:
        """Return the card as the key-value texts of an ONNX file; `adapters.onnx_model` documents the keys."""
        return {
            "labels": json.dumps([category.value for category in CATEGORIES]),
            "version": self.version,
            "threshold": repr(self.threshold),
            "preprocessing": self.preprocessing,
            "calibration": json.dumps({"temperature": self.temperature, **self.calibration}),
            "data_fingerprint": self.data_fingerprint,
            "git_revision": self.git_revision,
        }


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


def attach_head(backbone: onnx.ModelProto, head: Head, card: ModelCard) -> onnx.ModelProto:
    """Return a new model: `backbone`, then softmax(head(features) / temperature) as `probabilities` float32 [n, 5]."""
    model = onnx.ModelProto()
    model.CopyFrom(backbone)
    constants = {
        "weights": head.weights,
        "bias": head.bias,
        "temperature": np.array(card.temperature, np.float32),
    }
    model.graph.initializer.extend(numpy_helper.from_array(v, _HEAD + k) for k, v in constants.items())
    gemm_inputs = [FEATURES, _HEAD + "weights", _HEAD + "bias"]
    model.graph.node.extend(
        [
            helper.make_node("Gemm", gemm_inputs, [_HEAD + "logits"], name=_HEAD + "gemm", transB=1),
            helper.make_node("Div", [_HEAD + "logits", _HEAD + "temperature"], [_HEAD + "scaled"], name=_HEAD + "scale"),
            helper.make_node("Softmax", [_HEAD + "scaled"], [PROBABILITIES], name=_HEAD + "softmax", axis=1),
        ]
    )
    output = helper.make_tensor_value_info(PROBABILITIES, TensorProto.FLOAT, ["n", len(CATEGORIES)])
    model.graph.output.insert(0, output)
    helper.set_model_props(model, card.metadata())
    onnx.checker.check_model(model, full_check=True)
    return model
