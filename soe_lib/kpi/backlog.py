"""Open backlog: how much, how old, how heavy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from soe_lib.calendars import site_day
from soe_lib.kpi.days import day_number, working_age
from soe_lib.kpi.facts import (
    KEY,
    TINY,
    OrderFacts,
    allocate_claims,
    order_facts,
    table_of,
    unit_value,
)
from soe_lib.kpi.policy import DATE_OF_BASIS, Basis
from soe_lib.kpi.value import Kpi, Period, cuts, measure

AGE_BANDS = ("0-2", "3-7", "8-14", "15-30", "> 30")
"""Working days past due, both ends included."""
_AGE_EDGES = (2, 7, 14, 30)
EXCLUDED_TYPES = ("return",)
"""Order types that are no demand."""


def backlog_lines(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    time_zone: str = "UTC",
    basis: Basis = "requested",
    *,
    excluded_types: tuple[str, ...] = EXCLUDED_TYPES,
    holidays: tuple[str, ...] = (),
    facts: OrderFacts | None = None,
) -> pd.DataFrame:
    """
    Return the open rest of every schedule line: ordered less delivered less cancelled.

    An order line's deliveries serve its schedule lines in the order of their dates; what exceeds
    the ordered quantity serves nothing. A re-dated line is past due by the date of ``basis``: on
    the first-confirmed basis moving the date does not help.

    Returns
    -------
    pandas.DataFrame
        One row per line with open quantity: ``order_id``, ``line_id``, ``schedule_no``,
        ``customer_id``, ``item_id``, ``family_id``, ``site_id``, ``reference_date``, ``open_qty``
        [uom], ``open_value`` [money, NaN without a price], ``open_hours`` [h of bottleneck time,
        NaN where the routing is not known], ``is_past_due``, ``age_days`` [working days past
        due], ``age_band`` (one of :data:`AGE_BANDS`, ``not due`` or ``no date``).
    """
    own = order_book(tables, as_of, time_zone, excluded_types, facts)
    lines, deliveries = own.lines, own.deliveries
    serve = [DATE_OF_BASIS[basis], "schedule_no"]
    pairs, claim = allocate_claims(lines, serve, deliveries, "issue_date")
    had = pairs.groupby("row")["qty"].sum().reindex(lines["row"]).fillna(0.0).to_numpy()
    open_qty = (claim.to_numpy() - had).clip(min=0)
    open_qty[lines["gone_at"].notna().to_numpy() | (open_qty <= TINY * claim.to_numpy())] = 0.0
    price = unit_value(lines)
    reference = lines[DATE_OF_BASIS[basis]]
    today = float(day_number(site_day(pd.Series([as_of]), time_zone))[0])
    day = day_number(reference)
    past = day < today
    age = np.where(past, working_age(np.minimum(day, today), today, holidays), np.nan)
    band = np.select(
        [np.isnan(day), ~past, *(age <= edge for edge in _AGE_EDGES)],
        ["no date", "not due", *AGE_BANDS[:-1]],
        default=AGE_BANDS[-1],
    )
    items = table_of(tables, "item").drop_duplicates("item_id").set_index("item_id")
    found = lines.assign(
        family_id=lines["item_id"].map(items["family_id"]),
        reference_date=reference,
        open_qty=open_qty,
        open_value=open_qty * price,
        open_hours=open_qty * lines["item_id"].map(bottleneck_hours(tables)).astype(float),
        is_past_due=past,
        age_days=age,
        age_band=pd.Series(band, index=lines.index, dtype="str"),
    )
    columns = [
        *KEY,
        "schedule_no",
        "customer_id",
        "item_id",
        "family_id",
        "site_id",
        "reference_date",
        "open_qty",
        "open_value",
        "open_hours",
        "is_past_due",
        "age_days",
        "age_band",
    ]
    return found.loc[open_qty > 0, columns].reset_index(drop=True)


def bottleneck_hours(tables: Mapping[str, pd.DataFrame]) -> pd.Series:
    """
    Return the bottleneck hours of one unit of each item (index ``item_id``). [h/uom]

    Run time of the preferred alternate of each operation that a bottleneck resource can run, over
    its yield; items whose routing touches no bottleneck need 0, items without routing are missing.
    """
    routing = table_of(tables, "routing_alternate")
    resources = table_of(tables, "resource")
    tight = resources.loc[resources["is_bottleneck"].fillna(False).astype(bool), "resource_id"]
    ordered = routing.assign(is_tight=routing["resource_id"].isin(tight)).sort_values(
        ["item_id", "op_no", "is_tight", "preference", "resource_id"],
        ascending=[True, True, False, True, True],
        kind="stable",
    )
    main = ordered.drop_duplicates(["item_id", "op_no"])
    good = main["yield_pct"].fillna(100.0) / 100
    hours = (main["run_minutes_per_unit"] / 60 / good).where(main["is_tight"], 0.0)
    return hours.groupby(main["item_id"]).sum()


def backlog(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
    basis: Basis = "requested",
    *,
    by: str | None = None,
    weekly_bottleneck_hours: float = np.nan,
    facts: OrderFacts | None = None,
) -> list[Kpi]:
    """
    Return the open and past-due backlog as KPIs.

    Parameters
    ----------
    period
        Week that the row is printed under; the backlog itself is a state at ``as_of``.
    by
        Column of :func:`backlog_lines` to cut by; ages are always cut (dimension ``age_band``).
    weekly_bottleneck_hours
        Demonstrated bottleneck hours of a week, for ``backlog_weeks``. [h/week]
    facts
        ``order_facts`` at ``as_of`` where the caller has them; default: read here.

    Returns
    -------
    list
        ``backlog_qty, backlog_value, backlog_hours, past_due_qty, past_due_value,
        past_due_lines`` per cut and ``backlog_weeks``. No backlog is 0, not "not evaluable".
    """
    lines = backlog_lines(tables, as_of, period.time_zone, basis, facts=facts)
    late = lines[lines["is_past_due"]]
    found: list[Kpi] = []
    for dimension, member, rows in cuts(lines, by):
        found += _sums(rows, as_of, period, basis, dimension, member)
    for band in AGE_BANDS:
        found += _sums(late[late["age_band"] == band], as_of, period, basis, "age_band", band)[3:]
    hours = float(lines["open_hours"].sum())
    known = lines["open_hours"].notna()
    found.append(
        measure(
            "backlog_weeks",
            "sum of bottleneck hours of the backlog / demonstrated bottleneck hours per week",
            hours / weekly_bottleneck_hours if weekly_bottleneck_hours > 0 else np.nan,
            "weeks",
            as_of,
            period,
            n=int(known.sum()),
            excluded={"no_routing": int((~known).sum())},
            empty="no demonstrated bottleneck hours are known",
            num=hours,
            den=float(weekly_bottleneck_hours),
            basis=basis,
            higher_is_better=False,
        )
    )
    return found


def order_book(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    time_zone: str,
    excluded_types: tuple[str, ...],
    facts: OrderFacts | None = None,
) -> OrderFacts:
    """Return the facts of schedule lines that are demand, ``qty`` each."""
    facts = facts or order_facts(tables, as_of, time_zone)
    lines = facts.lines[~facts.lines["order_type"].isin(excluded_types)]
    lines = lines.assign(qty=lines["ordered_qty"].astype(float))
    own = facts.deliveries[KEY].merge(
        lines[KEY].drop_duplicates(), on=KEY, how="left", indicator=True
    )
    mine = (own["_merge"] == "both").to_numpy()
    return OrderFacts(
        lines.reset_index(drop=True),
        facts.changes[facts.changes["row"].isin(lines["row"])],
        facts.deliveries[mine].reset_index(drop=True),
    )


def _sums(
    rows: pd.DataFrame,
    as_of: pd.Timestamp,
    period: Period,
    basis: str,
    dimension: str,
    member: str,
) -> list[Kpi]:
    late = rows[rows["is_past_due"]]
    due = "reference date before the day of as_of"
    open_ = "ordered - delivered - cancelled of lines open at as_of"

    def total(kpi: str, formula: str, part: pd.Series, unit: str, missing: str = "") -> Kpi:
        known = part.notna()
        excluded = {missing: int((~known).sum())} if missing else {}
        return measure(
            kpi,
            formula,
            float(part.sum()) if known.any() or not len(part) else np.nan,
            unit,
            as_of,
            period,
            n=int(known.sum()),
            excluded=excluded,
            empty=f"every line lacks it: {missing}",
            basis=basis,
            dimension=dimension,
            member=member,
            higher_is_better=False,
        )

    return [
        total("backlog_qty", open_, rows["open_qty"], "uom"),
        total(
            "backlog_value",
            f"price x ({open_})",
            rows["open_value"],
            "money",
            "no_value",
        ),
        total(
            "backlog_hours",
            f"bottleneck hours per unit x ({open_})",
            rows["open_hours"],
            "h",
            "no_routing",
        ),
        total("past_due_qty", f"open quantity with {due}", late["open_qty"], "uom"),
        total("past_due_value", f"open value with {due}", late["open_value"], "money", "no_value"),
        total("past_due_lines", f"open lines with {due}", (late["open_qty"] > 0) * 1.0, "lines"),
    ]
