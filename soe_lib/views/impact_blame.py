"""Blocks of step 2: what to blame for each late order line, and how sure the others are."""

from __future__ import annotations

import pandas as pd

from soe_lib.impact.words import cause_words, line_sentences
from soe_lib.run import Run
from soe_lib.steps.impact import Impact
from soe_lib.steps.odds import shown_chance
from soe_lib.views.blocks import Block, Grid, Note, Sentences, format_number
from soe_lib.views.facts_of_run import plural
from soe_lib.views.page import currency_of
from soe_lib.views.short_words import by_when, short_day, with_decimals

ROWS = 12
KEYS = ["order_id", "line_id"]
_UNITS = {"uom": "units"}
DAYS = ("days, all lines", "days late", "+/- days", "days late, mean")
"""Columns of text that stand at the right like numbers."""
OF_EACH = 4
"""Levers of each kind that the menu shows."""
SURE = 0.95
"""Promises below this probability are shown."""


def blame_blocks(run: Run, impact: Impact) -> list[Block]:
    """Return the disruptions of the week, dearest first, and the causes of each late line."""
    if impact.causes.empty:
        return []
    said = str(run.words("impact").get("blame", ""))
    blocks: list[Block] = [Sentences("Why", (said,))] if said else []
    return [
        *blocks,
        _blocks(run, impact),
        Note(str(run.words("impact").get("attainment", ""))),
        _disruptions(run, impact),
        _lines(run, impact),
        _how(run, impact),
    ]


def _blocks(run: Run, impact: Impact) -> Grid:
    rows = impact.blocks
    currency = currency_of(run)
    shown = pd.DataFrame(
        {
            "block": rows["block"],
            "lines later": rows["num_lines"],
            "days, all lines": with_decimals(rows["late_days"]),
            "share %": rows["share_pct"].round(0),
        }
    )
    if currency and impact.total_late_cost > 0:
        shown[f"cost {currency}"] = rows["late_cost"].round(0)
    return Grid(
        shown, title="Was the plan ever feasible?", table="shortfall_split", rows=4, right=DAYS
    )


def _disruptions(run: Run, impact: Impact) -> Grid:
    rows = impact.disruptions
    rows = rows[rows["late_minutes"].abs() > 1]
    currency = currency_of(run)
    shown = pd.DataFrame(
        {
            "disruption": cause_words(rows),
            "answers": rows["function"].str.replace("_", " "),
            "size": [
                f"{format_number(round(float(size), 1))} {_UNITS.get(unit, unit)}"
                for size, unit in zip(rows["size"], rows["unit"], strict=True)
            ],
            "lines later": rows["num_lines"],
            "days, all lines": with_decimals(rows["late_minutes"] / 1440),
        }
    )
    if currency and impact.total_late_cost > 0:
        shown[f"cost {currency}"] = rows["late_cost"].round(0)
    return Grid(
        shown,
        title=f"{plural(len(shown), 'disruption')} of the week that make order lines later",
        table="disruptions",
        rows=8,
        right=DAYS,
        if_none="no disruption of the week makes a line later.",
    )


def _lines(run: Run, impact: Impact) -> Grid:
    late = impact.orders[impact.orders["is_late"]]
    rows = late.merge(line_sentences(impact.causes), on=KEYS)
    sums = impact.causes.groupby(KEYS)[["standard_error_minutes"]].max().reset_index()
    rows = rows.merge(sums, on=KEYS)
    currency = currency_of(run)
    shown = pd.DataFrame(
        {
            "order line": rows["order_id"] + "/" + rows["line_id"],
            "customer": rows["customer_id"],
            "days late": with_decimals(rows["tardiness_days"]),
            "because of": rows["blame"],
        }
    )
    if currency and impact.total_late_cost > 0:
        shown[f"cost {currency}"] = rows["late_cost"].round(0)
    shown["+/- days"] = with_decimals(rows["standard_error_minutes"] / 1440, 2)
    return Grid(
        shown, title="Whom to blame, line by line", table="order_causes", rows=ROWS, right=DAYS
    )


def _how(run: Run, impact: Impact) -> Note:
    exact = bool(impact.causes["is_exact"].all())
    params = run.params.impact
    drawn = (
        f"more than {params.exact_up_to} disruptions can reach some lines: their shares are drawn "
        f"({2 * params.drawn_orders} orders of arrival; +/- is one standard error)"
    )
    return Note(
        "Shares of lateness (Shapley values) when the published sequence is replayed with and "
        "without each disruption; they sum to the lateness of the line and are no proof of a "
        "cause. The table has the but-for value beside each: what would be saved were only this "
        f"one away. {'All shares are exact' if exact else drawn.capitalize()}. Orders that came "
        "in the normal course are no disruption, and what went better than planned is taken as "
        "given."
    )


def odds_blocks(run: Run, impact: Impact) -> list[Block]:
    """Return the promises that are least sure although their date holds, and how far to trust."""
    if impact.promises.empty:
        return []
    said = str(run.words("impact").get("odds", ""))
    confidence = f"{run.params.impact.confidence_pct:g} %"
    unsure = impact.promises[impact.promises["is_on_time_by_date"]]
    unsure = unsure.assign(chance=shown_chance(unsure))
    unsure = unsure[unsure["chance"] < SURE]
    unsure = unsure.sort_values(["chance", *KEYS], kind="stable")
    customers = impact.orders[[*KEYS, "customer_id"]]
    rows = unsure.merge(customers, on=KEYS, how="left")
    shown = pd.DataFrame(
        {
            "order line": rows["order_id"] + "/" + rows["line_id"],
            "customer": rows["customer_id"],
            "item": rows["item_id"],
            "promised": [short_day(at, run) for at in rows["due_at"]],
            "kept with %": (100 * rows["chance"]).round(0),
            f"{confidence} sure by": [short_day(at, run) for at in rows["sure_at"]],
            "days late, mean": with_decimals(rows["expected_late_days"], 2),
        }
    )
    blocks: list[Block] = [Sentences("How sure", (said,))] if said else []
    blocks.append(
        Grid(
            shown,
            title=f"{plural(len(shown), 'promise')} that the projected date keeps, but not surely",
            table="order_promises",
            rows=ROWS,
            right=DAYS,
            if_none="every promise that the projected date keeps is kept in 95 % of the replays.",
        )
    )
    if len(impact.reliability):
        blocks.append(
            Grid(
                impact.reliability.round(1).rename(columns=lambda c: c.replace("_", " ")),
                title="Were earlier forecasts right? Forecast against observed",
                table="promise_reliability",
                rows=8,
            )
        )
    return blocks


def menu_blocks(run: Run, impact: Impact) -> list[Block]:
    """Return what can still be done, the lever that expires first first."""
    if impact.menu.empty:
        return []
    every = impact.menu.drop_duplicates(["lever", "object_id"])
    most = every.sort_values(["num_lines", "act_by_at", "object_id"], ascending=[False, True, True],
                             kind="stable")  # fmt: skip
    levers = (
        most.groupby("lever", sort=False)
        .head(OF_EACH)
        .sort_values(
            ["act_by_at", "num_lines", "object_id"], ascending=[True, False, True], kind="stable"
        )
    )
    shown = pd.DataFrame(
        {
            "what can be done": levers["what"],
            "until": [by_when(at, run) for at in levers["act_by_at"]],
            "late lines it reaches": levers["num_lines"],
        }
    )
    if currency_of(run):
        shown[f"price {currency_of(run)}"] = levers["cost"].round(0)
    return [
        Grid(
            shown,
            title=f"The menu: {plural(len(every), 'lever')} that reach a late line; of each kind "
            f"the {OF_EACH} that reach most, first to expire first",
            table="interventions",
            rows=len(levers),
        ),
        Note(
            "A lever here exists and reaches work, material or lots of the line; whether it pays "
            "is what step 3 computes, with a schedule. The table lists the levers line by line."
        ),
    ]
