"""When the backlog is empty, and which threshold fits the hours that reviewers have. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """What a threshold sends to people: `items_a_day`, and the `hours_a_day` that they take."""

    threshold: float
    items_a_day: float
    hours_a_day: float


def hours_until_empty(waiting: int, arriving_an_hour: float, leaving_an_hour: float) -> float | None:
    """Return in how many hours nothing waits if all goes on as it does; None if it never will."""
    if waiting == 0:
        return 0.0
    gained = leaving_an_hour - arriving_an_hour
    return waiting / gained if gained > 0 else None


def loads(decisions: Mapping[int, float], outliers_a_day: float, labels_an_hour: float) -> list[Load]:
    """Return what each threshold from 0.50 to 0.99 sends to people.

    `decisions` are decisions a day by whole percent of confidence (without outliers, which go to people whatever the
    threshold); `labels_an_hour` is what all reviewers together do.
    """
    found = []
    for percent in range(50, 100):
        items = outliers_a_day + sum(count for at, count in decisions.items() if at < percent)
        found.append(Load(percent / 100, items, items / labels_an_hour))
    return found


def fitting(found: Sequence[Load], hours_a_day: float) -> Load | None:
    """Return the highest threshold whose items fit into the hours; None if not even the lowest does."""
    fits = [load for load in found if load.hours_a_day <= hours_a_day]
    return fits[-1] if fits else None
