"""What a week cost, by prices that somebody has set. Pure."""

from dataclasses import dataclass

from contracts.figures import Prices


@dataclass(frozen=True, slots=True)
class Used:
    """What a week took: its hours so far, those of workers and of reviewers at labels, and what came of it.

    `right` is an estimate, None: unknown.
    """

    hours: float
    worker_hours: float
    reviewer_hours: float
    images: int
    labels: int
    right: float | None


@dataclass(frozen=True, slots=True)
class Part:
    """Something that costs by the hour; `price` and `cost` are None where nobody has set a price, or hours were not measured."""

    name: str
    hours: float
    price: float | None
    cost: float | None


@dataclass(frozen=True, slots=True)
class Cost:
    """What it cost in all and for each; None where that cannot be said. `missing` are parts without a price, or without hours."""

    parts: list[Part]
    total: float | None
    per_1000_images: float | None
    per_right_decision: float | None
    per_label: float | None
    missing: list[str]


def cost_of(used: Used, prices: Prices) -> Cost:
    """Return the cost of a week; what has no price, or was not measured, counts as nothing and is named."""
    measured = used.worker_hours > 0 or not used.images
    workers = _part("workers", used.worker_hours, prices.worker_hour if measured else 0.0)
    reviewers = _part("reviewers, looking at pictures", used.reviewer_hours, prices.reviewer_hour)
    parts = [workers, reviewers, _part("all services", used.hours, prices.services_hour)]
    known = [part.cost for part in parts if part.cost is not None]
    total = sum(known) if known else None
    return Cost(
        parts=parts,
        total=total,
        per_1000_images=total / used.images * 1000 if total is not None and used.images else None,
        per_right_decision=total / used.right if total is not None and used.right else None,
        per_label=reviewers.cost / used.labels if reviewers.cost is not None and used.labels else None,
        missing=[part.name for part in parts if part.cost is None],
    )


def _part(name: str, hours: float, price: float) -> Part:
    return Part(name, hours, price or None, hours * price if price else None)
