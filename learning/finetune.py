"""All layers of the backbone, trained on pictures in many lights and places.

AdamW with a warm-up and a cosine, label smoothing, an average of the weights over the steps (which is what is kept), the head
begun as a linear probe (Kumar et al. 2022: a random one would distort the features first), and an end where the validation
set says so. The same seed, data and machine give the same model; a checkpoint lets a run go on where it was cut off.
"""

import copy
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that everybody knows it by
from torch.utils.data import DataLoader
from tqdm import tqdm

from contracts.categories import CATEGORIES
from learning.backbone import build
from learning.datasets import DatasetInvalid, Sample, Split
from learning.features import Decode, labels_of
from learning.head import Head, balance, fit
from learning.network import Lite0, load_imagenet_weights, planes
from learning.rendered import RENDERED
from learning.scenes import Epoch, load_scenes, make_augmenter

_RENDERED_CREDIT = 0.25
"""What a rendered picture counts for: at 0.6 a quarter of an epoch was drawn, and photographs came short."""


@dataclass(frozen=True)
class Plan:
    """How to train; `checkpoint` is written after each epoch, and gone on from if it is there."""

    epochs: int = 12
    pictures_per_epoch: int = 2400
    batch: int = 32
    rate: float = 3e-4
    head_rate: float = 9e-4
    decay: float = 0.02
    smoothing: float = 0.05
    paste: float = 0.4
    patience: int = 4
    seed: int = 0
    checkpoint: Path | None = None


@dataclass
class _State:
    network: Lite0
    average: Lite0
    optimiser: torch.optim.Optimizer
    epoch: int = 0
    step: int = 0
    best: dict[str, Tensor] | None = None
    best_loss: float = math.inf
    best_epoch: int = -1


def finetune(samples: Sequence[Sample], decode: Decode, plan: Plan) -> tuple[onnx.ModelProto, Head]:
    """Train on the split `train`, stop by `val`; returns the backbone's graph and the head that belongs to it.

    Raises `DatasetInvalid` for an empty split or category, a loss that is no number, and a checkpoint of another run.
    """
    trained = train_network(samples, decode, plan, classes=None)
    return export(trained)


def export(network: Lite0) -> tuple[onnx.ModelProto, Head]:
    """Return a trained network as the backbone's graph, from pixels to features, and its head."""
    weights = {name: value.detach().numpy() for name, value in network.state_dict().items()}
    return build(weights), Head(weights["head.weight"].astype(np.float32), weights["head.bias"].astype(np.float32))


def train_network(samples: Sequence[Sample], decode: Decode, plan: Plan, classes: NDArray[np.int64] | None = None) -> Lite0:
    """Return the trained network; `classes` [n] are other labels than the five categories, -1 for pictures to leave out."""
    labels = labels_of(samples) if classes is None else classes
    teaching = [i for i, sample in enumerate(samples) if sample.split is Split.TRAIN and labels[i] >= 0]
    judging = [i for i, sample in enumerate(samples) if sample.split is Split.VAL and labels[i] >= 0]
    if not teaching or not judging:
        raise DatasetInvalid("training needs pictures in the splits train and val")
    torch.manual_seed(plan.seed)
    chosen = [samples[i] for i in teaching]
    count = len(CATEGORIES) if classes is None else int(labels.max()) + 1
    state = _begin(chosen, labels[teaching], count, decode, plan)
    identity = _identity(samples, labels, plan)
    _resume(state, plan, identity)
    scenes = load_scenes(chosen)
    held = _pixels([samples[i] for i in judging], decode)
    weight, augment = _weight(chosen, labels[teaching]), make_augmenter(scenes, plan.seed, plan.paste)
    for epoch in range(state.epoch, plan.epochs):
        drawn = Epoch(scenes, labels[teaching], weight, epoch, plan.pictures_per_epoch, seed=plan.seed, augment=augment)
        _run_epoch(state, drawn, plan)
        _judge(state, held, torch.from_numpy(labels[judging]), epoch)
        state.epoch = epoch + 1
        _save(state, plan, identity)
        if epoch - state.best_epoch >= plan.patience:
            break
    state.average.load_state_dict(state.best or state.average.state_dict())
    return state.average.eval()


def _begin(chosen: Sequence[Sample], labels: NDArray[np.int64], count: int, decode: Decode, plan: Plan) -> _State:
    network = Lite0(load_imagenet_weights(), count)
    _probe(network, chosen, labels, decode)
    network = network.to(memory_format=torch.channels_last)
    body = [parameter for name, parameter in network.named_parameters() if not name.startswith("head.")]
    groups = [
        {"params": [one for one in body if one.ndim > 1], "lr": plan.rate, "weight_decay": plan.decay},
        {"params": [one for one in body if one.ndim <= 1], "lr": plan.rate, "weight_decay": 0.0},
        {"params": list(network.head.parameters()), "lr": plan.head_rate, "weight_decay": plan.decay},
    ]
    return _State(network, copy.deepcopy(network), torch.optim.AdamW(groups))


def _probe(network: Lite0, chosen: Sequence[Sample], labels: NDArray[np.int64], decode: Decode) -> None:
    """Begin the head as a logistic regression on the features as they are."""
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


def _run_epoch(state: _State, drawn: Epoch, plan: Plan) -> None:
    state.network.train()
    loader = DataLoader(drawn, plan.batch, num_workers=1, prefetch_factor=4)
    steps = plan.epochs * len(loader)
    bar = tqdm(loader, desc=f"epoch {drawn.number + 1} of {plan.epochs}", unit="batch", leave=False)
    for pictures, labels in bar:
        _set_rate(state, plan, steps)
        with torch.autocast("cpu", torch.bfloat16):
            logits = state.network(planes(pictures))
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=plan.smoothing)
        if not math.isfinite(loss.item()):
            raise DatasetInvalid(f"the loss is {loss.item()} in epoch {drawn.number + 1}: a lower rate may help")
        state.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(state.network.parameters(), 2.0)
        state.optimiser.step()
        state.step += 1
        _average(state)
        bar.set_postfix(loss=f"{loss.item():.3f}")


def _set_rate(state: _State, plan: Plan, steps: int) -> None:
    warm = min(1.0, (state.step + 1) / (0.08 * steps))
    share = max(1e-3, warm * 0.5 * (1 + math.cos(math.pi * state.step / steps)))
    for group, rate in zip(state.optimiser.param_groups, (plan.rate, plan.rate, plan.head_rate), strict=True):
        group["lr"] = rate * share


@torch.no_grad()
def _average(state: _State) -> None:
    kept = min(0.998, (1 + state.step) / (10 + state.step))
    for mean, now in zip(state.average.state_dict().values(), state.network.state_dict().values(), strict=True):
        if mean.dtype.is_floating_point:
            mean.mul_(kept).add_(now, alpha=1 - kept)
        else:
            mean.copy_(now)


@torch.no_grad()
def _judge(state: _State, held: Tensor, labels: Tensor, epoch: int) -> None:
    state.average.eval()
    logits = torch.cat([state.average(planes(held[start : start + 64])) for start in range(0, len(held), 64)])
    loss = float(F.cross_entropy(logits, labels))
    right = float((logits.argmax(1) == labels).float().mean())
    tqdm.write(f"epoch {epoch + 1}: validation loss {loss:.3f}, {right:.1%} right")
    if loss < state.best_loss:
        state.best_loss, state.best_epoch = loss, epoch
        state.best = {name: value.clone() for name, value in state.average.state_dict().items()}


def _pixels(samples: Sequence[Sample], decode: Decode) -> Tensor:
    return torch.from_numpy(np.stack([decode(sample.path.read_bytes()) for sample in samples]))


def _weight(samples: Sequence[Sample], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    groups = [f"{sample.source}/{label}" for sample, label in zip(samples, labels, strict=True)]
    credit = np.array([_RENDERED_CREDIT if sample.source == RENDERED else 1.0 for sample in samples])
    weight = balance(groups, power=0.5) * credit
    return np.asarray(weight / weight.mean())


def _identity(samples: Sequence[Sample], labels: NDArray[np.int64], plan: Plan) -> str:
    rows = [f"{sample.group} {sample.split} {label}" for sample, label in zip(samples, labels, strict=True)]
    return hashlib.sha256("\n".join([*sorted(rows), repr(plan)]).encode()).hexdigest()


def _save(state: _State, plan: Plan, identity: str) -> None:
    if plan.checkpoint is None:
        return
    partial_path = plan.checkpoint.with_name(f"{plan.checkpoint.name}.partial")
    kept = {name: value for name, value in vars(state).items() if name not in {"network", "average", "optimiser"}}
    parts = {name: getattr(state, name).state_dict() for name in ("network", "average", "optimiser")}
    torch.save({"identity": identity, "state": kept, "random": torch.get_rng_state(), **parts}, partial_path)
    partial_path.replace(plan.checkpoint)


def _resume(state: _State, plan: Plan, identity: str) -> None:
    if plan.checkpoint is None or not plan.checkpoint.exists():
        return
    found = torch.load(plan.checkpoint, map_location="cpu", weights_only=True)
    if found["identity"] != identity:
        raise DatasetInvalid(f"{plan.checkpoint} is of a run with other pictures or another plan")
    for name in ("network", "average", "optimiser"):
        getattr(state, name).load_state_dict(found[name])
    for name, value in found["state"].items():
        setattr(state, name, value)
    torch.set_rng_state(found["random"])
