"""Figures of the fleet's load for CloudWatch, from which services of AWS scale."""

from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from contracts.errors import MetricsUnavailable

NAMESPACE = "waste"
BACKLOG_METRIC = "backlog_seconds_per_task"
UTILIZATION_METRIC = "worker_utilization"
_UNITS = {BACKLOG_METRIC: "Seconds", UTILIZATION_METRIC: "None"}


def connect(region: str) -> Any:
    """Return a CloudWatch client with the machine's own AWS credentials."""
    return boto3.client("cloudwatch", region_name=region, config=Config(connect_timeout=3, read_timeout=10))


class CloudWatch:
    """Writes metrics without dimensions into the namespace `waste`."""

    def __init__(self, client: Any) -> None:
        """Write through a client that `connect` made."""
        self._client = client

    def put(self, figures: Mapping[str, float]) -> None:
        """Write figures of this moment by metric; raises MetricsUnavailable."""
        data = [{"MetricName": name, "Value": value, "Unit": _UNITS[name]} for name, value in figures.items()]
        try:
            self._client.put_metric_data(Namespace=NAMESPACE, MetricData=data)
        except (BotoCoreError, ClientError, OSError) as error:
            raise MetricsUnavailable(str(error)[:200]) from error
