"""A run's record for those who keep theirs on an MLflow server."""

import json
import os
from typing import Any

from contracts.errors import SettingsInvalid
from learning.tracking import RECORD, Run, flat_figures

TRACKING_URI = "MLFLOW_TRACKING_URI"
EXPERIMENT = "MLFLOW_EXPERIMENT_NAME"
DEFAULT_EXPERIMENT = "waste-fleet"


def export_run(run: Run) -> str | None:
    """Copy an ended run to the server at MLFLOW_TRACKING_URI; returns its id there, None if no server is set.

    The experiment is MLFLOW_EXPERIMENT_NAME, "waste-fleet" unless set. Raises `SettingsInvalid` where that fails.
    """
    address = os.environ.get(TRACKING_URI)
    if not address:
        return None
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
    copy = client.create_run(experiment, run_name=run.folder.name, tags={"git_revision": record["git_revision"]})
    identity: str = copy.info.run_id
    for key, value in record["parameters"].items():
        client.log_param(identity, key, value)
    client.log_param(identity, "data_fingerprint", record["data"]["fingerprint"])
    for key, value in flat_figures(record["figures"]).items():
        client.log_metric(identity, key.replace(" ", "-"), value)
    client.log_artifacts(identity, str(run.folder))
    client.set_terminated(identity)
    return identity
