"""The threshold of a model: chosen for what people can do, and written into another model."""

import hashlib
import re

import numpy as np
import pytest

from adapters.onnx.model import OnnxClassifier
from contracts.errors import SettingsInvalid
from learning.__main__ import main
from tests.training_data import trained


def test_without_a_threshold_outliers_still_go_to_people(rendered, tmp_path, capsys):
    file = trained(rendered, tmp_path, "--threshold", "0")
    assert re.search(r"(?m)^broken cameras/noise +30 +(100|9\d)\.\d%", capsys.readouterr().out)
    with pytest.raises(SettingsInvalid, match=r"the outlier score alone sends \d+\.\d\d% of the pictures to people"):
        main(["threshold", str(file), "--data", str(rendered), "--split", "train", "--review-share", "0"])


def test_rendered_pictures_choose_a_threshold_and_where_they_would_not_be_used_that_is_said(rendered, capsys):
    assert main(["threshold", "shipped", "--rendered", "8", "--review-share", "0.5"]) == 0
    told = capsys.readouterr()
    assert "of 40 pictures decided alone" in told.out
    assert "40 pictures are few" in told.err
    for more in (["--split", "val"], ["--data", str(rendered)]):
        with pytest.raises(SettingsInvalid, match="--rendered makes pictures of the split test"):
            main(["threshold", "shipped", "--rendered", "8", "--review-share", "0.5", *more])
    with pytest.raises(SystemExit):
        main(["threshold", "shipped", "--rendered", "8", "--review-share", "0.5", "--split", "ood"])


def test_a_threshold_is_chosen_for_a_wish_and_written_into_a_model_of_another_name(rendered, tmp_path, capsys):
    file = trained(rendered, tmp_path)
    wish = ["threshold", str(file), "--data", str(rendered), "--split", "train", "--review-share", "0.2"]
    assert main(wish) == 0
    said = re.search(r"threshold ([01]\.\d+): ([\d.]+)% of 90 pictures decided alone", capsys.readouterr().out)
    assert float(said[2]) >= 80
    with pytest.raises(SettingsInvalid, match="--out needs --version"):
        main([*wish, "--out", str(tmp_path / "n.onnx")])
    assert main([*wish, "--out", str(tmp_path / "n.onnx"), "--version", "m-stricter"]) == 0
    data = (tmp_path / "n.onnx").read_bytes()
    model = OnnxClassifier.load(tmp_path / "n.onnx", hashlib.sha256(data).hexdigest())
    assert (model.version, model.threshold) == ("m-stricter", float(said[1]))
    assert main(["threshold", str(file), "--data", str(rendered), "--split", "train", "--error", "0.2"]) == 0


def test_a_threshold_between_the_sixth_digits_is_written_as_it_is(rendered, tmp_path):
    from learning.commands.threshold import _short
    from learning.evaluate import Answers

    probabilities = np.array([[0.9999999, 1e-7, 0, 0, 0]] * 25 + [[0.9999991, 9e-7, 0, 0, 0]] * 10)
    answers = Answers(tuple([None] * 35), probabilities, None, 0.75, None)
    assert _short(0.9999999, answers) == 0.9999999
    assert _short(0.9999991, answers) == 0.999999


def test_a_threshold_is_not_written_over_the_model_that_it_was_chosen_on(rendered, tmp_path):
    file = trained(rendered, tmp_path)
    wish = ["threshold", str(file), "--data", str(rendered), "--split", "train", "--review-share", "0.9"]
    with pytest.raises(SettingsInvalid, match="others than the model's own"):
        main([*wish, "--out", str(file), "--version", "other"])
