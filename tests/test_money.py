"""Prices: every clause by hand, with free days and caps."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soe_lib.money import (
    clauses,
    cost_per_day,
    holding_cost,
    in_currency,
    late_cost,
    rate,
    site_rates,
)
from soe_lib.params import MoneyParams, described
from soe_lib.tables import TABLES

PARAMS = MoneyParams(late_cost_pct_per_day=1.0, late_cost_cap_pct=30.0, holding_pct_per_year=12.0)
KINDS = ("none", "flat", "per_day", "step", "pct_value", "pct_cogs")


def clause(
    kind: str, amount: float, free: float | None = None, cap: float | None = None
) -> pd.DataFrame:
    """One line worth 1,000 that cost 600, with this clause."""
    return pd.DataFrame(
        {
            "penalty_type": [kind],
            "penalty_amount": [amount],
            "penalty_threshold_days": [free],
            "penalty_cap": [cap],
            "value": [1000.0],
            "cogs": [600.0],
            "margin": [400.0],
        }
    ).astype({"penalty_threshold_days": float, "penalty_cap": float})


@pytest.mark.parametrize(
    ("kind", "amount", "free", "cap", "late", "cost"),
    [
        ("flat", 250, None, None, 0.1, 250),
        ("flat", 250, 2, None, 2.0, 0),  # on the last free day nothing is owed
        ("flat", 250, 2, None, 2.1, 250),
        ("flat", 250, None, 100, 9.0, 100),
        ("per_day", 40, None, None, 3.5, 140),
        ("per_day", 40, 2, None, 3.5, 60),
        ("per_day", 40, None, 100, 3.5, 100),
        ("step", 70, None, None, 0.5, 70),  # the first week has begun
        ("step", 70, None, None, 7.0, 70),
        ("step", 70, None, None, 7.5, 140),
        ("step", 70, 1, 100, 20.0, 100),  # three weeks begun: 210, capped
        ("pct_value", 5, None, None, 1.0, 50),
        ("pct_value", 5, 3, None, 3.0, 0),
        ("pct_value", 5, None, 20, 1.0, 20),
        ("pct_cogs", 5, None, None, 1.0, 30),
        ("pct_cogs", 50, None, 120, 1.0, 120),
        ("none", None, None, None, 4.0, 40),  # the default: 1 % of value a day
        ("none", None, None, None, 99.0, 300),  # its cap: 30 % of value
        ("none", None, None, 5, 99.0, 300),  # a cap without a clause is no cap of the default
    ],
)
def test_each_clause_by_hand(
    kind: str, amount: float, free: float | None, cap: float | None, late: float, cost: float
) -> None:
    """Tests the cost of lateness of every clause, with free days and caps."""
    found = late_cost(pd.Series([late]), clause(kind, amount, free, cap), PARAMS)
    assert found.tolist() == [pytest.approx(cost)]


@given(
    kind=st.sampled_from(KINDS),
    amount=st.floats(0, 1e4),
    free=st.floats(0, 10),
    cap=st.one_of(st.none(), st.floats(0, 1e4)),
    days=st.tuples(st.floats(-30, 60), st.floats(-30, 60)),
)
def test_later_never_costs_less(
    kind: str, amount: float, free: float, cap: float | None, days: tuple[float, float]
) -> None:
    """Tests that cost is zero when not late, grows with lateness and never exceeds its cap."""
    early, late = sorted(days)
    terms = pd.concat([clause(kind, amount, free, cap)] * 2, ignore_index=True)
    low, high = late_cost(pd.Series([early, late]), terms, PARAMS)
    assert 0 <= low <= high
    if early <= free:
        assert low == 0
    limit = 300.0 if kind == "none" else (cap if cap is not None else float("inf"))
    assert high <= limit + 1e-9


def test_unknown_lateness_costs_nothing_yet() -> None:
    """Tests that a line without a projected date is not priced as late."""
    assert late_cost(pd.Series([float("nan")]), clause("flat", 10), PARAMS).tolist() == [0.0]


def test_mean_day_is_that_of_the_first_paid_week() -> None:
    """Tests by hand what a day weighs in the engine: free days are left out."""
    assert cost_per_day(clause("per_day", 40, 3), PARAMS).tolist() == [pytest.approx(40)]
    assert cost_per_day(clause("flat", 70, 3), PARAMS).tolist() == [pytest.approx(10)]
    assert cost_per_day(clause("none", 0), PARAMS).tolist() == [pytest.approx(10)]


def _lines() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": ["A", "B", "C"],
            "item_id": ["I", "I", "unknown"],
            "ordered_qty": [10.0, 4.0, 5.0],
            "net_price": [7.0, 8.0, None],
            "net_value": [None, 30.0, None],
            "margin_per_unit": [2.0, None, 1.0],
        },
        index=[7, 3, 5],
    )


def test_clauses_come_from_the_customer() -> None:
    """Tests that value, cost and margin of a line and its customer's clause are found, or said."""
    terms = TABLES["customer_terms"].empty().reindex(range(2))
    terms = terms.assign(
        customer_id=["A", "B"], penalty_type=["per_day", "none"], penalty_amount=[5.0, None]
    )
    item = TABLES["item"].empty().reindex([0]).assign(item_id="I", std_cost=3.0)
    found = clauses(_lines(), {"customer_terms": terms, "item": item}, PARAMS)
    assert found.index.tolist() == [7, 3, 5]
    assert found["penalty_type"].tolist() == ["per_day", "none", "none"]
    assert found["value"].tolist() == [70.0, 30.0, 0.0]
    assert found["cogs"].tolist() == [30.0, 12.0, 0.0]
    assert found["margin"].tolist() == [20.0, 0.0, 5.0]
    assert found["source"].tolist()[0] == "customer's clause"
    assert found["source"].tolist()[1] == "no clause: 1 % of value a day, at most 30 %"
    bare = clauses(_lines(), {}, PARAMS)
    assert bare["penalty_type"].tolist() == ["none"] * 3
    assert bare["cogs"].tolist() == [0.0] * 3


def test_holding_stock_for_a_year_costs_the_rate() -> None:
    """Tests that holding 1,000 for a year costs 120 at 12 %, and half of it for half a year."""
    value = pd.Series([1000.0, 1000.0])
    assert holding_cost(value, pd.Series([365.0, 182.5]), PARAMS).tolist() == [120.0, 60.0]


def test_rates_of_the_source_beat_parameters_and_say_so() -> None:
    """Tests that an object's own rate comes before '*', and that before the parameter."""
    table = pd.DataFrame(
        {
            "cost_type": ["overtime_hour", "overtime_hour", "scrap"],
            "object_id": ["L1", None, "*"],
            "cost_amount": [120.0, 90.0, 1.0],
        }
    )
    assert rate(table, "overtime_hour", "L1", 50.0) == (120.0, "cost_rate overtime_hour L1")
    assert rate(table, "overtime_hour", "L2", 50.0) == (90.0, "cost_rate overtime_hour *")
    found, where = rate(table, "expedite", "L2", 50.0)
    assert found == 50.0
    assert where == "parameter (expedite is not in cost_rate)"


def test_prices_of_the_data_are_told_in_the_words_and_units_of_the_parameters() -> None:
    """Tests that no name of a parameter is shown, and that only units are given a currency."""
    table = pd.DataFrame(
        {"cost_type": ["holding_pct", "overtime_hour"], "object_id": ["*", "L1"],
         "cost_amount": [18.0, 120.0]}
    )  # fmt: skip
    notes = site_rates(table, ["L1", "L2"], PARAMS).notes
    assert notes == (
        "Cost of holding stock: 18 % of standard cost per year by the data, instead of "
        "12 % of standard cost per year by the parameters",
        "Overtime of one resource: 120 money/h by the data on 1 of 2 resources, instead of "
        "90 money/h by the parameters",
    )
    assert in_currency(notes[1], "") == notes[1]
    assert "120 EUR/h by" in in_currency(notes[1], "EUR")
    assert in_currency("money: 5 h of it", "EUR") == "money: 5 h of it"


def test_every_price_has_words_and_a_unit() -> None:
    """Tests that each price is described below its field, with a unit, for the pages."""
    for name in MoneyParams.model_fields:
        words, unit = described(MoneyParams, name)
        assert words[0].isupper()
        assert unit.startswith(("%", "money"))
        assert not set("[]_") & set(words + unit)
