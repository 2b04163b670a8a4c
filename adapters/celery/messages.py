"""What wake-ups and jobs look like in Redis. Anything else in the list ends stock Celery, again and again, so it is dropped.

Nothing is lost by that: the ledger knows what is open.
"""

import base64
import json
import re
from datetime import datetime
from typing import Any

from contracts.names import CLASSIFY_TASK

_MAX_IDS = 10_000
_JOB = re.compile("[a-z][a-z-]{0,60}")
_NO_ARGUMENTS = base64.b64encode(b"[[], {}, {}]").decode()


def checked_wake_up(message: Any) -> dict[str, Any]:
    """Return the message with headers of our own making; raises ValueError unless it is one of `CeleryWorkQueue`'s."""
    try:
        properties, headers = message["properties"], message["headers"]
        tag, info, task_id = properties["delivery_tag"], properties["delivery_info"], headers["id"]
        args, _, _ = json.loads(base64.b64decode(message["body"], validate=True))
        ids, first = args
        texts = [tag, task_id, info["exchange"], info["routing_key"], *ids]
    except (TypeError, KeyError, IndexError, ValueError, RecursionError) as error:
        raise ValueError(f"not a wake-up: {type(error).__name__} {error}"[:200]) from None
    if not all(isinstance(text, str) for text in texts) or not isinstance(first, bool) or len(ids) > _MAX_IDS:
        raise ValueError("not a wake-up: something in it is of another type")
    if headers.get("task") != CLASSIFY_TASK or properties.get("body_encoding") != "base64":
        raise ValueError("not a wake-up: another task or encoding")
    return _message(message["body"], _headers(task_id, CLASSIFY_TASK, None), tag, info)


def checked_job(message: Any) -> dict[str, Any]:
    """Return a message of the slow loop's queue without whatever it has as arguments; raises ValueError if it names no job."""
    try:
        properties, headers = message["properties"], message["headers"]
        tag, info, task_id, task = properties["delivery_tag"], properties["delivery_info"], headers["id"], headers["task"]
        expires = headers.get("expires")
        texts = [tag, task_id, task, info["exchange"], info["routing_key"]]
        if expires is not None:
            datetime.fromisoformat(expires)
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise ValueError(f"not a job: {type(error).__name__} {error}"[:200]) from None
    if not all(isinstance(text, str) for text in texts) or not _JOB.fullmatch(task):
        raise ValueError("not a job: something in it is of another type")
    return _message(_NO_ARGUMENTS, _headers(task_id, task, expires), tag, info)


def _message(body: str, headers: dict[str, Any], tag: str, info: dict[str, Any]) -> dict[str, Any]:
    return {
        "body": body,
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": headers,
        "properties": {
            "delivery_tag": tag,
            "delivery_info": {"exchange": info["exchange"], "routing_key": info["routing_key"]},
            "body_encoding": "base64",
            "correlation_id": headers["id"],
            "delivery_mode": 2,
            "priority": 0,
        },
    }


def _headers(task_id: str, task: str, expires: str | None) -> dict[str, Any]:
    nothing = dict.fromkeys(("parent_id", "group", "eta", "shadow", "origin"))
    return nothing | {
        "lang": "py",
        "task": task,
        "expires": expires,
        "id": task_id,
        "root_id": task_id,
        "retries": 0,
        "timelimit": [None, None],
        "argsrepr": "",
        "kwargsrepr": "",
        "ignore_result": True,
    }
