"""Last week's KPIs run again with last week's as_of give last week's numbers: the demo plant."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from soe_lib.kpi.catalogue import all_kpis
from soe_lib.kpi.policy import OtifPolicy
from soe_lib.kpi.value import Period, kpi_rows
from soe_lib.params import KpiParams, OtifParams
from soe_lib.snapshot import take_snapshot
from soe_lib.sources import load_source
from soe_lib.workspace import Workspace
from tests.conftest import ROOT

POLICY = OtifPolicy.from_params(OtifParams())


def test_demo_numbers_do_not_change_a_week_later(tmp_path: Path) -> None:
    """Tests that all KPIs of a past week are the same from that Monday's and from later tables."""
    source = load_source("demo", ROOT / "params" / "sources")
    workspace = Workspace(tmp_path)
    then = pd.Timestamp("2026-11-09T05:00Z")
    early = take_snapshot(source, then, workspace)
    late = take_snapshot(source, pd.Timestamp("2026-11-23T05:00Z"), workspace)
    week = Period.last_weeks(then, 1, early.site_time_zone)[0]
    before, again = (
        kpi_rows(all_kpis(snapshot.tables, then, week, KpiParams(), POLICY))
        for snapshot in (early, late)
    )
    keys = ["kpi", "basis", "policy", "dimension", "member"]
    both = before.merge(again, on=keys, how="outer", suffixes=("", "_again"), indicator=True)
    assert (both["_merge"] == "both").all()
    for name in ("value", "num", "den", "n"):
        one, two = both[name].astype(float), both[f"{name}_again"].astype(float)
        moved = both[~(np.isclose(one, two, rtol=1e-9) | (one.isna() & two.isna()))]
        assert moved.empty, moved[[*keys, name, f"{name}_again"]].to_string()
    assert before["value"].notna().sum() > 150
    shares = before[(before["unit"] == "%") & before["lo"].notna()]
    assert (shares["lo"] <= shares["value"] + 1e-9).all()
    assert (shares["value"] <= shares["hi"] + 1e-9).all()
