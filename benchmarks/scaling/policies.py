"""How many workers there shall be, as different scalers say; each is a maker of a policy with its own memory."""

import math
from collections import deque
from collections.abc import Callable

from benchmarks.scaling.fleet import Policy, Seen
from contracts.scaling import Limits, Load, comfortable, wanted

MEASURED = 0.9
"""What workers measure of themselves, of what they can do: wake-ups of few events cost more each."""
_OFF = 0.1
"""By how much that is wrong from one minute to the next (one standard deviation)."""


def measured(seen: Seen) -> float:
    """Return the events/s of a worker as the fleet measures it: the same for all who ask within a minute."""
    off = math.sin(12.9898 * (seen.now // 60)) * 43758.5453
    return seen.events_per_s * MEASURED * (1 + _OFF * math.sqrt(3) * (2 * (off - math.floor(off)) - 1))


def load_seen(seen: Seen) -> Load:
    """Return what the fleet's own rule is told."""
    coming = max(seen.in_1m, seen.in_5m)
    return Load(int(seen.backlog), coming, measured(seen), seen.running, 0, seen.youngest_s)


def fixed(count: int) -> Policy:
    """As many as somebody once chose."""
    return lambda _: count


def ours(limits: Limits, every_s: float = 60) -> Policy:
    """Return the fleet's own rule, from cron each minute. What is coming counts as there."""
    wish, asked = 0, -math.inf

    def policy(seen: Seen) -> int:
        nonlocal wish, asked
        if seen.now - asked >= every_s:
            asked = seen.now
            wish = wanted(load_seen(seen), limits)
            if seen.starting:
                wish = max(wish, seen.running + seen.starting)
        return wish

    return policy


def by_length(most: int, *, more_at: float = 1000, fewer_at: float = 100, every_s: float = 60) -> Policy:
    """One more when the queue is long, one fewer when it is short: what tutorials do."""
    wish, asked = 0, 0.0

    def policy(seen: Seen) -> int:
        nonlocal wish, asked
        wish = wish or seen.running
        if seen.now - asked >= every_s:
            asked = seen.now
            wish += int(seen.backlog > more_at) - int(seen.backlog < fewer_at)
        wish = max(1, min(most, wish))
        return wish

    return policy


def tracking(metrics: Callable[[Seen], dict[float, float]], least: int, most: int) -> Policy:
    """AWS' target tracking: a metric a minute; out when it was over its target three times, in when under 0.9 of it fifteen times.

    `metrics` gives target -> value. Out for any, in only if all allow it; pauses of 60 s and 600 s. Out in proportion, at most
    tenfold; in "gradually", of which AWS says no more: a tenth at a time here.
    """
    wish, asked, out_at, in_at = 0, 0.0, -math.inf, -math.inf
    seen_lately: deque[dict[float, float]] = deque(maxlen=15)

    def policy(seen: Seen) -> int:
        nonlocal wish, asked, out_at, in_at
        wish = wish or max(least, seen.running)
        if seen.now - asked < 60:
            return wish
        asked = seen.now
        seen_lately.append(metrics(seen))
        over = [target for target in seen_lately[-1] if all(one[target] > target for one in list(seen_lately)[-3:])]
        under = all(one[target] < 0.9 * target for one in seen_lately for target in one)
        proportional = max(math.ceil(wish * value / target) for target, value in seen_lately[-1].items())
        if over and len(seen_lately) >= 3 and seen.now - out_at >= 60:
            wish, out_at = min(most, max(wish + 1, min(proportional, 10 * wish))), seen.now
        elif under and len(seen_lately) == 15 and seen.now - max(in_at, out_at) >= 600:
            wish, in_at = max(least, proportional, wish - max(1, wish // 10)), seen.now
        return wish

    return policy


def by_cpu(least: int, most: int) -> Policy:
    """Target tracking of 60 % CPU."""
    return tracking(lambda seen: {0.6: seen.busy}, least, most)


def _backlog_s(seen: Seen) -> float:
    return seen.backlog / (max(1, seen.running) * measured(seen))


def by_backlog(least: int, most: int) -> Policy:
    """Target tracking of 30 seconds of backlog a task, and nothing else."""
    return tracking(lambda seen: {30.0: _backlog_s(seen)}, least, most)


def by_backlog_and_load(least: int, most: int, target_s: float = 30.0, load: float = 0.8) -> Policy:
    """Target tracking of seconds of backlog a task and of a share of what the workers can do."""

    def metrics(seen: Seen) -> dict[float, float]:
        can = max(1, seen.running) * measured(seen)
        return {target_s: _backlog_s(seen), load: max(seen.in_1m, seen.in_5m) / can}

    return tracking(metrics, least, most)


def keda(least: int, most: int, target_s: float = 30.0) -> Policy:
    """infra/k8s: the larger of backlog over its target and of workers needed; at most doubled in 30 s, in when calm."""
    wish, asked, moved = 0, 0.0, 0.0
    wishes: deque[int] = deque(maxlen=20)

    def policy(seen: Seen) -> int:
        nonlocal wish, asked, moved
        wish = wish or max(least, seen.running)
        if seen.now - asked < 15:
            return wish
        asked = seen.now
        by_load = math.ceil(comfortable(load_seen(seen), Limits()))
        asked_for = max(math.ceil(seen.running * _backlog_s(seen) / target_s - 0.1), by_load, least)
        wishes.append(min(most, asked_for))
        if wishes[-1] > wish and seen.now - moved >= 30:
            wish, moved = min(wishes[-1], max(2 * wish, wish + 4)), seen.now
        elif max(wishes) < wish and seen.now - moved >= 60:
            wish, moved = max(*wishes, wish - max(1, wish // 10)), seen.now
        return wish

    return policy
