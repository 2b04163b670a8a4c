"""A model that costs nothing: the contract of a real one, and the colour of the picture for an answer."""

import hashlib
import json
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from adapters.pictures.pixels import PREPROCESSING
from contracts.categories import CATEGORIES

_SHARPNESS = 12.0


def write_stub_model(path: Path, version: str = "stub") -> str:
    """Write the model and return its SHA-256: bright red is plastic, green paper, blue glass, other pictures are unsure."""
    weights = np.zeros((3, len(CATEGORIES)), np.float32)
    weights[0, 0] = weights[1, 1] = weights[2, 2] = _SHARPNESS
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float", "axes"], ["sum"], keepdims=0),
        helper.make_node("Div", ["sum", "scale"], ["colour"]),
        helper.make_node("MatMul", ["colour", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    constants = {"weights": weights, "axes": np.array([1, 2], np.int64), "scale": np.float32(255)}
    graph = helper.make_graph(
        nodes,
        "stub",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", 224, 224, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", len(CATEGORIES)])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    facts = {
        "labels": json.dumps([category.value for category in CATEGORIES]),
        "version": version,
        "threshold": "0.75",
        "preprocessing": PREPROCESSING,
        "calibration": json.dumps({"temperature": 1.0}),
        "data_fingerprint": "none",
        "git_revision": "none",
    }
    helper.set_model_props(model, facts)
    data = model.SerializeToString()
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()
