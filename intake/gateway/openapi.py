"""The published description of the gateway: what the hot path reads by hand is described by hand."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from contracts.codec import MAX_EVENT_BYTES
from contracts.events import ItemCaptured
from intake.gateway.documents import BatchAnswer, EventTaken, ProblemDocument
from intake.gateway.problems import MEDIA_TYPE
from intake.gateway.submissions import MOST_EVENTS

_REF = "#/components/schemas/"
_PROBLEM = {"schema": {"$ref": f"{_REF}ProblemDocument"}}
_SIGNED = {
    "type": "object",
    "description": "an event as the exact text that its device has signed",
    "properties": {
        "body": {"type": "string", "maxLength": MAX_EVENT_BYTES},
        "signature": {"type": "string", "pattern": "^v1:[1-9][0-9]{0,3}:[0-9a-f]{64}$"},
    },
    "required": ["body", "signature"],
    "additionalProperties": False,
}
_BATCH = {
    "type": "object",
    "properties": {
        "events": {
            "type": "array",
            "minItems": 1,
            "maxItems": MOST_EVENTS,
            "items": {"oneOf": [{"$ref": f"{_REF}ItemCaptured"}, {"$ref": f"{_REF}SignedEvent"}]},
        }
    },
    "required": ["events"],
    "additionalProperties": False,
}
EVENTS_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"oneOf": [{"$ref": f"{_REF}ItemCaptured"}, {"$ref": f"{_REF}EventBatch"}]}}},
    },
    "parameters": [
        {
            "name": "Signature",
            "in": "header",
            "required": False,
            "description": "the device's signature of a single event's exact bytes; without it the bearer token's sensor signs",
            "schema": {"type": "string"},
        }
    ],
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
    for model in (ItemCaptured, EventTaken, BatchAnswer, ProblemDocument):
        schema = model.model_json_schema(ref_template=_REF + "{model}")
        schemas |= schema.pop("$defs", {}) | {model.__name__: schema}
    schemas |= {"SignedEvent": _SIGNED, "EventBatch": _BATCH}
    document["components"]["securitySchemes"] = {"device": {"type": "http", "scheme": "bearer"}}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if path.startswith(("/v1", "/predict")):
                operation["security"] = [{"device": []}]
    return document
