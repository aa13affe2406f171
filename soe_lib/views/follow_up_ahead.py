"""Part of the page of step 5: lines that may miss the week, suppliers that may slip, the month."""

from __future__ import annotations

import pandas as pd

from soe_lib.charts import plot_month_plan
from soe_lib.monitoring.month_chances import WANTED
from soe_lib.monitoring.slip_rules import FORECAST
from soe_lib.steps.follow_up import FollowUp
from soe_lib.views.blocks import Block, Folded, Grid, Note, Picture, Tone
from soe_lib.views.follow_up_parts import FEW


def ahead_part(followed: FollowUp) -> list[Block]:
    """Return what is coming: the week of each line, purchases that may slip, the month plan."""
    return [*_weeks(followed), *_suppliers(followed), *_month(followed)]


def _weeks(followed: FollowUp) -> list[Block]:
    warned = followed.warnings
    lines = warned.lines
    tones: tuple[Tone, ...] = tuple("bad" if w else "neutral" for w in lines["is_warned"])
    found: list[Block] = [Note(followed.sentences["warnings"])]
    if len(lines):
        found.append(
            Grid(
                pd.DataFrame(
                    {
                        "line": lines["resource_id"],
                        "warned": lines["is_warned"].map({True: "yes", False: ""}),
                        "chance to miss (%)": (100 * lines["p_miss"]).round(0),
                        "what is expected": lines["sentence"],
                    }
                ),
                title="Will the lines make their week?",
                table="warnings",
                rows=FEW,
                row_tones=tones,
            )
        )
    if len(warned.rules):
        found.append(
            Folded(
                "How good such warnings were in past weeks",
                (Grid(_named_rules(warned.rules), table="warning_rules"),),
            )
        )
    return found


def _suppliers(followed: FollowUp) -> list[Block]:
    """The rule that past weeks proved and its warnings; a rule that lost is never shown as one."""
    slips = followed.suppliers
    found: list[Block] = [Note(followed.sentences["suppliers"])]
    if slips.rule:
        found.append(warned_purchases(slips.lines, slips.rule, FEW))
    if len(slips.rules):
        found.append(
            Folded(
                "How good warnings of suppliers were in past weeks",
                (Grid(_named_rules(slips.rules), table="supplier_rules"),),
            )
        )
    return found


def warned_purchases(lines: pd.DataFrame, rule: str, rows: int) -> Grid:
    """Return the open purchase lines that are warned of; the chance only where it is proven."""
    own = lines[lines["is_warned"].astype(bool)]
    shown = pd.DataFrame({"purchase": own["object_id"], "supplier": own["supplier_id"]})
    if rule == FORECAST:
        shown["chance to be late (%)"] = (100 * own["p_late"].astype(float)).round(0)
    shown["what is known"] = own["sentence"]
    return Grid(
        shown,
        title="Open purchases that may come late",
        table="supplier_warnings",
        rows=rows,
        if_none="no open purchase line reaches the limit.",
    )


def _month(followed: FollowUp) -> list[Block]:
    month = followed.month
    found: list[Block] = [Note(followed.sentences["month"])]
    if len(month.families):
        families = month.families
        labelled = families.assign(
            label=families["family_id"] + " " + families["plan_month"].dt.strftime("%b")
        )
        if (families["p_met"] < WANTED).any():
            found.append(Picture(plot_month_plan(labelled, WANTED), table="month_plan"))
        found += [
            Folded(
                "The month plan by family, by line and by component",
                (
                    Grid(_in_percent(families), title="Families", table="month_plan"),
                    Grid(_in_percent(month.lines), title="Lines", table="month_plan_lines"),
                    Grid(
                        _in_percent(month.components),
                        title="Components too late to order more of, the scarcest first",
                        table="month_plan_components",
                        rows=20,
                        if_none="none: everything that the month needs can still be ordered.",
                    ),
                    Note(followed.sentences["months"]),
                    Grid(
                        _in_percent(followed.months),
                        title="Chances of earlier cycles, and what came of them",
                        table="month_plan_kept",
                        rows=20,
                        if_none="no month that was judged has ended yet.",
                    ),
                    Note(
                        "What goes up to S&OP is written by soe escalate to the outbox; the "
                        "process owner accepts it with soe escalate --accept."
                    ),
                ),
            ),
        ]
    return found


_CHANCES = {
    "p_met": "sure (%)",
    "p_met_after": "then (%)",
    "p_lines": "enough hours (%)",
    "p_material": "enough material (%)",
    "p_enough": "enough (%)",
}
_WORDS = {
    "hours_p20": "hours, 80 % sure",
    "hours_p50": "hours, 50 % sure",
    "qty_p20": "there in time, 80 % sure",
    "qty_p50": "there in time, 50 % sure",
    "orderable_until": "had to be ordered by",
    "family_id": "family",
    "plan_month": "month",
    "resource_id": "lines",
    "item_id": "component",
    "planned_qty": "planned",
    "done_qty": "made",
    "remaining_qty": "still to make",
    "bottleneck": "tightest line",
    "component": "scarce component",
    "change_qty": "change",
    "change_pct": "change (%)",
    "required_hours": "hours needed",
    "required_qty": "needed",
    "stock_qty": "in stock",
    "on_order_qty": "on order",
    "num_weeks": "weeks learned from",
    "cycle_id": "said in",
    "made_qty": "made",
    "attainment_pct": "made (% of plan)",
    "is_met": "met",
}
_RULES = {
    "num_weeks": "weeks",
    "num_line_weeks": "lines × weeks",
    "num_promises": "promises",
    "num_missed": "missed",
    "num_late": "slipped",
    "num_warned": "warned of",
    "num_hits": "rightly",
    "recall_pct": "found (%)",
    "recall_lo_pct": "at least (%)",
    "recall_hi_pct": "at most (%)",
    "precision_pct": "right warnings (%)",
    "false_alarm_pct": "false alarms (%)",
    "budget_pct": "declared (%)",
    "median_warning_days": "days ahead, median",
}


def _named_rules(rules: pd.DataFrame) -> pd.DataFrame:
    """Return the figures of rules under words that people use."""
    named = [name for name in rules if name == "rule" or name in _RULES]
    return rules[named].round(1).rename(columns=_RULES)


def _in_percent(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with chances in percent, columns named for people."""
    parts = {name: (100 * rows[name].astype(float)).round(0) for name in _CHANCES if name in rows}
    if len(rows):
        parts["plan_month"] = rows["plan_month"].dt.strftime("%b %Y")
    return rows.assign(**parts).rename(columns={**_CHANCES, **_WORDS})
