"""Text of strangers, made fit to be shown. Pure."""

import unicodedata
from datetime import datetime
from typing import Any

_LONGEST = 200


def plain(text: object, longest: int = _LONGEST) -> str:
    """Return text of strangers on one line: no control or direction marks, which could dress it up as something else."""
    letters = str(text)[: longest + 1]
    shown = "".join(one if unicodedata.category(one)[0] != "C" else f"\\u{ord(one):04x}" for one in letters[:longest])
    return shown + ("…" if len(letters) > longest else "")


def jsonable(value: Any) -> Any:
    """Return a value that JSON can hold: ids and times as text, bytes as what can be read of them."""
    if isinstance(value, dict):
        return {str(key): jsonable(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(member) for member in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode(errors="replace")
    return value if isinstance(value, str | int | float | bool | None) else str(value)
