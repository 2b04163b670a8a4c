"""What must be true when all is quiet: nothing lost, doubled, invented or stuck."""

import threading
import time
from dataclasses import dataclass, field

import psycopg

from tests.conftest import wait_for
from tests.log_lines import wrong_lines

SILENCE_S = 120.0


@dataclass
class Findings:
    """Ids that break the promise; all of it empty is the promise kept."""

    lost: list = field(default_factory=list)
    doubled: list = field(default_factory=list)
    invented: list = field(default_factory=list)
    stuck: list = field(default_factory=list)

    def __bool__(self):
        return bool(self.lost or self.doubled or self.invented or self.stuck)

    def __str__(self):
        return ", ".join(f"{name} {len(ids)}" for name, ids in vars(self).items())


def quiet(fleet, load, timeout_s=180):
    """Wait until every accepted event is decided, or nothing has moved for a while."""
    last, moved_at = -1, time.monotonic()
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and time.monotonic() - moved_at < 60:
        (left,) = fleet.query(
            "SELECT count(*) FROM unnest(%s::uuid[]) i WHERE NOT EXISTS (SELECT FROM outcomes WHERE event_id = i)", load.ids()
        )[0]
        if not left:
            return
        if left != last:
            last, moved_at = left, time.monotonic()
        time.sleep(0.3)


def find(fleet, load):
    """Compare what was accepted with what was decided."""
    accepted = set(load.ids())
    rows = fleet.query("SELECT event_id::text, count(*) FROM outcomes WHERE sensor_id IS NOT NULL GROUP BY event_id")
    decided = dict(rows)
    (scored,) = fleet.query("SELECT count(*) - count(DISTINCT event_id) FROM predictions")[0]
    return Findings(
        lost=sorted(accepted - set(decided)),
        doubled=sorted(event_id for event_id, count in rows if count > 1) + ["a prediction"] * scored,
        invented=sorted(set(decided) - accepted),
        stuck=[str(event_id) for (event_id,) in fleet.query("SELECT event_id FROM events WHERE open")],
    )


def audit(fleet, load, timeout_s=180, *, lines=True):
    """Wait for quiet, then demand that the promise was kept, down to the review desk; and that the log's `lines` fit their schema."""
    quiet(fleet, load, timeout_s)
    findings = find(fleet, load)
    assert not findings, findings
    unfiled = """SELECT count(*) FROM outcomes o WHERE kind <> 'prediction' AND NOT EXISTS (SELECT FROM review_items r WHERE
        r.event_id = o.event_id) AND NOT EXISTS (SELECT FROM failures f WHERE f.event_id = o.event_id)"""
    wait_for(lambda: fleet.query(unfiled)[0][0] == 0, 60, "all dead letters filed")
    assert not lines or wrong_lines(fleet.log_path) == []


class Watch:
    """Notes the longest time in which there was a backlog and nothing was decided."""

    def __init__(self, fleet):
        self._fleet = fleet
        self._end = threading.Event()
        self.longest_s = 0.0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join(5)

    def _run(self):
        decided, moved_at = -1, time.monotonic()
        while not self._end.wait(0.5):
            try:
                now, backlog = self._fleet.query(
                    "SELECT (SELECT count(*) FROM outcomes), (SELECT count(*) FROM events WHERE open)"
                )[0]
            except psycopg.Error:
                continue
            if now != decided or not backlog:
                decided, moved_at = now, time.monotonic()
            self.longest_s = max(self.longest_s, time.monotonic() - moved_at)
