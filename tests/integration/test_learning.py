"""From labelled pictures to a model that a worker loads, by the commands that people run."""

import csv
import errno
import hashlib
import json
import re
import sys
from datetime import datetime

import numpy as np
import pytest
from PIL import Image

from adapters.onnx.model import OnnxClassifier
from adapters.pictures.pixels import decode
from contracts.categories import CATEGORIES
from contracts.errors import ModelUnusable, SettingsInvalid
from learning.__main__ import main
from learning.calibrate import fit_temperature, softmax
from local.ports import free_port
from tests.makers import a_jpeg
from tests.training_data import trained


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
        ("a.jpg,s,paper,train,g1\nbad.jpg,s,paper,test,g1", r"group g1 is in train .* and test"),
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


def test_a_record_names_what_was_in_force_and_nothing_else(rendered, tmp_path, capsys):
    trained(rendered, tmp_path)
    said = capsys.readouterr()
    (record,) = (json.loads(path.read_text()) for path in (tmp_path / "runs").glob("*/run.json"))
    assert record["parameters"]["data"] == [str(rendered)]
    assert record["parameters"]["backbone"] == "shipped"
    assert set(record["parameters"]) == {"backbone", "data", "no_cache", "out", "runs", "threshold"}
    assert record["figures"]["outliers"]["broken cameras"]["sent_to_people"]["count"] == 210
    assert re.search(r"(?m)^broken cameras +210 ", said.out)
    assert "15 pictures in val are few" in said.err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--resume", "c.pt", "--epochs", "24"], "--epochs, --resume: heads alone are fitted in one go"),
        (["--heads-only", "field"], "--heads-only: heads alone"),
        (["--finetune", "--backbone", "b.onnx"], "--backbone is for the heads alone"),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(rendered, tmp_path, more, said):
    with pytest.raises(SettingsInvalid, match=said):
        main(["train", "--data", str(rendered), "--out", str(tmp_path / "m.onnx"), *more])


def test_a_version_is_a_name_and_no_path(rendered, tmp_path, capsys):
    command = ["train", "--data", str(rendered), "--runs", str(tmp_path / "runs")]
    for version in ("a b/c", "", "../up"):
        with pytest.raises(SystemExit):
            main([*command, "--out", str(tmp_path / "m.onnx"), "--version", version])
        assert "is not 1 to 100 letters, digits and . _ - +" in capsys.readouterr().err
    with pytest.raises(SettingsInvalid, match=r"the name of the file, 'my model' is not .*: give a --version"):
        main([*command, "--out", str(tmp_path / "my model.onnx")])
    assert list(tmp_path.iterdir()) == []


def test_rendering_writes_over_a_manifest_only_if_told_to(tmp_path):
    assert main(["render", str(tmp_path), "--per-category", "1"]) == 0
    (tmp_path / "manifest.csv").write_text("mine")
    with pytest.raises(SettingsInvalid, match=r"manifest\.csv is there already; --force writes over it"):
        main(["render", str(tmp_path), "--per-category", "1"])
    assert (tmp_path / "manifest.csv").read_text() == "mine"
    assert main(["render", str(tmp_path), "--per-category", "1", "--force"]) == 0


def test_an_evaluation_is_a_table_a_file_and_plots(rendered, tmp_path, capsys):
    file = trained(rendered, tmp_path)
    told = ["--json", str(tmp_path / "e.json"), "--plots", str(tmp_path / "plots")]
    assert main(["evaluate", str(file), "--data", str(rendered), *told]) == 0
    assert "ms a picture on one thread" in capsys.readouterr().out
    found = json.loads((tmp_path / "e.json").read_text())
    assert found["overall"]["right"]["count"] == 15
    assert np.sum(found["confusion"]) == 15
    assert found["slices"]["rendered/val"]["right"]["count"] == 15
    assert found["outliers"]["broken cameras"]["sent_to_people"]["count"] == 210
    kinds = {name: one["sent_to_people"]["count"] for name, one in found["outliers"].items() if name.startswith("broken cameras/")}
    assert set(kinds.values()) == {30}
    assert {"broken cameras/noise", "broken cameras/too dark", "broken cameras/torn"} <= set(kinds)
    for name in ("reliability", "risk-coverage", "confusion"):
        assert Image.open(tmp_path / "plots" / f"{name}.png").size[0] > 300


def test_the_plots_are_of_the_pictures_that_the_figures_are_of(rendered, tmp_path, monkeypatch):
    titles, figures = [], []
    monkeypatch.setattr("matplotlib.axes.Axes.set_title", lambda axes, text: titles.append(text))
    monkeypatch.setattr("learning.plots._worst_mistakes", lambda answers, decode, of: figures.append(len(answers.samples)))
    command = ["evaluate", "shipped", "--data", str(rendered), "--plots", str(tmp_path / "plots")]
    assert main(command) == 0
    assert len(titles) == 3
    assert all(title.endswith(": test, 15 pictures") for title in titles)
    assert main([*command, "--split", "test", "--split", "val"]) == 0
    assert titles[-1].endswith(": test, val, 30 pictures")
    assert figures == [15, 30]


def test_what_is_not_installed_is_said_before_anything_is_computed(rendered, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "learning.plots", None)
    monkeypatch.setitem(sys.modules, "learning.finetune", None)
    monkeypatch.setattr("learning.commands.evaluate.samples_of", None)
    monkeypatch.setattr("learning.commands.train.samples_of", None)
    with pytest.raises(SettingsInvalid, match=r"--plots needs the extra \[plots\]"):
        main(["evaluate", "shipped", "--data", str(rendered), "--plots", str(tmp_path / "plots")])
    with pytest.raises(SettingsInvalid, match=r"--finetune needs the extra \[finetune\]"):
        main(["train", "--finetune", "--data", str(rendered), "--out", str(tmp_path / "m.onnx")])


def test_a_quantized_model_says_nearly_the_same_and_is_smaller(rendered, tmp_path, capsys):
    file = trained(rendered, tmp_path)
    capsys.readouterr()
    assert main(["quantize", str(file), "--data", str(rendered), "--out", str(tmp_path / "q.onnx")]) == 0
    said = capsys.readouterr().out
    assert "activations measured on 90 pictures of train" in said
    for line in (
        r"15 pictures of val +right",
        r"before +\d+\.\d% \[",
        r"in eight bits +\d+\.\d% \[",
        r"both say the same of \d+\.\d%",
    ):
        assert re.search(f"(?m)^{line}", said)
    models = [OnnxClassifier.load(one, hashlib.sha256(one.read_bytes()).hexdigest()) for one in (file, tmp_path / "q.onnx")]
    assert (tmp_path / "q.onnx").stat().st_size < file.stat().st_size / 2
    pictures = [decode(path.read_bytes()) for path in sorted(rendered.glob("*.jpg"))[::4]]
    called = [[int(np.argmax(model.classify(picture).probabilities)) for picture in pictures] for model in models]
    assert np.mean(np.array(called[0]) == np.array(called[1])) >= 0.9


def test_pictures_of_none_of_the_five_teach_a_model_to_doubt(rendered, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    chance = np.random.default_rng(0)
    rows = ["file,source,category,split,group,origin_split"]
    for number in range(24):
        Image.fromarray(chance.integers(0, 256, (96, 96, 3), dtype=np.uint8)).save(outside / f"{number}.png")
        rows.append(f"{number}.png,noise,other,ood,{number},{'train' if number < 12 else 'test'}")
    (outside / "manifest.csv").write_text("\n".join(rows) + "\n")
    file = trained(rendered, tmp_path, "--data", str(outside), "--drop-near-duplicates")
    model = OnnxClassifier.load(file, hashlib.sha256(file.read_bytes()).hexdigest())
    seen = [model.classify(decode((outside / f"{number}.png").read_bytes())).outlier_score for number in range(12, 24)]
    assert min(seen) > model.outlier_threshold
    usual = [model.classify(decode(path.read_bytes())).outlier_score for path in sorted(rendered.glob("*.jpg"))]
    assert np.mean(np.array(usual) > model.outlier_threshold) < 0.25
    assert main(["evaluate", str(file), "--data", str(rendered), "--json", str(tmp_path / "e.json")]) == 0
    spoiled = json.loads((tmp_path / "e.json").read_text())["outliers"]["broken cameras"]
    assert spoiled["sent_to_people"]["value"] > 0.8
    assert spoiled["separation"] > 0.9


def test_a_full_disk_leaves_no_half_written_model(rendered, tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(SettingsInvalid, match="No space left"):
        main(["train", "--data", str(rendered), "--no-cache", "--out", str(tmp_path / "m.onnx"), "--runs", str(tmp_path / "runs")])
    assert [one.name for one in tmp_path.rglob("*")] == ["runs"]


@pytest.mark.filterwarnings("ignore")  # MLflow's own
def test_a_run_is_copied_to_an_mlflow_server_and_one_that_is_away_undoes_nothing(rendered, tmp_path, monkeypatch, capsys):
    address = f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "bins")
    trained(rendered, tmp_path)
    from mlflow import MlflowClient

    client = MlflowClient(address)
    (copy,) = client.search_runs([client.get_experiment_by_name("bins").experiment_id])
    assert copy.info.status == "FINISHED"
    assert 0 <= copy.data.metrics["overall.right"] <= 1
    assert copy.data.params["out"] == str(tmp_path / "m.onnx")
    assert copy.data.params["data"] == str(rendered)
    (record,) = (json.loads(path.read_text()) for path in (tmp_path / "runs").glob("*/run.json"))
    times = [datetime.fromisoformat(record[name]).timestamp() * 1000 for name in ("began", "ended")]
    assert [copy.info.start_time, copy.info.end_time] == pytest.approx(times, abs=2)
    assert times[1] > times[0]
    assert {one.path for one in client.list_artifacts(copy.info.run_id)} >= {"run.json", "model.onnx", "plots"}
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    trained(rendered, tmp_path, "--version", "again")
    assert "waste learn train: the run is not on the server: MLFLOW_TRACKING_URI: " in capsys.readouterr().err


def test_a_source_can_be_left_out_and_one_that_is_not_there_is_said(rendered, tmp_path):
    command = ["train", "--data", str(rendered), "--out", str(tmp_path / "m.onnx"), "--runs", str(tmp_path), "--no-cache"]
    with pytest.raises(SettingsInvalid, match="--without: no pictures of elsewhere, only of rendered"):
        main([*command, "--without", "elsewhere"])
    with pytest.raises(SettingsInvalid, match="no pictures"):
        main([*command, "--without", "rendered"])
    assert not (tmp_path / "m.onnx").exists()
