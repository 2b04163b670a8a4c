"""What a wake-up looks like in Redis. Anything else in the list ends stock Celery, again and again, so it is dropped.

Nothing is lost by that: the ledger knows what is open.
"""

import base64
import json
from typing import Any

from contracts.names import CLASSIFY_TASK

_MAX_IDS = 10_000


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
    return {
        "body": message["body"],
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": _headers(task_id),
        "properties": {
            "delivery_tag": tag,
            "delivery_info": {"exchange": info["exchange"], "routing_key": info["routing_key"]},
            "body_encoding": "base64",
            "correlation_id": task_id,
            "delivery_mode": 2,
            "priority": 0,
        },
    }


def _headers(task_id: str) -> dict[str, Any]:
    nothing = dict.fromkeys(("parent_id", "group", "eta", "expires", "shadow", "origin"))
    return nothing | {
        "lang": "py",
        "task": CLASSIFY_TASK,
        "id": task_id,
        "root_id": task_id,
        "retries": 0,
        "timelimit": [None, None],
        "argsrepr": "",
        "kwargsrepr": "",
        "ignore_result": True,
    }
