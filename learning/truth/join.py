"""Which prediction a plant's label is of, by sensor and time. Pure.

For one sensor: both sides in the order of time, one to one, and never crossing. Among all such pairings within the
tolerance the one with the greatest sum of (tolerance - distance) is taken, so a label goes to its nearest prediction unless
another label needs that one more: a banded sequence alignment (Needleman and Wunsch 1970), in time linear in the pairs
within reach.
"""

from bisect import bisect_left
from collections.abc import Sequence
from uuid import UUID

from contracts.truth import JoinedItem, Match, SeenItem, ToldItem


def join(seen: Sequence[SeenItem], told: Sequence[ToldItem], *, tolerance_s: float, margin_s: float) -> list[JoinedItem]:
    """Return what came of each label of one sensor, in the labels' order of time.

    A second label of the same event by its id is `unmatched`: which of them is right nobody can say here.
    """
    seen, told = sorted(seen, key=lambda one: (one.at, one.event_id)), sorted(told, key=lambda one: (one.at, one.truth_id))
    named = _by_id(seen, told)
    taken = {event_id for event_id in named.values() if event_id}
    free = [one for one in seen if one.event_id not in taken]
    timed = [one for one in told if one.truth_id not in named]
    pairs = _align([one.at for one in free], [one.at for one in timed], tolerance_s)
    found = {label.truth_id: _judged(place, label, free, timed, pairs, tolerance_s, margin_s) for place, label in enumerate(timed)}
    at = {one.event_id: one.at for one in seen}
    for label in told:
        if label.truth_id in named:
            event_id = named[label.truth_id]
            found[label.truth_id] = (
                JoinedItem(label.truth_id, Match.MATCHED, event_id, label.at - at[event_id])
                if event_id
                else JoinedItem(label.truth_id, Match.UNMATCHED)
            )
    return [found[label.truth_id] for label in told]


def _by_id(seen: Sequence[SeenItem], told: Sequence[ToldItem]) -> dict[UUID, UUID | None]:
    known, found = {one.event_id for one in seen}, dict[UUID, UUID | None]()
    used: set[UUID] = set()
    for label in told:
        if label.claimed is not None:
            fits = label.claimed in known and label.claimed not in used
            found[label.truth_id] = label.claimed if fits else None
            used.add(label.claimed)
    return found


def _align(seen: Sequence[float], told: Sequence[float], tolerance: float) -> list[int | None]:
    """Return for each label the place of its prediction, or None; both are sorted."""
    best = [0.0]
    windows: list[tuple[int, bytearray]] = []
    for label in told:
        low = bisect_left(seen, label - tolerance)
        high = low
        while high < len(seen) and seen[high] <= label + tolerance:
            high += 1
        best += [best[-1]] * (high + 1 - len(best))
        windows.append((low, _reach(best, seen, label, low, high, tolerance)))
    return _trace(windows)


_SKIP, _EARLIER, _PAIR = 0, 1, 2


def _reach(best: list[float], seen: Sequence[float], label: float, low: int, high: int, tolerance: float) -> bytearray:
    """Let `best[j]`, the greatest sum with the first j predictions, also have this label; return what was chosen for each j."""
    chosen = bytearray(high - low)
    before = best[low] if low < len(best) else best[-1]
    for place in range(low, high):
        pair = before + tolerance - abs(label - seen[place])
        before = best[place + 1]
        if best[place + 1] < pair and pair > best[place]:
            best[place + 1], chosen[place - low] = pair, _PAIR
        elif best[place + 1] < best[place]:
            best[place + 1], chosen[place - low] = best[place], _EARLIER
    return chosen


def _trace(windows: Sequence[tuple[int, bytearray]]) -> list[int | None]:
    found: list[int | None] = [None] * len(windows)
    until = max((low + len(chosen) for low, chosen in windows), default=0)
    for number in range(len(windows) - 1, -1, -1):
        low, chosen = windows[number]
        place = min(until, low + len(chosen))
        while place > low and chosen[place - low - 1] == _EARLIER:
            place -= 1
        if place > low and chosen[place - low - 1] == _PAIR:
            found[number] = until = place - 1
    return found


def _judged(
    place: int,
    label: ToldItem,
    seen: Sequence[SeenItem],
    told: Sequence[ToldItem],
    pairs: Sequence[int | None],
    tolerance: float,
    margin: float,
) -> JoinedItem:
    partner = pairs[place]
    if partner is None:
        return JoinedItem(label.truth_id, Match.UNMATCHED)
    distance = label.at - seen[partner].at
    reach = min(tolerance, abs(distance) + margin)
    low = bisect_left(seen, label.at - reach, key=lambda one: one.at)
    owner = {seen_at: number for number, seen_at in enumerate(pairs[max(0, place - 50) : place + 50], max(0, place - 50))}
    for other in range(low, len(seen)):
        if seen[other].at > label.at + reach:
            break
        if other == partner or seen[other].category == seen[partner].category:
            continue
        number = owner.get(other)
        if number is None or abs(told[number].at - seen[other].at) >= abs(label.at - seen[other].at) - margin:
            return JoinedItem(label.truth_id, Match.AMBIGUOUS, seen[partner].event_id, distance)
    return JoinedItem(label.truth_id, Match.MATCHED, seen[partner].event_id, distance)
