"""Which open purchase lines will slip? Said before they do, by the rule that past weeks proved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.divergence.facts import Facts
from soe_lib.monitoring.slip_history import outcomes, promises
from soe_lib.monitoring.slip_model import LEAST_SLIPS
from soe_lib.monitoring.slip_rules import (
    FORECAST,
    LEAST_OUTCOMES,
    PLAIN_MOVED,
    PLAIN_SHARE,
    SLIP_RULE_COLUMNS,
    SLIP_RULES,
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
    said = slip_sentence(rules, rule)
    if rule:
        said = f"{count} of {len(lines)} open purchase lines are warned of. " + said
    return SlipWarnings(lines, rules, rule, said)


def slip_sentence(rules: pd.DataFrame, rule: str) -> str:
    """Say which rule warns of suppliers, and how it and its rivals did."""
    if rules.empty:
        return (
            "Suppliers are not warned of ahead of time yet: the history is too short, "
            f"{LEAST_OUTCOMES} promises with a known outcome are needed."
        )
    own = rules.set_index("rule")
    count, late = (int(own[name].iloc[0]) for name in ("num_promises", "num_late"))
    if not rule:
        return (
            f"Suppliers are not warned of ahead of time: only {late} of {count:,} past promises "
            f"slipped, and with fewer than {LEAST_SLIPS} no rule can be proven."
        )
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
    ahead = own.loc[rule, "median_warning_days"]
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
    table["sentence"] = [
        f"{o}: {q:,.0f} of {i} from {s}, promised for {d:%d %b}"
        + (f", will be late with {100 * p:.0f} % probability" if rule == FORECAST else "")
        + f"; {share:.0f} % of the supplier's past promises slipped"
        + (f", this one was moved by {moved:+.0f} days" if moved else "")
        for o, q, i, s, d, p, share, moved in zip(
            table["object_id"],
            table["ordered_qty"],
            table["item_id"],
            table["supplier_id"],
            table["promised_date"],
            table["p_late"],
            table["late_share_pct"],
            table["moved_days"],
            strict=True,
        )
    ]
    table["score"] = now[rule].astype(float) if rule else 0.0
    order = table.sort_values(
        ["is_warned", "score", "promised_date", "object_id"],
        ascending=[False, False, True, True],
        kind="stable",
    )
    return order[list(SLIP_COLUMNS)].reset_index(drop=True)


def _silent(sentence: str) -> SlipWarnings:
    return SlipWarnings(
        pd.DataFrame(columns=list(SLIP_COLUMNS)),
        pd.DataFrame(columns=list(SLIP_RULE_COLUMNS)),
        "",
        sentence,
    )


__all__ = ["SLIP_COLUMNS", "SLIP_RULES", "SlipWarnings", "slip_sentence", "warn_slips"]
