"""What time it was, for a machine whose own clock may be wrong: counted from the boot, anchored by the service's answers."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_AGAIN_S = 3600.0
_DRIFT = 2e-4
"""Of a cheap crystal, generously."""
_STEP_S = 2.0
_BETTER = 0.5
_APART_S = 60.0
"""Measurements further apart than this contradict each other."""
_CONFIRMING_S = 600.0
_JUMP_S = 86_400.0
NEVER_BEFORE_S = 1_735_689_600.0
"""2025 in Unix time: a clock that says less was never set."""
_NEVER_AFTER_S = 4_102_444_800.0
"""2100 in Unix time."""
UNKNOWN_BOOT = ""
"""The boot of a moment of which only the clock on the wall is known."""

MEASURED, OWN, ESTIMATED = "measured", "own", "estimated"
"""How a time is known: from the service's clock, from the machine's own, or from what came before and after."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment by both clocks of a machine: seconds since the boot `boot`, and what its clock on the wall said (Unix time)."""

    boot: str
    since_boot_s: float
    wall_s: float


@dataclass(frozen=True, slots=True)
class Anchor:
    """At `since_boot_s` of a boot the service's clock said `server_s`, within `error_s`; the own clock said `wall_s`."""

    boot: str
    since_boot_s: float
    server_s: float
    error_s: float
    wall_s: float

    def at(self, since_boot_s: float) -> float:
        """Return the service's time at another second of the same boot."""
        return self.server_s + since_boot_s - self.since_boot_s


@dataclass(frozen=True, slots=True)
class Boot:
    """A boot of the machine that is known of, up to its second `last_s`. Boots are kept in their order."""

    boot: str
    last_s: float


class MachineClock:
    """The clocks of this machine."""

    def __init__(self) -> None:
        """Find out which boot this is; where the system does not tell, each start of the program counts as one."""
        self._boot = uuid4().hex
        with suppress(OSError):
            self._boot = _BOOT_ID.read_text("ascii").strip()

    def now(self) -> Moment:
        """Return this moment."""
        return Moment(self._boot, time.clock_gettime(_CLOCK), time.time())


def worth_keeping(same_boot: Sequence[Anchor], new: Anchor) -> bool:
    """Return whether a measurement says something that those of the same boot, in their order, do not.

    A time before there was this program, or after this century, says nothing: somebody's clock was never set.
    """
    if not NEVER_BEFORE_S < new.server_s < _NEVER_AFTER_S:
        return False
    if not same_boot or new.since_boot_s - same_boot[-1].since_boot_s > _AGAIN_S:
        return True
    kept = same_boot[-1]
    agreeing = [one for one in same_boot if _agree(one, new)]
    if not _is_confirmed(agreeing) and _is_confirmed([*agreeing, new]):
        return True
    aged_s = kept.error_s + _DRIFT * (new.since_boot_s - kept.since_boot_s)
    apart_s = abs(new.server_s - kept.at(new.since_boot_s))
    return new.error_s < aged_s * _BETTER or apart_s > _STEP_S + aged_s + new.error_s


def believed(anchors: Sequence[Anchor]) -> list[Anchor]:
    """Return the measurements that none of the same boot contradict, or that are believed before those that do.

    Of those that contradict each other confirmed ones come first, and then the latest. What a boot heard but once cannot be
    earlier than what one before it is sure of, nor later than what one after it is sure of.
    """
    boots: dict[str, list[Anchor]] = {}
    for anchor in anchors:
        boots.setdefault(anchor.boot, []).append(anchor)
    best = [_best(same_boot) for same_boot in boots.values()]
    sure = [_is_confirmed(group) for group in best]
    kept: set[int] = set()
    for number, group in enumerate(best):
        from_s = max((best[one][-1].server_s for one in range(number) if sure[one]), default=0.0)
        until_s = min((best[one][0].server_s for one in range(number + 1, len(best)) if sure[one]), default=float("inf"))
        kept.update(id(one) for one in group if sure[number] or from_s <= one.server_s <= until_s)
    return [anchor for anchor in anchors if id(anchor) in kept]


def is_confirmed(anchors: Sequence[Anchor], boot: str) -> bool:
    """Return whether the time of a boot is known from more than one measurement.

    A second one some time later agrees, or the machine's own clock says the same day.
    """
    return _is_confirmed([anchor for anchor in anchors if anchor.boot == boot])


def is_surely_before(than_s: float, moment: Moment, anchors: Sequence[Anchor], boots: Sequence[Boot]) -> bool:
    """Return whether a moment was before a time (Unix time), by more than the one measurement of its boot."""
    at_s, known = true_time(moment, anchors, boots)
    return at_s < than_s and (known != MEASURED or is_confirmed(anchors, moment.boot))


def _best(same_boot: Sequence[Anchor]) -> list[Anchor]:
    groups: list[list[Anchor]] = []
    for anchor in same_boot:
        group = next((group for group in groups if _agree(group[-1], anchor)), None)
        if group is None:
            groups.append([anchor])
        else:
            group.append(anchor)
    return max(groups, key=lambda group: (_is_confirmed(group), group[-1].since_boot_s))


def _agree(one: Anchor, other: Anchor) -> bool:
    between_s = abs(other.since_boot_s - one.since_boot_s)
    apart_s = abs(other.server_s - one.at(other.since_boot_s))
    return apart_s <= _APART_S + one.error_s + other.error_s + _DRIFT * between_s


def _is_confirmed(agreeing: Sequence[Anchor]) -> bool:
    if not agreeing:
        return False
    as_the_own = any(anchor.wall_s > NEVER_BEFORE_S and abs(anchor.server_s - anchor.wall_s) < _JUMP_S for anchor in agreeing)
    return as_the_own or agreeing[-1].since_boot_s - agreeing[0].since_boot_s >= _CONFIRMING_S


def true_time(moment: Moment, anchors: Sequence[Anchor], boots: Sequence[Boot]) -> tuple[float, str]:
    """Return when a moment was (Unix time) and how that is known.

    A boot in which the service was never reached lies between the one before and the one after: its own clock is believed if it
    says so, else the moment is put where it would be if the next boot followed at once.
    """
    own = [anchor for anchor in anchors if anchor.boot == moment.boot]
    if own:
        nearest = min(own, key=lambda anchor: abs(anchor.since_boot_s - moment.since_boot_s))
        return nearest.at(moment.since_boot_s), MEASURED
    if moment.boot == UNKNOWN_BOOT:
        return moment.wall_s, OWN
    low, high = _bounds(moment, anchors, boots)
    offset_s = anchors[-1].server_s - anchors[-1].wall_s if anchors else 0.0
    for candidate in (moment.wall_s + offset_s, moment.wall_s):
        if anchors and low <= candidate <= high:
            return candidate, OWN
    if not anchors:
        return moment.wall_s, OWN
    return (high, ESTIMATED) if high < float("inf") else (max(low, moment.wall_s), ESTIMATED)


def _bounds(moment: Moment, anchors: Sequence[Anchor], boots: Sequence[Boot]) -> tuple[float, float]:
    order = {boot.boot: number for number, boot in enumerate(boots)}
    last_s = {boot.boot: boot.last_s for boot in boots}
    here = order.get(moment.boot, len(boots))
    before = [anchor for anchor in anchors if order.get(anchor.boot, -1) < here]
    after = [anchor for anchor in anchors if order.get(anchor.boot, -1) > here]
    low = max((anchor.at(last_s.get(anchor.boot, anchor.since_boot_s)) for anchor in before), default=0.0)
    until_end_s = max(0.0, last_s.get(moment.boot, moment.since_boot_s) - moment.since_boot_s)
    high = min((anchor.at(0.0) for anchor in after), default=float("inf"))
    return low + moment.since_boot_s if before else 0.0, high - until_end_s


def as_datetime(unix_s: float) -> datetime:
    """Return Unix time as an aware datetime; what no event can carry becomes the nearest that one can."""
    return EPOCH + timedelta(seconds=min(max(unix_s, 0.0), 253_402_300_799.0))
