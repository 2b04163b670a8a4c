"""Settings come from the environment, once, and all that is wrong with them is said at once.

Each field's alias is its variable. A secret is also read from the file that `<VARIABLE>_FILE` names.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from contracts.errors import SettingsInvalid


class Settings(BaseModel):
    """A block of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


SettingsT = TypeVar("SettingsT", bound=Settings)


def read_settings(kind: type[SettingsT], environ: Mapping[str, str]) -> SettingsT:
    """Return the settings of a role; raises SettingsInvalid that names every variable at fault."""
    values, problems = _collect(kind, environ)
    try:
        return kind.model_validate(values) if not problems else _refuse(kind, values, problems)
    except ValidationError as error:
        raise SettingsInvalid("; ".join(problems + _problems(kind, error))) from None


def describe_environment(kind: type[Settings], environ: Mapping[str, str]) -> dict[str, str]:
    """Return variable -> what it holds or its default, with secrets masked; for settings that are not valid as a whole."""
    values, _ = _collect(kind, environ)
    shown = {}
    for name, field in kind.model_fields.items():
        variable, secret = field.alias or name, "SecretStr" in str(field.annotation)
        value = values.get(variable, "" if field.is_required() else field.default)
        shown[variable] = _mask(SecretStr(value) if secret and isinstance(value, str) and value else value)
    return dict(sorted(shown.items()))


def describe_settings(kind: type[Settings], settings: Settings) -> dict[str, str]:
    """Return variable -> value in force, with secrets masked."""
    shown = {}
    for name, field in kind.model_fields.items():
        value = getattr(settings, name)
        shown[field.alias or name] = _mask(value)
    return dict(sorted(shown.items()))


def _collect(kind: type[Settings], environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    values: dict[str, str] = {}
    problems: list[str] = []
    for name, field in kind.model_fields.items():
        variable = field.alias or name
        path = environ.get(f"{variable}_FILE", "") if "SecretStr" in str(field.annotation) else ""
        if path:
            try:
                values[variable] = Path(path).read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                problems.append(f"{variable}_FILE: {path} cannot be read: {error}")
        elif environ.get(variable, "").strip():
            values[variable] = environ[variable].strip()
    return values, problems


def _refuse(kind: type[SettingsT], values: dict[str, str], problems: list[str]) -> SettingsT:
    read = {problem.partition("_FILE:")[0] for problem in problems}
    try:
        kind.model_validate(values)
    except ValidationError as error:
        # What goes back to a file that could not be read is no fault of its own.
        problems += [problem for problem in _problems(kind, error) if not read & set(re.findall("[A-Z_]+", problem))]
    raise SettingsInvalid("; ".join(problems))


def _problems(kind: type[Settings], error: ValidationError) -> list[str]:
    rows = error.errors(include_url=False, include_input=False)
    # A default that is not valid is told under the field's own name.
    variables = {name: field.alias for name, field in kind.model_fields.items()}
    return [f"{variables.get(str(row['loc'][0]), row['loc'][0])}: {_plain(row)}" for row in rows]


def _plain(row: Any) -> str:
    if row["type"] == "missing":
        return "is not set"
    return str(row["msg"]).removeprefix("Value error, ")


def _mask(value: object) -> str:
    if isinstance(value, SecretStr):
        # Not by the parts of the URL: a / or # in a password would count as its end.
        scheme, there, rest = value.get_secret_value().partition("://")
        if not there:
            return "********"
        _, at, place = rest.rpartition("@")
        return f"{scheme}://{'********@' if at else ''}{place.partition('?')[0].partition('#')[0]}"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return "" if value is None else str(value)
