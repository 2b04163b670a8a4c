"""Runs the tutorial's worker on the same broker, database, object server, pictures and cores."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import psycopg
from botocore.config import Config

from benchmarks.ours import await_rows
from local.fleet import LocalFleet

_TABLE = """
CREATE TABLE IF NOT EXISTS naive (id bigserial PRIMARY KEY, sensor_id text, image_url text, category text, confidence real,
    decided_at timestamptz DEFAULT clock_timestamp());
TRUNCATE naive
"""
_RATE = """
SELECT 0.8 * count(*) / extract(epoch FROM
    percentile_disc(0.9) WITHIN GROUP (ORDER BY decided_at) - percentile_disc(0.1) WITHIN GROUP (ORDER BY decided_at))
FROM naive
"""


def presign(fleet: LocalFleet, urls: list[str]) -> list[str]:
    """Return https URLs of stored pictures that anyone may fetch for an hour."""
    addresses = fleet.stack.addresses
    client = boto3.client(
        "s3",
        endpoint_url=addresses.s3_endpoint,
        region_name=addresses.s3_region,
        aws_access_key_id=addresses.s3_access_key,
        aws_secret_access_key=addresses.s3_secret_key,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    places = [url.removeprefix("s3://").partition("/") for url in urls]
    return [
        client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=3600)
        for bucket, _, key in places
    ]


def measure_naive(fleet: LocalFleet, model_path: Path, urls: list[str], events: int) -> float:
    """Return the events/s of draining a backlog of `events` while the fleet's own roles are stopped."""
    for name in fleet.role_names():
        fleet.supervisor.stop(name, 25)
    database = fleet.stack.postgres.url("waste")
    environment = os.environ | {
        "NAIVE_BROKER_URL": _database_15(fleet.stack.addresses.redis_url),
        "NAIVE_DATABASE_URL": database,
        "NAIVE_MODEL_PATH": str(model_path),
    }
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(_TABLE)
        _enqueue(environment, urls, events)
        command = [sys.executable, "-m", "celery", "-A", "benchmarks.naive.tasks", "worker", "--loglevel", "INFO"]
        with (fleet.data_dir / "log" / "naive.log").open("ab") as log:
            worker = subprocess.Popen(
                [*command, "--concurrency", str(os.cpu_count())], env=environment, stdout=log, stderr=log, start_new_session=True
            )
        try:
            await_rows(connection, "SELECT count(*) FROM naive", events)
        finally:
            worker.terminate()
            worker.wait(30)
        (rate,) = connection.execute(_RATE).fetchone() or (0.0,)
    return float(rate)


def _database_15(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(path="/15").geturl()


def _enqueue(environment: dict[str, str], urls: list[str], events: int) -> None:
    # In a process of its own: the tutorial's app reads its settings when it is imported.
    script = (
        "import sys, json\nfrom benchmarks.naive.tasks import classify\n"
        "urls, events = json.load(sys.stdin)\n"
        "for n in range(events): classify.delay(urls[n % len(urls)], f'bin-{n % 50}')\n"
    )
    import json

    subprocess.run([sys.executable, "-c", script], env=environment, input=json.dumps([urls, events]), text=True, check=True)
