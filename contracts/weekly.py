"""What a weekly report asks beside the rollups. Rows are dicts, for people; pure."""

from datetime import datetime
from typing import Any, Protocol, TypeAlias

Row: TypeAlias = dict[str, Any]


class Weekly(Protocol):
    """Where a week is looked up. Raises LedgerUnavailable."""

    def review(self, since: datetime, until: datetime) -> Row:
        """Return items filed (samples among them) and closed, labels and their hours, people, gold answers and right ones."""

    def opinions(self, since: datetime, until: datetime) -> Row:
        """Return of how many pairs of labels of the same picture in that time both say the same (pairs, equal)."""

    def worker_hours(self, since: datetime, until: datetime) -> list[Row]:
        """Return hours of workers by version of the program, with the first hour in which each was seen at all."""

    def silent(self, since: datetime, limit: int) -> list[Row]:
        """Return sensors that were not heard of since then, the longest silent first."""

    def moves(self, since: datetime, until: datetime) -> list[Row]:
        """Return moves of models in that time, the earliest first."""

    def trainings(self, since: datetime, until: datetime) -> list[Row]:
        """Return trainings that were asked for or ended in that time, the earliest first."""

    def alerts(self, since: datetime, until: datetime, limit: int) -> tuple[list[Row], int]:
        """Return alerts that opened or closed in that time, the earliest first, and how many there are."""
