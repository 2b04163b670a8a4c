"""What a program does not know is no figure of its own."""

import subprocess
import sys

SHOW = """
from prometheus_client import REGISTRY
import adapters.telemetry.metrics
for family in REGISTRY.collect():
    for sample in family.samples:
        if family.type == "gauge" and sample.name.startswith("waste_") and sample.value == sample.value:
            print(sample.name)
"""


def test_a_program_that_never_set_a_gauge_shows_no_figure_for_it():
    shown = subprocess.run([sys.executable, "-c", SHOW], capture_output=True, text=True, check=True).stdout.split()
    assert set(shown) == {"waste_serving_revision", "waste_models_behind"}  # no plan is in force, and none is missed
