"""Items and labels in Label Studio's task format, out and back in. Pure.

Format: a list of tasks, each with `data`, `predictions` and `annotations` (Label Studio's documentation, "Label Studio
JSON format of annotated tasks"). The labelling interface is `LABELLING_CONFIG`.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from contracts.errors import RequestRefused
from contracts.labels import Choice

LABELLING_CONFIG = (
    '<View><Image name="image" value="$image"/><Choices name="category" toName="image" choice="single" showInLine="true">'
    + "".join(f'<Choice value="{choice.value}" hotkey="{number}"/>' for number, choice in enumerate(Choice, 1))
    + "</Choices></View>"
)
_MOST_TASKS = 10_000
_FIRST_YEAR, _LAST_YEAR = 2000, 2200


@dataclass(frozen=True, slots=True)
class Annotation:
    """A label as a task carries it. `identity` is the annotation's own: importing twice changes nothing.

    `label_id` is there if it went out from here: it is a label that is known, whoever brings it. `unique` is whether
    `identity` names the annotation among those of all projects, so that nobody else's import of the same file adds it again.
    """

    event_id: UUID
    label_id: UUID | None
    identity: str
    unique: bool
    choice: Choice
    took_ms: int | None
    labelled_at: datetime | None


def to_task(item: Mapping[str, Any], public_url: str) -> dict[str, Any]:
    """Return an item, as `Browser.show` has it, as a task."""
    event_id = str(item["event_id"])
    shown = ("sensor_id", "reason", "state")
    data = {"image": f"{public_url}/api/v1/items/{event_id}/picture", "event_id": event_id} | {name: item[name] for name in shown}
    data["captured_at"] = item["captured_at"].isoformat()
    guess = {"model_version": item["model_version"], "score": item["confidence"], "result": [_result(item["category"])]}
    standing = {label["label_id"] for label in item["labels"]} - {label["replaces"] for label in item["labels"]}
    annotations = [_annotation(label) for label in item["labels"] if label["label_id"] in standing and label["choice"]]
    return {"data": data, "predictions": [guess], "annotations": annotations}


def read_tasks(tasks: object) -> list[Annotation]:
    """Return the annotations of tasks; raises RequestRefused that names the task and the field at fault."""
    if not isinstance(tasks, list):
        raise RequestRefused("tasks", "are not a JSON list")
    if len(tasks) > _MOST_TASKS:
        raise RequestRefused("tasks", f"are {len(tasks):,}; at most {_MOST_TASKS:,} are taken at once")
    return [annotation for place, task in enumerate(tasks) for annotation in _read_task(place, task)]


def _read_task(place: int, task: object) -> Iterable[Annotation]:
    where = f"tasks[{place}]"
    data = _member(task, "data", dict, where)
    try:
        event_id = UUID(str(data.get("event_id")))
    except ValueError:
        raise RequestRefused(f"{where}.data.event_id", "is not a UUID") from None
    annotations = _member(task, "annotations", list, where)
    for number, annotation in enumerate(annotations):
        at = f"{where}.annotations[{number}]"
        if not isinstance(annotation, dict):
            raise RequestRefused(at, "is not an object")
        if annotation.get("was_cancelled"):
            continue
        yield _read_annotation(event_id, annotation, at)


def _read_annotation(event_id: UUID, annotation: Mapping[str, Any], where: str) -> Annotation:
    results = _member(annotation, "result", list, where)
    chosen = [one["value"]["choices"] for one in results if _is_choice(one)]
    if len(chosen) != 1 or len(chosen[0]) != 1:
        raise RequestRefused(f"{where}.result", "does not hold exactly one choice named category")
    try:
        choice = Choice(str(chosen[0][0]).strip().lower().replace(" ", "_"))
    except ValueError:
        raise RequestRefused(f"{where}.result", f"holds the choice {chosen[0][0]!r:.60}; there is " + ", ".join(Choice)) from None
    unique = bool(annotation.get("unique_id"))
    identity = f"{event_id}:{_own_id(annotation, 'unique_id' if unique else 'id', where)}:{choice.value}"
    lead_s = annotation.get("lead_time")
    took = int(lead_s * 1000) if isinstance(lead_s, int | float) and 0 <= lead_s < 1e6 else None
    made_at = _time(annotation.get("created_at"), where)
    return Annotation(event_id, _label_id(annotation, results), identity, unique, choice, took, made_at)


def _label_id(annotation: Mapping[str, Any], results: list[Any]) -> UUID | None:
    for text in (annotation.get("label_id"), *(one.get("id") for one in results if isinstance(one, dict))):
        with suppress(ValueError):
            return UUID(str(text))
    return None


def _own_id(annotation: Mapping[str, Any], name: str, where: str) -> str:
    text = str(annotation.get(name))
    try:
        text.encode()
    except UnicodeEncodeError:
        raise RequestRefused(f"{where}.{name}", "holds half a character") from None
    return text


def _is_choice(result: object) -> bool:
    if not isinstance(result, dict) or result.get("from_name", "category") != "category":
        return False
    value = result.get("value")
    return isinstance(value, dict) and isinstance(value.get("choices"), list)


def _time(value: object, where: str) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise RequestRefused(f"{where}.created_at", "is not an ISO 8601 time") from None
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise RequestRefused(f"{where}.created_at", f"is not between {_FIRST_YEAR} and {_LAST_YEAR}")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _member(holder: object, name: str, kind: type, where: str) -> Any:
    value = holder.get(name) if isinstance(holder, dict) else None
    if not isinstance(value, kind):
        raise RequestRefused(f"{where}.{name}", "is missing or of another kind")
    return value


def _result(choice: str) -> dict[str, Any]:
    return {"from_name": "category", "to_name": "image", "type": "choices", "value": {"choices": [choice]}}


def _annotation(label: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "label_id": str(label["label_id"]),
        "created_at": label["labelled_at"].isoformat(),
        "lead_time": None if label["took_ms"] is None else label["took_ms"] / 1000,
        # Label Studio keeps the id of a result, and refuses a completed_by that is none of its own people.
        "result": [_result(label["choice"]) | {"id": str(label["label_id"])}],
    }
