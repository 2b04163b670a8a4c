"""Write the dashboards: `python -m infra.grafana.make_dashboards`. What they ask is run by a test against a real fleet."""

import json
import sys
from pathlib import Path
from typing import Any

from infra.grafana import questions
from infra.grafana.panels import POSTGRES, Dashboard, Panel

FOLDER = Path(__file__).with_name("dashboards")
_AMBER, _RED = "orange", "red"
_BASELINE = 0.85
_SMALL: dict[str, Any] = {"width": 4, "height": 4}
_FULLNESS = "sum by (where) (rate(waste_batch_events_sum[5m])) / (sum by (where) (rate(waste_batch_events_count[5m])) > 0)"


def _quantiles(metric: str, by: str = "") -> dict[str, str]:
    return {
        f"p{percent}": f"histogram_quantile({percent / 100:g}, sum by (le{by}) (rate({metric}_bucket[$__rate_interval])))"
        for percent in (50, 95, 99)
    }


FLEET = Dashboard(
    "waste-fleet",
    "Fleet",
    [
        Panel("Events in", {"in": "waste:events_in:rate5m"}, "reqps", "stat", **_SMALL),
        Panel("Decided", {"out": "sum(waste:outcomes:rate5m)"}, "reqps", "stat", **_SMALL),
        Panel(
            "Oldest event",
            {"age": "max(waste_events_oldest_seconds)"},
            "s",
            "stat",
            width=4,
            height=4,
            lines=[(60, _AMBER), (300, _RED)],
        ),
        Panel("Backlog", {"events": "max(waste_backlog_events)"}, "short", "stat", **_SMALL),
        Panel("Workers", {"workers": "max(waste_workers)"}, "short", "stat", **_SMALL),
        Panel(
            "Failures",
            {"share": "sum(waste:failures:ratio5m) or vector(0)"},
            "percentunit",
            "stat",
            **_SMALL,
            lines=[(0.01, _AMBER), (0.05, _RED)],
        ),
        Panel(
            "Events a second",
            {"in": "waste:events_in:rate5m", "{{kind}}": "waste:outcomes:rate5m"},
            "reqps",
            note="What comes in and how it ends. Apart for long: a backlog.",
        ),
        Panel(
            "From acceptance to outcome",
            _quantiles("waste_decision_seconds"),
            "s",
            lines=[(60, _RED)],
            note="The first objective: 99 % within 60 s.",
        ),
        Panel("Stages, 95 %", {"{{stage}}": "waste:stage_seconds:p95_5m"}, "s", note="Fetch: the store. Record: Postgres."),
        Panel("Waiting on queues", {"{{queue}}": 'max by (queue) (waste_queue_messages{state="waiting"})'}),
        Panel("Oldest message", {"{{queue}}": "max by (queue) (waste_queue_oldest_seconds)"}, "s", lines=[(300, _RED)]),
        Panel("Open events", {"{{state}}": "max by (state) (waste_events_open)"}),
        Panel(
            "Late, share of events",
            {"1 h": "waste:late:ratio1h", "6 h": "waste:late:ratio6h"},
            "percentunit",
            lines=[(0.01, _AMBER), (0.144, _RED)],
            note="Decided later than 60 s. Amber: the budget. Red: it is gone in two days.",
        ),
        Panel("Failures by reason", {"{{reason}}": 'sum by (reason) (rate(waste_outcomes_total{kind="failure"}[5m]))'}, "reqps"),
        Panel("Tried again", {"{{reason}}": "sum by (reason) (rate(waste_retries_total[5m]))"}, "reqps"),
        Panel(
            "Woken again",
            {
                "{{cause}}": "sum by (cause) (rate(waste_events_republished_total[5m]))",
                "leases lost": "sum(rate(waste_leases_lost_total[5m]))",
            },
            "reqps",
            note="Near zero, but for `due`: retries whose time has come.",
        ),
        Panel(
            "Events at a time, mean",
            {"{{where}}": _FULLNESS},
            note="Full batches are cheap, and a sign of load.",
        ),
        Panel("What is away", {"{{reason}}": "min by (reason) (waste_dependency_up)"}, note="0: some program misses it.", most=1),
        Panel("Memory", {"{{role}} {{instance}}": "process_resident_memory_bytes{role!=''}"}, "bytes"),
        Panel("Processor", {"{{role}}": "sum by (role) (rate(process_cpu_seconds_total{role!=''}[5m]))"}, note="Cores."),
        Panel("Broker memory", {"used": "max(waste_broker_memory_ratio)"}, "percentunit", lines=[(0.7, _RED)], most=1),
        Panel("Lost", {"lost": "sum(waste_loss_events_total)", "checked": 'sum(waste_loss_checked_events_total{check="soon"})'}),
    ],
)
MODEL = Dashboard(
    "waste-model",
    "Model",
    [
        Panel(
            "Accuracy, 7 days",
            {"{{bound}}": 'max by (bound) (waste_accuracy_ratio{bound!="expected"})'},
            "percentunit",
            lines=[(_BASELINE, _RED)],
            width=12,
            note="With its 95 % interval; the line is what is promised.",
            least=None,
            most=1,
        ),
        Panel("Labels behind it", {"labels": "max(waste_accuracy_labels)"}, width=6),
        Panel("Evidence of a fall", {"days": "max(waste_drift_strength_days)"}, "d", width=6, note="Days without a false alarm."),
        Panel("Mean confidence", {"{{category}}": "waste:confidence:mean1h"}, "percentunit", least=None, most=1),
        Panel("Categories", {"{{category}}": "waste:category:ratio1h"}, "percentunit"),
        Panel("Sent to people", {"{{reason}}": "waste:review:ratio1h"}, "percentunit", note="low_confidence; out_of_distribution."),
        Panel(
            "Shift against its limit",
            {"{{of}}": 'max by (of) (waste_shift_ratio{bound="distance"}) / max by (of) (waste_shift_ratio{bound="limit"})'},
            lines=[(1, _RED)],
            note="Without any label: the last week beside the four before it.",
        ),
        Panel("Model versions", {"{{model_version}}": "waste:model_version:ratio1h"}, "percentunit", most=1),
        Panel("Audited", {"share": "waste:audit:ratio1d"}, "percentunit", note="Of what the model decides alone."),
        Panel("Loading a model", _quantiles("waste_model_load_seconds"), "s"),
        Panel("Files of models", {"{{found}}": "sum by (found) (waste_model_files_total)"}),
        Panel("Workers behind the plan", {"behind": "sum(waste_models_behind)"}),
        Panel("Models", {"": questions.MODELS}, kind="table", width=12, source=POSTGRES),
        Panel("Moves", {"": questions.MOVES}, kind="table", width=12, source=POSTGRES),
    ],
    "now-7d",
)
REVIEW = Dashboard(
    "waste-review",
    "Review",
    [
        Panel("Waiting", {"{{lane}}": "max by (lane) (waste_review_open)"}),
        Panel("Waiting longest", {"{{lane}}": "max by (lane) (waste_review_oldest_seconds)"}, "s"),
        Panel("Hours of work that wait", {"hours": "max(waste_review_backlog_hours)"}, "h", lines=[(48, _RED)]),
        Panel("A day's items", {"{{what}}": 'max by (what) (waste_review_day{what=~"filed|closed"})'}),
        Panel(
            "Right where it is known",
            {"share": 'max(waste_review_day{what="gold_right"}) / (max(waste_review_day{what="gold"}) > 0)'},
            "percentunit",
            most=1,
        ),
        Panel("Time for labels, a day", {"hours": "max(waste_review_work_seconds) / 3600"}, "h"),
        Panel("Labels an hour", {"": questions.LABELS_AN_HOUR}, width=12, source=POSTGRES),
        Panel("People, 7 days", {"": questions.PEOPLE}, kind="table", width=12, source=POSTGRES),
    ],
    "now-7d",
)
SENSOR = Dashboard(
    "waste-sensor",
    "Sensor",
    [
        Panel("Sensors", {"{{state}}": "max by (state) (waste_sensors)"}, width=12),
        Panel("Tickets", {"{{kind}}": "max by (kind) (waste_alert_open)"}, width=12),
        Panel("Silent longest", {"": questions.SILENT}, kind="table", source=POSTGRES),
        Panel("Events that never came", {"": questions.MISSING}, kind="table", source=POSTGRES),
        Panel("Faulty cameras", {"": questions.FAULTY}, kind="table", source=POSTGRES),
    ],
    "now-24h",
)
COST = Dashboard(
    "waste-cost",
    "Cost",
    [
        Panel("An hour", {"cost": "waste:cost:per_hour"}, "none", note="Workers, services, and people's time for labels."),
        Panel("1,000 images", {"cost": "waste:cost:per_1000_images"}, "none"),
        Panel("An image that ends right", {"cost": "waste:cost:per_right_image"}, "none"),
        Panel(
            "Prices an hour",
            {"{{of}}": "max by (of) (waste_price_hour)"},
            "none",
            note="PRICE_... of the monitor.",
        ),
        Panel("Images an hour", {"images": "3600 * sum(rate(waste_outcomes_total[1h]))"}),
        Panel("Workers", {"there": "max(waste_workers)", "needed": "max(waste_workers_needed)"}),
    ],
    "now-7d",
)
DASHBOARDS = (FLEET, MODEL, REVIEW, SENSOR, COST)


def rendered() -> dict[str, str]:
    """Return the JSON of each dashboard by the name of its file."""
    return {f"{one.uid}.json": json.dumps(one.as_json(), indent=1, ensure_ascii=False) + "\n" for one in DASHBOARDS}


def main() -> int:
    """Write them."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in rendered().items():
        (FOLDER / name).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
