"""What `--backbone` takes: a file that cannot be one is refused in a line that names it."""

import numpy as np
import onnx
import pytest

from adapters.pictures.pixels import PREPROCESSING
from contracts.errors import SettingsInvalid
from learning.__main__ import main
from learning.export import read_backbone
from models import shipped_model


@pytest.fixture(scope="module")
def shipped():
    return shipped_model()[0].read_bytes()


def changed(change):
    def make(data):
        model = onnx.load_from_string(data)
        change(model)
        return model.SerializeToString()

    return make


def other_preprocessing(model):
    next(entry for entry in model.metadata_props if entry.key == "preprocessing").value = "bgr-256"


def a_foreign_head(model):
    for node in model.graph.node:
        node.name = node.name.replace("head.", "top.")


def constants_of_another_name(model):
    for node in model.graph.node:
        if node.name == "head.softmax":
            node.output[:] = ["head.probabilities"]
            node.name = "softmax"


def features_of_rank_4(model):
    for node in model.graph.node:
        node.output[:] = ["flat" if one == "features" else one for one in node.output]
        node.input[:] = ["flat" if one == "features" else one for one in node.input]
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([-1, 1280, 1, 1]), "shape"))
    model.graph.node.append(onnx.helper.make_node("Reshape", ["flat", "shape"], ["features"]))
    declared = onnx.helper.make_tensor_value_info("features", onnx.TensorProto.FLOAT, ["n", 1280, 1, 1])
    next(one for one in model.graph.output if one.name == "features").CopyFrom(declared)


def weights_that_are_no_numbers(model):
    one = next(constant for constant in model.graph.initializer if constant.name == "_conv_head.bias")
    values = onnx.numpy_helper.to_array(one).copy()
    values[3] = np.nan
    one.CopyFrom(onnx.numpy_helper.from_array(values, one.name))


def features_from_a_head(model):
    next(node for node in model.graph.node if "features" in node.output).input[:] = ["head.logits"]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda data: data[: len(data) // 2], "."),
        (lambda data: data + b"garbage" * 10, "."),
        (lambda _: b"\xff\xfe garbage" * 100, "."),
        (lambda _: b"", "computes no features"),
        (changed(other_preprocessing), "trained with preprocessing 'bgr-256'"),
        (changed(a_foreign_head), "probabilities is of a head that this program did not make"),
        (changed(constants_of_another_name), r"head\.probabilities is of a head"),
        (changed(features_of_rank_4), r"\[1280, 1, 1\]"),
        (changed(weights_that_are_no_numbers), r"the weights _conv_head\.bias are no finite numbers"),
        (changed(features_from_a_head), "."),
    ],
)
def test_a_file_that_is_no_backbone_is_said_in_one_line_with_its_name(tmp_path, shipped, make, said):
    file = tmp_path / "b.onnx"
    file.write_bytes(make(shipped))
    command = ["train", "--rendered", "20", "--drop-near-duplicates", "--no-cache", "--runs", str(tmp_path / "runs")]
    with pytest.raises(ValueError, match=said) as found:
        read_backbone(file, PREPROCESSING)
    assert str(found.value).startswith(f"{file}: ")
    assert "\n" not in str(found.value)
    if said == "computes no features":
        with pytest.raises(SettingsInvalid, match=r"b\.onnx: computes no features"):
            main([*command, "--backbone", str(file), "--out", str(tmp_path / "m.onnx")])


def test_the_shipped_model_is_a_backbone_and_so_is_what_is_made_of_it(tmp_path, shipped):
    (tmp_path / "m.onnx").write_bytes(shipped)
    backbone = read_backbone(tmp_path / "m.onnx", PREPROCESSING)
    (tmp_path / "b.onnx").write_bytes(backbone.SerializeToString())
    assert read_backbone(tmp_path / "b.onnx", PREPROCESSING) == backbone
