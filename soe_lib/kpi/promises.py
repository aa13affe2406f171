"""Nervousness that customers and the shop feel: promises moved, freezes broken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from soe_lib.calendars import site_day, zone_of
from soe_lib.kpi.facts import KEY, OrderFacts, order_facts, table_of
from soe_lib.kpi.value import Kpi, Period, measure
from soe_lib.kpi.versions import StabilityParams, compared_operations, fences


def promise_changes(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    period: Period,
    *,
    facts: OrderFacts | None = None,
) -> list[Kpi]:
    """
    Return how often and how far promised dates of open order lines moved in a period.

    A change is an ``order_change_event`` of ``confirmed_date`` that replaces one date by another;
    a first confirmation is none. Lines are those open at any time of the period. ``facts`` are
    ``order_facts`` at ``as_of`` where the caller has them.

    Returns
    -------
    list
        ``promise_changes`` (per open line and week), ``promise_days_out`` and
        ``promise_days_in`` (sums of calendar days moved later and earlier).
    """
    end = min(period.end_at, as_of)
    if facts is None or end < as_of:
        facts = order_facts(tables, end, period.time_zone)
    lines = facts.lines
    gone = lines["gone_at"].notna() & (lines["gone_at"] < period.start_at)
    open_ = lines[~gone & (lines["status"] != "completed")]
    closed_inside = lines[(lines["status"] == "completed") & (lines["gone_at"] >= period.start_at)]
    asked = pd.concat([open_, closed_inside])
    moves = facts.changes
    moves = moves[
        (moves["change_field"] == "confirmed_date")
        & (moves["known_at"] >= period.start_at)
        & moves["old_date"].notna()
        & moves["new_date"].notna()
        & (moves["old_date"] != moves["new_date"])
        & moves["row"].isin(asked["row"])
    ]
    days = (moves["new_date"] - moves["old_date"]).dt.days.astype(float)
    num_lines = len(asked.drop_duplicates(KEY))
    weeks = (end - period.start_at) / pd.Timedelta(weeks=1)
    rest: dict[str, Any] = {
        "n": num_lines,
        "empty": "no order line was open in the period",
        "basis": "last_confirmed",
        "higher_is_better": False,
    }
    ours = int((~moves["is_by_customer"]).sum())
    found = measure(
        "promise_changes",
        "promised dates changed / (open order lines x weeks)",
        len(moves) / (num_lines * weeks) if num_lines and weeks > 0 else np.nan,
        "per line and week",
        as_of,
        period,
        num=float(len(moves)),
        den=num_lines * weeks,
        note=f"{ours:,} of {len(moves):,} by us" if len(moves) else "",
        **rest,
    )
    sums = [found]
    for name, part, words in (
        ("promise_days_out", days[days > 0], "later"),
        ("promise_days_in", -days[days < 0], "earlier"),
    ):
        sums.append(
            measure(
                name,
                f"sum of calendar days by which promises moved {words}",
                float(part.sum()) if num_lines else np.nan,
                "days",
                as_of,
                period,
                **{**rest, "higher_is_better": False if words == "later" else None},
            )
        )
    return sums


def freeze_breaks(
    previous: pd.DataFrame,
    current: pd.DataFrame,
    as_of: pd.Timestamp,
    tables: Mapping[str, pd.DataFrame],
    params: StabilityParams | None = None,
    approvals: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Return every change inside the frozen zone, each with who must approve it and who did.

    Parameters
    ----------
    previous, current, as_of, tables, params
        As for :func:`soe_lib.kpi.versions.compared_operations`.
    approvals
        ``wo_id``, ``op_no``, ``user_name`` of approved changes; default none.

    Returns
    -------
    pandas.DataFrame
        Rows of :func:`soe_lib.kpi.versions.compared_operations` whose old or new start lies in
        the frozen zone and that changed or arrived there (``change`` = ``inserted``), with
        ``approver_role`` and ``approved_by`` (empty = nobody).
    """
    params = params or StabilityParams()
    rows = compared_operations(previous, current, as_of, tables, params)
    frozen, slushy = fences(rows, tables, params)
    into = pd.Series(False, index=rows.index)
    for low, high in (
        pd.DataFrame({"f": frozen, "s": slushy}).drop_duplicates().itertuples(index=False)
    ):
        mine = (frozen == low) & (slushy == high) & rows["new_start_at"].notna()
        into[mine] = zone_of(rows.loc[mine, "new_start_at"], as_of, low, high) == "frozen"
    arrived = (rows["kind"] == "arrival") & into
    broken = ((rows["change"] != "") & ((rows["zone"] == "frozen") | into)) | arrived
    if previous.empty:
        broken &= False
    found = rows[broken].copy()
    found["change"] = found["change"].where(~arrived[broken], "inserted")
    policy = table_of(tables, "fence_policy")
    own = policy[policy["scope_type"] == "resource"].drop_duplicates("scope_id")
    site = policy.loc[policy["scope_type"] == "site", "approver_role"].dropna()
    resource = found["resource_id"].where(found["resource_id"].notna(), found["new_resource_id"])
    role = resource.map(own.set_index("scope_id")["approver_role"])
    default = str(site.iloc[0]) if len(site) else ""
    found["approver_role"] = role.astype("str").where(role.notna(), default)
    found["approved_by"] = ""
    if approvals is not None and len(approvals):
        keys = ["wo_id", "op_no"]
        named = approvals.drop_duplicates(keys).set_index(keys)["user_name"]
        who = named.reindex(pd.MultiIndex.from_frame(found[keys])).to_numpy()
        found["approved_by"] = pd.Series(who, index=found.index, dtype="str").fillna("")
    return found.reset_index(drop=True)


def freeze_kpi(breaks: pd.DataFrame, as_of: pd.Timestamp, period: Period) -> Kpi:
    """Return how often the freeze was broken (target 0); the note counts those nobody approved."""
    alone = int((breaks["approved_by"] == "").sum())
    return measure(
        "freeze_breaks",
        "operations changed or inserted inside the frozen zone",
        float(len(breaks)),
        "operations",
        as_of,
        period,
        n=len(breaks),
        target=0.0,
        higher_is_better=False,
        note=f"{alone:,} without an approver" if alone else "",
    )


def promise_versions(before: pd.DataFrame, after: pd.DataFrame, time_zone: str) -> pd.DataFrame:
    """
    Compare the promises of two schedules for feeds that keep no change events.

    Parameters
    ----------
    before, after
        ``order_id``, ``line_id``, ``promised_at`` (instant, may be empty).

    Returns
    -------
    pandas.DataFrame
        One row per line in both: ``order_id``, ``line_id``, ``moved_days`` (signed, later =
        positive; NaN where one side promises nothing).
    """
    both = before[[*KEY, "promised_at"]].merge(
        after[[*KEY, "promised_at"]], on=KEY, suffixes=("", "_new")
    )
    old = site_day(both["promised_at"], time_zone)
    new = site_day(both["promised_at_new"], time_zone)
    return both[KEY].assign(moved_days=(new - old).dt.days.astype(float))
