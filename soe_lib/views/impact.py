"""Page of step 2: whom it hurts, what waiting costs, what each function must know."""

from __future__ import annotations

import pandas as pd

from soe_lib.charts import plot_counts
from soe_lib.impact import QUESTIONS
from soe_lib.impact.words import line_sentences
from soe_lib.run import Run
from soe_lib.steps.impact import Impact
from soe_lib.views.blocks import (
    Block,
    Grid,
    Headline,
    Note,
    Picture,
    Sentences,
    Tile,
    Tiles,
    Tone,
    format_number,
    money,
    tiles,
)
from soe_lib.views.facts_of_run import plural, rows_of
from soe_lib.views.impact_blame import blame_blocks, menu_blocks, odds_blocks
from soe_lib.views.page import Page, blockers, currency_of
from soe_lib.views.short_words import by_when, short_day, with_decimals, with_tier
from soe_lib.vocabulary import FUNCTIONS

ROWS = 12
FEW = 6
BARS = 12
DAYS = ("mean days late", "worst", "worst days")
"""Columns of text that stand at the right like numbers."""
_TITLES = {function: function.replace("_", " ").capitalize() for function in FUNCTIONS}


def impact_page(run: Run, impact: Impact) -> Page:
    """
    Lay out whom doing nothing hurts.

    Parameters
    ----------
    run
        The run.
    impact
        Result of :func:`soe_lib.assess_impact`.

    Returns
    -------
    Mapping
        Blocks under ``headline``, ``tiles``, ``orders``, ``blame``, ``menu``, ``odds``,
        ``customers``, ``families``, ``functions``.

    Examples
    --------
    >>> page = impact_page(run, assess_impact(run))  # doctest: +SKIP
    >>> show(page["headline"])  # doctest: +SKIP
    """
    return {
        "headline": [blockers(run), Headline(impact.headline, _tone(impact))],
        "tiles": [_tiles(run, impact)],
        "orders": _orders(run, impact),
        "blame": blame_blocks(run, impact),
        "menu": menu_blocks(run, impact),
        "odds": odds_blocks(run, impact),
        "customers": _summed(run, impact, "customer"),
        "families": _summed(run, impact, "family"),
        "functions": [block for name in FUNCTIONS for block in _function(run, impact, name)],
    }


def _tone(impact: Impact) -> Tone:
    return "bad" if impact.orders["is_late"].any() else "good"


def _has_money(run: Run, impact: Impact) -> bool:
    return bool(currency_of(run)) and impact.total_late_cost > 0


def _tiles(run: Run, impact: Impact) -> Tiles:
    late = impact.orders[impact.orders["is_late"]]
    currency = currency_of(run)
    said = run.words("impact")
    worst = late["tardiness_days"].max() if len(late) else 0.0
    lines = Tile(
        "Late if nothing is done" if impact.is_projected else "Past due today",
        f"{len(late):,}",
        f"of {len(impact.orders):,} open order lines",
        "bad" if len(late) else "good",
    )
    cost = Tile(
        f"Cost of waiting [{currency}]",
        format_number(impact.total_late_cost),
        "by each customer's clause",
        "bad" if impact.total_late_cost > 0 else "good",
    )
    margin = Tile(
        f"Margin in these lines [{currency}]",
        format_number(impact.total_margin_at_risk),
        f"{money(float(said['late_value']), currency)} of goods",
        "warn" if impact.total_margin_at_risk > 0 else "good",
    )
    customers = Tile(
        "Customers hurt",
        f"{said['num_late_customers']:,}",
        f"of {impact.orders['customer_id'].nunique():,} with open orders",
        "bad" if len(late) else "good",
    )
    days = Tile(
        "Days late, half of the lines",
        format_number(float(late["tardiness_days"].median()) if len(late) else 0.0),
        f"or less; the worst {worst:.0f} days",
        "bad" if worst > 1 else "good",
    )
    none = Tile(
        "Without supply planned",
        f"{said['num_uncovered_lines']:,}",
        "order lines",
        "bad" if said["num_uncovered_lines"] else "good",
    )
    priced = _has_money(run, impact)
    return tiles(
        cost if priced else None,
        lines,
        margin if priced else None,
        customers,
        days,
        none if impact.is_projected else None,
    )


def _orders(run: Run, impact: Impact) -> list[Block]:
    late = impact.orders[impact.orders["is_late"]]
    why = rows_of(run, "orders_in_jeopardy", "order_id", "line_id", "why", "item_name")
    why = why[["order_id", "line_id", "why", "item_name"]]
    rows = late.merge(why, on=["order_id", "line_id"], how="left")
    rows = rows.merge(line_sentences(impact.causes, 1), on=["order_id", "line_id"], how="left")
    currency = currency_of(run)
    shown = pd.DataFrame(
        {
            "order line": rows["order_id"] + "/" + rows["line_id"],
            "customer": with_tier(rows),
            "item": rows["item_name"].fillna(rows["item_id"]),
            "open": rows["open_qty"].round(0),
            "promised": [short_day(at, run) for at in rows["due_at"]],
        }
    )
    if impact.is_projected:
        shown["projected"] = [short_day(at, run) or "no supply" for at in rows["promised_at"]]
    shown["days late"] = with_decimals(rows["tardiness_days"])
    if _has_money(run, impact):
        shown[f"cost {currency}"] = rows["late_cost"].round(0)
        shown["by the clause"] = rows["price_source"].where(
            rows["penalty_type"] != "none", "no clause"
        )
        shown[f"margin {currency}"] = rows["margin_at_risk"].round(0)
    if len(impact.causes):  # the same shares as below: one story on a page
        shown["mostly because of"] = rows["blame"].fillna("")
    elif rows["why"].notna().any():
        shown["why"] = rows["why"].fillna("inside the tolerance of step 1")
    blocks: list[Block] = [
        Grid(
            shown,
            title=f"{plural(len(late), 'late order line')}, dearest first",
            table="order_impact",
            rows=ROWS,
            right=("days late",),
            if_none="no open order line is late.",
        )
    ]
    if _has_money(run, impact):
        clauses = impact.clauses[impact.clauses["late_cost"] > 0]
        blocks.append(Grid(_clause_rows(clauses, currency), title="By clause",
                           table="impact_by_clause", rows=8, right=DAYS))  # fmt: skip
        params = run.params.money
        blocks.append(
            Note(
                "Without a clause lateness is priced at "
                f"{params.late_cost_pct_per_day:g} % of the line's value a day, at most "
                f"{params.late_cost_cap_pct:g} % (params/weekly.yaml). A line without planned "
                "supply counts as coming at the item's lead time."
            )
        )
    return blocks


def _clause_rows(clauses: pd.DataFrame, currency: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "clause": clauses["price_source"],
            "open lines": clauses["num_lines"],
            "late lines": clauses["num_late_lines"],
            "mean days late": with_decimals(clauses["tardiness_days"]),
            f"cost {currency}": clauses["late_cost"].round(0),
            f"margin {currency}": clauses["margin_at_risk"].round(0),
        }
    )


def _summed(run: Run, impact: Impact, what: str) -> list[Block]:
    rows = impact.customers if what == "customer" else impact.families
    key = f"{what}_id"
    hurt = rows[rows["num_late_lines"] > 0]
    currency = currency_of(run)
    priced = _has_money(run, impact)
    value, unit = ("late_cost", currency) if priced else ("num_late_lines", "order lines")
    bars = hurt.sort_values([value, key], ascending=[False, True], kind="stable").head(BARS)
    many = "customers" if what == "customer" else "families"
    title = f"{'Cost of waiting' if priced else 'Late order lines'} by {what}"
    if len(hurt) > BARS:
        title += f", the first {BARS} of {len(hurt):,} {many}"
    picture = plot_counts(bars, title=title, label=key, value=value, unit=unit)
    table = f"impact_by_{what}"
    shown = pd.DataFrame(
        {
            what: hurt[key],
            "late lines": hurt["num_late_lines"],
            "of open": hurt["num_lines"],
            "mean days late": with_decimals(hurt["tardiness_days"]),
            "worst": with_decimals(hurt["worst_days"]),
        }
    )
    if priced:
        shown[f"cost {currency}"] = hurt["late_cost"].round(0)
        shown[f"margin {currency}"] = hurt["margin_at_risk"].round(0)
    grid = Grid(shown, table=table, rows=FEW, if_none="nobody is hurt.", right=DAYS)
    return [Picture(picture, table), grid]


def _function(run: Run, impact: Impact, name: str) -> list[Block]:
    """A short block per function that ends in its question."""
    makers = {
        "customer_service": _customer_service,
        "finance": _finance,
        "logistics": _logistics,
    }
    shown, title, none = makers.get(name, _owned)(run, impact, name)
    return [
        Grid(
            shown,
            title=f"{_TITLES[name]}: {title}" if len(shown) else _TITLES[name],
            table=f"function_{name}_rows",
            rows=FEW,
            if_none=none,
            right=DAYS,
        ),
        Sentences(f"{_TITLES[name]} answers", (QUESTIONS[name],)),
    ]


def _owned(run: Run, impact: Impact, name: str) -> tuple[pd.DataFrame, str, str]:
    rows = impact.functions[name]
    first = rows["sentence"].str.slice(0, 1).str.upper()
    shown = pd.DataFrame({"what": first + rows["sentence"].str.slice(1)})
    shown["act by"] = [by_when(at, run) for at in rows["act_by_at"]]
    shown["late orders"] = rows["num_orders"].round(0)
    if currency_of(run):
        shown[f"at risk {currency_of(run)}"] = rows["money_at_risk"].round(0)
    return shown, plural(len(rows), "divergence") + " to own", "no divergence to own."


def _logistics(run: Run, impact: Impact, name: str) -> tuple[pd.DataFrame, str, str]:
    ships = impact.shipments
    if ships.empty:
        return _owned(run, impact, name)
    shown = pd.DataFrame(
        {
            "shipment": ships["shipment_id"],
            "lane": ships["lane_id"].fillna("–"),
            "leaves": [by_when(at, run) for at in ships["planned_departure_at"]],
            "order lines": ships["num_lines"],
            "without goods": ships["num_late_lines"],
            "customers": ships["customers"],
        }
    )
    if _has_money(run, impact):
        shown[f"cost {currency_of(run)}"] = ships["late_cost"].round(0)
    own = len(impact.functions[name]) - len(ships)
    title = f"{plural(len(ships), 'shipment')} that leave without goods"
    if own:
        title += f", and {plural(own, 'divergence')} to own"
    return shown, title, ""


def _customer_service(run: Run, impact: Impact, name: str) -> tuple[pd.DataFrame, str, str]:
    late = impact.functions[name]
    by_customer = late.groupby("customer_id", as_index=False).agg(
        customer_tier=("customer_tier", "first"),
        lines=("order_id", "size"),
        orders=("order_id", "nunique"),
        first=("due_at", "min"),
        worst=("tardiness_days", "max"),
        late_cost=("late_cost", "sum"),
    )
    ordered = by_customer.sort_values(
        ["late_cost", "worst", "customer_id"], ascending=[False, False, True], kind="stable"
    )
    shown = pd.DataFrame(
        {
            "customer": with_tier(ordered),
            "late lines": ordered["lines"],
            "orders": ordered["orders"],
            "first promise that breaks": [short_day(at, run) for at in ordered["first"]],
            "worst days": with_decimals(ordered["worst"]),
        }
    )
    if _has_money(run, impact):
        shown[f"cost {currency_of(run)}"] = ordered["late_cost"].round(0)
    count = plural(len(ordered), "customer")
    return shown, f"{count} must hear a new date", "no customer must hear a new date."


def _finance(run: Run, impact: Impact, name: str) -> tuple[pd.DataFrame, str, str]:
    if not _has_money(run, impact):
        return pd.DataFrame(), "", "the feed has no price, so that nothing can be valued."
    clauses = impact.clauses[impact.clauses["late_cost"] > 0]
    shown = _clause_rows(clauses, currency_of(run))
    title = f"waiting costs {money(impact.total_late_cost, currency_of(run))}"
    return shown, title, "waiting costs nothing."
