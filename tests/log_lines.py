"""The lines of logs: which the source has, and whether those that were written are as docs/logs.schema.json says."""

import ast
import json
from contextlib import suppress
from dataclasses import dataclass, field

import jsonschema_rs

from tests.conftest import REPOSITORY

SCHEMA = json.loads((REPOSITORY / "docs" / "logs.schema.json").read_text("utf-8"))
VALIDATOR = jsonschema_rs.validator_for(SCHEMA)

LEVELS = {"debug": "debug", "info": "info", "warning": "warning", "error": "error", "exception": "error"}
PACKAGES = ("adapters", "producer", "intake", "worker", "dlq_review", "learning", "local", "migrations", "monitor", "waste")
CHOSEN = "level"
"""What a logger's method is called where it is chosen at run time."""


@dataclass
class Line:
    """What the source says of a line. `open` if some of its levels or fields are known at run time alone."""

    levels: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)
    open: bool = False


def lines_of(path):
    """Return the lines of a log that are JSON, also of one that names the role before each; a kill may have cut one in two."""
    found = []
    for text in path.read_text("utf-8").splitlines() if path.exists() else ():
        with suppress(ValueError):
            found.append(json.loads(text[text.index("{") :]))
    return found


def wrong_lines(path):
    """Return what the schema has against the lines of a log."""
    return [f"{error.instance_path}: {error.message} in {line}" for line in lines_of(path) for error in VALIDATOR.iter_errors(line)]


def written():
    """Return name -> Line of all that the packages log by themselves."""
    found: dict[str, Line] = {}
    for package in PACKAGES:
        for path in sorted((REPOSITORY / package).rglob("*.py")):
            for call in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(call, ast.Call) and (method := _method(call)):
                    _note(found.setdefault(call.args[0].value, Line()), method, call)
    return found


def _method(call):
    if not call.args or not isinstance(call.args[0], ast.Constant) or not isinstance(call.args[0].value, str):
        return None
    if isinstance(call.func, ast.Name) and call.func.id == CHOSEN:
        return CHOSEN
    if isinstance(call.func, ast.Attribute) and call.func.attr in LEVELS:
        owner = call.func.value
        named = getattr(owner, "id", None) or getattr(owner, "attr", None) or ""
        asked = isinstance(owner, ast.Call) and "get_logger" in ast.unparse(owner.func)
        return call.func.attr if asked or named in {"_log", "log"} else None
    return None


def _note(line, method, call):
    line.fields |= {keyword.arg for keyword in call.keywords if keyword.arg}
    line.open |= method == CHOSEN or any(keyword.arg is None for keyword in call.keywords)
    if method in LEVELS:
        line.levels.add(LEVELS[method])
    if method == "exception":
        line.fields.add("exception")
