"""`python -m infra.deploy --fleet waste-prod ... worker=REPOSITORY@sha256:... database=...`: deploy, or go back.

With `--model VERSION` and no images a model of the registry is made the champion, or taken back.
Ends with 0 when deployed, 1 when rolled back, 2 when somebody has to look, 3 when nothing was begun (`infra.deploy.rollout`).
SMOKE_TOKEN is the token of the sensor that sends the picture.
"""

import argparse
import os
import re
import signal
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import FrameType

import boto3

from infra.deploy.ecs import EcsSite
from infra.deploy.promotion import Promotion
from infra.deploy.rollout import DATABASE, ORDER, DeployFailed, Rollout
from infra.deploy.smoke import send

_REFUSED = 3
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_PINNED = re.compile(r"[^\s@=]+@sha256:[0-9a-f]{64}")


def main(argv: list[str] | None = None) -> int:
    """Deploy."""
    parser = _parser()
    options = parser.parse_args(argv)
    if bool(options.images) == bool(options.model):
        parser.error("either images or --model")
    if wrong := _unfit(options, os.environ):
        parser.error(wrong)  # found out by the picture it would take a good deployment back
    for one in _SIGNALS:
        signal.signal(one, _interrupt)
    network = {"subnets": options.subnets.split(","), "securityGroups": [options.security_group], "assignPublicIp": "DISABLED"}
    smoke = partial(send, options.gateway, options.sensor, os.environ.get("SMOKE_TOKEN", ""), options.picture)
    site = EcsSite(boto3.client("ecs"), boto3.client("cloudwatch"), options.fleet, network, smoke)
    pause = partial(time.sleep, options.watch_s / options.looks)
    try:
        if options.model:
            return Promotion(site, _say, pause, options.looks).run(options.model)
        return Rollout(site, _say, pause, options.looks).run(dict(options.images))
    except DeployFailed as error:
        _say(f"nothing was begun: {error}")
        return _REFUSED
    except KeyboardInterrupt:
        _say("interrupted before any service was told anything; a migration that had begun may go on")
        return _REFUSED


def _unfit(options: argparse.Namespace, environ: Mapping[str, str]) -> str | None:
    if not environ.get("SMOKE_TOKEN", "").strip():
        return "SMOKE_TOKEN is not set: the token of the sensor that sends the picture"
    if not options.picture.is_file():
        return f"--picture {options.picture} is no file"
    if options.looks < 1 or options.watch_s < 0:
        return "--looks is at least 1, --watch-s at least 0"
    return None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.deploy", description="Deploy, or go back to what ran before.")
    parser.add_argument("--fleet", required=True, help="the name that Terraform gave it, such as waste-prod")
    parser.add_argument("--gateway", required=True, metavar="URL", help="where a bin would send")
    parser.add_argument("--sensor", default="smoke-test", help="as which bin (default: smoke-test)")
    parser.add_argument("--picture", required=True, type=Path, metavar="FILE", help="a JPEG to send")
    parser.add_argument("--subnets", required=True, metavar="ID,...", help="where tasks run that run once")
    parser.add_argument("--security-group", required=True, metavar="ID")
    parser.add_argument("--model", metavar="VERSION", help="promote this model; images stay as they are")
    parser.add_argument("--watch-s", type=float, default=600.0, help="how long alarms are watched afterwards (default: 600)")
    parser.add_argument("--looks", type=int, default=20, help="how often in that time (default: 20)")
    parser.add_argument(
        "images", nargs="*", type=_image, metavar="SERVICE=IMAGE", help=f"of {', '.join((DATABASE, *ORDER))}, by digest"
    )
    return parser


def _image(text: str) -> tuple[str, str]:
    service, there, image = text.partition("=")
    if not there or service not in {DATABASE, *ORDER}:
        raise argparse.ArgumentTypeError(f"{text!r} is not SERVICE=IMAGE with one of {', '.join((DATABASE, *ORDER))}")
    if not _PINNED.fullmatch(image):
        raise argparse.ArgumentTypeError(f"{image!r} is not REPOSITORY@sha256:DIGEST: a tag may be another image tomorrow")
    return service, image


def _say(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


def _interrupt(_: int, __: FrameType | None) -> None:
    # Once: GitHub sends two signals, and the second one must not cut off the way back.
    for one in _SIGNALS:
        signal.signal(one, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
