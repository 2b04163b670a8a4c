"""`waste dlq list|show|depth|export`."""

import argparse
import json
import sys

from contracts.errors import RequestRefused
from contracts.review import MOST_AT_ONCE, Filter, Lane
from dlq_review.commands.meaning import filter_of, if_none
from dlq_review.commands.output import as_json, note, print_json, print_json_line, print_table
from dlq_review.desk import Desk
from dlq_review.label_studio import LABELLING_CONFIG, to_task
from dlq_review.text import jsonable, plain

_PAGE = 500


def list_items(options: argparse.Namespace, desk: Desk) -> int:
    """List items, the oldest first."""
    rows = desk.browser.page(filter_of(options), options.limit)
    if options.json:
        print_json(rows)
        return 0
    columns = ("event_id", "decided_at", "reason", "sensor_id", *(() if options.state == "open" else ("state",)))
    print_table(rows, columns, f"the filter {if_none(options, desk)}" if options.limit else "--limit 0 shows none")
    if rows and len(rows) == options.limit:
        note(f"the oldest {len(rows)}; --limit shows more, waste dlq depth counts them")
    return 0


def show(options: argparse.Namespace, desk: Desk) -> int:
    """Show everything known of one item."""
    item = desk.browser.show(options.event_id)
    if item is None:
        note(f"waste dlq show: no item {options.event_id} in either lane")
        return 1
    print_json(item)
    return 0


def depth(options: argparse.Namespace, desk: Desk) -> int:
    """Count what is on the queue and in the lanes."""
    queue, counts, retrying = desk.dead_letters.depth(), desk.browser.counts(), desk.browser.retrying()
    if options.json:
        print_json({"queue": {"waiting": queue.waiting, "leased": queue.leased}, **counts, "retrying": retrying})
        return 0
    sys.stdout.write(f"queue     {queue.waiting:7} waiting, {queue.leased} leased\n")
    for lane, reasons in counts.items():
        detail = ", ".join(f"{plain(reason)} {count}" for reason, count in reasons.items())
        sys.stdout.write(f"{lane:9} {sum(reasons.values()):7} open{': ' if detail else ''}{detail}\n")
    again = ", ".join(f"{plain(row['reason'])} {row['items']}" for row in retrying)
    later = sum(row["items"] for row in retrying)
    sys.stdout.write(f"retrying  {later:7} in no lane yet, tried again later{': ' if again else ''}{again}\n")
    return 0


def export(options: argparse.Namespace, desk: Desk) -> int:
    """Write all that a filter means: a line of JSON each, or Label Studio's tasks."""
    if options.format == "label-studio-config":
        sys.stdout.write(LABELLING_CONFIG + "\n")
        return 0
    wanted = filter_of(options)
    if options.format == "label-studio":
        if wanted.lane is not Lane.REVIEW:
            raise RequestRefused("--lane", "has to be review for Label Studio: failures are not labelled")
        return _export_tasks(desk, wanted)
    after = None
    while rows := desk.browser.page(wanted, _PAGE, after):
        for row in rows:
            print_json_line(row)
        after = (rows[-1]["decided_at"], rows[-1]["event_id"])
    return 0


def _export_tasks(desk: Desk, wanted: Filter) -> int:
    sent, after = 0, None
    sys.stdout.write("[")
    while sent < MOST_AT_ONCE and (rows := desk.browser.page(wanted, _PAGE, after)):
        for row in rows:
            if item := desk.browser.show(row["event_id"], Lane.REVIEW):
                task = jsonable(to_task(item, desk.public_url))
                sys.stdout.write((",\n" if sent else "") + json.dumps(task, default=as_json))
                sent += 1
        after = (rows[-1]["decided_at"], rows[-1]["event_id"])
    sys.stdout.write("]\n")
    return 0
