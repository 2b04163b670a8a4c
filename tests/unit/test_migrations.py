"""Each migration leaves the code of before at work: it adds, and takes nothing away that somebody may still ask for."""

import re

import pytest

from tests.conftest import REPOSITORY

FILES = sorted((REPOSITORY / "migrations" / "versions").glob("*.sql"))
TAKES_AWAY = {
    "drops what code of before may read": r"\bDROP (TABLE|COLUMN|VIEW|FUNCTION|TYPE|SCHEMA)\b",
    "renames": r"\bRENAME\b",
    "changes a type": r"\bALTER (COLUMN )?\w+ (SET DATA )?TYPE\b",
    "demands a value that code of before does not give": r"\bSET NOT NULL\b",
    "adds a column that code of before leaves empty": r"\bADD COLUMN [^;,]*\bNOT NULL\b(?![^;,]*\bDEFAULT\b)",
}


def statements(text):
    return re.sub(r"--[^\n]*", "", text)


def faults(text):
    return [what for what, pattern in TAKES_AWAY.items() if re.search(pattern, statements(text), re.IGNORECASE)]


@pytest.mark.parametrize("path", FILES[1:], ids=lambda path: path.stem)
def test_a_migration_takes_nothing_away(path):
    assert faults(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE events DROP COLUMN open;",
        "ALTER TABLE events RENAME COLUMN open TO is_open;",
        "ALTER TABLE events ALTER COLUMN attempts TYPE bigint;",
        "ALTER TABLE events ALTER COLUMN last_reason SET NOT NULL;",
        "ALTER TABLE events ADD COLUMN size bigint NOT NULL;",
    ],
)
def test_what_would_break_the_code_of_before_is_found(statement):
    assert len(faults(statement)) == 1
    assert faults(f"-- {statement}\nALTER TABLE events ADD COLUMN size bigint NOT NULL DEFAULT 0;") == []
