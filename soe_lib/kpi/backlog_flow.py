"""The backlog identity: what moved the backlog between two instants, balancing to zero."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from soe_lib.calendars import site_day
from soe_lib.kpi.backlog import EXCLUDED_TYPES, backlog_lines, order_book
from soe_lib.kpi.days import day_number
from soe_lib.kpi.facts import KEY, TINY, OrderFacts, allocate_claims
from soe_lib.kpi.policy import DATE_OF_BASIS, Basis

FLOW_TERMS = ("new_orders", "newly_due", "shipments", "cancellations", "redating")
_RANK = {"new": 0, "qty": 1, "date": 2, "due": 3, "ship": 4, "gone": 5}


def backlog_flow(
    tables: Mapping[str, pd.DataFrame],
    begin: pd.Timestamp,
    end: pd.Timestamp,
    time_zone: str = "UTC",
    basis: Basis = "requested",
    *,
    excluded_types: tuple[str, ...] = EXCLUDED_TYPES,
) -> pd.DataFrame:
    r"""
    Return how the backlog moved between two instants, term by term.

    .. math:: backlog(end) = backlog(begin) + new + due - shipped - cancelled \pm redated

    Opening and closing are states, read as of ``begin`` and ``end``; the terms are the sums of what
    each recorded event did, so ``imbalance`` = opening + terms - closing is a true check. An
    increase counts as new, a decrease as cancelled, an over-shipment only up to the open rest.

    Returns
    -------
    pandas.DataFrame
        Rows ``open`` (all open demand) and ``past_due`` (column ``kind``): ``opening_qty``, one
        signed column per term of :data:`FLOW_TERMS` ending in ``_qty``, ``closing_qty``,
        ``imbalance_qty``. [uom]
    """
    facts = order_book(tables, end, time_zone, excluded_types)
    moves = _moves(facts, end, time_zone, basis)
    inside = moves[(moves["at"] > begin) & (moves["at"] <= end)]
    states = [
        backlog_lines(tables, at, time_zone, basis, excluded_types=excluded_types)
        for at in (begin, end)
    ]
    rows = []
    for kind in ("open", "past_due"):
        opening, closing = (
            float(s["open_qty"].where(s["is_past_due"] | (kind == "open"), 0.0).sum())
            for s in states
        )
        terms = inside.groupby("term")[f"{kind}_change"].sum()
        row: dict[str, Any] = {"kind": kind, "opening_qty": opening}
        row |= {f"{term}_qty": float(terms.get(term, 0.0)) for term in FLOW_TERMS}
        gap = opening + sum(row[f"{term}_qty"] for term in FLOW_TERMS) - closing
        row |= {"closing_qty": closing, "imbalance_qty": gap}
        rows.append(row)
    return pd.DataFrame(rows)


def _moves(facts: OrderFacts, end: pd.Timestamp, time_zone: str, basis: Basis) -> pd.DataFrame:
    """Return every event of the book with what it did to the open and the past-due backlog."""
    lines, deliveries = facts.lines, facts.deliveries
    claims = _claim_steps(facts, end, time_zone, basis)
    code = lines.groupby(KEY, sort=False).ngroup()
    code_of_row = pd.Series(code.to_numpy(), index=lines["row"])
    by_key = pd.MultiIndex.from_frame(lines[KEY])
    first_place = pd.Series(code.to_numpy(), index=by_key)
    first_place = first_place[~first_place.index.duplicated()]
    shipped = pd.DataFrame(
        {
            "code": first_place.reindex(pd.MultiIndex.from_frame(deliveries[KEY])).to_numpy(),
            "at": deliveries["known_at"],
            "kind": "ship",
            "shipped": deliveries["delivered_qty"].astype(float),
        }
    )
    demanded = claims.assign(code=code_of_row.loc[claims["row"]].to_numpy())
    everything = pd.concat([demanded.drop(columns="row"), shipped], ignore_index=True)
    for name in ("claim", "due_claim", "shipped"):
        everything[name] = everything[name].astype(float).fillna(0.0)
    everything["rank"] = everything["kind"].map(_RANK)
    everything = everything.sort_values(["code", "at", "rank"], kind="stable")
    upto = everything.groupby("code")[["claim", "due_claim", "shipped"]].cumsum()
    everything["is_up"] = everything["claim"] >= 0
    for kind, name in (("open", "claim"), ("past_due", "due_claim")):
        rest = (upto[name] - upto["shipped"]).clip(lower=0)
        rest = rest.where(rest > TINY * upto[name], 0.0)
        before = rest.groupby(everything["code"]).shift().fillna(0.0)
        everything[f"{kind}_change"] = rest - before
    everything["term"] = np.select(
        [
            everything["kind"] == "new",
            everything["kind"] == "due",
            everything["kind"] == "ship",
            everything["kind"] == "date",
            (everything["kind"] == "qty") & everything["is_up"],
        ],
        ["new_orders", "newly_due", "shipments", "redating", "new_orders"],
        default="cancellations",
    )
    return everything


def _claim_steps(
    facts: OrderFacts, end: pd.Timestamp, time_zone: str, basis: Basis
) -> pd.DataFrame:
    """Return what each event adds to the claims of its schedule line, in all and past due."""
    lines, deliveries, changes = facts.lines, facts.deliveries, facts.changes
    column = DATE_OF_BASIS[basis]
    _, claim = allocate_claims(lines, [column, "schedule_no"], deliveries, "issue_date")
    at_end = lines.set_index("row")
    field = "requested_date" if basis == "requested" else "confirmed_date"
    steps = [_new(lines, changes, column, field)]
    qty = changes[changes["change_field"] == "qty"]
    steps.append(_later(qty, "qty", "old_qty", at_end["qty"]).assign(kind="qty"))
    dates = changes[changes["change_field"] == field]
    if basis == "first_confirmed":
        # the first promise never moves: it only comes into being
        dates = dates[dates["old_date"].isna()].drop_duplicates("row", keep="first")
    steps.append(_later(dates, "date", "old_date", at_end[column]).assign(kind="date"))
    gone = lines[lines["gone_at"].notna()]
    steps.append(
        pd.DataFrame(
            {
                "row": gone["row"],
                "at": gone["gone_at"],
                "kind": "gone",
                "left": claim[gone.index].to_numpy(),
            }
        )
    )
    filled = [s for s in steps if len(s)]
    known = pd.concat(filled, ignore_index=True) if filled else steps[0]
    if len(known):
        seen = known[known["date"].notna()]
        midnight = (seen["date"] + pd.Timedelta(days=1)).dt.tz_localize(
            time_zone, ambiguous=np.ones(len(seen), bool), nonexistent="shift_forward"
        )
        passing = pd.DataFrame(
            {"row": seen["row"], "at": midnight.dt.tz_convert("UTC"), "kind": "due"}
        ).drop_duplicates()
        known = pd.concat([known, passing], ignore_index=True)
    known = known[known["at"] <= end]
    ordered_at = lines.set_index("row")["ordered_at"]
    born = ordered_at.loc[known["row"]].to_numpy()
    known["at"] = known["at"].where((known["at"] >= born) | (known["kind"] == "new"), born)
    known["rank"] = known["kind"].map(_RANK)
    known = known.sort_values(["row", "at", "rank"], kind="stable").reset_index(drop=True)
    by_row = known.groupby("row")
    qty_now = by_row["qty"].ffill()
    has_date = known["date"].notna() | known["kind"].isin(["new", "date"])
    number = pd.Series(day_number(known["date"]), index=known.index).where(has_date)
    number = number.where(~has_date | number.notna(), np.inf)
    day_now = number.groupby(known["row"]).ffill()
    today = day_number(site_day(known["at"], time_zone))
    left = by_row["left"].ffill() if "left" in known else pd.Series(np.nan, index=known.index)
    is_gone = left.notna()
    claim_now = left.where(is_gone, qty_now)
    due_now = claim_now.where(is_gone | (day_now < today), 0.0)
    return pd.DataFrame(
        {
            "row": known["row"],
            "at": known["at"],
            "kind": known["kind"],
            "claim": claim_now - claim_now.groupby(known["row"]).shift().fillna(0.0),
            "due_claim": due_now - due_now.groupby(known["row"]).shift().fillna(0.0),
        }
    )


def _new(lines: pd.DataFrame, changes: pd.DataFrame, column: str, field: str) -> pd.DataFrame:
    """Return the birth of each line with the quantity and date it had before any change."""
    born = lines.set_index("row")
    qty, date = born["qty"].copy(), born[column].copy()
    first = changes[changes["change_field"] == "qty"].drop_duplicates("row", keep="first")
    qty.loc[first["row"]] = first["old_qty"].to_numpy()
    moved = changes[changes["change_field"] == field].drop_duplicates("row", keep="first")
    if column == "first_confirmed_date":
        moved = moved[moved["old_date"].isna()]
    date.loc[moved["row"]] = moved["old_date"].to_numpy()
    return pd.DataFrame(
        {
            "row": lines["row"].to_numpy(),
            "at": lines["ordered_at"].reset_index(drop=True),
            "kind": "new",
            "qty": qty.to_numpy(),
            "date": date.to_numpy(),
        }
    )


def _later(changes: pd.DataFrame, name: str, old: str, at_end: pd.Series) -> pd.DataFrame:
    """Return the value that holds after each change: what the next change replaces, or the last."""
    following = changes.groupby("row")[old].shift(-1)
    is_last = ~changes.duplicated("row", keep="last")
    value = following.where(~is_last, at_end.reindex(changes["row"]).set_axis(changes.index))
    return pd.DataFrame({"row": changes["row"], "at": changes["known_at"], name: value})
