"""`waste config`: the settings in force, by role."""

import argparse
import os
import sys
from collections.abc import Callable
from importlib import import_module

from adapters.environment import Settings, describe_environment, describe_settings, read_settings
from contracts.errors import SettingsInvalid

_ROLES = {
    "send": ("producer.__main__", "SendSettings"),
    "edge": ("producer.edge.settings", "EdgeRunSettings"),
    "simulate": ("producer.__main__", "SimulateSettings"),
    "gateway": ("intake.gateway.__main__", "GatewaySettings"),
    "intake": ("intake.__main__", "IntakeSettings"),
    "worker": ("worker.__main__", "WorkerSettings"),
    "monitor": ("monitor.__main__", "MonitorSettings"),
    "dlq": ("dlq_review.__main__", "ServeSettings"),
    "report": ("dlq_review.report.__main__", "ReportSettings"),
    "truth": ("learning.truth.__main__", "TruthSettings"),
    "model": ("learning.rollout.__main__", "ModelSettings"),
    "lake": ("learning.lake.__main__", "LakeSettings"),
    "retrain": ("learning.retrain.__main__", "RetrainSettings"),
    "slow": ("learning.slow.__main__", "SlowSettings"),
    "db": ("migrations.__main__", "MigrationSettings"),
}

_OF_A_BIN = frozenset({"edge"})
"""Not shown unless asked for: where the service runs, they lack what only a bin has."""


def main(argv: list[str] | None = None) -> int:
    """Print each role's settings; exit code 2 if any role could not start with them."""
    parser = argparse.ArgumentParser(prog="waste config", description="The settings in force, with secrets masked.")
    parser.add_argument("roles", nargs="*", metavar="ROLE", help=f"of {', '.join(_ROLES)}; all but edge if none")
    options = parser.parse_args(argv)
    if unknown := [role for role in options.roles if role not in _ROLES]:
        parser.error(f"there is no role {unknown[0]!r}; there are {', '.join(_ROLES)}")
    complete = [_print_role(role, sys.stdout.write) for role in options.roles or [role for role in _ROLES if role not in _OF_A_BIN]]
    return 0 if all(complete) else 2


def _print_role(role: str, write: Callable[[str], object]) -> bool:
    module, name = _ROLES[role]
    write(f"[{role}]\n")
    try:
        kind: type[Settings] = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        write(f"# not installed here (no {error.name})\n\n")
        return True
    try:
        shown, problems = describe_settings(kind, read_settings(kind, os.environ)), []
    except SettingsInvalid as error:
        shown, problems = describe_environment(kind, os.environ), error.detail.split("; ")
    write("".join(f"! {problem}\n" for problem in problems))
    write("".join(f"{variable}={value}\n" for variable, value in shown.items()) + "\n")
    return not problems
