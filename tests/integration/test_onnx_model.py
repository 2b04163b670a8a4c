"""The shipped model and the checks that any other has to pass."""

import hashlib
import os
import re
import subprocess
import sys
import threading

import numpy as np
import onnx
import pytest

from adapters.onnx.feature_sketch import sketch
from adapters.onnx.model import OnnxClassifier, OnnxFeatures
from adapters.pictures.pixels import decode
from contracts.categories import CATEGORIES
from contracts.errors import ModelUnusable
from learning.broken import broken
from models import shipped_model
from producer.render import render
from tests.changed_models import changed
from tests.conftest import REPOSITORY


@pytest.fixture(scope="module")
def shipped():
    return OnnxClassifier.load(*shipped_model())


def test_the_shipped_model_says_what_it_is(shipped):
    path, digest = shipped_model()
    assert path.stat().st_size < 20e6
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    assert shipped.version in path.name
    assert shipped.threshold == 0.75
    assert 0 < shipped.outlier_threshold < 1


def test_the_shipped_model_knows_the_simulators_pictures_well_but_not_always(shipped):
    right = decided = right_decided = 0
    for category in CATEGORIES:
        for seed in range(10_000, 10_030):
            scores = shipped.classify(decode(render(category, seed))).probabilities
            best = int(np.argmax(scores))
            right += CATEGORIES[best] == category
            decided += scores[best] >= shipped.threshold
            right_decided += CATEGORIES[best] == category and scores[best] >= shipped.threshold
    assert 0.85 <= right / 150 < 1
    assert 0.7 <= decided / 150 < 1
    assert right_decided / decided >= 0.93


def test_what_the_shipped_model_sees_in_a_picture_is_the_sketch_of_its_features(shipped):
    pictures = [decode(render(category, 30_000)) for category in CATEGORIES]
    features = OnnxFeatures.load(shipped_model()[0]).extract(np.stack(pictures))
    for picture, one in zip(pictures, features, strict=True):
        found, wanted = (np.frombuffer(told, np.uint8).astype(int) for told in (shipped.classify(picture).sketch, sketch(one)))
        assert np.abs(found - wanted).max() <= 1
    assert len({shipped.classify(picture).sketch for picture in pictures}) == len(pictures)


def test_the_shipped_model_sends_what_broken_cameras_make_to_people(shipped):
    photographs = [decode(render(category, seed)) for category in CATEGORIES for seed in range(20_000, 20_004)]
    sent = [not decides(shipped, picture) for picture in broken(photographs, 140, seed=99)]
    assert sum(sent) >= 0.85 * len(sent)
    nothing = [np.full((224, 224, 3), value, np.uint8) for value in (0, 128, 255)]
    assert not any(decides(shipped, picture) for picture in nothing)


def decides(model, picture):
    scores = model.classify(picture)
    return max(scores.probabilities) >= model.threshold and scores.outlier_score <= model.outlier_threshold


def test_several_threads_get_what_one_gets(shipped):
    pictures = [decode(render(category, 1)) for category in CATEGORIES]
    expected = [shipped.classify(picture) for picture in pictures]
    wrong = []

    def run():
        for _ in range(5):
            wrong.extend(i for i, picture in enumerate(pictures) if shipped.classify(picture) != expected[i])

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_probabilities_of_any_picture_sum_to_one(shipped):
    for seed in range(10):
        pixels = np.random.default_rng(seed).integers(0, 256, (224, 224, 3), np.uint8)
        assert abs(sum(shipped.classify(pixels).probabilities) - 1) < 1e-3


def metadata(key, value):
    def change(model):
        for entry in model.metadata_props:
            if entry.key == key:
                entry.value = value

    return change


def without_probabilities(model):
    kept = [output for output in model.graph.output if output.name != "probabilities"]
    del model.graph.output[:]
    model.graph.output.extend(kept)


def features_of_rank_three(model):
    for node in model.graph.node:
        node.output[:] = ["flat" if name == "features" else name for name in node.output]
        node.input[:] = ["flat" if name == "features" else name for name in node.input]
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([2], np.int64), "features.axis"))
    model.graph.node.append(onnx.helper.make_node("Unsqueeze", ["flat", "features.axis"], ["features"]))
    del next(one for one in model.graph.output if one.name == "features").type.tensor_type.shape.dim[1:]
    dimensions = next(one for one in model.graph.output if one.name == "features").type.tensor_type.shape.dim
    dimensions.add().dim_value, dimensions.add().dim_value = 1280, 1


def input_renamed(model):
    old = model.graph.input[0].name
    model.graph.input[0].name = "picture"
    for node in model.graph.node:
        node.input[:] = ["picture" if name == old else name for name in node.input]


def hides_its_shape(name, count, *, rank=2):
    """Have the output `name` hold `count` values a picture, in a way that no shape inference sees through."""

    def change(model):
        for node in model.graph.node:
            node.output[:] = ["real" if one == name else one for one in node.output]
        for key, length in (("few", count), ("rows", rank - 1)):
            minus = np.full(length, -1, np.float32)
            model.graph.initializer.append(onnx.numpy_helper.from_array(minus, f"hidden.{key}"))
        make = onnx.helper.make_node
        model.graph.node.extend(
            [
                make("ReduceMax", ["real"], ["hidden.most"], keepdims=0),
                *(
                    node
                    for key in ("few", "rows")
                    for node in (
                        make("Less", [f"hidden.{key}", "hidden.most"], [f"{key}.true"]),
                        make("NonZero", [f"{key}.true"], [f"{key}.places"]),
                        make("Transpose", [f"{key}.places"], [f"{key}.chosen"], perm=[1, 0]),
                        make("GatherND", [f"hidden.{key}", f"{key}.chosen"], [f"{key}.found"]),
                        make("Abs", [f"{key}.found"], [f"{key}.ones"]),
                    )
                ),
                make("ReduceSum", ["few.ones"], ["hidden.sum"], keepdims=0),
                make("Div", ["few.ones", "hidden.sum"], ["hidden.shares"]),
                make("Shape", ["hidden.shares"], ["hidden.size"]),
                make("Cast", ["rows.ones"], ["hidden.ranks"], to=onnx.TensorProto.INT64),
                make("Concat", ["hidden.ranks", "hidden.size"], ["hidden.shape"], axis=0),
                make("Reshape", ["hidden.shares", "hidden.shape"], [name]),
            ]
        )

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (hides_its_shape("probabilities", 4), r"first run: .*probabilities of shape \(1, 4\), not \(1, 5\)"),
        (hides_its_shape("probabilities", 6), r"first run: .*\(1, 6\)"),
        (hides_its_shape("probabilities", 1), r"first run: .*\(1, 1\)"),
        (hides_its_shape("probabilities", 5, rank=4), r"\(1, 1, 1, 5\)"),
        (hides_its_shape("outlier_score", 2, rank=1), r"\(2,\)"),
        (hides_its_shape("outlier_score", 1), r"\(1, 1\)"),
    ],
)
def test_a_model_is_held_to_the_numbers_that_it_declares(tmp_path, change, said):
    path, digest = changed(tmp_path, change)
    with pytest.raises(ModelUnusable, match=said) as found:
        OnnxClassifier.load(path, digest)
    assert str(path) in str(found.value)


@pytest.mark.parametrize("key", ["version", "labels", "preprocessing"])
def test_a_text_that_is_not_utf_8_is_said(tmp_path, key):
    change = metadata(key, "?~?~?~?")
    path, _ = changed(tmp_path, change)
    data = path.read_bytes().replace(b"?~?~?~?", b"ab\xff\xfe\x80cd")
    path.write_bytes(data)
    with pytest.raises(ModelUnusable, match=r"changed\.onnx: .*not UTF-8"):
        OnnxClassifier.load(path, hashlib.sha256(data).hexdigest())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (metadata("labels", "[" * 100_000), "metadata: RecursionError"),
        (metadata("calibration", "[" * 100_000), "metadata: RecursionError"),
        (metadata("calibration", '{"temperature": 1' + "0" * 400 + "}"), "metadata: OverflowError"),
        (metadata("version", "v" * 101), "version 'v+', not 1 to 100 printable"),
        (metadata("version", "v" * 1_000_000), "version 'v+', not 1 to 100 printable"),
        (metadata("version", "a\nb"), "printable"),
        (metadata("version", "a\x1b[2J"), "printable"),
        (metadata("version", "a\x00b"), "printable"),
        (metadata("labels", '["paper", "plastic", "glass", "metal", "organic"]'), "labels"),
        (metadata("labels", "plastic"), "metadata"),
        (metadata("preprocessing", "bgr-256"), "preprocessing bgr-256"),
        (metadata("threshold", "1.5"), r"threshold 1\.5"),
        (metadata("threshold", "nan"), "threshold nan"),
        (metadata("threshold", "high"), "metadata"),
        (metadata("version", ""), "no metadata version"),
        (metadata("calibration", "{}"), "temperature"),
        (without_probabilities, "probabilities"),
        (features_of_rank_three, "features .*, not a vector a picture"),
        (input_renamed, "input"),
    ],
)
def test_a_model_that_breaks_its_contract_is_refused_and_the_breach_and_the_file_named(tmp_path, change, said):
    path, digest = changed(tmp_path, change)
    with pytest.raises(ModelUnusable, match=said) as found:
        OnnxClassifier.load(path, digest)
    assert str(path) in str(found.value)
    assert len(str(found.value)) < 1000


def test_a_file_that_is_another_or_none_is_refused(tmp_path):
    path, digest = shipped_model()
    with pytest.raises(ModelUnusable, match="has the SHA-256"):
        OnnxClassifier.load(path, "0" * 64)
    with pytest.raises(ModelUnusable, match=rf"{digest}, and none was named \(MODEL_SHA256\)"):
        OnnxClassifier.load(path, "")
    with pytest.raises(ModelUnusable, match="No such file"):
        OnnxClassifier.load(tmp_path / "none.onnx", digest)
    rubbish = tmp_path / "rubbish.onnx"
    rubbish.write_bytes(b"rubbish" * 100)
    with pytest.raises(ModelUnusable, match="not a usable ONNX file"):
        OnnxClassifier.load(rubbish, hashlib.sha256(rubbish.read_bytes()).hexdigest())
    with pytest.raises(ModelUnusable):
        OnnxFeatures.load(rubbish)


def test_the_runtime_tells_nobody_of_a_session(tmp_path):
    probe = f"""
import os, threading
from pathlib import Path
from adapters.onnx.model import OnnxClassifier
import learning.quantize
from models import shipped_model
OnnxClassifier.load(*shipped_model())
print(sorted(str(path) for path in Path({str(tmp_path)!r}).rglob("*")))
"""
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    said = subprocess.run(
        [sys.executable, "-c", probe], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True
    )
    assert said.stdout == "[]\n"
    silenced = re.compile(r"ORT_DISABLE_TELEMETRY.*(from|import) onnxruntime", re.DOTALL)
    users = [path for path in sources() if re.search(r"^\s*(from|import) onnxruntime", path.read_text("utf-8"), re.MULTILINE)]
    assert len(users) >= 3
    assert not [path for path in users if not silenced.search(path.read_text("utf-8"))]


def sources():
    return [path for room in ("adapters", "learning", "worker", "benchmarks") for path in (REPOSITORY / room).rglob("*.py")]
