"""Text of strangers, made fit to be shown. Pure."""

import unicodedata
from datetime import datetime
from typing import Any

_LONGEST = 200
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def plain(text: object, longest: int = _LONGEST) -> str:
    """Return text of strangers on one line: no control or direction marks, which could dress it up as something else."""
    letters = str(text)[: longest + 1]
    shown = "".join(f"\\u{ord(one):04x}" if unicodedata.category(one) in _UNSEEN else one for one in letters[:longest])
    return shown + ("…" if len(letters) > longest else "")


def plain_lines(text: object, longest: int) -> str:
    """Return text of strangers that may have several lines; within each of them nothing is left that `plain` takes out."""
    letters = str(text)
    shown = "\n".join(plain(line.removesuffix("\r"), longest) for line in letters[:longest].split("\n"))
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
