"""A queue on SQS (standard): batches of ten, long polling, leases by visibility timeout."""

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from contracts.errors import QueueUnavailable
from contracts.messages import Message, QueueDepth, Received

_BATCH = 10
_MAX_BATCH_BYTES = 200 * 1024
_MAX_WAIT_S = 20
_STALE = frozenset({"ReceiptHandleIsInvalid", "InvalidParameterValue"})
_ENCODING_HEADER = "encoding"
_REFUSED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffc\U00010000-\U0010ffff]")
"""What SQS does not take, and the replacement character that stands for bytes that are no text."""


def connect(endpoint_url: str | None, region: str, key: str | None = None, secret: str | None = None) -> Any:
    """Return an SQS client; without a key the machine's own AWS credentials are used."""
    return boto3.client(
        "sqs",
        endpoint_url=endpoint_url,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(connect_timeout=3, read_timeout=_MAX_WAIT_S + 5, retries={"max_attempts": 3, "mode": "standard"}),
    )


@contextmanager
def sqs_errors() -> Iterator[None]:
    """Raise QueueUnavailable for what boto3 raises."""
    try:
        yield
    except (BotoCoreError, ClientError, OSError) as error:
        raise QueueUnavailable(str(error)[:200]) from error


class SqsMessageQueue:
    """Implements `contracts.ports.MessageQueue`. Safe to use from several threads."""

    def __init__(self, client: Any, name: str, *, lease_s: float = 60.0, create: bool = False) -> None:
        """Use the queue `name`; `create` makes it if it is missing (for one machine; in AWS it is Terraform's)."""
        self._client = client
        self._name = name
        self._lease_s = max(1, int(lease_s))
        self._create = create
        self._known_url: str | None = None

    def publish(self, messages: Sequence[Message]) -> None:
        """Send all messages, ten to a request and several requests at once; raises if SQS refused any of them."""
        batches = list(_batches(messages))
        if len(batches) > 1:
            with ThreadPoolExecutor(min(8, len(batches))) as pool:
                list(pool.map(self._send, batches))
        elif batches:
            self._send(batches[0])

    def receive(self, max_messages: int, wait_s: float) -> list[Received]:
        """Lease messages; keeps asking while requests come back full."""
        received: list[Received] = []
        while len(received) < max_messages:
            wanted = min(_BATCH, max_messages - len(received))
            batch = self._receive(wanted, 0 if received else wait_s)
            received += batch
            if len(batch) < wanted:
                break
        return received

    def ack(self, receipts: Sequence[str]) -> None:
        """Delete messages."""
        for batch in _chunks(receipts):
            entries = [{"Id": str(i), "ReceiptHandle": receipt} for i, receipt in enumerate(batch)]
            with sqs_errors():
                answer = self._client.delete_message_batch(QueueUrl=self._url(), Entries=entries)
            _check_failed(answer, "delete")

    def release(self, receipts: Sequence[str]) -> None:
        """Make messages visible again at once."""
        for batch in _chunks(receipts):
            entries = [{"Id": str(i), "ReceiptHandle": receipt, "VisibilityTimeout": 0} for i, receipt in enumerate(batch)]
            with sqs_errors():
                self._client.change_message_visibility_batch(QueueUrl=self._url(), Entries=entries)

    def depth(self) -> QueueDepth:
        """Estimate the number of messages, as SQS does."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        with sqs_errors():
            attributes = self._client.get_queue_attributes(QueueUrl=self._url(), AttributeNames=names)["Attributes"]
        return QueueDepth(*(int(attributes[name]) for name in names))

    def oldest_age_s(self, now: datetime) -> float | None:  # noqa: ARG002 - SQS tells it through CloudWatch only
        """Return None: the age of the oldest message is a CloudWatch metric (ApproximateAgeOfOldestMessage)."""
        return None

    def memory_share(self) -> float | None:
        """Return None: SQS has no bound."""
        return None

    def _url(self) -> str:
        if self._known_url is None:
            self._known_url = self._find_url()
        return self._known_url

    def _find_url(self) -> str:
        try:
            return str(self._client.get_queue_url(QueueName=self._name)["QueueUrl"])
        except self._client.exceptions.QueueDoesNotExist:
            if not self._create:
                raise
        attributes = {"VisibilityTimeout": str(self._lease_s), "MessageRetentionPeriod": "1209600"}
        return str(self._client.create_queue(QueueName=self._name, Attributes=attributes)["QueueUrl"])

    def _send(self, batch: Sequence[Message]) -> None:
        entries = [_entry(str(i), message) for i, message in enumerate(batch)]
        with sqs_errors():
            answer = self._client.send_message_batch(QueueUrl=self._url(), Entries=entries)
        _check_failed(answer, "send")

    def _receive(self, count: int, wait_s: float) -> list[Received]:
        with sqs_errors():
            answer = self._client.receive_message(
                QueueUrl=self._url(),
                MaxNumberOfMessages=count,
                WaitTimeSeconds=min(_MAX_WAIT_S, round(wait_s)),
                VisibilityTimeout=self._lease_s,
                MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
                MessageAttributeNames=["All"],
            )
        return [_received(item) for item in answer.get("Messages", [])]


def _batches(messages: Sequence[Message]) -> Iterator[list[Message]]:
    batch: list[Message] = []
    size = 0
    for message in messages:
        if batch and (len(batch) == _BATCH or size + len(message.body) > _MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += len(message.body)
    if batch:
        yield batch


def _chunks(receipts: Sequence[str]) -> Iterator[Sequence[str]]:
    return (receipts[start : start + _BATCH] for start in range(0, len(receipts), _BATCH))


def _entry(entry_id: str, message: Message) -> dict[str, Any]:
    headers = dict(message.headers)
    text = message.body.decode(errors="replace")
    if not text or _REFUSED.search(text):
        # SQS takes XML's characters alone; other bytes travel as hex and come out as they were.
        text, headers[_ENCODING_HEADER] = message.body.hex() or "00", "hex"
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in headers.items() if value}
    return {"Id": entry_id, "MessageBody": text, "MessageAttributes": attributes}


def _received(item: dict[str, Any]) -> Received:
    headers = {name: str(value.get("StringValue", ""))[:1024] for name, value in item.get("MessageAttributes", {}).items()}
    body = item["Body"].encode(errors="surrogatepass")
    if headers.pop(_ENCODING_HEADER, "") == "hex":
        body = _from_hex(item["Body"], body)
    sent_at = datetime.fromtimestamp(int(item["Attributes"]["SentTimestamp"]) / 1000, UTC)
    deliveries = int(item["Attributes"].get("ApproximateReceiveCount", 1))
    return Received(item["ReceiptHandle"], Message(body, headers), sent_at, deliveries)


def _from_hex(text: str, otherwise: bytes) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return otherwise


def _check_failed(answer: dict[str, Any], verb: str) -> None:
    # A receipt that is no longer valid belongs to a lease that ended: the message comes again, or is gone already.
    failed = [entry for entry in answer.get("Failed", []) if entry.get("Code") not in _STALE]
    if failed:
        raise QueueUnavailable(f"SQS did not {verb} {len(failed)} messages: {failed[0].get('Code')}")
