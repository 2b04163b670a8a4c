"""`waste fleet scale`: as many workers as the load calls for, by compose; or the load as metrics, for a scaler elsewhere."""

import json
import math
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from contracts.errors import RequestRefused
from contracts.scaling import Limits, Load, wanted

Run = Callable[[Sequence[str]], str]
Write = Callable[[str], object]
_TIMEOUT_S = 300.0
_PIPE = subprocess.PIPE
STATUS = ("docker", "compose", "exec", "-T", "intake", "waste", "fleet", "status", "--json")
"""Where the database is on a network of compose alone, intake is asked."""


def compose_up(count: int) -> tuple[str, ...]:
    """Return the command that brings up this many workers and leaves the others as they are."""
    # Workers alone: what somebody has stopped stays stopped.
    return ("docker", "compose", "up", "-d", "--no-recreate", "--no-deps", "--scale", f"worker={count}", "worker")


def run_command(command: Sequence[str]) -> str:
    """Return what a command writes; raises RequestRefused with its last line if it fails, or does not end in five minutes."""
    try:
        with subprocess.Popen(command, stdout=_PIPE, stderr=_PIPE, text=True, errors="replace", start_new_session=True) as started:
            said, complained = _hear(started)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RequestRefused(command[0], f"cannot be run: {error}") from None
    if started.returncode:
        raise RequestRefused(" ".join(command[:3]), f"failed: {(complained.strip() or 'without a word').splitlines()[-1][:300]}")
    return said


def _hear(started: "subprocess.Popen[str]") -> tuple[str, str]:
    try:
        return started.communicate(timeout=_TIMEOUT_S)
    except BaseException:
        # With those that it has started: docker has compose, and cron would start the next one beside them.
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        raise


def read_load(text: str) -> Load:
    """Return the load of what `waste fleet status --json` wrote; raises RequestRefused if it is not known."""
    try:
        said: Mapping[str, object] = json.loads(text)
        if said["on_edge_queue"] is None:
            raise RequestRefused("the edge queue", "does not answer: how much waits is not known")
        load: dict[str, float | None] = said["load"]  # type: ignore[assignment]
        youngest_s = load.pop("youngest_s")
        read = Load(**load, **({} if youngest_s is None else {"youngest_s": youngest_s}))  # type: ignore[arg-type]
        return _sane(read)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise RequestRefused("waste fleet status", f"said no state of a fleet: {text[:100]!r}") from None


def _sane(load: Load) -> Load:
    counts = (load.backlog, load.running, load.draining)
    rates = (load.events_in_per_s, load.worker_events_per_s)
    if not all(type(one) is int and one >= 0 for one in counts):
        raise ValueError(counts)
    if not all(type(one) in {int, float} and math.isfinite(one) and one >= 0 for one in rates):
        raise ValueError(rates)
    if type(load.youngest_s) not in {int, float} or math.isnan(load.youngest_s):
        raise ValueError(load.youngest_s)
    return load


def scale(
    count: int | None, status: Callable[[], str], limits: Limits, run: Run, write: Callable[[str], object], *, dry: bool
) -> None:
    """Bring up `count` workers, or as many as the load calls for if None; `dry` only says how many."""
    if count is None:
        load = read_load(status())
        count = wanted(load, limits)
        write(f"{count} workers wanted, {load.running} running, {load.draining} draining\n")
        if count == load.running:
            return
    else:
        write(f"{count} workers wanted\n")
    command = compose_up(count)
    write(f"{'would run' if dry else 'runs'}: {' '.join(command)}\n")
    if not dry:
        run(command)
