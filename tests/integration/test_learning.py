"""From labelled pictures to a model that a worker loads, by the commands that people run."""

import csv
import hashlib
import re

import numpy as np
import pytest

from adapters.images import decode
from adapters.onnx_model import OnnxClassifier
from contracts.categories import CATEGORIES
from contracts.errors import ModelUnusable, SettingsInvalid
from learning.__main__ import main
from learning.calibrate import fit_temperature, softmax
from tests.makers import a_jpeg


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rendered")
    assert main(["render", str(folder), "--per-category", "24"]) == 0
    return folder


def test_rendered_pictures_come_with_a_manifest_of_whole_groups(rendered):
    with (rendered / "manifest.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 24 * len(CATEGORIES)
    assert {row["category"] for row in rows} == {category.value for category in CATEGORIES}
    assert {row["split"] for row in rows} == {"train", "val", "test"}
    assert all((rendered / row["file"]).stat().st_size > 1000 for row in rows)


def test_a_model_is_trained_evaluated_and_loaded_and_the_same_data_give_the_same_model(rendered, tmp_path, capsys):
    files = [tmp_path / "a.onnx", tmp_path / "b.onnx"]
    for file in files:
        assert main(["train", "--data", str(rendered), "--version", "try-1", "--threshold", "0.6", "--out", str(file)]) == 0
    digest = hashlib.sha256(files[0].read_bytes()).hexdigest()
    assert f"sha256 {digest}" in capsys.readouterr().out
    assert files[0].read_bytes() == files[1].read_bytes()
    model = OnnxClassifier.load(files[0], digest)
    assert (model.version, model.threshold) == ("try-1", 0.6)
    assert main(["evaluate", str(files[0]), "--data", str(rendered)]) == 0
    assert "rendered" in capsys.readouterr().out
    right = sum(
        CATEGORIES[int(np.argmax(model.classify(decode(path.read_bytes())).probabilities))].value == path.name.split("-")[0]
        for path in rendered.glob("*.jpg")
    )
    assert right >= 0.8 * len(list(rendered.glob("*.jpg")))
    assert not list(tmp_path.glob("*.partial"))


def a_folder(tmp_path, *rows):
    (tmp_path / "a.jpg").write_bytes(a_jpeg())
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    header = "file,source,category,split,group\n"
    (tmp_path / "manifest.csv").write_text(header + "".join(f"{row}\n" for row in rows))
    return tmp_path


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a.jpg,s,wood,train,g1", r"line 2, category: 'wood'"),
        ("a.jpg,s,paper,dev,g1", r"line 2, split: 'dev'"),
        ("b.jpg,s,paper,train,g1", r"line 2, file: no file b.jpg"),
        ("../a.jpg,s,paper,train,g1", r"line 2, file"),
        ("a.jpg,,paper,train,g1", r"line 2, source: empty"),
        ("bad.jpg,s,paper,train,g1", r"bad\.jpg"),
        ("a.jpg,s,paper,train,g1\na.jpg,s,paper,test,g1", r"group g1 is in train .* and test"),
        ("a.jpg,s,paper,train,g1", r"splits train and val"),
    ],
)
def test_data_that_cannot_be_used_are_said_with_line_and_field(tmp_path, row, said):
    with pytest.raises(SettingsInvalid, match=said):
        main(["train", "--data", str(a_folder(tmp_path, row)), "--out", str(tmp_path / "m.onnx")])
    assert not (tmp_path / "m.onnx").exists()


def test_what_is_missing_is_said(tmp_path):
    with pytest.raises(SettingsInvalid, match=re.escape("no pictures: name a folder with --data")):
        main(["train", "--out", str(tmp_path / "m.onnx")])
    with pytest.raises(SettingsInvalid, match=r"manifest\.csv"):
        main(["train", "--data", str(tmp_path), "--out", str(tmp_path / "m.onnx")])
    with pytest.raises((SettingsInvalid, ModelUnusable), match=r"none\.onnx"):
        main(["evaluate", str(tmp_path / "none.onnx"), "--rendered", "1"])


def test_the_temperature_undoes_overconfidence():
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 1, (4000, 5))
    chances = softmax(logits, 1.0)
    labels = np.array([rng.choice(5, p=row) for row in chances])
    assert fit_temperature(logits * 3, labels, np.ones(len(labels))) == pytest.approx(3, rel=0.1)
    assert fit_temperature(logits / 2, labels, np.ones(len(labels))) == pytest.approx(0.5, rel=0.1)
