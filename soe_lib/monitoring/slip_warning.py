"""Which open purchase lines will slip? Said before they do, by the rule that past weeks proved."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from soe_lib.divergence.facts import Facts
from soe_lib.monitoring.slip_history import outcomes, promises
from soe_lib.monitoring.slip_model import LEAST_SLIPS
from soe_lib.monitoring.slip_rules import (
    FORECAST,
    PLAIN_MOVED,
    PLAIN_SHARE,
    SLIP_RULE_COLUMNS,
    judge_slips,
    rule_that_warns,
    walk,
)

MOST_WEEKS = 156
"""Weeks that are replayed at most, the newest ones. [weeks]"""
SLIP_COLUMNS = (
    "object_id",
    "supplier_id",
    "item_id",
    "ordered_qty",
    "promised_date",
    "p_late",
    "late_share_pct",
    "moved_days",
    "is_warned",
    "sentence",
)


@dataclass(frozen=True)
class SlipWarnings:
    """
    Open purchase lines that may slip, and how such warnings did in past weeks.

    Attributes
    ----------
    lines
        One row per open purchase line whose promise still stands: :data:`SLIP_COLUMNS`, the most
        likely slip first; ``p_late`` 0 to 1, NaN unless the forecast is the rule that warns.
    rules
        The rules on past weeks: ``slip_rules.SLIP_RULE_COLUMNS``.
    rule
        The rule that warns; empty where too few promises slipped to prove any.
    sentence
        In words.
    """

    lines: pd.DataFrame
    rules: pd.DataFrame
    rule: str
    sentence: str


def warn_slips(facts: Facts, *, most_weeks: int = MOST_WEEKS) -> SlipWarnings:
    """
    Return warnings of open purchase lines, by the rule that did best in past weeks.

    Parameters
    ----------
    facts
        Snapshot and instant; the budget is ``params.monitoring.false_alarm_pct``.
    most_weeks
        Weeks that are replayed at most.
    """
    if not (facts.has("purchase_order_line") and facts.has("goods_receipt_event")):
        return _silent("No warning of suppliers: the feed has no purchases with their receipts.")
    rows = outcomes(promises(facts))
    if rows.empty:
        return _silent("No warning of suppliers: no purchase line has an order date and a promise.")
    budget = facts.params.monitoring.false_alarm_pct / 100
    weeks = int((facts.as_of - rows["since_at"].min()) / pd.Timedelta(weeks=1))
    instants = [
        facts.as_of - pd.Timedelta(weeks=back) for back in range(min(weeks, most_weeks), -1, -1)
    ]
    walked = walk(rows, instants, facts.time_zone, budget)
    rules = judge_slips(rows, walked, facts.as_of, budget)
    rule = rule_that_warns(rules)
    lines = _lines(facts, rows, walked.now, rule)
    count = int(lines["is_warned"].sum())
    said = slip_sentence(rules, rule, rows[rows["known_at"] <= facts.as_of])
    if rule:
        said = f"{count} of {len(lines)} open purchase lines are warned of. " + said
    return SlipWarnings(lines, rules, rule, said)


def slip_sentence(rules: pd.DataFrame, rule: str, known: pd.DataFrame) -> str:
    """
    Say which rule warns of suppliers, and how it and its rivals did.

    Parameters
    ----------
    rules, rule
        Result of ``judge_slips`` and ``rule_that_warns``.
    known
        Promises whose outcome is known, with ``is_late``.
    """
    judged = int(rules["num_late"].iloc[0]) if len(rules) else 0
    if judged < LEAST_SLIPS:
        return (
            "Suppliers are not warned of ahead of time, the history is too short: "
            f"{int(known['is_late'].sum()) or 'none'} of {len(known):,} past promises slipped, "
            f"{judged or 'none'} of them in weeks that can be judged. With fewer than "
            f"{LEAST_SLIPS} to learn from and as many to judge by, no rule can be proven."
        )
    if not rule:
        return (
            f"Suppliers are not warned of ahead of time: of {judged} slips no rule found one "
            f"without more false alarms than declared ({rules['budget_pct'].iloc[0]:.0f} %)."
        )
    own = rules.set_index("rule")
    count, late = (int(own[name].iloc[0]) for name in ("num_promises", "num_late"))
    words = {FORECAST: "the forecast", PLAIN_SHARE: "the supplier's share of late deliveries",
             PLAIN_MOVED: "the days by which a promise was moved"}  # fmt: skip

    def told(name: str) -> str:
        row = own.loc[name]
        return (
            f"{words[name]} found {row['num_hits']:.0f} with {row['false_alarm_pct']:.1f} % "
            "false alarms"
        )

    name = words[rule]
    first = name[:1].upper() + name[1:] + " warns"
    why = "" if rule == FORECAST else ", because the forecast did not beat it"
    ahead = own["median_warning_days"].loc[[rule]].iloc[0]
    others = ", ".join(told(other) for other in (FORECAST, PLAIN_SHARE, PLAIN_MOVED))
    return (
        f"{first}{why}: of {late} slips among {count:,} past promises {others} (declared: "
        f"{own['budget_pct'].iloc[0]:.0f} %). Half of its right warnings came at least "
        f"{ahead:.0f} days before the promise was broken."
    )


def _lines(facts: Facts, rows: pd.DataFrame, now: pd.DataFrame, rule: str) -> pd.DataFrame:
    """Return the open lines of the present; a line is warned of where its rule says so."""
    now = now.astype({"place": "int64"})
    now = now[rows["is_open"].to_numpy()[now["place"]]]
    own = rows.iloc[now["place"]].reset_index(drop=True)
    now = now.reset_index(drop=True)
    chance = now[FORECAST].astype(float)
    table = own.assign(
        p_late=chance if rule == FORECAST else np.nan,
        late_share_pct=100 * now[PLAIN_SHARE].astype(float),
        moved_days=now[PLAIN_MOVED].astype(float),
        is_warned=(now[rule] >= now[f"{rule} limit"]) if rule else False,
    )
    table["sentence"] = [_said(row, rule) for row in table.to_dict("records")]
    table["score"] = now[rule].astype(float) if rule else 0.0
    order = table.sort_values(
        ["is_warned", "score", "promised_date", "object_id"],
        ascending=[False, False, True, True],
        kind="stable",
    )
    return order[list(SLIP_COLUMNS)].reset_index(drop=True)


def _said(row: dict[Hashable, Any], rule: str) -> str:
    said = (
        f"{row['object_id']}: {row['ordered_qty']:,.0f} of {row['item_id']} from "
        f"{row['supplier_id']}, promised for {row['promised_date'].strftime('%d %b')}"
    )
    if rule == FORECAST:
        said += f", will be late with {100 * row['p_late']:.0f} % probability"
    said += f"; {row['late_share_pct']:.0f} % of the supplier's past promises slipped"
    return said + (
        f", this one was moved by {row['moved_days']:+.0f} days" if row["moved_days"] else ""
    )


def _silent(sentence: str) -> SlipWarnings:
    return SlipWarnings(
        pd.DataFrame(columns=list(SLIP_COLUMNS)),
        pd.DataFrame(columns=list(SLIP_RULE_COLUMNS)),
        "",
        sentence,
    )
