"""Errors are facts, sorted by who must react.

A `Retryable` is tried again by the ledger's schedule, a `Permanent` becomes a failure outcome at once, and an
`Infrastructure` is nobody's fault among the events: whoever meets it stops pulling and waits.
A class's docstring is its message; `reason` is what the outcome, the metric and the reviewer's filter call it.
"""

from typing import ClassVar


def printable(text: str) -> str:
    """Return a stranger's text with what cannot be printed escaped."""
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)


class FleetError(Exception):
    """Something went wrong in the fleet."""

    reason: ClassVar[str] = "error"

    def __init__(self, detail: str = "") -> None:
        """`detail` says what was found, for people; it must hold no secret.

        It may quote what a stranger's server has sent: what cannot be printed is escaped, for Postgres stores no NUL.
        """
        detail = printable(detail)
        self.detail = detail
        message = (type(self).__doc__ or type(self).__name__).split("\n", 1)[0].rstrip(".")
        super().__init__(f"{message}: {detail}" if detail else message)


class Permanent(FleetError):
    """No repetition will help."""


class Retryable(FleetError):
    """Another try may help."""


class MaybeLate(Retryable):
    """What is missing may still be on its way."""


class Transient(Retryable):
    """A passing fault of somebody else's server or network."""

    def __init__(self, detail: str = "", retry_after_s: float | None = None) -> None:
        """`retry_after_s` is what the other side asked for, in seconds."""
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Infrastructure(FleetError):
    """The fleet's own database, broker, disk or model is away."""


# --- what an event can have wrong -------------------------------------------------------------------------------


class EventInvalid(Permanent):
    """The event breaks its schema."""

    reason = "event_invalid"

    def __init__(self, field: str, problem: str) -> None:
        """`field` is the path of the field at fault, `problem` what is wrong with it."""
        self.field = field
        super().__init__(f"{field}: {problem}")


class CaptureMistimed(EventInvalid):
    """The event cannot have been captured at its time: a clock is wrong, or it comes too late."""


class SignatureInvalid(Permanent):
    """The event was not signed by the credential of its sensor."""

    reason = "signature_invalid"


class CredentialRevoked(Permanent):
    """The event was signed with a credential that has been revoked."""

    reason = "credential_revoked"


class EventConflict(Permanent):
    """Another event with this id came first."""

    reason = "event_conflict"


# --- what an image can have wrong -------------------------------------------------------------------------------


class ImageForbidden(Permanent):
    """The image_url points where the fleet must not fetch."""

    reason = "url_blocked"


class ImageRefused(Permanent):
    """The image's server refused the request."""

    reason = "image_refused"


class ImageTooLarge(Permanent):
    """The image is larger than what is accepted."""

    reason = "image_too_large"


class ImageUnreadable(Permanent):
    """The file is not a JPEG, PNG or WebP image that can be decoded."""

    reason = "image_unreadable"


class ImageMissing(MaybeLate):
    """There is no image at the image_url."""

    reason = "image_missing"


class ImageTruncated(MaybeLate):
    """The image ends before its data does."""

    reason = "image_truncated"


class ImageSourceDown(Transient):
    """The image's server did not answer as it should."""

    reason = "image_source_down"


class StoreKeysRefused(Transient):
    """The object store refuses the keys of the fleet, or the clock of this machine."""

    reason = "store_keys_refused"


class ItemUnexpected(Transient):
    """Something unforeseen happened to this item."""

    reason = "unexpected"


class PredictionInvalid(Permanent):
    """The model's output is not a probability."""

    reason = "prediction_invalid"


class ItemPoisonous(Permanent):
    """The process that worked on this item vanished each time."""

    reason = "poison"


# --- what the fleet itself can have wrong -----------------------------------------------------------------------


class LedgerUnavailable(Infrastructure):
    """Postgres cannot be used."""

    reason = "ledger_unavailable"


class QueueUnavailable(Infrastructure):
    """The queue's broker cannot be used."""

    reason = "queue_unavailable"


class QueueFull(Infrastructure):
    """The queue's broker takes no more."""

    reason = "queue_full"


class MetricsUnavailable(Infrastructure):
    """CloudWatch does not take figures."""

    reason = "metrics_unavailable"


class ObjectStoreUnavailable(Infrastructure):
    """The object store does not do what the fleet needs of it."""

    reason = "object_store_unavailable"


class ObjectMissing(FleetError):
    """The object store has no such object, or one that is too large."""

    reason = "object_missing"


class ModelUnusable(Infrastructure):
    """The model file cannot be used."""

    reason = "model_unusable"


# --- what a person at the review desk can have wrong ------------------------------------------------------------


class RequestRefused(FleetError):
    """The request cannot be carried out as it is; its detail alone says all that is to be said."""

    reason = "request_refused"

    def __init__(self, field: str, problem: str) -> None:
        """`field` is the name of what is at fault, `problem` what is wrong with it."""
        self.field, self.problem = field, printable(problem)
        super().__init__(f"{field} {problem}")


class LabelRefused(RequestRefused):
    """The label cannot be taken."""

    reason = "label_refused"


class DeviceRefused(RequestRefused):
    """This cannot be done to the device."""

    reason = "device_refused"


class ModelRefused(RequestRefused):
    """This cannot be done with the model."""

    reason = "model_refused"


class SnapshotRefused(RequestRefused):
    """This cannot be done with the snapshot."""

    reason = "snapshot_refused"


class SnapshotDamaged(FleetError):
    """A snapshot's files are not what its manifest says."""

    reason = "snapshot_damaged"


class LoginRefused(FleetError):
    """The name or the password is not right."""

    reason = "login_refused"


class LoginsTooMany(FleetError):
    """There were too many failed logins, or there are too many at this moment."""

    reason = "logins_too_many"


class PasswordTooWeak(RequestRefused):
    """The password is too easy to guess."""

    reason = "password_too_weak"


class AlertNotTold(FleetError):
    """Nobody could be told of an alert."""

    reason = "alert_not_told"


class SettingsInvalid(FleetError):
    """The settings are not usable."""

    reason = "settings_invalid"


def reasons_of(kind: type[FleetError]) -> set[str]:
    """Return the reasons of all errors of a kind."""
    below = kind.__subclasses__()
    own = {kind.reason} if "reason" in vars(kind) else set()
    return own.union(*(reasons_of(one) for one in below))
