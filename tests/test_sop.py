"""Disaggregation: what S&OP agreed is what the weeks add up to, to the unit."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soe_lib.sop import (
    largest_remainder,
    lot_adjusted,
    not_disaggregated,
    plan_version_at,
    plan_weeks,
    weekly_targets,
)
from soe_lib.tables import TABLES

AS_OF = pd.Timestamp("2026-11-23T05:00Z")
WEIGHTS = st.lists(st.floats(0, 1e6), min_size=1, max_size=40)


def plan(rows: list[tuple[str, str, str, float]], version: str = "v1") -> pd.DataFrame:
    """Demand plan rows: (family, site, month, quantity)."""
    found = TABLES["sop_plan"].empty().reindex(range(len(rows)))
    return found.assign(
        plan_version=version,
        approved_at=pd.Timestamp("2026-09-15T10:00Z"),
        family_id=[row[0] for row in rows],
        site_id=[row[1] for row in rows],
        plan_month=pd.to_datetime([row[2] for row in rows]),
        measure="demand",
        planned_qty=[row[3] for row in rows],
    ).astype({c.name: c.dtype for c in TABLES["sop_plan"].contracts})


def mix(rows: list[tuple[str, str, float, str | None, str | None]]) -> pd.DataFrame:
    """Mix rows: (family, item, weight, site or None, valid from or None)."""
    found = TABLES["family_mix"].empty().reindex(range(len(rows)))
    return found.assign(
        family_id=[row[0] for row in rows],
        item_id=[row[1] for row in rows],
        mix_weight=[row[2] for row in rows],
        site_id=[row[3] for row in rows],
        valid_from_date=pd.to_datetime([row[4] for row in rows]),
    ).astype({c.name: c.dtype for c in TABLES["family_mix"].contracts})


@given(weights=WEIGHTS, total=st.integers(0, 10**9))
def test_whole_totals_are_conserved_exactly(weights: list[float], total: int) -> None:
    """Tests that parts are whole, add up exactly and are within one unit of their share."""
    shares = np.array(weights)
    parts = largest_remainder(shares, float(total))
    assert parts.sum() == total
    assert (parts == parts.round()).all()
    assert (parts >= 0).all()
    fair = shares if shares.sum() > 0 else np.ones(len(shares))
    assert np.abs(parts - fair / fair.sum() * total).max() <= 1 + 1e-6
    if shares.sum() > 0:
        assert (parts[shares == 0] == 0).all()


@given(
    weights=WEIGHTS,
    total=st.floats(-1e9, 1e9),
    unit=st.sampled_from([1.0, 0.001, 12.0, 0.1, 1000.0]),
)
def test_any_total_is_conserved(weights: list[float], total: float, unit: float) -> None:
    """Tests that fractions and units other than one lose nothing beyond rounding of floats."""
    parts = largest_remainder(np.array(weights), total, unit)
    assert math.fsum(parts) == pytest.approx(total, rel=1e-12, abs=1e-6 * unit)
    whole = np.isclose(parts / unit, np.round(parts / unit), atol=1e-4)
    assert (~whole).sum() <= 1  # the fraction of the total, in one place


@given(weights=WEIGHTS, total=st.integers(0, 10**6), extra=st.integers(1, 1000))
def test_more_to_divide_is_never_much_less_for_one(
    weights: list[float], total: int, extra: int
) -> None:
    """Tests that a larger total takes at most one unit from any part (quota rule)."""
    before = largest_remainder(np.array(weights), float(total))
    after = largest_remainder(np.array(weights), float(total + extra))
    assert (after >= before - 1).all()


def test_largest_remainders_come_first() -> None:
    """Tests the division by hand: 10 by 1:1:1, 7 by 5:3:2, a fraction, and nothing to divide by."""
    assert largest_remainder(np.array([1, 1, 1]), 10).tolist() == [4, 3, 3]
    assert largest_remainder(np.array([5, 3, 2]), 7).tolist() == [4, 2, 1]  # 3.5 2.1 1.4
    assert largest_remainder(np.array([0, 1]), 1.5).tolist() == [0, 1.5]
    assert largest_remainder(np.array([0, 0]), 3).tolist() == [2, 1]
    assert largest_remainder(np.array([1, 1]), 30, unit=12).tolist() == [18, 12]
    assert largest_remainder(np.zeros(0), 3).tolist() == []


@pytest.mark.parametrize(
    ("shares", "total", "unit"),
    [([1, -1], 3, 1), ([1, math.nan], 3, 1), ([1], math.inf, 1), ([1], 3, 0)],
)
def test_impossible_divisions_are_refused(shares: list[float], total: float, unit: float) -> None:
    """Tests that a negative weight, a missing figure or no unit is an error, never a guess."""
    with pytest.raises(ValueError, match=r"must be finite|cannot divide"):
        largest_remainder(np.array(shares), total, unit)


MONTHS = [pd.Timestamp("2026-10-01"), pd.Timestamp("2026-11-01"), pd.Timestamp("2026-12-01")]


@settings(max_examples=25)
@given(
    totals=st.lists(st.integers(0, 10**7), min_size=3, max_size=3),
    weights=st.lists(st.integers(0, 50), min_size=1, max_size=5),
    pattern=st.sampled_from([(), (4, 4, 5)]),
    saturday=st.sampled_from([0.0, 8.0]),
    holidays=st.lists(st.integers(0, 80), max_size=6),
)
def test_weeks_and_items_add_up_to_the_month(
    totals: list[int],
    weights: list[int],
    pattern: tuple[int, ...],
    saturday: float,
    holidays: list[int],
) -> None:
    """Tests that items and weeks add up to the family-month exactly, in both calendars."""
    off = {MONTHS[0] + pd.Timedelta(days=n): 0.0 for n in holidays}
    calendar = plan_weeks(
        MONTHS[0],
        3,
        "S1",
        pattern=pattern,
        first_monday=pd.Timestamp("2026-09-28"),
        hours_by_weekday=(16, 16, 16, 16, 16, saturday, 0),
        day_hours=off,
    )
    figures = plan([("F", "S1", f"{m:%Y-%m-%d}", t) for m, t in zip(MONTHS, totals, strict=True)])
    shares = mix([("F", f"I{n}", float(w), None, None) for n, w in enumerate(weights)])
    targets = weekly_targets(figures, shares, calendar, AS_OF)
    assert targets.groupby("plan_month")["planned_qty"].sum().tolist() == totals
    assert (targets["planned_qty"] == targets["planned_qty"].round()).all()
    assert not targets.duplicated(["item_id", "site_id", "plan_month", "week_start_date"]).any()
    assert not_disaggregated(figures, shares, calendar, AS_OF).empty


def test_boundary_weeks_are_split_by_working_hours() -> None:
    """Tests by hand that the week of 30 November gives one day to November, four to December."""
    calendar = plan_weeks(pd.Timestamp("2026-11-01"), 2, "S1")
    week = calendar[calendar["week_start_date"] == pd.Timestamp("2026-11-30")]
    assert week.set_index("plan_month")["working_hours"].tolist() == [24.0, 96.0]
    november = calendar[calendar["plan_month"] == pd.Timestamp("2026-11-01")]
    assert november["week_start_date"].dt.day.tolist() == [2, 9, 16, 23, 30]  # 1 Nov is a Sunday
    figures = plan([("F", "S1", "2026-11-01", 2100.0), ("F", "S1", "2026-12-01", 2300.0)])
    targets = weekly_targets(figures, mix([("F", "I", 1.0, "S1", None)]), calendar, AS_OF)
    by_week = targets.groupby("week_start_date")["planned_qty"].sum()
    assert by_week[pd.Timestamp("2026-11-23")] == 500.0  # 21 working days of 100
    assert by_week[pd.Timestamp("2026-11-30")] == 100.0 + 400.0  # 23 working days of 100


def test_pattern_has_whole_weeks() -> None:
    """Tests that 4-4-5 gives 4, 4 and 5 whole weeks from its Monday and needs a Monday."""
    first = pd.Timestamp("2025-12-29")
    calendar = plan_weeks(
        pd.Timestamp("2026-01-01"), 12, "S1", pattern=(4, 4, 5), first_monday=first
    )
    assert calendar.groupby("plan_month").size().tolist() == [4, 4, 5] * 4
    assert (calendar["working_hours"] == 120.0).all()
    assert calendar["week_start_date"].min() == first
    assert len(calendar["week_start_date"].unique()) == 52
    assert set(calendar.columns) == set(TABLES["plan_calendar"].minimal)
    with pytest.raises(ValueError, match="begins on a Monday"):
        plan_weeks(pd.Timestamp("2026-01-01"), 3, "S1", pattern=(4, 4, 5))


def test_month_without_working_hours_still_gets_its_plan() -> None:
    """Tests that a month that is all holiday divides its figure evenly, as nothing may get lost."""
    days = pd.date_range("2026-11-01", "2026-11-30")
    calendar = plan_weeks(pd.Timestamp("2026-11-01"), 1, "S1", day_hours=dict.fromkeys(days, 0.0))
    targets = weekly_targets(
        plan([("F", "S1", "2026-11-01", 11.0)]), mix([("F", "I", 1.0, None, None)]), calendar, AS_OF
    )
    assert targets["planned_qty"].sum() == 11.0
    assert targets["planned_qty"].tolist() == [2, 2, 2, 2, 2, 1]


def test_version_mix_and_site_that_hold_at_as_of() -> None:
    """Tests that the plan approved last, the latest mix and the site's own weights are used."""
    calendar = plan_weeks(pd.Timestamp("2026-11-01"), 1, "S1")
    old = plan([("F", "S1", "2026-11-01", 100.0)])
    new = plan([("F", "S1", "2026-11-01", 200.0)], "v2").assign(
        approved_at=pd.Timestamp("2026-10-15T10:00Z")
    )
    later = plan([("F", "S1", "2026-11-01", 999.0)], "v3").assign(
        approved_at=AS_OF + pd.Timedelta(hours=1)
    )
    figures = pd.concat([later, new, old], ignore_index=True)
    assert plan_version_at(figures, AS_OF)["plan_version"].tolist() == ["v2"]
    shares = mix(
        [
            ("F", "A", 1.0, None, None),
            ("F", "B", 1.0, None, "2026-01-01"),
            ("F", "B", 3.0, "S1", "2026-01-01"),  # the site's own
            ("F", "B", 9.0, "S1", "2027-01-01"),  # not valid yet
            ("F", "C", 5.0, "S2", None),  # another site's
        ]
    )
    targets = weekly_targets(figures, shares, calendar, AS_OF)
    assert targets.groupby("item_id")["planned_qty"].sum().to_dict() == {"A": 50.0, "B": 150.0}


def test_figures_that_cannot_be_divided_are_named() -> None:
    """Tests that a family without mix and a month without weeks are told, not dropped silently."""
    calendar = plan_weeks(pd.Timestamp("2026-11-01"), 1, "S1")
    figures = plan(
        [
            ("F", "S1", "2026-11-01", 5.0),
            ("F", "S1", "2027-02-01", 6.0),
            ("G", "S1", "2026-11-01", 7),
        ]
    )
    shares = mix([("F", "I", 1.0, None, None)])
    named = not_disaggregated(figures, shares, calendar, AS_OF).set_index("planned_qty")["reason"]
    assert named.to_dict() == {
        6.0: "no week of the month in plan_calendar",
        7.0: "no item in family_mix",
    }
    assert weekly_targets(figures, shares, calendar, AS_OF)["planned_qty"].sum() == 5.0
    nothing = weekly_targets(figures.head(0), shares, calendar, AS_OF)
    assert nothing.empty
    assert str(nothing["planned_qty"].dtype) == "float64"


@settings(max_examples=40)
@given(
    needs=st.lists(st.integers(0, 400), min_size=1, max_size=12),
    least=st.one_of(st.none(), st.integers(1, 500)),
    multiple=st.one_of(st.none(), st.integers(1, 200)),
)
def test_lots_are_a_step_of_their_own_with_a_residual(
    needs: list[int], least: int | None, multiple: int | None
) -> None:
    """Tests that lots never leave a week short, obey their sizes and account for what is over."""
    weeks = pd.date_range("2026-11-02", periods=len(needs), freq="7D")
    targets = pd.DataFrame(
        {
            "family_id": "F",
            "item_id": "I",
            "site_id": "S1",
            "plan_month": pd.Timestamp("2026-11-01"),
            "week_start_date": weeks,
            "planned_qty": [float(need) for need in needs],
        }
    )
    lots = pd.DataFrame({"item_id": ["I"], "lot_min_qty": [least], "lot_multiple_qty": [multiple]})
    made = lot_adjusted(targets, lots.astype({"lot_min_qty": float, "lot_multiple_qty": float}))
    assert made["planned_qty"].tolist() == targets["planned_qty"].tolist()
    over = (made["lot_qty"] - made["planned_qty"]).cumsum()
    np.testing.assert_allclose(made["residual_qty"], over)
    assert (over >= 0).all()
    lot = made.loc[made["lot_qty"] > 0, "lot_qty"]
    assert (lot >= (least or 0)).all()
    if multiple:
        assert (lot % multiple == 0).all()
    assert over.iloc[-1] < (least or 0) + (multiple or 1)


def test_lots_by_hand() -> None:
    """Tests lots of 50, at least 100, over four weeks of two items."""
    weeks = [pd.Timestamp("2026-11-02") + pd.Timedelta(weeks=k) for k in range(4)]
    targets = pd.DataFrame(
        {
            "item_id": ["A"] * 4 + ["B"] * 4,
            "site_id": "S1",
            "plan_month": pd.Timestamp("2026-11-01"),
            "week_start_date": weeks * 2,
            "planned_qty": [30.0, 30.0, 30.0, 130.0, 1.0, 2.0, 3.0, 4.0],
        }
    )
    lots = pd.DataFrame({"item_id": ["A"], "lot_min_qty": [100.0], "lot_multiple_qty": [50.0]})
    made = lot_adjusted(targets, lots)
    assert made["lot_qty"].tolist() == [100, 0, 0, 150, 1, 2, 3, 4]
    assert made["residual_qty"].tolist() == [70, 40, 10, 30, 0, 0, 0, 0]
