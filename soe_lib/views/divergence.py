"""Page of step 1: what went wrong, the dearest first."""

from __future__ import annotations

from typing import Any

import pandas as pd

from soe_lib.charts import (
    plot_orders_in_jeopardy,
)
from soe_lib.run import Run
from soe_lib.steps.divergence import Found
from soe_lib.steps.signals import standing_of
from soe_lib.views.blocks import (
    Block,
    Facts,
    Grid,
    Headline,
    Live,
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
from soe_lib.views.divergence_parts import (
    demand_part,
    divergence_rows,
    material_part,
    resources_part,
    standing_part,
)
from soe_lib.views.facts_of_run import day, plural
from soe_lib.views.page import Page, blockers, currency_of
from soe_lib.views.short_words import by_when, short_day, with_decimals, with_tier

DEAREST = 3
ROWS = 12
DOTS = 15


def divergence_page(run: Run, found: Found) -> Page:
    """
    Lay out what diverged.

    Parameters
    ----------
    run
        The run.
    found
        Result of :func:`soe_lib.find_divergences`.

    Returns
    -------
    Mapping
        Blocks under ``blockers``, ``headline``, ``tiles``, ``orders``, ``resources``,
        ``material``, ``demand``, ``all``, ``explore`` (filters and rows, live only), ``off``.

    Examples
    --------
    >>> page = divergence_page(run, find_divergences(run))  # doctest: +SKIP
    >>> show(page["headline"])  # doctest: +SKIP
    """
    return {
        "blockers": [blockers(run)],
        "headline": [Headline(found.headline, _tone(found)), *_basis(run)],
        "tiles": [_tiles(run, found), _dearest(run, found)],
        "orders": _orders(run, found),
        "resources": resources_part(run, found),
        "material": material_part(run, found),
        "demand": demand_part(run, found),
        "all": _all(run, found),
        "explore": [Live(lambda: _workbench(run, found))],
        "off": _off(found),
    }


def _workbench(run: Run, found: Found) -> Any:
    from soe_lib.views.live.workbench import Workbench

    return Workbench(run, found).widget


def _tone(found: Found) -> Tone:
    if len(found.orders):
        return "bad"
    return "warn" if len(found.divergences) else "good"


def _basis(run: Run) -> list[Block]:
    if run.snapshot.sop_plan_basis != "derived":
        return []
    return [Note("The S&OP baseline is derived from history, not a management plan.")]


def _tiles(run: Run, found: Found) -> Tiles:
    said = run.words("divergence")
    currency = currency_of(run)
    late, on = int(said["num_late_lines"]), bool(said["projection_is_on"])
    tolerance = run.params.divergence.order_late_hours
    orders = Tile(
        "Order lines late if nothing is done" if on else "Order lines past due",
        f"{late:,}",
        (f"of {said['num_lines']:,} open; " if on else "")
        + f"{said['num_in_jeopardy']:,} by more than {tolerance:g} h",
        "bad" if late else "good",
    )
    cost = Tile(
        f"Their lateness costs [{currency}]",
        format_number(float(said["late_cost"])),
        f"{money(float(said['late_value']), currency)} of goods, "
        f"{plural(int(said['num_late_customers']), 'customer')}",
        "bad" if said["late_cost"] > 0 else "good",
    )
    roots = Tile(
        "Divergences to own",
        f"{len(found.divergences):,}",
        f"{said['num_with_orders']:,} have orders waiting behind them",
        "warn" if len(found.divergences) else "good",
    )
    return tiles(
        orders,
        cost if currency else None,
        roots,
        _load_tile(run, found),
        _material_tile(run, found),
        _demand_tile(found),
    )


def _load_tile(run: Run, found: Found) -> Tile | None:
    load = found.load[found.load["load_pct"].notna()]
    if load.empty:
        return None
    over = load[load["load_pct"] > run.params.divergence.load_pct]
    worst = load.sort_values(["load_pct", "resource_id"], kind="stable").iloc[-1]
    return Tile(
        "Resources overloaded",
        f"{over['resource_id'].nunique():,}",
        f"fullest: {worst['resource_id']}, {format_number(float(worst['load_pct']))} % in the "
        f"week of {worst['week_start_date']:%d %b}",
        "bad" if len(over) else "good",
    )


def _material_tile(run: Run, found: Found) -> Tile | None:
    if "material shortages" in set(found.off["detector"]):
        return None
    short = found.material[~found.material["can_wait"].astype(bool)]
    later = len(found.material) - len(short)
    note = (
        f"first: {short['item_id'].iloc[0]}, {day(short['first_short_at'].iloc[0], run)}"
        if len(short)
        else "every component covers its schedule"
    )
    if later:
        note += f"; {later:,} more can wait a cycle"
    return Tile("Components short", f"{len(short):,}", note, "bad" if len(short) else "good")


def _demand_tile(found: Found) -> Tile | None:
    if found.demand.empty:
        return None
    outside = found.demand[found.demand["is_outside"]]
    return Tile(
        "Family weeks off plan",
        f"{len(outside):,}",
        f"of {len(found.demand):,}; {int((~outside['is_past']).sum()):,} still ahead",
        "warn" if len(outside) else "good",
    )


def _dearest(run: Run, found: Found) -> Facts:
    """The divergences with most of the cost of lateness behind them, in their own words."""
    rows = found.divergences
    behind = rows["money_at_risk"].fillna(0.0) - rows["direct_cost"].fillna(0.0)
    lines = rows["divergence_type"] == "order_in_jeopardy"
    waited = rows.assign(behind=behind.mask(lines, rows["direct_cost"]))
    waited = waited[waited["num_orders"] > 0].sort_values(
        ["behind", "num_orders", "divergence_id"], ascending=[False, False, True], kind="stable"
    )
    top = (waited if len(waited) else rows.assign(behind=behind)).head(DEAREST)
    currency = currency_of(run)
    said = tuple(
        (
            money(float(value), currency) if value > 0 else plural(int(count), "order line"),
            sentence[:1].upper() + sentence[1:],
        )
        for value, count, sentence in zip(
            top["behind"], top["num_orders"], top["sentence"], strict=True
        )
    )
    return Facts("What stands behind most of it", said)


def _orders(run: Run, found: Found) -> list[Block]:
    orders = found.orders
    if orders.empty:
        return [Grid(orders, if_none="No open order line is later than the tolerance.")]
    covered = orders[orders["is_covered"]].head(DOTS)
    dots = pd.DataFrame(
        {
            "label": covered["order_id"]
            + "/"
            + covered["line_id"]
            + " "
            + covered["customer_id"].fillna(""),
            "promised_at": covered["due_at"],
            "projected_at": covered["promised_at"],
            "money_at_risk": covered["late_cost"],
        }
    )
    picture = [Picture(plot_orders_in_jeopardy(dots), "orders_in_jeopardy")] if len(dots) else []
    count = plural(len(orders), "order line")
    title = f"{count} in jeopardy, dearest first"
    if found.projection is None:
        title = f"{count} past due today; when they will leave is not known without a schedule"
    return [
        Grid(
            _order_rows(run, found),
            title=title,
            table="orders_in_jeopardy",
            rows=ROWS,
            right=("days late",),
        ),
        *picture,
    ]


def _order_rows(run: Run, found: Found) -> pd.DataFrame:
    orders = found.orders
    shown = pd.DataFrame(
        {
            "order line": orders["order_id"] + "/" + orders["line_id"],
            "customer": with_tier(orders),
            "item": orders["item_name"],
            "open": orders["open_qty"].round(0),
            "due": [short_day(at, run) for at in orders["due_at"]],
        }
    )
    if found.projection is not None:
        shown["projected"] = [short_day(at, run) or "no supply" for at in orders["promised_at"]]
    shown["days late"] = with_decimals(orders["lateness_days"])
    if orders["late_cost"].notna().any():
        shown[f"cost {currency_of(run)}".strip()] = orders["late_cost"].round(0)
    shown["why"] = orders["why"]
    if found.projection is not None:
        shown["act by"] = [by_when(at, run) for at in orders["act_by_at"]]
    return shown


def _all(run: Run, found: Found) -> list[Block]:
    # What is laid aside stands last, what is beyond a role's budget before it: nothing is dropped.
    shown = standing_of(run)
    place = shown["is_over_budget"].astype(int).mask(shown["standing"] == "laid aside", 2)
    rows = shown.assign(place=place).sort_values("place", kind="stable")
    counts = rows.groupby("owner_role").size().sort_values(ascending=False, kind="stable")
    owners = ", ".join(f"{str(k).replace('_', ' ')} {n:,}" for k, n in counts.items())
    folded = len(found.consequences)
    note = f"By owner: {owners}." if len(rows) else ""
    if folded:
        note += (
            f" {plural(folded, 'consequence')} (late orders, shortages, overloads) are folded into "
            "what stands behind them: one row per thing to handle. The money of a row is its own "
            "cost and its share of what the late orders behind it cost, equal shares where several "
            "causes meet."
        )
    return [
        Grid(
            divergence_rows(run, rows),
            title=f"{plural(len(rows), 'divergence')}, most money first",
            table="divergences",
            rows=ROWS,
            if_none="nothing diverged beyond tolerance.",
        ),
        Note(note.strip()),
        *standing_part(run, rows),
    ]


def _off(found: Found) -> list[Block]:
    return [
        Sentences(
            "Off this week",
            tuple(sentence[0].upper() + sentence[1:] + "." for sentence in found.off["sentence"]),
            tone="warn",
            if_none="nothing, every detector has its tables.",
        ),
        Sentences(
            "What the projection leaves out",
            tuple(note[0].upper() + note[1:] + "." for note in found.notes),
            if_none="nothing." if found.projection is not None else "",
        ),
    ]
