"""A run's record for those who keep theirs on an MLflow server."""

import json
import os
import re
from contextlib import suppress
from datetime import datetime
from typing import Any

from contracts.errors import SettingsInvalid
from learning.tracking import RECORD, Run, flat_figures

TRACKING_URI = "MLFLOW_TRACKING_URI"
EXPERIMENT = "MLFLOW_EXPERIMENT_NAME"
DEFAULT_EXPERIMENT = "waste-fleet"
_AT_ONCE = 500
_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}
"""Its own defaults wait for minutes, and the model and its record are there already."""
_UNNAMED = re.compile(r"[^\w ./-]")
"""What the server takes in no name."""
_OF_A_SHARE = frozenset({"low", "high", "hits", "count"})
"""What a server needs no curve of; it is in run.json, which goes with the run."""


def export_run(run: Run) -> str | None:
    """Copy an ended run to the server at MLFLOW_TRACKING_URI; returns its id there, None if no server is set.

    The experiment is MLFLOW_EXPERIMENT_NAME, "waste-fleet" unless set. Raises `SettingsInvalid` where that fails.
    """
    address = os.environ.get(TRACKING_URI)
    if not address:
        return None
    for name, value in _PATIENCE.items():
        os.environ.setdefault(name, value)
    try:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    except ImportError as error:
        raise SettingsInvalid(f"{TRACKING_URI} is set, which needs the extra [mlflow]: {error}") from error
    try:
        return _copy(run, MlflowClient(address))
    except (MlflowException, OSError) as error:
        raise SettingsInvalid(f"{TRACKING_URI}: {str(error).splitlines()[0][:300]}") from error


def _copy(run: Run, client: Any) -> str:
    record = json.loads((run.folder / RECORD).read_text("utf-8"))
    name = os.environ.get(EXPERIMENT) or DEFAULT_EXPERIMENT
    known = client.get_experiment_by_name(name)
    experiment = known.experiment_id if known else client.create_experiment(name)
    began, ended = (int(datetime.fromisoformat(record[name]).timestamp() * 1000) for name in ("began", "ended"))
    copy = client.create_run(experiment, began, {"git_revision": record["git_revision"]}, run.folder.name)
    identity: str = copy.info.run_id
    try:
        _fill(run, client, identity, record, ended)
    except Exception:
        with suppress(Exception):  # what went wrong first is what counts
            client.set_terminated(identity, "FAILED")
        raise
    client.set_terminated(identity, end_time=ended)
    return identity


def _fill(run: Run, client: Any, identity: str, record: dict[str, Any], ended: int) -> None:
    from mlflow.entities import Metric, Param

    told = record["parameters"] | {"data_fingerprint": record["data"]["fingerprint"]}
    client.log_batch(identity, params=[Param(key, _text(value)) for key, value in told.items()])
    figures = flat_figures(record["figures"]).items()
    metrics = [
        Metric(_UNNAMED.sub("_", key.removesuffix(".value").replace(" ", "-")), value, ended, 0)
        for key, value in figures
        if key.rsplit(".", 1)[-1] not in _OF_A_SHARE
    ]
    for start in range(0, len(metrics), _AT_ONCE):
        client.log_batch(identity, metrics=metrics[start : start + _AT_ONCE])
    client.log_artifacts(identity, str(run.folder))


def _text(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)
