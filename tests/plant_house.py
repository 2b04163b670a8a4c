"""A fleet that has decided, and a plant that tells what it was."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from adapters.postgres.intake import PostgresIntakeLedger
from adapters.postgres.truth import PostgresTruth
from adapters.postgres.worker import PostgresWorkerLedger
from contracts.truth import GroundTruth
from learning.truth.joining import Joining
from tests.makers import accepted, an_event, an_outcome

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=2)


class Plant:
    """A fleet that has decided, and a plant that tells."""

    def __init__(self, pools, sql):
        self.sql, self.pools = sql, pools
        self.truth = PostgresTruth(pools["learning"])
        self.joining = Joining(self.truth)

    def decided(self, *seconds, sensor="bin-7", day=NOON, pictures=None):
        return self.decided_these([an_event(day + timedelta(seconds=at), sensor_id=sensor) for at in seconds], pictures)

    def decided_these(self, events, pictures=None):
        PostgresIntakeLedger(self.pools["intake"]).accept([accepted(event) for event in events], [])
        PostgresWorkerLedger(self.pools["worker"]).record(self._outcomes(events, pictures), events[0].event_id)
        return events

    @staticmethod
    def _outcomes(events, pictures):
        outcomes = [an_outcome(event) for event in events]
        return [replace(one, picture=picture) for one, picture in zip(outcomes, pictures, strict=True)] if pictures else outcomes

    def tell(self, *seconds, category="glass", day=NOON, **more):
        values = {"sensor_id": "bin-7", "source": "north", "category": category} | more
        return self.truth.add([GroundTruth(observed_at=day + timedelta(seconds=at), **values) for at in seconds])

    def join(self):
        while self.joining.take_one():
            pass
        query = "SELECT match, event_id, round(distance_s::numeric, 1)::float FROM ground_truth ORDER BY observed_at, source"
        return self.sql.execute(query).fetchall()
