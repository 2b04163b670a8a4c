"""What the review desk needs of the outside, as Protocols. Rows that are only shown are dicts.

No twin of them: most of it is what SQL says over many rows, and a second desk in memory would be the larger half of the
product. The tests of the desk run on Postgres. Every method raises LedgerUnavailable when Postgres is away.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeAlias
from uuid import UUID

from contracts.accounts import Account, Actor, Role
from contracts.labels import Choice, Effect, NewLabel
from contracts.messages import Message
from contracts.outcomes import DeadLetter
from contracts.review import Filter, Holder, Lane, ReviewItem, Wish

Row: TypeAlias = dict[str, Any]


class LostLetters(Protocol):
    """What the ledger recorded for people and no lane has."""

    def check(self) -> None:
        """Raise LedgerUnavailable if this login may not file."""

    def lost(self, limit: int, grace_s: float, since_s: float) -> list[DeadLetter]:
        """Return dead letters that were recorded between `since_s` and `grace_s` ago and are in no lane."""

    def file(self, letters: Sequence[DeadLetter]) -> int:
        """Put dead letters into their lane, each once; return how many were new."""


class ReviewLane(Protocol):
    """Who holds which item."""

    def take(self, holder: Holder, wish: Wish, count: int) -> list[ReviewItem]:
        """Lease up to `count` open items that nobody holds and this person neither answered nor lately skipped."""

    def take_gold(self, holder: Holder, count: int) -> list[ReviewItem]:
        """Lease up to `count` items whose answer is known and that this person has not answered, by chance."""

    def renew(self, holder: Holder, event_ids: Collection[UUID]) -> list[UUID]:
        """Hold items longer; return those that are still held."""

    def give_back(self, holder: Holder, event_ids: Collection[UUID] | None = None) -> int:
        """End leases of a page, all of them by default; return how many."""

    def skip(self, holder: Holder, event_id: UUID) -> None:
        """Leave an item to somebody else for twelve hours."""

    def retake(self, holder: Holder, event_id: UUID) -> ReviewItem | None:
        """Lease an item again that was skipped or whose label was taken back; None if somebody else has it by now."""

    def pick(self, holder: Holder, event_id: UUID) -> ReviewItem | None:
        """Lease one item, open or closed, that nobody else holds and this person has not answered; None if there is no such."""

    def elsewhere(self, holder: Holder) -> int:
        """Return how many items other pages of the same person hold."""

    def take_over(self, holder: Holder) -> int:
        """End the leases of the person's other pages; return how many."""


class Labels(Protocol):
    """What people said."""

    def add(self, labels: Sequence[NewLabel]) -> list[Effect]:
        """Add labels, all or none, and return what each changed; raises LabelRefused."""

    def own(self, event_id: UUID, account_id: UUID) -> tuple[UUID, Choice] | None:
        """Return the id and the answer of a person's standing label on an item."""


class Browser(Protocol):
    """Looking through both lanes."""

    def page(self, wanted: Filter, limit: int, after: tuple[datetime, UUID] | None = None) -> list[Row]:
        """Return items of a lane, the oldest first, from beyond `after` (decided_at and id of the last one seen)."""

    def find(self, event_id: UUID, lane: Lane | None = None) -> Row | None:
        """Return an item's own row, of one lane or from whichever lane holds it open, else from the one that did."""

    def show(self, event_id: UUID, lane: Lane | None = None) -> Row | None:
        """Return everything known of an item: its row, with `labels` and `timeline`; of one lane, or as `find` chooses."""

    def neighbours(self, sensor_id: str, at: datetime, event_id: UUID, each: int = 3) -> list[Row]:
        """Return what the same sensor photographed just before and after."""

    def counts(self) -> dict[str, dict[str, int]]:
        """Return how many open items each lane holds, by reason."""

    def retrying(self) -> list[Row]:
        """Return what is tried again later, and is in no lane yet: rows of `reason`, `items` and `next_at`."""

    def count(self, wanted: Filter) -> int:
        """Return how many items a filter means."""

    def failure_groups(self, wanted: Filter, limit: int) -> list[Row]:
        """Return failures by reason, and by reason and sensor, each reason's `whole` row before its sensors'."""

    def failures_in_time(self, wanted: Filter, width: timedelta) -> list[Row]:
        """Return how many failures of each reason fell into each `width` of time."""


class FailureLane(Protocol):
    """What ops do with failures. Whatever is done is in the audit trail with it, or neither is."""

    def chosen(self, wanted: Filter, limit: int) -> list[UUID]:
        """Return the ids of the failures that a filter means, the oldest first."""

    def redrive(self, event_ids: Sequence[UUID], actor: Actor, per_second: float) -> list[UUID]:
        """Open the events of open failures again, `per_second` of them a second; return those that it did."""

    def refused(self, event_ids: Sequence[UUID]) -> list[tuple[UUID, Message]]:
        """Return open failures that never became events, with the message that would have to pass the door again."""

    def sent_again(self, event_ids: Sequence[UUID], actor: Actor) -> list[UUID]:
        """Note that refused messages are on the edge queue again; return those that were open until now."""

    def discard(self, event_ids: Sequence[UUID], actor: Actor, reason: str) -> list[UUID]:
        """Put open failures away; return those that were open until now."""

    def note(self, actor: Actor, action: str, target: str = "", **detail: object) -> None:
        """Add to the audit trail."""


class Accounts(Protocol):
    """Who may enter, and what opens the desk for them."""

    def create(self, name: str, role: Role) -> Account:
        """Make an account; raises RequestRefused if there is one of that name, whatever its letters' case."""

    def find(self, name: str) -> tuple[Account, str | None] | None:
        """Return the account of a name that may enter, with its password's hash."""

    def change(
        self, name: str, *, role: Role | None = None, password_hash: str | None = None, disabled: bool | None = None
    ) -> Account | None:
        """Change what is given ("": no password), and end what the account had open; None if there is no account of that name."""

    def everyone(self) -> list[Row]:
        """Return all accounts, with when each was last seen; None for one who never entered."""

    def issue(self, kind: str, account_id: UUID, lifetime_s: float, note: str = "") -> str:
        """Return a new secret of a kind (session, link, api) that opens the desk for `lifetime_s`."""

    def open_session(self, account_id: UUID, password_hash: str | None, lifetime_s: float, note: str = "") -> str | None:
        """Return a new session's secret; None if the account is locked by now, or its password not that of `password_hash`."""

    def account_of(self, kind: str, token: str) -> Account | None:
        """Return whom a secret belongs to, if it still opens the desk."""

    def use_link(self, token: str) -> tuple[Account, str | None] | None:
        """Return whom a one-time link belongs to, with the password's hash, and make the link worthless."""

    def revoke(self, token: str) -> None:
        """Make a secret worthless."""

    def may_try(self, name: str, address: str) -> bool:
        """Return whether an attempt to log in may be made; one that may is counted as failed until `succeeded`."""

    def succeeded(self, name: str, address: str) -> None:
        """Forget the failed logins of a name from an address."""


class Passwords(Protocol):
    """Passwords as hashes. Both calls take long and much memory: whoever makes them sees to it that few run at a time."""

    def hash(self, password: str, name: str) -> str:
        """Return the hash of a password for the account `name`; raises PasswordTooWeak."""

    def matches(self, password: str, hashed: str | None) -> bool:
        """Return whether it is the password; takes as long when there is none to compare with."""


class Quality(Protocol):
    """How good labels are."""

    def sample(self, share: float) -> int:
        """Put this share of the confident predictions since the last call up for review; return how many."""

    def set_gold(self, event_id: UUID, choice: Choice, account_id: UUID) -> bool:
        """Keep a closed item as one whose answer is known; False if there is no such item."""

    def retire_gold(self, event_id: UUID) -> bool:
        """Show a gold item to nobody any more."""

    def history(self, account_id: UUID, limit: int, before: datetime | None = None) -> list[Row]:
        """Return what a person said, the latest first."""

    def opinions(self, since: datetime) -> list[Row]:
        """Return the standing labels of pictures on which at least two people spoke."""

    def reviewers(self, since: datetime) -> list[Row]:
        """Return each reviewer's number of labels, their median seconds, and how many gold items were answered rightly."""

    def audit(self, since: datetime) -> list[Row]:
        """Return by predicted category how many audited predictions were right, also weighted by 1 / sampling probability."""


class Backlog(Protocol):
    """How much waits for people."""

    def now(self) -> Row:
        """Return how many items wait, the age of the oldest in seconds, what came and went, and who is at work."""

    def confidences(self) -> tuple[list[Row], float]:
        """Return the last seven days' decisions by percent of confidence, and of how many of them each counted one stands."""


class Pictures(Protocol):
    """Pictures for people."""

    def jpeg(self, image_url: str, longest_px: int) -> bytes:
        """Return the picture upright as an RGB JPEG without metadata, its longer side at most `longest_px`.

        Raises ImageForbidden, ImageMissing, ImageRefused, ImageTooLarge, ImageTruncated, ImageUnreadable, ImageSourceDown
        or StoreKeysRefused.
        """
