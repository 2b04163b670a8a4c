"""`waste gateway`: settings -> adapters -> run."""

import argparse
import asyncio
import gc
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from typing import Annotated

from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import Field, SecretStr
from starlette.types import ASGIApp

from adapters.environment import read_settings
from adapters.http.health import Health
from adapters.http.server import serve
from adapters.memory.rates import MemoryRates
from adapters.object_store import key_source
from adapters.postgres.connections import Pool, open_pool
from adapters.postgres.outcomes import PostgresOutcomes
from adapters.postgres.sensors import PostgresSensors
from adapters.postgres.truth import PostgresTruth
from adapters.queues import open_edge_queue, open_hints
from adapters.redis import queue as redis_queue
from adapters.redis.rates import RedisRates
from adapters.s3.uploads import S3Uploads
from adapters.settings import (
    DatabaseSettings,
    ImageSettings,
    LogSettings,
    MasterKeySettings,
    ObjectStoreSettings,
    PressureSettings,
    QueueSettings,
    TraceSettings,
)
from adapters.telemetry import metrics
from adapters.telemetry.facts import FleetTelemetry
from adapters.telemetry.logs import configure_logging
from adapters.telemetry.traces import Traces, open_traces
from contracts.gateway import Rates
from contracts.traces import FORWARDED
from intake.gateway.app import MOST_BYTES, create_app
from intake.gateway.gateway import Gateway
from intake.gateway.ledger_reads import LedgerReads
from intake.gateway.limits import Front
from intake.gateway.publishing import Publisher
from intake.gateway.speakers import Speakers
from intake.gateway.waiting import Waiters
from intake.gateway.watching import Watch
from intake.weather import Weather

_QUEUE = "queue"
_GC = (50_000, 20, 50)
"""The interpreter looks for garbage once in so many new objects; a batch makes ten thousand, and hardly any in cycles."""
_SWITCH_S = 0.0005
"""The publisher's thread waits for the interpreter after each round trip: by default up to 5 ms, which a request would feel."""


class GatewaySettings(
    LogSettings,
    TraceSettings,
    QueueSettings,
    DatabaseSettings,
    ImageSettings,
    ObjectStoreSettings,
    MasterKeySettings,
    PressureSettings,
):
    """What the gateway is told."""

    gateway_host: Annotated[str, Field(alias="GATEWAY_HOST")] = "127.0.0.1"
    gateway_port: Annotated[int, Field(alias="GATEWAY_PORT", ge=1, le=65535)] = 8000
    gateway_at_once: Annotated[int, Field(alias="GATEWAY_AT_ONCE", ge=1, le=10_000)] = 500
    """Requests served at a time; more are refused with 503."""
    rate_url: Annotated[SecretStr | None, Field(alias="RATE_URL")] = None
    """The Redis that counts how much each device sends; empty: the edge queue's, and each gateway's own memory with SQS."""
    device_rate: Annotated[float, Field(alias="DEVICE_RATE", gt=0, le=100_000)] = 20.0
    device_burst: Annotated[int, Field(alias="DEVICE_BURST", ge=1, le=1_000_000)] = 1000
    """Events a second of one device, and how many it may send at once."""
    total_rate: Annotated[float, Field(alias="TOTAL_RATE", gt=0, le=1_000_000)] = 20_000.0
    total_burst: Annotated[int, Field(alias="TOTAL_BURST", ge=1, le=10_000_000)] = 50_000
    upload_endpoint_url: Annotated[str | None, Field(alias="UPLOAD_ENDPOINT_URL", pattern="^https?://[^/@?#]+$")] = None
    """The object store's address as devices reach it; empty: S3_ENDPOINT_URL."""


def main(argv: list[str] | None = None) -> int:
    """Serve devices until told to end."""
    argparse.ArgumentParser(prog="waste gateway", description="Take events over HTTP.").parse_args(argv)
    settings = read_settings(GatewaySettings, os.environ)
    configure_logging("gateway", settings.log_level, settings.log_format, settings.log_events_per_s)
    traces = open_traces(settings, "gateway")
    sys.setswitchinterval(_SWITCH_S)
    gc.freeze()
    gc.set_threshold(*_GC)
    with open_pool(settings.database_url.get_secret_value(), name="waste-gateway") as pool:
        serve(open_app(settings, pool, traces), host=settings.gateway_host, port=settings.gateway_port, setting="GATEWAY_PORT")
    return 0


def open_app(settings: GatewaySettings, pool: Pool, traces: Traces | None = None) -> ASGIApp:
    """Return the gateway's application, with what it looks after beside its requests."""
    health, telemetry = Health(_QUEUE), FleetTelemetry()
    reads = LedgerReads(PostgresOutcomes(pool), telemetry)
    gateway = _gateway(settings, pool, reads, health, traces)
    watch = Watch(gateway.weather, reads, gateway.speakers, telemetry, lambda there: _heard(health, there=there))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        gateway.publisher.start()
        await asyncio.to_thread(watch.start)
        yield
        await asyncio.to_thread(watch.stop)
        await asyncio.to_thread(gateway.publisher.stop)
        if traces:  # here, for the server ends by the signal that ended it
            await asyncio.to_thread(traces.close)

    return Front(create_app(gateway, lifespan), _observe, most=settings.gateway_at_once, most_bytes=MOST_BYTES)


def _gateway(settings: GatewaySettings, pool: Pool, reads: LedgerReads, health: Health, traces: Traces | None) -> Gateway:
    edge, hints = open_edge_queue(settings), open_hints(settings, settings.marks())
    traced = {"told": traces.emit, "stamp": partial(traces.stamp, step=FORWARDED)} if traces else {}
    endpoint = settings.upload_endpoint_url or settings.s3_endpoint_url
    return Gateway(
        speakers=Speakers(settings.master_key()),
        urls=settings.rule(),
        clock=lambda: datetime.now(UTC),
        publisher=Publisher(edge, _rates(settings), reads, **traced),  # type: ignore[arg-type]
        waiters=Waiters(reads),
        weather=Weather(edge, settings.marks(), lambda: datetime.now(UTC), hints.post),
        uploads=S3Uploads(key_source(settings), endpoint_url=endpoint, region=settings.s3_region, bucket=settings.s3_bucket),
        sensors=PostgresSensors(pool),
        truths=PostgresTruth(pool),
        health=health,
        metrics=lambda: (generate_latest(), CONTENT_TYPE_LATEST),
        version=version("waste-fleet"),
    )


def _rates(settings: GatewaySettings) -> Rates:
    device = (settings.device_rate, settings.device_burst)
    total = (settings.total_rate, settings.total_burst)
    url = settings.rate_url.get_secret_value() if settings.rate_url else settings.edge_url()
    if url.startswith("sqs://"):
        return MemoryRates(device=device, total=total)
    return RedisRates(redis_queue.connect(url), device=device, total=total)


def _heard(health: Health, *, there: bool) -> None:
    health.tick()
    (health.met if there else health.lost)(_QUEUE)


def _observe(route: str, status: int, seconds: float) -> None:
    metrics.GATEWAY_REQUESTS.labels(route, str(status)).inc()
    metrics.GATEWAY_SECONDS.labels(route).observe(seconds)


if __name__ == "__main__":
    sys.exit(main())
