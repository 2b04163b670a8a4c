"""The fleet now: rates, latency, what waits, and the workers with their versions."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from fastapi import Request
from starlette.responses import JSONResponse, Response

from contracts.console import Row
from contracts.errors import QueueUnavailable
from contracts.fleet import FleetStatus, WorkerState
from contracts.history import FlowPoint
from contracts.rollups import quantile
from dlq_review.console.asked import SPANS, FleetAsked, FleetFields, TheRoom
from dlq_review.console.charts import Chart, Told
from dlq_review.console.counted import counted
from dlq_review.console.flow import endings, latency, rates, stage_means, steps, sum_of_latencies
from dlq_review.console.room import Room
from dlq_review.console.routers import console_routers
from dlq_review.desk import Desk
from dlq_review.text import plain
from dlq_review.web.api_answers import ConsoleFigures, answers
from dlq_review.web.formats import NONE, age, lasts, number, percent, rate
from dlq_review.web.pages import render
from dlq_review.web.visitors import Ops, TheDesk

STEPS_S = {60: 60.0, 1440: 300.0, 4320: 900.0}
_NOW_S, _BACKLOG_S, _CHARTS_S = 2.0, 5.0, 10.0
_MOST_WORKERS, _MOST_ALERTS = 100, 20
_LATENCY_MINUTES = 15
page_router, api_router = console_routers()


@page_router.get("/console")
def fleet(request: Request, desk: TheDesk, room: TheRoom, visitor: Ops, asked: FleetAsked) -> Response:
    """Show the fleet as it is now."""
    told, more = told_of(desk, room, asked.fields), _beside(room)
    status = 422 if asked.problem else 200
    fields = {"minutes": asked.fields.minutes, "spans": SPANS, "problem": asked.problem}
    return render(request, "console/fleet.html", visitor, status, told=told, **fields, **more)


@api_router.get("/fleet", responses=answers(ConsoleFigures))
def fleet_figures(desk: TheDesk, room: TheRoom, _: Ops, minutes: int = 60) -> Any:
    """Say how the fleet is now, as the console's page does: figures, charts and workers."""
    return JSONResponse(told_of(desk, room, FleetFields.model_validate({"minutes": minutes})).plain())


def told_of(desk: Desk, room: Room, fields: FleetFields) -> Told:
    """Return what the page says; raises LedgerUnavailable."""
    now = room.lately.of("fleet", _NOW_S, lambda: status_of(desk, room))
    backlog = room.lately.of("backlog", _BACKLOG_S, desk.backlog.now)
    through, charts, recent = room.lately.of(("flow", fields.minutes), _CHARTS_S, lambda: _charts(room, fields.minutes))
    rest = len(now.workers) - _MOST_WORKERS
    more = {"more_workers": f"and {number(rest)} more" if rest > 0 else ""}
    figures = more | _figures(now) | _of_people(backlog) | _of_time(recent) | {"at": f"{desk.clock():%H:%M:%S} UTC"}
    figures |= counted(through, desk.clock()) | {"alerts": number(_alerts(room)[1])}
    shown = sorted(now.workers, key=lambda one: not one.alive)[:_MOST_WORKERS]
    workers = [_worker(one, now.revision) for one in shown]
    return Told(figures, {one.name: one for one in charts}, {"workers": workers})


def status_of(desk: Desk, room: Room) -> FleetStatus:
    """Return the fleet's state with its edge queue, as far as that answers."""
    status = room.fleet()
    try:
        waiting, oldest_s = desk.edge_queue.depth().total, desk.edge_queue.oldest_age_s(desk.clock())
    except QueueUnavailable:
        return status
    return replace(status, on_edge_queue=waiting, edge_oldest_s=oldest_s)


def _figures(now: FleetStatus) -> dict[str, str]:
    flow = now.flow
    return {
        "in_1m": rate(flow.in_1m),
        "out_1m": rate(flow.out_1m),
        "waiting": number(flow.waiting),
        "in_flight": number(flow.in_flight),
        "later": number(flow.later),
        "edge": number(now.on_edge_queue),
        "oldest": age(now.oldest_s),
        "backlog": lasts(now.backlog_s),
        "working": number(len(now.working)),
        "capacity": rate(now.worker_events_per_s * len(now.working)) if now.worker_events_per_s else NONE,
    }


def _of_people(backlog: dict[str, Any]) -> dict[str, str]:
    return {"to_review": number(backlog["open"]), "failures": number(backlog["failures_open"])}


def _of_time(recent: list[FlowPoint]) -> dict[str, str]:
    counts = sum_of_latencies(recent)
    decided = sum(point.decided for point in recent)
    stages = {f"stage_{name}": NONE if ms is None else lasts(ms / 1000) for name, ms in stage_means(recent).items()}
    return stages | {
        "half": lasts(quantile(counts, 0.5)),
        "most": lasts(quantile(counts, 0.95)),
        "reviewed": percent(sum(point.reviews for point in recent) / decided, 1) if decided else NONE,
        "failed": percent(sum(point.failures for point in recent) / decided, 1) if decided else NONE,
    }


def _charts(room: Room, minutes: int) -> tuple[datetime, list[Chart], list[FlowPoint]]:
    through, step_s = room.history.through(), STEPS_S[minutes]
    until = through.replace(second=0, microsecond=0)  # so that no part is half a one, and what came a minute ago is in it
    since = until - timedelta(minutes=minutes)
    axis = steps(since, until, step_s)
    points = room.history.flow(since, until, step_s)
    late = {point.at: point.latencies for point in points}
    recent = room.history.flow(through - timedelta(minutes=_LATENCY_MINUTES), through, 60.0)
    return through, [rates(points, axis, step_s), latency(late, axis), endings(points, axis, step_s)], recent


def _beside(room: Room) -> dict[str, Any]:
    alerts, count = _alerts(room)
    versions = room.lately.of("versions", _BACKLOG_S, room.book.versions)
    return {"alerts": alerts, "alert_count": count, "versions": versions}


def _alerts(room: Room) -> tuple[list[Row], int]:
    return room.lately.of("alerts", _BACKLOG_S, lambda: room.book.open_alerts(_MOST_ALERTS))


def _worker(one: WorkerState, revision: int) -> list[str]:
    state = "silent" if not one.alive else "draining" if one.draining else "working"
    model = one.model_version + (f" ({one.model_problem})" if one.model_problem else "")
    behind = f" behind: {one.revision} of {revision}" if one.revision < revision else ""
    measured = rate(one.events_per_s) if one.events_per_s else NONE
    told = [f"{one.host}/{one.pid}", state, one.version, model + behind, age(one.up_s), lasts(one.silent_s)]
    return [plain(text, 120) for text in (*told, number(one.decided_last_minute), measured)]
