"""The detection benchmark on one plant: drawn incidents, nuisance, the score and its line."""

from __future__ import annotations

import re
from dataclasses import fields

import pandas as pd
import pytest

from soe_lib.params import Params
from soe_lib.twin.demo import demo_clock
from soe_lib.twin.drawn import FENCE_DAYS, KINDS, SIZES, drawn
from soe_lib.twin.nuisance import QUIET, nuisance_of
from tests.benchmarks import detection, events
from tests.benchmarks.detection_truth import TYPES, judge

SEEDS = range(900, 930)
CLOCK = demo_clock()


def test_half_of_all_incidents_are_slight() -> None:
    """Tests on the seeds of the report that half are within twice the tolerance, of all kinds."""
    found = [incident for seed in SEEDS for incident in drawn(CLOCK, seed)]
    slight = [incident for incident in found if incident.level == "slight"]
    assert len(slight) >= len(found) / 2
    assert {incident.kind for incident in found} == set(KINDS) == set(TYPES)
    for incident in slight:
        tolerance = SIZES[incident.kind][0]
        if incident.kind != "new_order":
            assert tolerance < abs(incident.size) <= 2 * tolerance, incident
        else:
            assert incident.hours == (FENCE_DAYS - 1) * 24


def test_incidents_belong_to_their_seed() -> None:
    """Tests that a seed gives the same incidents twice, and another seed others."""
    assert drawn(CLOCK, 900) == drawn(CLOCK, 900)
    assert drawn(CLOCK, 900) != drawn(CLOCK, 901)


def test_tolerances_of_the_twin_are_those_of_the_parameters() -> None:
    """Tests that what the twin calls slight is slight for the detectors."""
    params, fences = Params().divergence, Params().fences
    wanted = {
        "expedited_order": params.order_change_days,
        "resized_order": params.order_change_pct,
        "supplier_late": params.supplier_late_days,
        "supplier_short": params.supplier_short_pct,
        "breakdown": params.downtime_hours,
        "scrap": params.scrap_pct,
        "absence": params.labour_pct,
        "slow_running": params.rate_pct,
        "wrong_stock": params.stock_count_pct,
        "carrier_failure": params.departure_late_hours,
        "dock_failure": params.departure_late_hours,
    }
    assert {kind: SIZES[kind][0] for kind in wanted} == wanted
    assert fences.frozen_days + fences.slushy_days == FENCE_DAYS


def test_every_seed_has_every_nuisance() -> None:
    """Tests that no kind of variation is missing in any seed and the demo plant has none."""
    for seed in SEEDS:
        noise = nuisance_of(seed)
        assert all(getattr(noise, f.name) > getattr(QUIET, f.name) for f in fields(noise))
        assert noise.count_pct < Params().divergence.stock_count_pct


def test_scoring_counts_late_and_foreign_rows_as_wrong() -> None:
    """Tests the judge by hand: within two working days on the same object, or not."""
    at = pd.Timestamp("2026-11-18T08:00Z")
    truth = pd.DataFrame(
        {
            "incident_id": ["I1", "I2"],
            "kind": ["breakdown", "scrap"],
            "object_type": "resource",
            "object_id": ["FIL-N1", "FIL-S1"],
            "level": "slight",
            "seen_at": at,
            "end_at": at,
            "is_new": True,
        }
    )
    rows = pd.DataFrame(
        {
            "divergence_type": ["downtime", "scrap_above_plan", "downtime", "stock_below_safety"],
            "object_id": ["FIL-N1", "FIL-S1", "PAC-N1", "CAP-RED"],
            "first_seen_at": [at + pd.Timedelta(days=2), at + pd.Timedelta(days=5), at, at],
        }
    )
    counts = judge(truth, rows, rows).set_index("kind")
    assert counts.loc["breakdown", ["planted", "found", "false"]].tolist() == [1, 1, 1]
    # Wednesday to the Monday after is three working days: neither found nor right.
    assert counts.loc["scrap", ["planted", "found", "false"]].tolist() == [1, 0, 1]


def test_one_plant(capsys: pytest.CaptureFixture[str]) -> None:
    """Tests a whole seed: more right than the thresholds, and the last line has the figures."""
    assert detection.main(["--first-seed", "10", "--seeds", "1", "--processes", "1"]) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    found = re.fullmatch(r"precision (\d\.\d\d) recall (\d\.\d\d)", lines[-1])
    plain = re.fullmatch(r"plain thresholds: precision (\d\.\d\d) recall (\d\.\d\d)", lines[-2])
    assert found
    assert plain
    assert float(found[1]) >= 0.75
    assert float(found[2]) >= 0.75
    assert float(found[1]) > float(plain[1]) + 0.2
    assert len([line for line in lines if line.split()[0] in TYPES]) == len(TYPES)


def test_events_are_summed_from_their_file(capfd: pytest.CaptureFixture[str]) -> None:
    """Tests that the event benchmark finds the planted line in a small file and prints figures."""
    assert events.main(["--events", "60000"]) == 0
    assert re.search(r"detection \d+\.\d s, .*peak memory \d\.\d\d GB", capfd.readouterr().out)
