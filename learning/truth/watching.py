"""Takes the files that plants put into the object store, each once; one that is wrong holds up no other."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from contracts.errors import RequestRefused
from contracts.ports import Clock
from contracts.truth import DeliveredFile, Deliveries, Delivery, RowProblem, TruthLedger, plant_of
from contracts.truth_delivery import take_delivery
from learning.truth.files import read_rows

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class PrefixWatch:
    """What lies at `deliveries` and was not taken yet comes to `ledger`."""

    deliveries: Deliveries
    ledger: TruthLedger
    clock: Clock

    def take(self) -> Iterator[Delivery]:
        """Take each new file and yield what became of it; raises ObjectStoreUnavailable and LedgerUnavailable."""
        files = self.deliveries.files()
        while batch := list(islice(files, _AT_ONCE)):
            known = self.ledger.noted([file.name for file in batch])
            for file in batch:
                if file.name not in known:
                    yield self._take(file)

    def _take(self, file: DeliveredFile) -> Delivery:
        with TemporaryDirectory(prefix="waste-truth-") as folder:
            try:
                path = self.deliveries.fetch(file, Path(folder))
            except RequestRefused as error:
                return _refused(file, error)  # not noted: it is tried again
            try:
                _check_plant(file.source)
                return take_delivery(read_rows(path), self.ledger, self.clock, source=file.source, name=file.name)
            except RequestRefused as error:
                # As a whole it is none; said once, and looked at again when other content lies there.
                found = _refused(file, error)
                self.ledger.note(found)
                return found


def _check_plant(source: str) -> None:
    try:
        plant_of(source)
    except ValueError as error:
        raise RequestRefused(source, f"lies in the folder of no plant: {error}") from None


def _refused(file: DeliveredFile, error: RequestRefused) -> Delivery:
    return Delivery(file.source, file.name, 0, 0, 1, (RowProblem(0, f"the file {error.problem}"),))
