"""Every order of what can happen to an event, against the real schema: found by Hypothesis, not by us."""

import hashlib
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule, run_state_machine_as_test

from adapters.postgres.connections import open_pool
from adapters.postgres.intake import PostgresIntakeLedger
from adapters.postgres.reconciliation import PostgresReconciliation
from adapters.postgres.worker import PostgresWorkerLedger
from contracts.codec import encode_event
from contracts.ledger import AcceptedEvent, WorkerPulse
from contracts.names import OutcomeKind
from tests.makers import an_event, an_outcome

KINDS = st.sampled_from([OutcomeKind.PREDICTION, OutcomeKind.REVIEW, OutcomeKind.FAILURE])


class OneEventOneOutcome(RuleBasedStateMachine):
    """Offers, deliveries, claims, crashes, lost acknowledgements, lapsed leases, reconciliation; two workers."""

    events = Bundle("events")
    claims = Bundle("claims")
    url = ""

    @initialize()
    def begin(self):
        self.pool = open_pool(self.url, name="machine", max_size=2)
        self.intake = PostgresIntakeLedger(self.pool)
        self.ledger = PostgresWorkerLedger(self.pool)
        self.reconciliation = PostgresReconciliation(self.pool)
        self.sql = psycopg.connect(self.url, autocommit=True)
        self.sql.execute("TRUNCATE events, outcomes, predictions, event_conflicts, workers CASCADE")
        self.owners = [uuid4(), uuid4()]
        self.accepted, self.first = set(), {}
        self.beat()

    def beat(self):
        for owner in self.owners:
            self.ledger.beat(WorkerPulse(owner, "host", 1, "0", "m1"))

    def teardown(self):
        if hasattr(self, "sql"):
            self.drain()
            self.sql.close()
            self.pool.close()

    @rule(target=events)
    def offer(self):
        event = an_event(datetime.now(UTC))
        self.deliver(event)
        return event

    @rule(event=events)
    def redeliver(self, event):
        self.deliver(event)

    @rule(event=events)
    def deliver_with_other_content(self, event):
        self.deliver(event.model_copy(update={"sequence": 7}))

    def deliver(self, event):
        acceptance = self.intake.accept([AcceptedEvent(event, hashlib.sha256(encode_event(event)).digest())], [])
        known = event.event_id in self.accepted
        assert (acceptance.new == [event.event_id]) is not known
        self.accepted.add(event.event_id)
        self.first.setdefault(event.event_id, event.sequence)

    @rule(target=claims, event=events, who=st.integers(0, 1))
    def claim(self, event, who):
        owner = self.owners[who]
        return (event, owner, bool(self.ledger.claim([event.event_id], owner, 120)))

    @rule(claim=consumes(claims), kind=KINDS)
    def record(self, claim, kind):
        event, owner, granted = claim
        if granted:
            self.write(event, owner, kind)

    @rule(claim=claims, kind=KINDS)
    def record_and_crash_before_the_acknowledgement(self, claim, kind):
        event, owner, granted = claim
        if granted:
            self.write(event, owner, kind)

    def write(self, event, owner, kind):
        before = self.outcome(event)
        written = self.ledger.record([an_outcome(event, kind)], owner)
        assert written == ([] if before else [event.event_id])
        assert self.outcome(event) == (before or kind.value)

    @rule(claim=consumes(claims))
    def postpone(self, claim):
        event, owner, granted = claim
        if granted:
            self.ledger.postpone({event.event_id: 0.0}, owner, {event.event_id: "image_missing"})

    @rule(claim=consumes(claims))
    def give_back(self, claim):
        event, owner, granted = claim
        if granted:
            self.ledger.release([event.event_id], owner)

    @rule(claim=consumes(claims))
    def crash(self, claim):
        """The holder vanishes; what it knew is gone with it."""

    @rule()
    def leases_lapse(self):
        self.sql.execute("UPDATE events SET lease_until = now() - interval '1 s' WHERE lease_until IS NOT NULL")

    @rule(who=st.integers(0, 1))
    def a_worker_leaves(self, who):
        self.ledger.leave(self.owners[who])
        self.owners[who] = uuid4()
        self.beat()

    @rule()
    def reconcile(self):
        self.sql.execute("UPDATE events SET woken_at = woken_at - interval '10 s', available_at = available_at - interval '10 s'")
        with self.reconciliation.lead() as leading:
            assert leading
            self.reconciliation.due(100)
            self.reconciliation.abandoned(100)
            self.reconciliation.passed_over(100, 5, queue_empty=True)

    @invariant()
    def no_event_has_two_outcomes_or_one_that_was_not_accepted(self):
        if not hasattr(self, "sql"):
            return
        rows = [row[0] for row in self.sql.execute("SELECT event_id FROM outcomes").fetchall()]
        assert len(rows) == len(set(rows))
        assert set(rows) <= self.accepted
        closed = {row[0] for row in self.sql.execute("SELECT event_id FROM events WHERE NOT open").fetchall()}
        assert closed == set(rows)
        kept = dict(self.sql.execute("SELECT event_id, sequence FROM events").fetchall())
        assert kept == self.first

    def outcome(self, event):
        row = self.sql.execute("SELECT kind FROM outcomes WHERE event_id = %s", (event.event_id,)).fetchone()
        return row and row[0]

    def drain(self):
        """Whatever has happened: a worker that comes now decides all that is open."""
        self.leases_lapse()
        self.reconcile()
        owner = self.owners[0]
        for event_id in self.accepted:
            for item in self.ledger.claim([event_id], owner, 120):
                self.ledger.record([an_outcome(an_event(event_id=item.event_id), OutcomeKind.PREDICTION)], owner)
        assert self.sql.execute("SELECT count(*) FROM events WHERE open").fetchone() == (0,)
        decided = {row[0] for row in self.sql.execute("SELECT event_id FROM outcomes").fetchall()}
        assert decided == self.accepted


@pytest.mark.timeout(600)
def test_no_order_of_events_loses_or_doubles_one(database_url, times):
    OneEventOneOutcome.url = database_url
    run_state_machine_as_test(
        OneEventOneOutcome,
        settings=settings(
            max_examples=times(300, 15),
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )
