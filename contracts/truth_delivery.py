"""How a delivery of labels is taken, at whatever door: each row that can be is, and what is wrong with others is said by line."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from contracts.errors import EventInvalid, printable
from contracts.ports import Clock
from contracts.truth import Delivery, GroundTruth, RowProblem, TruthLedger, read_truth

_BATCH = 1000
_MOST_PROBLEMS = 100
"""So many are kept and told; the others are counted."""


class _Tally:
    def __init__(self) -> None:
        self.new = self.repeated = self.rejected = 0
        self.problems: list[RowProblem] = []

    def reject(self, line: int, problem: str) -> None:
        self.rejected += 1
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(RowProblem(line, printable(problem)))  # it may quote the file, and no ledger stores a NUL


def take_delivery(
    rows: Iterable[tuple[int, Mapping[str, object] | str]], ledger: TruthLedger, clock: Clock, *, source: str, name: str
) -> Delivery:
    """Keep the labels of `rows`, each a line's number with its fields, or with what keeps it from being read.

    Raises LedgerUnavailable; what was kept until then is found repeated at the next try.
    """
    tally, rest = _Tally(), iter(rows)
    while batch := list(islice(rest, _BATCH)):
        labels = list(_read(batch, clock, source, tally))
        taken = ledger.add([label for _, label in labels])
        tally.new, tally.repeated = tally.new + taken.new, tally.repeated + taken.repeated
        for place in taken.conflicting:
            line, label = labels[place]
            tally.reject(line, f"reference: {label.reference} came before with other content, which stands")
    delivery = Delivery(source, name, tally.new, tally.repeated, tally.rejected, tuple(tally.problems))
    ledger.note(delivery)
    return delivery


def _read(
    batch: Iterable[tuple[int, Mapping[str, object] | str]], clock: Clock, source: str, tally: _Tally
) -> Iterator[tuple[int, GroundTruth]]:
    now = clock()
    for line, row in batch:
        if isinstance(row, str):
            tally.reject(line, row)
            continue
        try:
            yield line, read_truth(row, now, source)
        except EventInvalid as error:
            tally.reject(line, error.detail)
