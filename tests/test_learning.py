"""Learning proposes what the history contradicts, nothing else, and never applies it by itself."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from soe_lib import overrides
from soe_lib.divergence.facts import facts_of
from soe_lib.ledger import Ledger, LedgerError
from soe_lib.monitoring.learning import learn
from soe_lib.monitoring.observed import cell_keys, cell_name, observations
from soe_lib.monitoring.proposals import proposals
from soe_lib.params import Params
from tests.week_by_hand import typed

MONDAY = pd.Timestamp("2026-09-07T00:00Z")
AT = pd.Timestamp("2026-11-23T04:00Z")


def _observed(seed: int, shift: dict[str, float], weeks: int = 10, per_week: int = 4):
    """Return noisy deviations of 24 cells on 4 lines; ``shift`` moves the mean of some."""
    luck = np.random.default_rng(seed)
    rows = []
    for week in range(weeks):
        for line in range(4):
            common = luck.normal(0, 0.02)
            for item in range(6):
                cell = cell_name(f"L{line}", f"I{item}")
                for _ in range(per_week):
                    value = shift.get(cell, 0.0) + common + luck.normal(0, 0.06)
                    at = MONDAY + pd.Timedelta(weeks=week, hours=float(luck.uniform(0, 120)))
                    rows.append((f"L{line}", cell, at, value))
    return pd.DataFrame(rows, columns=["group", "cell", "at", "deviation"])


def test_random_labels_give_next_to_no_proposal() -> None:
    """Tests that of 20 histories whose labels were shuffled at most one proposes anything."""
    proposed = 0
    for seed in range(20):
        observed = _observed(seed, {cell_name("L1", "I2"): 0.3})
        luck = np.random.default_rng(seed)
        order = luck.permutation(len(observed))
        centred = observed["deviation"].to_numpy() - observed["deviation"].mean()
        proposed += learn(observed.assign(deviation=centred[order]))["is_proposed"].sum()
    assert proposed <= 1


def test_a_value_that_lies_is_found_and_only_it() -> None:
    """Tests that one slow item is proposed with an interval that covers the truth."""
    slow = cell_name("L1", "I2")
    found = learn(_observed(3, {slow: 0.3}))
    told = found[found["is_proposed"].astype(bool)]
    cells = told[told["level"] == "cell"]
    assert cells["unit"].tolist() == [slow]
    row = cells.iloc[0]
    total = row["deviation"] + told.loc[told["unit"] == "L1", "deviation"].sum()
    assert total == pytest.approx(0.3, abs=0.06)
    assert row["error_after"] < row["error_before"]


def test_intervals_cover_the_truth() -> None:
    """Tests that the intervals of all units together miss nil in few of the histories."""
    missed = 0
    for seed in range(30, 60):
        found = learn(_observed(seed, {}))
        missed += bool(((found["low"] > 0) | (found["high"] < 0)).any())
    assert missed <= 7  # two levels of 95 % each: three expected


def test_one_bad_week_is_no_master_data() -> None:
    """Tests that a breakdown of one week does not propose a slower rate."""
    observed = _observed(5, {})
    bad = (observed["group"] == "L0") & (observed["at"] >= MONDAY + pd.Timedelta(weeks=9))
    worse = observed["deviation"].where(~bad, observed["deviation"] + 0.5)
    assert not learn(observed.assign(deviation=worse))["is_proposed"].any()


def _suppliers(late_days: float) -> dict[str, pd.DataFrame]:
    """Return purchases of two suppliers over ten weeks; S1 comes late by some days."""
    luck = np.random.default_rng(1)
    lines, receipts = [], []
    for number in range(60):
        supplier = f"S{number % 2}"
        promised = pd.Timestamp("2026-09-07") + pd.Timedelta(days=number)
        late = round(float(luck.normal(late_days if supplier == "S1" else 0.0, 0.6)))
        day = promised + pd.Timedelta(days=late)
        common = {"po_id": f"P{number}", "line_id": "10"}
        lines.append(
            {
                **common,
                "supplier_id": supplier,
                "item_id": f"C{number % 2}",
                "ordered_qty": 10.0,
                "received_qty": 10.0,
                "required_date": promised,
                "first_promised_date": promised,
                "promised_date": promised,
                "status": "completed",
            }
        )
        at = day.tz_localize("UTC") + pd.Timedelta(hours=9)
        receipts.append({**common, "received_at": at, "received_qty": 10.0, "rejected_qty": 0.0})
    items = [
        {"item_id": f"C{k}", "family_id": "F", "uom": "EA", "supply_type": "buy",
         "supplier_id": f"S{k}", "lead_time_days": 5.0}
        for k in range(2)
    ]  # fmt: skip
    return {
        "purchase_order_line": typed("purchase_order_line", lines),
        "goods_receipt_event": typed("goods_receipt_event", receipts),
        "item": typed("item", items),
    }


def test_a_late_supplier_becomes_a_proposal_with_its_changes() -> None:
    """Tests that the lead time of the late supplier's item is proposed, the other one is not."""
    facts = facts_of(_suppliers(3.0), AT, Params())
    found, units = proposals(facts, observations(facts))
    assert found["unit"].tolist() == ["S1"]
    row = found.iloc[0]
    assert (row["owner_role"], row["old_value"]) == ("procurement", 5.0)
    assert row["low"] < row["new_value"] < row["high"]
    assert row["new_value"] == pytest.approx(8.0, abs=0.4)
    (change,) = json.loads(row["changes"])
    assert (change["table"], change["column"], change["key"]) == (
        "item", "lead_time_days", {"item_id": "C1"})  # fmt: skip
    assert {"S0", "S1"} <= set(units["unit"])
    punctual = facts_of(_suppliers(0.0), AT, Params())
    assert proposals(punctual, observations(punctual))[0].empty


def test_proposals_are_ranked_by_what_they_are_worth() -> None:
    """Tests that the dearer of two equal mistakes comes first, with its effect in the horizon."""
    tables = _suppliers(3.0)
    lines, came = tables["purchase_order_line"], tables["goods_receipt_event"]
    late = lines["supplier_id"] == "S1"
    twin = {"po_id": "T" + lines["po_id"]}
    lines = pd.concat(
        [lines[late], lines[late].assign(**twin, supplier_id="S0", item_id="C0")],
        ignore_index=True,
    )
    came = pd.concat([came, came.assign(po_id="T" + came["po_id"])], ignore_index=True)
    both = {**tables, "purchase_order_line": lines, "goods_receipt_event": came}
    for dear in ("C0", "C1"):
        cost = np.where(tables["item"]["item_id"] == dear, 50.0, 2.0)
        facts = facts_of({**both, "item": tables["item"].assign(std_cost=cost)}, AT, Params())
        found, _ = proposals(facts, observations(facts))
        assert found["unit"].tolist() == [f"S{dear[1]}", f"S{1 - int(dear[1])}"]
        money = found["money_per_week"].tolist()
        assert money[0] == pytest.approx(25 * money[1])
        assert found["effect_unit"].eq("order-days").all()
        days = (found["new_value"] - found["old_value"]) * found["uses"]
        assert found["effect"].tolist() == pytest.approx(days.tolist())


def test_accepting_applies_once_reverting_undoes_and_the_source_wins(tmp_path: Path) -> None:
    """Tests accept, revert, their history, and that a value maintained at the source lapses."""
    tables = _suppliers(3.0)
    facts = facts_of(tables, AT, Params())
    row = proposals(facts, observations(facts))[0].iloc[0]
    about = {
        "sentence": str(row["sentence"]),
        "owner_role": "procurement",
        "source": "demo",
        "cycle_id": "2026-W48",
        "said_at": AT,
        "person": "procurement",
    }
    changes = json.loads(row["changes"])
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert overrides.active(ledger, "demo").empty
        overrides.record(ledger, row["proposal_id"], "accept", changes, **about)
        with pytest.raises(LedgerError, match="accepted already"):
            overrides.record(ledger, row["proposal_id"], "accept", changes, **about)
        active = overrides.active(ledger, "demo")
        assert overrides.active(ledger, "other").empty
        corrected, is_applied = overrides.applied(tables, active)
        lead = corrected["item"].set_index("item_id")["lead_time_days"]
        assert is_applied.all()
        assert lead["C1"] == pytest.approx(row["new_value"], abs=1e-6)
        assert lead["C0"] == 5.0
        assert tables["item"]["lead_time_days"].eq(5.0).all()
        maintained = tables["item"].assign(lead_time_days=7.0)
        kept, lapsed = overrides.applied({**tables, "item": maintained}, active)
        assert not lapsed.any()
        assert kept["item"]["lead_time_days"].eq(7.0).all()
        overrides.record(ledger, row["proposal_id"], "revert", [], **about)
        assert overrides.active(ledger, "demo").empty
        with pytest.raises(LedgerError, match="nothing to undo"):
            overrides.record(ledger, row["proposal_id"], "revert", [], **about)
        assert overrides.history(ledger, "demo")["action"].tolist() == ["accept", "revert"]
        assert ledger.verify() == []
    again = facts_of(corrected, AT, Params())
    observed = observations(again)
    assert cell_keys(str(observed["supplier_lead_time"]["cell"].iloc[0])) == ["S0", "C0"]
