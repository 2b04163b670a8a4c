"""Direct doors: what lets one device append to the edge queue and put its own pictures, and do nothing else. Pure."""

import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from urllib.parse import quote

from contracts.errors import RequestRefused
from contracts.names import EDGE_QUEUE
from contracts.signatures import Credential

_PASSWORD = b"waste-fleet redis password"
# No SELECT: in another database than the queue's nobody would look for what a device has left there.
_COMMANDS = ("rpush", "get", "ping", "hello", "auth", "client|setinfo", "client|setname")
_QUEUE_ARN = re.compile(r"arn:(aws[a-z-]*):sqs:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,80}", re.ASCII)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)


def door_key(queue: str) -> str:
    """Return the name of the Redis list to which devices append what `queue` is to hold."""
    return f"{queue}:door"


def hint_key(queue: str) -> str:
    """Return the name of the Redis key that tells them how fast they may."""
    return f"{queue}:hint"


def door_user(sensor_id: str) -> str:
    """Return a device's name in Redis."""
    return f"device:{sensor_id}"


def door_password(credential: Credential) -> str:
    """Return a device's password in Redis, which follows from its credential."""
    return hmac.digest(credential.key, _PASSWORD, "sha256").hex()


def door_login(credential: Credential) -> str:
    """Return a device's name and password as they stand in a URL, before its @."""
    return f"{quote(door_user(credential.sensor_id), safe='')}:{door_password(credential)}"


def redis_acl(credentials: Sequence[Credential]) -> str:
    """Return the command that lets a device in, for Redis 7 or Valkey; it holds digests of its passwords alone.

    `credentials` are those that are taken now: two while a rotation overlaps. All are of one sensor.
    """
    digests = [hashlib.sha256(door_password(credential).encode()).hexdigest() for credential in credentials]
    rights = ["resetpass", "resetkeys", "resetchannels", "-@all", f"%W~{door_key(EDGE_QUEUE)}", f"%R~{hint_key(EDGE_QUEUE)}"]
    rights += [f"+{command}" for command in _COMMANDS]
    return " ".join(["ACL SETUSER", door_user(credentials[0].sensor_id), "on", *rights, *(f"#{digest}" for digest in digests)])


def iam_policy(sensor_id: str, queue_arn: str, bucket: str) -> str:
    """Return the AWS policy of a device: send to the queue, count what waits there, and put pictures below its own name.

    Raises RequestRefused for what is no queue's ARN or no bucket's name: a `*` would let the device into others.
    """
    arn = _QUEUE_ARN.fullmatch(queue_arn)
    if arn is None:
        raise RequestRefused(
            "--aws-queue", f"{queue_arn!r} is no queue's ARN, as arn:aws:sqs:eu-central-1:123456789012:waste-events"
        )
    if not _BUCKET.fullmatch(bucket):
        raise RequestRefused("--bucket", f"{bucket!r} is no bucket's name")
    queue = ["sqs:SendMessage", "sqs:GetQueueUrl", "sqs:GetQueueAttributes"]
    statements = [
        {"Sid": "Events", "Effect": "Allow", "Action": queue, "Resource": queue_arn},
        {"Sid": "Pictures", "Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:{arn[1]}:s3:::{bucket}/{sensor_id}/*"},
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)
