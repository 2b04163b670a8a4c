"""The console's pages work on threads of their own: however many wait for a slow question, reviewers do not."""

from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute

from dlq_review.web.threads import Threads
from dlq_review.web.visitors import ENTRANCES

_THREADS = Threads("console", 8)


class _Route(APIRoute):
    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint if iscoroutinefunction(endpoint) else _THREADS.on(endpoint), **options)


def console_routers() -> tuple[APIRouter, APIRouter]:
    """Return a router for pages, and one for the API."""
    pages = APIRouter(include_in_schema=False, route_class=_Route)
    return pages, APIRouter(prefix="/api/v1/console", dependencies=ENTRANCES, route_class=_Route)
