"""Compare policies of scaling on simulated days.

    python -m benchmarks.scaling [--seed N] [--sizes BINS,BINS] [--out DIR]

Writes scaling.md and two plots. Time is simulated; a worker decides 100 events/s, a bin sends 144 a day.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from benchmarks.scaling.compare import SIZES, STARTS_S, SWEPT, SWEPT_SIZES, Result, compare, sweep
from benchmarks.scaling.demand import DEMANDS
from benchmarks.scaling.plots import plot_storm, plot_trade

_SHOWN_BINS, _SHOWN_START_S = 100_000, 60.0
_POLICIES = 8


def main() -> int:
    """Run, write and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sizes", type=lambda text: tuple(int(one) for one in text.split(",")), default=SIZES)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "results")
    options = parser.parse_args()
    total = len(options.sizes) * len(DEMANDS) * len(STARTS_S) * _POLICIES
    results = list(tqdm(compare(options.sizes, seed=options.seed), total=total, unit="run", disable=None))
    swept = list(tqdm(sweep(seed=options.seed), total=len(SWEPT) * len(SWEPT_SIZES) * len(DEMANDS), unit="run", disable=None))
    text = "\n".join([*_table(results), "", *_sweep_table(swept)]) + "\n"
    (options.out / "scaling.md").write_text(text, "utf-8")
    sys.stdout.write(text)
    bins = _SHOWN_BINS if _SHOWN_BINS in options.sizes else options.sizes[-1]
    shown = [one for one in results if one.bins == bins and one.start_s == _SHOWN_START_S]
    plot_storm([one for one in shown if one.demand == "storm"], bins, options.seed, options.out / "scaling-storm.png")
    plot_trade(shown, options.out / "scaling-trade.png")
    return 0


def _table(results: list[Result]) -> Iterator[str]:
    yield "Late: % of events decided more than 60 s after they came; p99 in seconds; cost: workers paid for, over the work;"
    yield "turns: how often a day more were wanted within half an hour of fewer. Each in the worst of peaks, storm and outage;"
    yield "a worker comes in 10 / 60 / 150 s."
    yield ""
    yield "| bins | policy | late % | p99 s | cost | turns |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for bins in dict.fromkeys(one.bins for one in results):
        for policy in dict.fromkeys(one.policy for one in results):
            mine = [one for one in results if (one.bins, one.policy) == (bins, policy)]
            by_start = [[one for one in mine if one.start_s == start_s] for start_s in STARTS_S]
            late = " / ".join(f"{max(one.run.late_share for one in group):.1%}" for group in by_start).replace("%", "")
            p99 = " / ".join(f"{max(one.run.p99_s for one in group):.0f}" for group in by_start)
            cost, turns = (max(get(one) for one in mine) for get in (lambda one: one.cost, lambda one: one.run.turns_a_day))
            yield f"| {bins:,} | {policy} | {late} | {p99} | {cost:.2f} | {turns:.1f} |"


def _sweep_table(swept: list[tuple[float, float, Result]]) -> Iterator[str]:
    yield "The fleet's own rule, 10,000 / 100,000 bins, a worker comes in 60 s; the worst of the three demands:"
    yield ""
    yield "| target s | settled s | late % | p99 s | cost | turns |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for target_s, settled_s in SWEPT:
        mine = [one for target, settled, one in swept if (target, settled) == (target_s, settled_s)]
        cells = [_worst([one for one in mine if one.bins == bins]) for bins in SWEPT_SIZES]
        yield f"| {target_s:.0f} | {settled_s:.0f} | {' | '.join(' / '.join(pair) for pair in zip(*cells, strict=True))} |"


def _worst(results: list[Result]) -> tuple[str, str, str, str]:
    runs = [one.run for one in results]
    late, p99 = max(one.late_share for one in runs), max(one.p99_s for one in runs)
    cost, turns = max(one.cost for one in results), max(one.turns_a_day for one in runs)
    return f"{late * 100:.1f}", f"{p99:.0f}", f"{cost:.2f}", f"{turns:.1f}"


if __name__ == "__main__":
    sys.exit(main())
