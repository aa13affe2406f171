"""Warnings of suppliers: nothing known too early, the budget kept, a rule that lost hidden."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from soe_lib.divergence.facts import Facts, facts_of
from soe_lib.monitoring.slip_history import outcomes, promises
from soe_lib.monitoring.slip_model import FEATURES, RIDGE, SlipModel
from soe_lib.monitoring.slip_rules import (
    FORECAST,
    PLAIN_SHARE,
    SLIP_RULES,
    limits_at,
    rule_that_warns,
    walk,
)
from soe_lib.monitoring.slip_warning import SlipWarnings, slip_sentence, warn_slips
from soe_lib.params import MonitoringParams, Params
from soe_lib.views.follow_up_ahead import warned_purchases
from tests.week_by_hand import typed

FIRST = pd.Timestamp("2026-03-02")
AS_OF = pd.Timestamp("2026-10-12T04:00Z")
DAY = pd.Timedelta(days=1)


def _tables(seed: int, *, late_pct: float = 15.0, on_time_day: int = 5) -> dict[str, pd.DataFrame]:
    """
    Return orders of six suppliers, one each a day, promised for the 15th day.

    Goods come on ``on_time_day``, or a week after the promise: who is late has not come at half.
    """
    luck = np.random.default_rng(seed)
    lines, receipts = [], []
    for number in range(6 * 225):
        ordered = FIRST + (number // 6) * DAY
        key = {"po_id": f"P{number:04d}", "line_id": "10"}
        promised = ordered + 15 * DAY
        day = promised + 7 * DAY if luck.uniform() < late_pct / 100 else ordered + on_time_day * DAY
        came = day.tz_localize("UTC") + pd.Timedelta(hours=10)
        is_here = came <= AS_OF
        lines.append({**key, "supplier_id": f"S{number % 6}", "item_id": f"C{number % 12}",
                      "ordered_qty": 10.0, "received_qty": 10.0 if is_here else 0.0,
                      "ordered_at": ordered.tz_localize("UTC"), "required_date": promised,
                      "first_promised_date": promised, "promised_date": promised,
                      "status": "completed" if is_here else "open"})  # fmt: skip
        if is_here:
            receipts.append({**key, "received_at": came, "received_qty": 10.0,
                             "rejected_qty": 0.0})  # fmt: skip
    return {
        "purchase_order_line": typed("purchase_order_line", lines),
        "goods_receipt_event": typed("goods_receipt_event", receipts),
    }


def _facts(tables: dict[str, pd.DataFrame], as_of: pd.Timestamp = AS_OF) -> Facts:
    return facts_of(tables, as_of, Params())


@pytest.fixture(scope="module")
def telling() -> tuple[Facts, SlipWarnings]:
    """Suppliers whose late goods can be told from the stage; their shares tell nothing."""
    facts = _facts(_tables(1))
    return facts, warn_slips(facts)


def test_a_forecast_that_sees_the_stage_warns_before_the_slip(
    telling: tuple[Facts, SlipWarnings],
) -> None:
    """Tests that what the supplier's share cannot tell is found, in time, inside the budget."""
    _, found = telling
    rules = found.rules.set_index("rule")
    assert found.rule == FORECAST
    assert rules.loc[FORECAST, "recall_pct"] > 90
    assert rules.loc[PLAIN_SHARE, "recall_pct"] < 50
    assert rules.loc[FORECAST, "false_alarm_lo_pct"] <= rules.loc[FORECAST, "budget_pct"]
    assert rules.loc[FORECAST, "false_alarm_pct"] < 12
    assert rules.loc[FORECAST, "median_warning_days"] >= 3
    warned = found.lines[found.lines["is_warned"].astype(bool)]
    assert len(warned) > 0
    assert (warned["p_late"] > 0.9).sum() >= 10
    assert found.sentence.startswith(f"{len(warned)} of {len(found.lines)} open purchase lines")
    assert "The forecast warns" in found.sentence
    shown = warned_purchases(found.lines, found.rule, 100)
    assert shown.frame["purchase"].tolist() == warned["object_id"].tolist()
    assert "chance to be late (%)" in shown.frame


def test_later_facts_change_no_earlier_warning(telling: tuple[Facts, SlipWarnings]) -> None:
    """Tests that scores and limits of each week are the same when all later facts are missing."""
    facts, _ = telling
    early = AS_OF - 6 * 7 * DAY
    came = facts.tables["goods_receipt_event"]
    came = came[came["received_at"] <= early]
    lines = facts.tables["purchase_order_line"]
    lines = lines[lines["ordered_at"] <= early]
    is_here = lines["po_id"].isin(came["po_id"])
    then = _facts(
        {
            "goods_receipt_event": came,
            "purchase_order_line": lines.assign(
                status=np.where(is_here, "completed", "open"),
                received_qty=np.where(is_here, 10.0, 0.0),
            ),
        },
        early,
    )
    instants = [early - back * 7 * DAY for back in range(20, -1, -1)]
    tables = []
    for own in (facts, then):
        rows = outcomes(promises(own))
        walked = walk(rows, instants, "UTC", 0.1)
        both = pd.concat([walked.scores, walked.now], ignore_index=True)
        both["object_id"] = rows["object_id"].to_numpy()[both["place"].astype("int64")]
        tables.append(
            both.drop(columns="place").sort_values(["at", "object_id"], ignore_index=True)
        )
    assert len(tables[0]) > 500
    assert np.isfinite(tables[0][f"{FORECAST} limit"]).any()
    pd.testing.assert_frame_equal(*tables)


@pytest.mark.parametrize("budget", [0.02, 0.1, 0.3])
def test_limits_keep_the_budget_on_what_they_were_learned_from(budget: float) -> None:
    """Tests that not more kept promises than declared reach a limit, and one more would be over."""
    rows = outcomes(promises(_facts(_tables(2))))
    luck = np.random.default_rng(3)
    top = luck.normal(size=(len(rows), len(SLIP_RULES)))
    limits = limits_at(rows, top, AS_OF, np.full(len(SLIP_RULES), budget))
    kept = (rows["known_at"] <= AS_OF).to_numpy() & ~rows["is_late"].to_numpy(bool)
    for place in range(len(SLIP_RULES)):
        share = (top[kept, place] >= limits[place]).mean()
        assert budget - 1 / kept.sum() < share <= budget


def test_a_rule_that_lost_is_not_shown(telling: tuple[Facts, SlipWarnings]) -> None:
    """Tests that the plain rule warns where it found more, or the forecast left its budget."""
    _, found = telling
    rules = found.rules
    noisy = rules.assign(num_hits=[60, 0, 90], false_alarm_lo_pct=[8.0, 0.0, 20.0])
    assert rule_that_warns(noisy) == PLAIN_SHARE
    fewer = rules.assign(num_hits=[60, 0, 60], false_alarm_lo_pct=8.0)
    assert rule_that_warns(fewer) == PLAIN_SHARE
    assert rule_that_warns(rules.assign(false_alarm_lo_pct=11.0)) == ""
    assert "more false alarms than declared" in slip_sentence(rules, "", rules)
    assert "because the forecast did not beat it" in slip_sentence(fewer, PLAIN_SHARE, rules)
    lines = found.lines.assign(p_late=np.nan)
    assert "chance to be late (%)" not in warned_purchases(lines, PLAIN_SHARE, 9).frame


def test_too_few_slips_prove_nothing_and_nothing_is_warned_of() -> None:
    """Tests punctual suppliers, and a feed without receipts: both say why there is no warning."""
    found = warn_slips(_facts(_tables(4, late_pct=0.2)))
    assert found.rule == ""
    assert not found.lines["is_warned"].any()
    assert "no rule can be proven" in found.sentence
    bare = {"purchase_order_line": _tables(4)["purchase_order_line"]}
    assert "no purchases with their receipts" in warn_slips(_facts(bare)).sentence


def test_promises_of_a_line_by_hand() -> None:
    """Tests a promise that was moved, tolerance over a weekend, a short close, split deliveries."""
    ordered = pd.Timestamp("2026-09-01T08:00Z")
    common = {"supplier_id": "S", "item_id": "C", "ordered_at": ordered, "received_qty": 0.0,
              "status": "completed"}  # fmt: skip

    def line(po: str, qty: float, day: str, **more: object) -> dict[str, object]:
        at = pd.Timestamp(day)
        return {**common, "po_id": po, "line_id": "10", "ordered_qty": qty, "required_date": at,
                "first_promised_date": at, "promised_date": at, **more}  # fmt: skip

    def came(po: str, at: str, qty: float) -> dict[str, object]:
        return {"po_id": po, "line_id": "10", "received_at": pd.Timestamp(at, tz="UTC"),
                "received_qty": qty, "rejected_qty": 0.0}  # fmt: skip

    tables = {
        "purchase_order_line": typed("purchase_order_line", [
            line("MOVED", 10, "2026-09-11", promised_date=pd.Timestamp("2026-09-16")),
            line("WEEKEND", 10, "2026-09-11"),
            line("SHORT", 10, "2026-09-11"),
            line("SPLIT", 10, "2026-09-10", schedule_no=1),
            line("SPLIT", 10, "2026-09-17", schedule_no=2, status="open"),
        ]),
        "supplier_confirmation_event": typed("supplier_confirmation_event", [
            {"po_id": "MOVED", "line_id": "10", "event_at": pd.Timestamp("2026-09-05T09:00Z"),
             "confirmed_date": pd.Timestamp("2026-09-16"), "confirmed_qty": 10.0}]),
        "goods_receipt_event": typed("goods_receipt_event", [
            came("MOVED", "2026-09-16T09:00", 10), came("WEEKEND", "2026-09-14T23:00", 10),
            came("SHORT", "2026-09-12T09:00", 5), came("SPLIT", "2026-09-10T09:00", 12)]),
    }  # fmt: skip
    rows = outcomes(promises(_facts(tables, pd.Timestamp("2026-09-22T05:00Z"))))
    told = {
        (name, f"{day:%d}"): bool(late)
        for name, day, late in zip(
            rows["object_id"], rows["promised_date"], rows["is_late"], strict=True
        )
    }
    assert told == {
        ("MOVED/10", "11"): True,
        ("MOVED/10", "16"): False,
        ("WEEKEND/10", "11"): False,  # due on Friday, a day of tolerance is Monday
        ("SHORT/10", "11"): False,
        ("SPLIT/10/1", "10"): False,
        ("SPLIT/10/2", "17"): True,  # two of ten came, the rest is missing
    }
    moved = rows[rows["object_id"] == "MOVED/10"].sort_values("since_at")
    assert moved["until_at"].iloc[0] == pd.Timestamp("2026-09-05T09:00Z")
    assert rows.loc[rows["is_open"], "object_id"].tolist() == ["SPLIT/10/2"]


def test_the_budget_is_a_parameter() -> None:
    """Tests that a smaller budget means a higher limit, thus no more warnings."""
    tables = _tables(1, on_time_day=14)
    few, many = (
        warn_slips(
            facts_of(tables, AS_OF, Params(monitoring=MonitoringParams(false_alarm_pct=pct)))
        )
        for pct in (2.0, 40.0)
    )
    warned = [found.rules["num_warned"].sum() for found in (few, many)]
    assert warned[0] < warned[1]


def test_the_weights_are_where_the_penalised_likelihood_is_flat() -> None:
    """Tests stationarity by hand, that weights count, and one slope against its known value."""
    draw = np.random.default_rng(3)
    table = pd.DataFrame(draw.normal(size=(300, len(FEATURES))), columns=list(FEATURES))
    late = draw.random(300) < 1 / (1 + np.exp(1.5 - table["hazard"]))
    weight = draw.uniform(0.5, 2, 300)
    model = SlipModel.fit(table, late.to_numpy(), weight)
    assert model is not None
    known = (table.to_numpy() - model.middle) / model.spread
    missed = weight * (late - model.chance(table))
    assert np.abs(known.T @ missed - RIDGE * model.weights[1:]).max() < 1e-4
    assert abs(missed.sum()) < 1e-4
    assert model.weights[:2] == pytest.approx([-1.5321082, 0.71995981], abs=1e-6)
    few = SlipModel.fit(table, late.to_numpy(), np.full(300, 0.01))
    assert few is None
