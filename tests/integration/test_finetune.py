"""Fine-tuning on a few rendered pictures: it learns, it goes on where it was cut off, and its file computes what PyTorch did."""

import hashlib
import os
from dataclasses import replace

import numpy as np
import pytest

from adapters.onnx.model import OnnxClassifier, OnnxFeatures
from adapters.pictures.pixels import PREPROCESSING, decode, flatten_whole
from contracts.errors import SettingsInvalid
from learning.__main__ import main
from learning.datasets import DatasetInvalid, Split, read_manifests

if os.environ.get("CI") != "true":
    pytest.importorskip("torch", reason="needs the extra [finetune]")
import torch

from learning.finetune import export, finetune, train_network
from learning.network import Lite0, between, load_imagenet_weights, planes, shrunk
from learning.plan import Plan
from learning.preprocessing import Preprocessing

OURS = Preprocessing(PREPROCESSING, decode, flatten_whole)
PLAN = Plan(epochs=2, pictures_per_epoch=16, batch=8)


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rendered")
    assert main(["render", str(folder), "--per-category", "10"]) == 0
    return read_manifests([folder])


@pytest.fixture(scope="module")
def trained(samples):
    return train_network(samples, OURS, PLAN)


def test_the_smallest_run_makes_a_model_that_a_worker_loads(tmp_path, capsys):
    file = tmp_path / "m.onnx"
    assert main(["train", "--finetune", "--smoke", "--out", str(file), "--runs", str(tmp_path / "runs")]) == 0
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert f"sha256 {digest}" in capsys.readouterr().out
    assert OnnxClassifier.load(file, digest).version == "m"
    (record,) = (tmp_path / "runs").glob("*/run.json")
    assert digest in record.read_text()


def test_the_file_computes_what_pytorch_computes_on_the_pixels_of_serving(samples, trained, tmp_path):
    backbone, head = export(trained)
    (tmp_path / "b.onnx").write_bytes(backbone.SerializeToString())
    pictures = np.stack([decode(sample.path.read_bytes()) for sample in samples[:6]])
    features = OnnxFeatures.load(tmp_path / "b.onnx").extract(pictures)
    with torch.no_grad():
        expected = trained(planes(torch.from_numpy(pictures))).numpy()
    assert np.abs(head.logits(features) - expected).max() < 1e-3 * max(1.0, np.abs(expected).max())


def test_the_same_seed_gives_the_same_model(samples, trained):
    again = train_network(samples, OURS, PLAN).state_dict()
    assert all(torch.equal(value, again[name]) for name, value in trained.state_dict().items())
    other = train_network(samples, OURS, replace(PLAN, seed=1)).state_dict()
    assert not torch.equal(other["_conv_head.weight"], again["_conv_head.weight"])


def test_a_run_that_was_cut_off_goes_on_and_ends_as_if_it_had_not_been(samples, trained, tmp_path, monkeypatch):
    plan = replace(PLAN, checkpoint=tmp_path / "c.pt")
    from learning import finetune as module

    judge = module.judge

    def cut_off(state, held, labels, epoch):
        if epoch == 1:
            raise KeyboardInterrupt
        judge(state, held, labels, epoch)

    monkeypatch.setattr(module, "judge", cut_off)
    with pytest.raises(KeyboardInterrupt):
        train_network(samples, OURS, plan)
    monkeypatch.undo()
    resumed = train_network(samples, OURS, plan).state_dict()
    assert all(torch.equal(value, resumed[name]) for name, value in trained.state_dict().items())
    with pytest.raises(DatasetInvalid, match="other pictures or another plan"):
        train_network(samples[:-1], OURS, plan)


def test_what_is_no_checkpoint_or_a_part_of_one_is_said_in_one_line_before_anything_is_computed(samples, tmp_path, monkeypatch):
    from learning import finetune as module

    whole, strange = tmp_path / "whole.pt", tmp_path / "strange.pt"
    monkeypatch.setattr(module, "_begin", None)
    torch.save({"identity": "x", "network": torch.zeros(1000)}, whole)
    torch.save(Plan(), strange)
    contents = [b"", b"no checkpoint", whole.read_bytes()[:500], whole.read_bytes()[:-30], whole.read_bytes(), strange.read_bytes()]
    for content in contents:
        (tmp_path / "c.pt").write_bytes(content)
        with pytest.raises(DatasetInvalid, match=r"c\.pt is no checkpoint, or not a whole one") as said:
            train_network(samples, OURS, replace(PLAN, checkpoint=tmp_path / "c.pt"))
        assert "weights_only" not in str(said.value)


@pytest.mark.parametrize(
    ("more", "epochs", "said"),
    [
        ([], 1, "with --resume FILE each epoch is"),
        (["--resume", "c.pt"], 0, "before the first epoch ended: there is no c.pt"),
        (["--resume", "c.pt"], 1, "c.pt has the run as of its last whole epoch"),
    ],
)
def test_an_interrupt_says_what_is_kept_and_how(samples, tmp_path, monkeypatch, capsys, more, epochs, said):
    from learning import finetune as module

    def cut_off(chosen, preprocessing, plan):
        if plan.checkpoint and epochs:
            plan.checkpoint.write_bytes(b"an epoch")
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "train_network", cut_off)
    command = ["train", "--finetune", "--data", str(samples[0].path.parent), "--drop-near-duplicates", "--out", "m.onnx"]
    with pytest.raises(KeyboardInterrupt):
        main([*command, *more])
    assert said in capsys.readouterr().err


def test_a_checkpoint_may_be_moved(samples, trained, tmp_path):
    train_network(samples, OURS, replace(PLAN, checkpoint=tmp_path / "c.pt"))
    (tmp_path / "c.pt").rename(tmp_path / "d.pt")
    again = train_network(samples, OURS, replace(PLAN, checkpoint=tmp_path / "d.pt")).state_dict()
    assert all(torch.equal(value, again[name]) for name, value in trained.state_dict().items())


def test_a_loss_that_is_no_number_ends_the_run(samples):
    with pytest.raises(DatasetInvalid, match="the loss is nan in epoch 1"):
        finetune(samples, OURS, replace(PLAN, rate=1e30, head_rate=1e30))


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (lambda one: one.split is not Split.VAL, "splits train and val"),
        (lambda one: one.split is not Split.TRAIN, "splits train and val"),
        (lambda one: one.split is not Split.TRAIN or one.category == "paper", "no training pictures of"),
        (lambda one: one.split is not Split.TRAIN or one.category != "organic", "no training pictures of organic"),
    ],
)
def test_data_without_a_part_are_refused(samples, chosen, said):
    with pytest.raises(DatasetInvalid, match=said):
        finetune([sample for sample in samples if chosen(sample)], OURS, PLAN)


def test_without_pytorch_it_is_said_what_is_missing(samples, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "learning.finetune", None)
    folder = str(samples[0].path.parent)
    with pytest.raises(SettingsInvalid, match=r"extra \[finetune\]"):
        main(["train", "--finetune", "--data", folder, "--out", str(tmp_path / "m.onnx"), "--drop-near-duplicates"])


def test_pictures_grow_until_two_thirds_of_the_epochs():
    sides = [Plan(epochs=9).side_px(epoch) for epoch in range(9)]
    assert sides == [160, 160, 192, 192, 192, 224, 224, 224, 224]
    assert Plan(epochs=9, first_side_px=224).side_px(0) == 224
    flow = planes(torch.full((2, 224, 224, 3), 255, dtype=torch.uint8))
    assert shrunk(flow, 160).shape == (2, 3, 160, 160)
    assert torch.allclose(shrunk(flow, 160), torch.ones(()))
    assert shrunk(flow, 224) is flow


def test_weights_go_back_towards_the_published_ones():
    trained = {"a": torch.tensor([3.0]), "head.weight": torch.tensor([5.0]), "steps": torch.tensor(7)}
    blended = between({"a": torch.tensor([1.0]), "steps": torch.tensor(0)}, trained, 0.75)
    assert {name: value.item() for name, value in blended.items()} == {"a": 2.5, "head.weight": 5.0, "steps": 7}


def test_a_source_for_the_heads_alone_does_not_reach_the_layers(samples, tmp_path, monkeypatch):
    from learning import finetune as module

    seen = {}
    few = [replace(one, source="field") if i % 2 else one for i, one in enumerate(samples)]
    monkeypatch.setattr("learning.commands.common.read_manifests", lambda _: few)
    monkeypatch.setattr(module, "train_network", lambda chosen, preprocessing, plan: seen.setdefault(tuple(chosen), Lite0(zero, 5)))
    zero = load_imagenet_weights()
    command = ["train", "--finetune", "--data", "x", "--out", str(tmp_path / "m.onnx"), "--runs", str(tmp_path), "--no-cache"]
    assert main([*command, "--heads-only", "field", "--drop-near-duplicates"]) == 0
    (chosen,) = seen
    assert chosen
    assert {one.source for one in chosen} == {"rendered"}


def test_the_network_begins_as_the_published_one():
    weights = load_imagenet_weights()
    network = Lite0(weights, 5).eval()
    kept = [name for name in network.state_dict() if name in weights]
    assert len(kept) == len(network.state_dict()) - 2
    assert all(torch.equal(network.state_dict()[name], weights[name]) for name in kept)
