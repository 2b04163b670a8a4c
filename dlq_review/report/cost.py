"""What a week cost, by prices that somebody has set. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices in `currency`: of an hour of a worker, of an hour of a reviewer, and of a week of all else; None: nobody has said."""

    worker_hour: float | None = None
    reviewer_hour: float | None = None
    week_of_the_rest: float | None = None
    currency: str = "EUR"

    @property
    def known(self) -> bool:
        """Whether anything has a price."""
        return any(price is not None for price in (self.worker_hour, self.reviewer_hour, self.week_of_the_rest))


@dataclass(frozen=True, slots=True)
class Used:
    """What a week took: hours of workers and of reviewers at labels, and what came of it; `right` is an estimate, None: unknown."""

    worker_hours: float
    reviewer_hours: float
    images: int
    labels: int
    right: float | None


@dataclass(frozen=True, slots=True)
class Cost:
    """What it cost in all and for each; None where that cannot be said. `missing` are parts without a price, or without hours."""

    parts: list[tuple[str, float | None]]
    total: float | None
    per_1000_images: float | None
    per_right_decision: float | None
    per_label: float | None
    missing: list[str]


def cost_of(used: Used, prices: Prices) -> Cost:
    """Return the cost of a week; what has no price, or was not measured, counts as nothing and is named."""
    measured = used.worker_hours > 0 or not used.images
    workers = None if prices.worker_hour is None or not measured else used.worker_hours * prices.worker_hour
    reviewers = None if prices.reviewer_hour is None else used.reviewer_hours * prices.reviewer_hour
    parts = [("workers", workers), ("reviewers", reviewers), ("all else", prices.week_of_the_rest)]
    known = [part for _, part in parts if part is not None]
    total = sum(known) if known else None
    return Cost(
        parts=parts,
        total=total,
        per_1000_images=total / used.images * 1000 if total is not None and used.images else None,
        per_right_decision=total / used.right if total is not None and used.right else None,
        per_label=reviewers / used.labels if reviewers is not None and used.labels else None,
        missing=[name for name, part in parts if part is None],
    )
