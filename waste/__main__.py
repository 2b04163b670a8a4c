"""`waste COMMAND ...`: each command's program is imported when it is asked for, so that an edge install stays light."""

import sys
from importlib import import_module

from contracts.errors import FleetError, RequestRefused, SettingsInvalid

_COMMANDS: dict[str, tuple[str, str, str, str]] = {
    "send": ("producer.__main__", "send", "edge", "send pictures as one bin does"),
    "edge": ("producer.edge.__main__", "main", "edge", "the program of one bin: keeps its pictures, and sends them to the gateway"),
    "simulate": ("producer.__main__", "simulate", "edge,render", "a fleet of bins that photograph and send"),
    "intake": ("intake.__main__", "main", "gateway", "bring the edge queue into the ledger and keep it woken"),
    "gateway": ("intake.gateway.__main__", "main", "gateway", "take events over HTTP"),
    "device": ("intake.devices", "main", "gateway", "a device's credential, and its revocation"),
    "fleet": ("intake.fleet", "main", "gateway", "the bins that are silent, the workers, what waits for them; scaling"),
    "trace": ("intake.trace", "main", "gateway", "one event's whole life"),
    "monitor": ("monitor.__main__", "main", "gateway", "the fleet's state as metrics for Prometheus"),
    "worker": ("worker.__main__", "main", "worker", "classify what the fleet photographs"),
    "dlq": ("dlq_review.__main__", "main", "review", "what the model was unsure of, and what failed"),
    "console": ("dlq_review.__main__", "console", "review", "the fleet, its models and sensors as pages, with the review desk"),
    "report": ("dlq_review.report.__main__", "main", "review", "a week of the fleet as one page, for those without the console"),
    "learn": ("learning.__main__", "main", "learning", "train, calibrate and evaluate models"),
    "truth": ("learning.truth.__main__", "main", "learning", "what really was in the bins, and how often the fleet is right"),
    "model": ("learning.rollout.__main__", "main", "learning", "which models there are, and which decide"),
    "lake": ("learning.lake.__main__", "main", "lake", "labelled items as snapshots: made, listed, rebuilt"),
    "retrain": ("learning.retrain.__main__", "main", "lake", "trainings: ask for one, see how far it is, cancel it"),
    "slow": ("learning.slow.__main__", "main", "lake", "the slow loop: accuracy, trainings and rollouts, by themselves"),
    "db": ("migrations.__main__", "main", "database", "the database's shape"),
    "demo": ("local.__main__", "main", "all", "the whole fleet on this machine"),
    "story": ("story.__main__", "main", "all", "the slow loop in minutes: drift, alert, training, trial, roll-back"),
    "config": ("waste.config", "main", "all", "the settings in force, with secrets masked"),
}


def main(argv: list[str] | None = None) -> int:
    """Run a command; what is wrong with settings or input is one line, not a traceback."""
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] in {"-h", "--help"}:
        sys.stdout.write(_usage())
        return 0 if arguments else 2
    if any("\ud800" <= letter <= "\udfff" for argument in arguments for letter in argument):
        sys.stderr.write("waste: an argument is not valid UTF-8\n")
        return 2
    name, rest = arguments[0], arguments[1:]
    if name not in _COMMANDS:
        sys.stderr.write(f"waste: there is no command {name!r}\n\n{_usage()}")
        return 2
    module, function, extra, _ = _COMMANDS[name]
    try:
        run = getattr(import_module(module), function)
    except ModuleNotFoundError as error:
        sys.stderr.write(f"waste {name}: needs the package {error.name}; install waste-fleet[{extra}]\n")
        return 1
    return _guarded(name, run, rest)


def _guarded(name: str, run: object, rest: list[str]) -> int:
    try:
        return int(run(rest))  # type: ignore[operator]
    except SettingsInvalid as error:
        sys.stderr.write(f"waste {name}: " + "\n  ".join(["", *error.detail.split("; ")]).strip() + "\n")
        return 2
    except RequestRefused as error:
        sys.stderr.write(f"waste {name}: {error.detail}\n")
        return 1
    except FleetError as error:
        sys.stderr.write(f"waste {name}: {error}\n")
        return 1
    except BrokenPipeError:
        return 1
    except KeyboardInterrupt:
        return 130


def _usage() -> str:
    rows = "\n".join(f"  {name:9} {summary}" for name, (_, _, _, summary) in _COMMANDS.items())
    return f"usage: waste COMMAND ...\n\n{rows}\n\n`waste COMMAND --help` says more.\n"


if __name__ == "__main__":
    sys.exit(main())
