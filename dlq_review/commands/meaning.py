"""Which items options mean, and what is said when they mean none."""

import argparse
from uuid import UUID

from contracts.errors import RequestRefused
from contracts.review import Filter, Lane
from dlq_review.desk import Desk
from dlq_review.text import plain

_FILTERS = ("reason", "sensor", "since", "until", "text")


def filter_of(options: argparse.Namespace) -> Filter:
    """Return the filter that options mean; raises RequestRefused for one that nothing can pass."""
    lane = Lane(options.lane)
    state = None if options.state == "any" else options.state
    wanted = Filter(lane, state, options.reason, options.sensor, since=options.since, until=options.until, text=options.text)
    return wanted.checked()


def failures_meant(options: argparse.Namespace, desk: Desk) -> list[UUID]:
    """Return the ids of failures that are given or that the filter means; raises RequestRefused if that is none."""
    if bool(options.event_ids) == options.all:
        raise RequestRefused("event ids", "or --all: exactly one of them has to be given")
    if options.event_ids:
        if given := [name for name in _FILTERS if getattr(options, name) is not None]:
            raise RequestRefused(f"--{given[0]}", "goes with --all; the event ids given mean themselves")
        return list(dict.fromkeys(options.event_ids))
    options.lane, options.state = Lane.FAILURES.value, "open"
    found = desk.chosen(filter_of(options))
    if not found:
        raise RequestRefused("--all", if_none(options, desk))
    return found


def if_none(options: argparse.Namespace, desk: Desk) -> str:
    """Say that nothing is meant, and what there would be."""
    reasons = desk.browser.counts()[options.lane]
    there = ", ".join(f"{plain(reason)} {count}" for reason, count in reasons.items()) or "nothing"
    filtered = any(getattr(options, name) for name in _FILTERS) or options.state != "open"
    return f"means no item of the lane {options.lane}; open there: {there}" if filtered else "means nothing: nothing waits there"
