"""The steps of fine-tuning: one epoch, its verdict, and the checkpoint from which a run goes on."""

import ctypes
import io
import math
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that everybody knows it by
from torch.utils.data import DataLoader, Subset
from tqdm import tqdm

from learning.datasets import DatasetInvalid
from learning.epoch import Epoch
from learning.files import write_whole
from learning.network import Lite0, planes, shrunk
from learning.plan import Plan
from learning.progress import bar

_BATCHES_AHEAD = 30
_PARTS = {"identity", "state", "random", "network", "average", "optimiser"}
"""What a checkpoint has."""
_MALLOC_OPTIONS = {-4: 0, -1: 2**31 - 1, -2: 2**28}
"""M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD in malloc.h of glibc."""


@dataclass
class State:
    """A run as far as it has come: `average` is the mean of the weights over the steps, `best` what judged best of it."""

    network: Lite0
    average: Lite0
    optimiser: torch.optim.Optimizer
    epoch: int = 0
    step: int = 0
    best: dict[str, Tensor] | None = None
    best_loss: float = math.inf
    best_epoch: int = -1

    def ended(self, plan: Plan) -> bool:
        """Return whether the plan is done, or the last epochs judged no better; asked before an epoch, so also after a resume."""
        stale = self.epoch > 0 and self.epoch - 1 - self.best_epoch >= plan.patience
        return self.epoch >= plan.epochs or stale


def keep_freed_memory() -> None:
    """Have glibc keep what is freed for the next step: asking the system for it again took half of each epoch."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another libc, which may not need it
        return
    for option, value in _MALLOC_OPTIONS.items():
        mallopt(option, value)


def run_epoch(state: State, drawn: Epoch, plan: Plan) -> None:
    """Take one step for each batch of an epoch; raises `DatasetInvalid` for a loss that is no number."""
    state.network.train()
    count, side = math.ceil(len(drawn) / plan.batch), plan.side_px(drawn.number)
    steps = plan.epochs * count
    with bar(_batches(drawn, plan), f"epoch {drawn.number + 1} of {plan.epochs}", "batch", count) as shown:
        for pictures, labels in shown:
            _set_rate(state, plan, steps)
            logits = state.network(shrunk(planes(pictures), side))
            loss = F.cross_entropy(logits, labels, label_smoothing=plan.smoothing)
            if not math.isfinite(loss.item()):
                raise DatasetInvalid(f"the loss is {loss.item()} in epoch {drawn.number + 1}: a lower rate may help")
            state.optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(state.network.parameters(), 2.0)
            state.optimiser.step()
            state.step += 1
            _average(state)
            shown.set_postfix(loss=f"{loss.item():.3f}")


def _batches(drawn: Epoch, plan: Plan) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the batches, made by all cores some ahead: beside the training, both would wait for each other."""
    block = plan.batch * _BATCHES_AHEAD
    for start in range(0, len(drawn), block):
        part = Subset(drawn, range(start, min(start + block, len(drawn))))
        yield from list(DataLoader(part, plan.batch, num_workers=torch.get_num_threads()))


def _set_rate(state: State, plan: Plan, steps: int) -> None:
    warm = min(1.0, (state.step + 1) / (0.08 * steps))
    share = max(1e-3, warm * 0.5 * (1 + math.cos(math.pi * state.step / steps)))
    for group, rate in zip(state.optimiser.param_groups, (plan.rate, plan.rate, plan.head_rate), strict=True):
        group["lr"] = rate * share


@torch.no_grad()
def _average(state: State) -> None:
    kept = min(0.999, (1 + state.step) / (10 + state.step))
    for mean, now in zip(state.average.state_dict().values(), state.network.state_dict().values(), strict=True):
        if mean.dtype.is_floating_point:
            mean.mul_(kept).add_(now, alpha=1 - kept)
        else:
            mean.copy_(now)


@torch.no_grad()
def judge(state: State, held: Tensor, labels: Tensor, epoch: int) -> None:
    """Keep the weights if the pictures `held` uint8 [n, 224, 224, 3] say that they are the best so far."""
    state.average.eval()
    logits = torch.cat([state.average(planes(held[start : start + 64])) for start in range(0, len(held), 64)])
    loss = float(F.cross_entropy(logits, labels))
    right = float((logits.argmax(1) == labels).float().mean())
    tqdm.write(f"epoch {epoch + 1}: validation loss {loss:.3f}, {right:.1%} right")
    if loss < state.best_loss:
        state.best_loss, state.best_epoch = loss, epoch
        state.best = {name: value.clone() for name, value in state.average.state_dict().items()}


def save(state: State, plan: Plan, identity: str) -> None:
    """Write the checkpoint, whole or not at all, if the plan has one."""
    if plan.checkpoint is None:
        return
    kept = {name: value for name, value in vars(state).items() if name not in {"network", "average", "optimiser"}}
    parts = {name: getattr(state, name).state_dict() for name in ("network", "average", "optimiser")}
    file = io.BytesIO()
    torch.save({"identity": identity, "state": kept, "random": torch.get_rng_state(), **parts}, file)
    write_whole(file.getvalue(), plan.checkpoint)


def read_checkpoint(plan: Plan, identity: str) -> dict[str, Any] | None:
    """Return what `save` has kept, None if there is nothing; raises `DatasetInvalid` for another run's and for what is none."""
    if plan.checkpoint is None or not plan.checkpoint.exists():
        return None
    try:
        found = torch.load(plan.checkpoint, map_location="cpu", weights_only=True)
    except (RuntimeError, ValueError, TypeError, LookupError, AttributeError, EOFError, OSError, pickle.UnpicklingError):
        found = None  # what PyTorch says here is advice to load it unsafely
    if not isinstance(found, dict) or not found.keys() >= _PARTS:
        raise DatasetInvalid(f"{plan.checkpoint} is no checkpoint, or not a whole one: name another, or remove it to begin anew")
    if found["identity"] != identity:
        raise DatasetInvalid(f"{plan.checkpoint} is of a run with other pictures or another plan")
    return found


def restore(state: State, found: Mapping[str, Any]) -> None:
    """Go on from what `read_checkpoint` has found."""
    for name in ("network", "average", "optimiser"):
        getattr(state, name).load_state_dict(found[name])
    for name, value in found["state"].items():
        setattr(state, name, value)
    torch.set_rng_state(found["random"])
