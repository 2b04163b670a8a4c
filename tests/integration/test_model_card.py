"""The shipped model's file, the figures beside it, and its card say the same."""

import json
import re

import onnx
import pytest

from learning.__main__ import main
from learning.report import to_markdown
from learning.tracking import flat_figures
from models import shipped_model
from tests.conftest import REPOSITORY

CARD = (REPOSITORY / "docs" / "model-card.md").read_text("utf-8")
RENDERED = 40


def figures(of):
    path, digest = shipped_model()
    found = json.loads(path.with_suffix(f".{of}.json").read_text("utf-8"))
    assert found["sha256"] == digest
    return found


@pytest.fixture(scope="module")
def metadata():
    return {entry.key: entry.value for entry in onnx.load(shipped_model()[0]).metadata_props}


@pytest.mark.parametrize("of", ["photographs", "rendered"])
def test_the_figures_are_of_this_file_and_in_the_card(of, metadata):
    found = figures(of)
    assert found["model"] == metadata["version"]
    assert found["threshold"] == float(metadata["threshold"])
    assert to_markdown(found) in CARD


def test_the_card_is_of_this_file(metadata):
    path, digest = shipped_model()
    assert CARD.startswith(f"# Model card: {metadata['version']}\n")
    for fact in (digest, path.name, metadata["data_fingerprint"], metadata["outlier_threshold"]):
        assert fact in CARD
    temperature = json.loads(metadata["calibration"])["temperature"]
    assert f"temperature {temperature:.3f}" in CARD
    assert float(re.search(r"(\d+\.\d) MB", CARD)[1]) == pytest.approx(path.stat().st_size / 1e6, abs=0.06)


def test_the_figures_of_rendered_pictures_come_out_again(tmp_path):
    path, file = shipped_model()[0], tmp_path / "again.json"
    assert main(["evaluate", str(path), "--rendered", str(RENDERED), "--json", str(file)]) == 0
    again, before = json.loads(file.read_text("utf-8")), figures("rendered")
    assert again["confusion"] == before["confusion"]
    assert flat_figures(again["overall"]) == pytest.approx(flat_figures(before["overall"]), rel=1e-3)
