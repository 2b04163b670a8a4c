"""Direct doors: what lets one device append to the edge queue and put its own pictures, and do nothing else. Pure."""

import hashlib
import hmac
import json
from collections.abc import Sequence

from contracts.names import EDGE_QUEUE
from contracts.signatures import Credential

_PASSWORD = b"waste-fleet redis password"
_COMMANDS = ("rpush", "get", "ping", "hello", "auth", "select", "client|setinfo", "client|setname")


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


def redis_acl(credentials: Sequence[Credential]) -> str:
    """Return the command that lets a device in, for Redis 7 or Valkey; it holds digests of its passwords alone.

    `credentials` are those that are taken now: two while a rotation overlaps. All are of one sensor.
    """
    digests = [hashlib.sha256(door_password(credential).encode()).hexdigest() for credential in credentials]
    rights = ["resetpass", "resetkeys", "resetchannels", "-@all", f"%W~{door_key(EDGE_QUEUE)}", f"%R~{hint_key(EDGE_QUEUE)}"]
    rights += [f"+{command}" for command in _COMMANDS]
    return " ".join(["ACL SETUSER", door_user(credentials[0].sensor_id), "on", *rights, *(f"#{digest}" for digest in digests)])


def iam_policy(sensor_id: str, queue_arn: str, bucket: str) -> str:
    """Return the AWS policy of a device: send to the queue, count what waits there, and put pictures below its own name."""
    queue = ["sqs:SendMessage", "sqs:GetQueueUrl", "sqs:GetQueueAttributes"]
    statements = [
        {"Sid": "Events", "Effect": "Allow", "Action": queue, "Resource": queue_arn},
        {"Sid": "Pictures", "Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/{sensor_id}/*"},
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)
