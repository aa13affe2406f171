"""Page of step 1: what went wrong, the dearest first."""

from __future__ import annotations

import pandas as pd

from soe_lib.charts import (
    plot_deviation_heat_map,
    plot_load_heat_map,
    plot_orders_in_jeopardy,
    plot_projected_stock,
)
from soe_lib.run import Run
from soe_lib.steps.divergence import Found
from soe_lib.views.blocks import (
    Block,
    Facts,
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
from soe_lib.views.facts_of_run import day, moment, plural
from soe_lib.views.page import Page, blockers, currency_of

DEAREST = 3
ROWS = 12
DOTS = 15
CURVES = 3
_HARD_SPACE = "\u00a0"


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
        ``material``, ``demand``, ``all``, ``off``.

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
        "resources": _resources(run, found),
        "material": _material(run, found),
        "demand": _demand(run, found),
        "all": _all(run, found),
        "off": _off(found),
    }


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
        Grid(_order_rows(run, found), title=title, table="orders_in_jeopardy", rows=ROWS),
        *picture,
    ]


def _order_rows(run: Run, found: Found) -> pd.DataFrame:
    orders = found.orders
    shown = pd.DataFrame(
        {
            "order line": orders["order_id"] + "/" + orders["line_id"],
            "customer": _with_tier(orders),
            "item": orders["item_name"],
            "open": orders["open_qty"].round(0),
            "due": [_day(at, run) for at in orders["due_at"]],
        }
    )
    if found.projection is not None:
        shown["projected"] = [_day(at, run) or "no supply" for at in orders["promised_at"]]
    shown["days late"] = orders["lateness_days"].round(1)
    if orders["late_cost"].notna().any():
        shown[f"cost {currency_of(run)}".strip()] = orders["late_cost"].round(0)
    shown["why"] = orders["why"]
    if found.projection is not None:
        shown["act by"] = [_by(at, run) for at in orders["act_by_at"]]
    return shown


def _with_tier(rows: pd.DataFrame) -> pd.Series:
    names = rows["customer_id"].fillna("?").astype("str")
    tiers = f"{_HARD_SPACE}(" + rows["customer_tier"].astype("str") + ")"
    return names + tiers.where(rows["customer_tier"].notna(), "")


def _by(value: object, run: Run) -> str:
    """The last responsible moment in words: now, a moment, or nothing."""
    if value is None or pd.isna(value):  # type: ignore[call-overload]
        return ""
    at = pd.Timestamp(value)  # type: ignore[arg-type]
    return "now" if at <= run.as_of else moment(at, run).replace(" ", _HARD_SPACE)


def _day(value: object, run: Run) -> str:
    """A day that does not break over two lines."""
    return day(value, run).replace(" ", _HARD_SPACE)


def _resources(run: Run, found: Found) -> list[Block]:
    load = found.load
    if load.empty:
        why = "resource load is off: the feed has no schedule with resources and their calendar."
        return [Grid(load, if_none=why.capitalize())]
    limit = run.params.divergence.load_pct
    over = load[load["load_pct"] > limit].sort_values("overload_hours", ascending=False)
    shown = pd.DataFrame(
        {
            "resource": over["resource_id"],
            "week of": [f"{at:%d{_HARD_SPACE}%b}" for at in over["week_start_date"]],
            "work h": over["load_hours"].round(0),
            "open h": over["available_hours"].round(0),
            "load %": over["load_pct"].round(0),
            "too much h": over["overload_hours"].round(1),
        }
    )
    own = found.divergences[
        found.divergences["divergence_type"].isin(
            ["downtime", "running_slow", "labour_short", "scrap_above_plan"]
        )
    ]
    return [
        Picture(plot_load_heat_map(load), "resource_load"),
        Grid(
            shown,
            title=f"Weeks above {limit:g} % of the open hours",
            table="resource_load",
            rows=8,
            if_none=f"no resource has a week above {limit:g} %.",
        ),
        Grid(
            _divergence_rows(run, own),
            title="What took hours away or slowed the resources",
            rows=8,
            if_none="nothing beyond tolerance since the last cycle.",
        ),
    ]


def _material(run: Run, found: Found) -> list[Block]:
    short = found.material
    if "material shortages" in set(found.off["detector"]):
        own = found.off[found.off["detector"] == "material shortages"]["sentence"].iloc[0]
        return [Grid(short, if_none=own[0].upper() + own[1:] + ".")]
    if short.empty:
        return [Grid(short, if_none="Every purchased component covers the published schedule.")]
    shown = pd.DataFrame(
        {
            "component": short["item_id"],
            "short from": [_day(at, run) for at in short["first_short_at"]],
            "missing": short["missing_qty"].round(0),
            "order by": ["now" if at <= run.as_of else _day(at, run) for at in short["act_by_at"]],
            "supplier": short["supplier_id"].fillna("–"),
            "order": short["po_id"].fillna("nothing on order"),
            "required": [_day(at, run) for at in short["required_date"]],
            "confirmed": [_day(at, run) for at in short["promised_date"]],
            "work orders": short["num_work_orders"],
            "late order lines that wait": [
                f"{count}: {names[:44]}" + ("…" if len(names) > 44 else "") if count else "none"
                for count, names in zip(short["num_orders"], short["order_ids"], strict=True)
            ],
        }
    )
    if currency_of(run):
        shown[f"cost {currency_of(run)}"] = short["late_cost"].round(0)
    pressing = short[~short["can_wait"].astype(bool)]
    first = (pressing if len(pressing) else short)["item_id"].head(CURVES)
    curves = found.stock[found.stock["item_id"].isin(first)]
    return [
        Grid(
            shown,
            title="Components that run short, what their supplier confirms, and who waits",
            table="material_shortages",
            rows=ROWS,
        ),
        Picture(
            plot_projected_stock(curves, title="Projected stock; below nil a need is not covered"),
            "projected_stock",
        ),
    ]


def _demand(run: Run, found: Found) -> list[Block]:
    demand = found.demand
    if demand.empty:
        why = "No S&OP plan covers the weeks around this one."
        return [Grid(demand, if_none=why)]
    gap = demand["deviation_qty"].abs()
    outside = demand[demand["is_outside"]].assign(gap=gap).sort_values("gap", ascending=False)
    shown = pd.DataFrame(
        {
            "family": outside["family_id"],
            "week of": [f"{at:%d %b}" for at in outside["week_start_date"]],
            "planned": outside["planned_qty"].round(0),
            "ordered": outside["actual_qty"].round(0),
            "ordered - planned": outside["deviation_qty"].round(0),
            "% of plan": outside["deviation_pct"].round(0),
        }
    )
    tolerance = run.params.divergence.demand_pct
    return [
        Picture(plot_deviation_heat_map(demand), "demand_vs_plan"),
        Note(
            f"Figures stand where orders leave the plan by more than {tolerance:g} %. Weeks to "
            "come still fill up: there only more orders than planned are a divergence."
        ),
        Grid(
            shown,
            title="Largest deviations",
            table="demand_vs_plan",
            rows=8,
            if_none="every family is inside its tolerance.",
        ),
    ]


def _divergence_rows(run: Run, rows: pd.DataFrame) -> pd.DataFrame:
    first = rows["sentence"].str.slice(0, 1).str.upper()
    shown = pd.DataFrame({"what": first + rows["sentence"].str.slice(1)})
    shown["owner"] = rows["owner_role"].str.replace("_", " ")
    shown["act by"] = [_by(at, run) for at in rows["act_by_at"]]
    shown["late orders"] = rows["num_orders"].round(0)
    if currency_of(run):
        shown[f"at risk {currency_of(run)}"] = rows["money_at_risk"].round(0)
    return shown


def _all(run: Run, found: Found) -> list[Block]:
    rows = found.divergences
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
            _divergence_rows(run, rows),
            title=f"{plural(len(rows), 'divergence')}, most money first",
            table="divergences",
            rows=ROWS,
            if_none="nothing diverged beyond tolerance.",
        ),
        Note(note.strip()),
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
