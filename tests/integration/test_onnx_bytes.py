"""What a model's file may not hold: weights that lie elsewhere, and bytes that are no model."""

import numpy as np
import onnx
import pytest

from adapters.onnx.bytes import names_other_files
from adapters.onnx.model import OnnxClassifier, OnnxFeatures
from contracts.errors import ModelUnusable
from tests.changed_models import changed


def outside(model):
    return model.graph.initializer[-1]


def in_a_subgraph(model):
    tensor = onnx.numpy_helper.from_array(np.zeros(2, np.float32), "inner")
    value = onnx.helper.make_tensor_value_info("inner", onnx.TensorProto.FLOAT, [2])
    branch = onnx.helper.make_graph([], "branch", [], [value], [tensor])
    model.graph.initializer.append(onnx.helper.make_tensor("yes", onnx.TensorProto.BOOL, [], [True]))
    model.graph.node.append(onnx.helper.make_node("If", ["yes"], ["x"], then_branch=branch, else_branch=branch))
    return model.graph.node[-1].attribute[0].g.initializer[0]


def in_an_attribute(model):
    tensor = onnx.numpy_helper.from_array(np.zeros(2, np.float32), "value")
    model.graph.node.append(onnx.helper.make_node("Constant", [], ["x"], value=tensor))
    return model.graph.node[-1].attribute[0].t


def in_a_function(model):
    tensor = onnx.numpy_helper.from_array(np.zeros(2, np.float32), "value")
    node = onnx.helper.make_node("Constant", [], ["y"], value=tensor)
    opsets = [onnx.helper.make_opsetid("", 17)]
    model.functions.append(onnx.helper.make_function("own", "F", [], ["y"], [node], opsets))
    return model.functions[0].node[0].attribute[0].t


@pytest.mark.parametrize("place", [outside, in_a_subgraph, in_an_attribute, in_a_function])
def test_a_model_whose_weights_lie_in_another_file_is_refused(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)

    def change(model):
        tensor = place(model)
        data = onnx.numpy_helper.to_array(tensor).tobytes()
        (tmp_path / "ext.bin").write_bytes(data)
        onnx.external_data_helper.set_external_data(tensor, "ext.bin", 0, len(data))
        tensor.ClearField("raw_data")

    path, digest = changed(tmp_path, change)
    with pytest.raises(ModelUnusable, match=r"changed\.onnx: some of its tensors lie in other files"):
        OnnxClassifier.load(path, digest)
    with pytest.raises(ModelUnusable, match=r"changed\.onnx: some of its tensors lie in other files"):
        OnnxFeatures.load(path)


def test_a_location_that_only_the_runtime_takes_for_another_file_is_refused():
    tensor = b"\x70" + b"\x81\x80\x80\x80\x10"  # data_location 2**32 + 1, cut to 1
    graph = b"\x2a" + bytes([len(tensor)]) + tensor
    assert names_other_files(b"\x3a" + bytes([len(graph)]) + graph)
    assert not names_other_files(b"\x3a\x00")


@pytest.mark.parametrize("data", [b"\x0b", b"\x00\x00", b"\x3a\x7f", b"\xff" * 12, b"\x3d\x00", b"\x3a\x02\x2a\x09"])
def test_bytes_that_are_no_protobuf_are_no_model(tmp_path, data):
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelUnusable, match=r"m\.onnx: not a usable ONNX file"):
        OnnxFeatures.load(path)
