"""The review lane in Postgres: who holds which item for how long."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import class_row

from adapters.postgres.connections import Pool, connected
from contracts.review import LEASE_S, MOST_HELD, Holder, Order, ReviewItem, Wish

_ITEM = ", ".join(
    f"r.{name}"
    for name in (
        "event_id reason sensor_id image_url captured_at category confidence scores model_version decided_at".split()  # noqa: SIM905
    )
)
_FREE = "(r.lease_until IS NULL OR r.lease_until < now())"
_UNSEEN = """
    AND NOT EXISTS (SELECT FROM standing_labels l WHERE l.event_id = r.event_id AND l.account_id = %(account)s)
    AND NOT EXISTS (SELECT FROM skips s WHERE s.event_id = r.event_id AND s.account_id = %(account)s
        AND s.skipped_at > now() - interval '12 hours')
"""
_TAKE = """
WITH chosen AS (
    SELECT r.event_id, row_number() OVER () AS place FROM (
        SELECT r.event_id FROM review_items r {joined} WHERE {which} AND {free} {unseen}
        ORDER BY {order} LIMIT %(count)s FOR UPDATE OF r SKIP LOCKED
    ) r
), leased AS (
    UPDATE review_items r SET lease_account = %(account)s, lease_desk = %(desk)s,
        lease_until = now() + make_interval(secs => %(lease_s)s)
    FROM chosen WHERE r.event_id = chosen.event_id RETURNING {item}, chosen.place
)
SELECT {returned} FROM leased r ORDER BY r.place
"""
_ORDERS = {Order.INFORMATIVE: "r.informativeness DESC, r.event_id", Order.OLDEST: "r.decided_at, r.event_id"}
_ALIKE = "(SELECT sum(abs((r.scores->>s.key)::real - s.value::real)) FROM jsonb_each_text(%(scores)s) s), r.event_id"
# The nearest of all that is open would cost half a second behind a backlog of 200,000.
_CANDIDATES = "SELECT r.event_id FROM review_items r WHERE r.state = 'open' AND {which} AND {free} ORDER BY {order} LIMIT 500"
_HELD = "SELECT count(*) FROM review_items WHERE lease_desk IS NOT NULL AND lease_account = %s AND lease_until > now()"
_RENEW = """
UPDATE review_items SET lease_until = now() + make_interval(secs => %s) WHERE event_id IN (
    SELECT event_id FROM review_items WHERE event_id = ANY(%s) AND lease_desk = %s AND lease_account = %s
    ORDER BY event_id FOR UPDATE
) RETURNING event_id
"""
_GIVE_BACK = """
UPDATE review_items SET lease_account = NULL, lease_desk = NULL, lease_until = NULL WHERE event_id IN (
    SELECT event_id FROM review_items WHERE lease_desk = %s AND lease_account = %s AND (%s::uuid[] IS NULL OR event_id = ANY(%s))
    ORDER BY event_id FOR UPDATE
)
"""
_SKIP = """
INSERT INTO skips (event_id, account_id) SELECT event_id, %s FROM review_items WHERE event_id = %s
ON CONFLICT (event_id, account_id) DO UPDATE SET skipped_at = now()
"""
# The row stays, as proof that this person had the item before.
_UNSKIP = "UPDATE skips SET skipped_at = '-infinity' WHERE event_id = %(event)s AND account_id = %(account)s"
# Closed or not: that an item does not come back would tell what others said of it.
# Whose last word on this item was to take his label back.
_TAKEN_BACK = """
SELECT 1 FROM labels l WHERE l.event_id = %(event)s AND l.account_id = %(account)s AND l.choice IS NULL
    AND NOT EXISTS (SELECT FROM standing_labels s WHERE s.event_id = l.event_id AND s.account_id = l.account_id) LIMIT 1
"""
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('waste-leases'), hashtext(%(account)s::text))"
_PICK = f"""
UPDATE review_items r SET lease_account = %(account)s, lease_desk = %(desk)s,
    lease_until = now() + make_interval(secs => %(lease_s)s)
WHERE r.event_id = %(event)s AND ({_FREE} OR r.lease_account = %(account)s)
    AND NOT EXISTS (SELECT FROM standing_labels l WHERE l.event_id = r.event_id AND l.account_id = %(account)s) RETURNING {_ITEM}
"""  # noqa: S608 - the only insertions are constants of this module
_ELSEWHERE = "lease_desk IS NOT NULL AND lease_desk <> %(desk)s AND lease_account = %(account)s AND lease_until > now()"
_COUNT_ELSEWHERE = f"SELECT count(*) FROM review_items WHERE {_ELSEWHERE}"  # noqa: S608 - as above
_FREE_ELSEWHERE = f"""
UPDATE review_items SET lease_account = NULL, lease_desk = NULL, lease_until = NULL
WHERE event_id IN (SELECT event_id FROM review_items WHERE {_ELSEWHERE} ORDER BY event_id FOR UPDATE)
"""  # noqa: S608 - as above
_RETAKE = f"""
UPDATE review_items r SET lease_account = %(account)s, lease_desk = %(desk)s,
    lease_until = now() + make_interval(secs => %(lease_s)s)
WHERE r.event_id = %(event)s AND ({_FREE} OR r.lease_desk = %(desk)s) RETURNING {_ITEM}
"""  # noqa: S608 - the only insertions are constants of this module


class PostgresReviewLane:
    """Implements `contracts.review_ports.ReviewLane`: leases."""

    def __init__(self, pool: Pool) -> None:
        """Work on connections of `pool`."""
        self._pool = pool

    def take(self, holder: Holder, wish: Wish, count: int) -> list[ReviewItem]:
        """Lease up to `count` open items that nobody holds and this person neither answered nor lately skipped."""
        which, values = _which(wish)
        order = _ORDERS[wish.order]
        if wish.alike:
            values["scores"] = self._scores_of_the_first(holder, which, values, order)
            which += " AND r.category = (SELECT key FROM jsonb_each_text(%(scores)s) ORDER BY value::real DESC LIMIT 1)"
            which = f"r.event_id IN ({_CANDIDATES.format(which=which, free=_FREE, order=order)})"
            order = _ALIKE
        return self._take(holder, "", f"r.state = 'open' AND {which}", order, count, values)

    def take_gold(self, holder: Holder, count: int) -> list[ReviewItem]:
        """Lease up to `count` items whose answer is known and that this person has not answered, by chance."""
        return self._take(holder, "JOIN gold USING (event_id)", "r.state <> 'open'", "random()", count, {})

    def renew(self, holder: Holder, event_ids: Collection[UUID]) -> list[UUID]:
        """Hold items longer; return those that are still held."""
        with connected(self._pool) as connection:
            rows = connection.execute(_RENEW, (LEASE_S, list(event_ids), holder.desk, holder.account_id))
            return [event_id for (event_id,) in rows]

    def give_back(self, holder: Holder, event_ids: Collection[UUID] | None = None) -> int:
        """End leases of a page, all of them by default; return how many."""
        ids = None if event_ids is None else list(event_ids)
        with connected(self._pool) as connection:
            return connection.execute(_GIVE_BACK, (holder.desk, holder.account_id, ids, ids)).rowcount

    def skip(self, holder: Holder, event_id: UUID) -> None:
        """Leave an item to somebody else for twelve hours."""
        with connected(self._pool) as connection, connection.transaction():
            connection.execute(_SKIP, (holder.account_id, event_id))
            connection.execute(_GIVE_BACK, (holder.desk, holder.account_id, [event_id], [event_id]))

    def retake(self, holder: Holder, event_id: UUID) -> ReviewItem | None:
        """Lease an item again that this person skipped or whose label was taken back; None if it is somebody else's by now."""
        values = {"account": holder.account_id, "desk": holder.desk, "lease_s": LEASE_S, "event": event_id}
        with self._alone(holder) as cursor:
            skipped = cursor.execute(_UNSKIP, values).rowcount
            if not skipped and not cursor.connection.execute(_TAKEN_BACK, values).fetchone():
                return None
            return cursor.execute(_RETAKE, values).fetchone() if _room(cursor, holder) else None

    def pick(self, holder: Holder, event_id: UUID) -> ReviewItem | None:
        """Lease one item, open or closed, that nobody else holds and this person has not answered; None if there is no such."""
        values = {"account": holder.account_id, "desk": holder.desk, "lease_s": LEASE_S, "event": event_id}
        with self._alone(holder) as cursor:
            return cursor.execute(_PICK, values).fetchone() if _room(cursor, holder) else None

    def elsewhere(self, holder: Holder) -> int:
        """Return how many items other pages of the same person hold."""
        with connected(self._pool) as connection:
            row = connection.execute(_COUNT_ELSEWHERE, {"account": holder.account_id, "desk": holder.desk}).fetchone()
        return int(row[0]) if row else 0

    def take_over(self, holder: Holder) -> int:
        """End the leases of the person's other pages; return how many."""
        with connected(self._pool) as connection:
            return connection.execute(_FREE_ELSEWHERE, {"account": holder.account_id, "desk": holder.desk}).rowcount

    def _take(self, holder: Holder, joined: str, which: str, order: str, count: int, values: dict[str, object]) -> list[ReviewItem]:
        returned = _ITEM
        query = _TAKE.format(joined=joined, which=which, free=_FREE, unseen=_UNSEEN, order=order, item=_ITEM, returned=returned)
        with self._alone(holder) as cursor:
            count = min(count, _room(cursor, holder))
            values |= {"account": holder.account_id, "desk": holder.desk, "count": count, "lease_s": LEASE_S}
            return cursor.execute(query, values).fetchall()

    @contextmanager
    def _alone(self, holder: Holder) -> Iterator[Cursor[ReviewItem]]:
        """Lend a cursor in a transaction, one at a time to a person: counting what is held and taking more go together."""
        with connected(self._pool) as connection, connection.transaction():
            connection.execute(_ONE_AT_A_TIME, {"account": holder.account_id})
            with connection.cursor(row_factory=class_row(ReviewItem)) as cursor:
                yield cursor

    def _scores_of_the_first(self, holder: Holder, which: str, values: dict[str, object], order: str) -> str:
        query = (
            f"SELECT r.scores::text FROM review_items r WHERE r.state = 'open' AND {which} AND {_FREE} {_UNSEEN}"  # noqa: S608
            f" ORDER BY {order} LIMIT 1"
        )
        with connected(self._pool) as connection:
            row = connection.execute(query, values | {"account": holder.account_id}).fetchone()
        return str(row[0]) if row else "{}"


def _room(cursor: Cursor[ReviewItem], holder: Holder) -> int:
    row = cursor.connection.execute(_HELD, (holder.account_id,)).fetchone()
    return max(0, MOST_HELD - (int(row[0]) if row else 0))


def _which(wish: Wish) -> tuple[str, dict[str, object]]:
    conditions: list[str] = []
    values: dict[str, object] = {}
    wishes: Sequence[tuple[str, object]] = (
        ("sensor_id", wish.sensor_id),
        ("category", wish.category),
        ("reason", wish.reason),
        ("event_id", wish.event_id),
    )
    for name, wanted in wishes:
        if wanted is not None:
            conditions.append(f"r.{name} = %({name})s")
            values[name] = wanted
    return " AND ".join(conditions) or "true", values
