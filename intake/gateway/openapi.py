"""The published description of the gateway: what the hot path reads by hand is described by hand."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from contracts.codec import MAX_EVENT_BYTES
from contracts.names import SCHEMA_VERSION
from intake.gateway.documents import EVENT_ID_PATTERN, BatchAnswer, EventTaken, PredictAnswer, ProblemDocument, TruthTakenAnswer
from intake.gateway.problems import MEDIA_TYPE
from intake.gateway.submissions import MOST_EVENTS

_REF = "#/components/schemas/"
_PROBLEM = {"schema": {"$ref": f"{_REF}ProblemDocument"}}
_SIGNATURE = "^v1:[1-9][0-9]{0,3}:[0-9a-f]{64}$"
_SIGNED = {
    "type": "object",
    "description": "an event as the exact text that its device has signed",
    "properties": {
        "body": {"type": "string", "maxLength": MAX_EVENT_BYTES},
        "signature": {"type": "string", "pattern": _SIGNATURE},
    },
    "required": ["body", "signature"],
    "additionalProperties": False,
}
_TEXT = "^[^\\u0000-\\u001f\\u007f]*$"
_EVENT = {
    "type": "object",
    "description": "an item, photographed in a bin",
    "properties": {
        "schema_version": {"type": "integer", "enum": [SCHEMA_VERSION]},
        "event_id": {"type": "string", "pattern": EVENT_ID_PATTERN, "description": "UUIDv7, made at capture"},
        "sensor_id": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"},
        "image_url": {"type": "string", "pattern": "^(s3|https)://[!-~]+$", "maxLength": 2048},
        "captured_at": {
            "type": "string",
            "pattern": "^20[0-9]{2}-(0[1-9]|1[0-2])-([01][1-9]|2[0-8])T([01][0-9]|2[0-3])(:[0-5][0-9]){2}(\\.[0-9]{1,6})?Z$",
            "description": "RFC 3339; not over 30 days ago, nor over 5 minutes ahead",
        },
        "sequence": {"type": "integer", "minimum": 0, "maximum": 2**63 - 1, "description": "counts the sensor's events"},
        "attributes": {
            "type": "object",
            "maxProperties": 32,
            "propertyNames": {"pattern": "^[A-Za-z0-9_.-]{1,64}$"},
            "additionalProperties": {"type": ["string", "integer", "boolean", "null"], "pattern": _TEXT, "maxLength": 64},
            "description": "small and free: fill level, firmware, battery",
        },
    },
    "required": ["schema_version", "event_id", "sensor_id", "image_url", "captured_at", "sequence"],
    "additionalProperties": False,
}
_BATCH = {
    "type": "object",
    "properties": {
        "events": {
            "type": "array",
            "minItems": 1,
            "maxItems": MOST_EVENTS,
            "items": {"oneOf": [{"$ref": f"{_REF}Event"}, {"$ref": f"{_REF}SignedEvent"}]},
        }
    },
    "required": ["events"],
    "additionalProperties": False,
}
EVENTS_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"oneOf": [{"$ref": f"{_REF}Event"}, {"$ref": f"{_REF}EventBatch"}]}}},
    },
    "parameters": [
        {
            "name": "Signature",
            "in": "header",
            "required": False,
            "description": "the device's signature of a single event's exact bytes; without it the bearer token's sensor signs",
            "schema": {"type": "string", "pattern": _SIGNATURE},
        }
    ],
}


def _answer(description: str, *schemas: str, **more: Any) -> dict[str, Any]:
    found: list[dict[str, Any]] = [{"$ref": _REF + name} for name in schemas]
    schema = found[0] if len(found) == 1 else {"oneOf": found}
    return {"description": description, "content": {"application/json": {"schema": schema}}} | more


_LINK = {"outcome": {"operationId": "get_event", "parameters": {"event_id": "$response.body#/event_id"}}}
TAKEN: dict[int | str, dict[str, Any]] = {
    200: _answer("it came before", "EventTaken", links=_LINK),
    202: _answer("accepted", "EventTaken", "BatchAnswer", links=_LINK),
    207: _answer("a batch of which some were not accepted", "BatchAnswer"),
}
PREDICTED: dict[int | str, dict[str, Any]] = {
    200: _answer("decided", "PredictAnswer", links={"outcome": _LINK["outcome"]}),
    202: _answer("accepted, and not decided in time", "EventTaken", links=_LINK),
}


TRUTH: dict[int | str, dict[str, Any]] = {
    200: _answer("all labels were taken", "TruthTakenAnswer"),
    207: _answer("some were not taken", "TruthTakenAnswer"),
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the description of answers that are problem documents."""
    return {status: {"description": "see the document", "content": {MEDIA_TYPE: _PROBLEM}} for status in statuses}


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, made once."""
    if app.openapi_schema is None:
        app.openapi_schema = _complete(get_openapi(title=app.title, version=app.version, routes=app.routes))
    return app.openapi_schema


def _complete(document: dict[str, Any]) -> dict[str, Any]:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for model in (EventTaken, BatchAnswer, PredictAnswer, ProblemDocument, TruthTakenAnswer):
        schema = model.model_json_schema(ref_template=_REF + "{model}")
        schemas |= schema.pop("$defs", {}) | {model.__name__: schema}
    schemas |= {"Event": _EVENT, "SignedEvent": _SIGNED, "EventBatch": _BATCH}
    document["components"]["securitySchemes"] = {"device": {"type": "http", "scheme": "bearer"}}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if path.startswith(("/v1", "/predict")):
                operation["security"] = [{"device": []}]
    return document
