"""A fair sample of labels: from each kind of decision the same share of a day's events. Pure.

The drift alert's evidence counts labels one by one, so they have to be a sample in which each prediction had the same chance.
People label nearly all of what the model was unsure of and a hundredth of the rest: of the kind that is labelled more, only as
large a part is taken as of the other. A digest of the event's id decides which, so looking again takes the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date

from contracts.accuracy import DayBucket
from learning.truth.alarm import Day


def fair_days(buckets: Iterable[DayBucket]) -> list[Day]:
    """Return each day's labels, right and wrong, with each kind of decision in its true proportion.

    A day on which a kind of decision that occurred has no label at all gives none: nothing is known of that part.
    """
    by_day: dict[date, dict[str, list[DayBucket]]] = defaultdict(lambda: defaultdict(list))
    for one in buckets:
        by_day[one.day][one.kind].append(one)
    return [_fair(day, list(kinds.values())) for day, kinds in sorted(by_day.items())]


def _fair(day: date, kinds: Sequence[Sequence[DayBucket]]) -> Day:
    rates = [sum(one.labelled for one in kind) / sum(one.decided for one in kind) for kind in kinds]
    least = min(rates)
    right = wrong = 0
    for kind, rate in zip(kinds, rates, strict=True):
        for one in kind:
            # Of a hundredth at the edge all or nothing: by chance, and the same at each look.
            if rate and one.hundredth < round(100 * least / rate):
                right, wrong = right + one.right, wrong + one.labelled - one.right
    return Day(day, right, wrong)
