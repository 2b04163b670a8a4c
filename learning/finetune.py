"""All layers of the backbone, trained on pictures in many lights and places.

AdamW with a warm-up and a cosine, label smoothing, an average of the weights over the steps (which is what is kept), the head
begun as a linear probe (Kumar et al. 2022: a random one would distort the features first), and an end where the validation
set says so. The same seed, data and machine give the same model; a checkpoint lets a run go on where it was cut off.
"""

import copy
import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor

from contracts.categories import CATEGORIES
from learning.backbone import build
from learning.datasets import DatasetInvalid, Sample, Split
from learning.epoch import Epoch
from learning.features import labels_of
from learning.head import Head, balance, fit
from learning.network import Lite0, between, load_imagenet_weights, planes
from learning.plan import Plan
from learning.preprocessing import Decode, Preprocessing
from learning.rendered import RENDERED
from learning.scenes import load_scenes, make_augmenter
from learning.steps import State, judge, keep_freed_memory, read_checkpoint, restore, run_epoch, save

_RENDERED_CREDIT = 0.25
"""What a rendered picture counts for: at 0.6 a quarter of an epoch was drawn, and photographs came short."""


def finetune(samples: Sequence[Sample], preprocessing: Preprocessing, plan: Plan) -> onnx.ModelProto:
    """Train on the split `train`, stop by `val`; returns the backbone's graph, from pixels to features.

    Raises `DatasetInvalid` for an empty split or category, a loss that is no number, and a checkpoint of another run.
    """
    backbone, _ = export(train_network(samples, preprocessing, plan))
    return backbone


def export(network: Lite0) -> tuple[onnx.ModelProto, Head]:
    """Return a trained network as the backbone's graph, from pixels to features, and its head."""
    weights = {name: value.detach().numpy() for name, value in network.state_dict().items()}
    return build(weights), Head(weights["head.weight"].astype(np.float32), weights["head.bias"].astype(np.float32))


def train_network(
    samples: Sequence[Sample], preprocessing: Preprocessing, plan: Plan, classes: NDArray[np.int64] | None = None
) -> Lite0:
    """Return the trained network; `classes` [n] are other labels than the five categories, -1 for pictures to leave out."""
    decode = preprocessing.decode
    labels = labels_of(samples) if classes is None else classes
    teaching = [i for i, sample in enumerate(samples) if sample.split is Split.TRAIN and labels[i] >= 0]
    judging = [i for i, sample in enumerate(samples) if sample.split is Split.VAL and labels[i] >= 0]
    if not teaching or not judging:
        raise DatasetInvalid("training needs pictures in the splits train and val")
    torch.manual_seed(plan.seed)
    keep_freed_memory()
    chosen = [samples[i] for i in teaching]
    count = len(CATEGORIES) if classes is None else int(labels.max()) + 1
    identity = _identity(samples, labels, plan)
    kept = read_checkpoint(plan, identity)
    state = _begin(chosen, labels[teaching], count, decode, plan)
    if kept:
        restore(state, kept)
    scenes = load_scenes(chosen, preprocessing.flatten)
    photographed = [i for i in judging if samples[i].source != RENDERED]
    judging = photographed or judging  # rendered pictures would hide when photographs are learned by heart
    held = _pixels([samples[i] for i in judging], decode)
    weight, augment = _weight(chosen, labels[teaching]), make_augmenter(scenes, plan.seed, plan.paste)
    while not state.ended(plan):
        epoch = state.epoch
        drawn = Epoch(scenes, labels[teaching], weight, epoch, plan.pictures_per_epoch, seed=plan.seed, augment=augment)
        run_epoch(state, drawn, plan)
        judge(state, held, torch.from_numpy(labels[judging]), epoch)
        state.epoch = epoch + 1
        save(state, plan, identity)
    trained = state.best or state.average.state_dict()
    state.average.load_state_dict(between(load_imagenet_weights(), trained, plan.trained_share))
    if plan.trained_share < 1:
        _probe(state.average, chosen, labels[teaching], decode)
    return state.average.eval()


def _begin(chosen: Sequence[Sample], labels: NDArray[np.int64], count: int, decode: Decode, plan: Plan) -> State:
    network = Lite0(load_imagenet_weights(), count)
    _probe(network, chosen, labels, decode)
    network = network.to(memory_format=torch.channels_last)
    body = [parameter for name, parameter in network.named_parameters() if not name.startswith("head.")]
    groups = [
        {"params": [one for one in body if one.ndim > 1], "lr": plan.rate, "weight_decay": plan.decay},
        {"params": [one for one in body if one.ndim <= 1], "lr": plan.rate, "weight_decay": 0.0},
        {"params": list(network.head.parameters()), "lr": plan.head_rate, "weight_decay": plan.decay},
    ]
    return State(network, copy.deepcopy(network), torch.optim.AdamW(groups))


def _probe(network: Lite0, chosen: Sequence[Sample], labels: NDArray[np.int64], decode: Decode) -> None:
    """Fit the head as a logistic regression on the features as they are."""
    features = _features(network, _pixels(chosen, decode))
    head = fit(features, labels, sample_weight=_weight(chosen, labels), classes=network.head.out_features)
    with torch.no_grad():
        network.head.weight.copy_(torch.from_numpy(head.weights))
        network.head.bias.copy_(torch.from_numpy(head.bias))


@torch.no_grad()
def _features(network: Lite0, pixels: Tensor) -> NDArray[np.float32]:
    network.eval()
    found = [network.features(planes(pixels[start : start + 64])) for start in range(0, len(pixels), 64)]
    return np.asarray(torch.cat(found).numpy(), np.float32)


def _pixels(samples: Sequence[Sample], decode: Decode) -> Tensor:
    return torch.from_numpy(np.stack([decode(sample.path.read_bytes()) for sample in samples]))


def _weight(samples: Sequence[Sample], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    groups = [f"{sample.source}/{label}" for sample, label in zip(samples, labels, strict=True)]
    credit = np.array([_RENDERED_CREDIT if sample.source == RENDERED else 1.0 for sample in samples])
    weight = balance(groups, power=0.5) * credit
    return np.asarray(weight / weight.mean())


def _identity(samples: Sequence[Sample], labels: NDArray[np.int64], plan: Plan) -> str:
    """Return a digest of all that decides what a run becomes: the pictures' bytes too, and their order, by which they are drawn."""
    digest = hashlib.sha256(repr(replace(plan, checkpoint=None)).encode())
    for sample, label in zip(samples, labels, strict=True):
        content = hashlib.sha256(sample.path.read_bytes()).hexdigest()
        digest.update(f"\n{sample.source} {sample.group} {sample.split} {label} {content}".encode())
    return digest.hexdigest()
