"""Commitments of past decisions: kept, broken, overdue, still open, by what the feed shows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from soe_lib.kpi.adherence_rows import longest_ordered
from soe_lib.tables import TABLES

STATES = ("broken", "overdue", "open", "kept")
"""Broken: the feed shows that it was not done. Overdue: due, and neither the feed nor a person says
that it was done. Open: not due yet."""
LEAST_IN_SEQUENCE = 0.9
"""Share of a line's operations that ran in their listed order, from which the sequence was kept."""
KEPT_COLUMNS = (
    "commitment_id",
    "cycle_id",
    "function",
    "owner_id",
    "action",
    "object_id",
    "due_at",
    "state",
    "evidence",
    "text",
)
Tables = Mapping[str, pd.DataFrame]


def commitment_states(
    commitments: pd.DataFrame,
    cycle_id: str,
    schedule: pd.DataFrame,
    now: Tables,
    decided_at: pd.Timestamp,
    as_of: pd.Timestamp,
    said: Mapping[str, str],
) -> pd.DataFrame:
    """
    Say of each commitment of a decision how it stands.

    Parameters
    ----------
    commitments
        Rows of ``decision.commitments``.
    cycle_id
        Cycle of the decision.
    schedule
        The published schedule.
    now
        Canonical tables of the present snapshot.
    decided_at, as_of
        Instants of the decision and of the snapshot.
    said
        ``commitment_id`` to ``done`` or ``not done``: what people said of it; it comes first.

    Returns
    -------
    pandas.DataFrame
        One row per commitment, what needs attention first: :data:`KEPT_COLUMNS`.
    """
    look = _Look(schedule, now, decided_at, as_of)
    states, evidence = [], []
    for row in commitments.to_dict("records"):
        word = said.get(str(row["commitment_id"]))
        if word is not None:
            states.append("kept" if word == "done" else "broken")
            evidence.append(f"said to be {word}")
            continue
        kept, why = look.at(row)
        is_due = pd.Timestamp(row["due_at"]) <= as_of
        if kept is None:
            states.append("overdue" if is_due else "open")
        else:
            states.append("kept" if kept else "broken" if is_due else "open")
        evidence.append(why)
    found = commitments.assign(
        cycle_id=cycle_id,
        state=pd.Series(states, index=commitments.index, dtype="str"),
        evidence=pd.Series(evidence, index=commitments.index, dtype="str"),
    )
    order = {state: place for place, state in enumerate(STATES)}
    found = found.assign(place=found["state"].map(order)).sort_values(
        ["place", "due_at", "commitment_id"], kind="stable"
    )
    return found[list(KEPT_COLUMNS)].reset_index(drop=True)


def kept_sentence(rows: pd.DataFrame) -> str:
    """Say how many commitments were kept and how many need somebody."""
    if rows.empty:
        return "No commitment of an earlier decision is known."
    counts = rows["state"].value_counts()
    due = int(sum(counts.get(state, 0) for state in ("kept", "broken", "overdue")))
    kept = int(counts.get("kept", 0))
    parts = [f"{kept} of {due} commitments that fell due were kept"]
    for state, words in (("broken", "broken"), ("overdue", "overdue without a sign of it")):
        if counts.get(state, 0):
            parts.append(f"{counts[state]} {words}")
    return ", ".join(parts) + "."


class _Look:
    """Looks for a sign of each commitment in the feed."""

    def __init__(
        self, schedule: pd.DataFrame, now: Tables, begin: pd.Timestamp, as_of: pd.Timestamp
    ) -> None:
        self.schedule, self.now, self.begin, self.as_of = schedule, now, begin, as_of
        events = _table(now, "work_order_progress_event")
        events = events[(events["event_at"] > begin) & (events["event_at"] <= as_of)]
        self.events = events.assign(split_no=events["split_no"].fillna(1).astype("int64"))

    def at(self, row: Mapping) -> tuple[bool | None, str]:
        """Return True or False where the feed shows it, None where it says nothing; and why."""
        action = str(row["action"])
        if action == "run_sequence":
            return self._sequence(str(row["object_id"]))
        if action == "book_overtime":
            return self._overtime(row)
        if action in ("expedite", "order") and row["object_type"] == "purchase_order_line":
            return self._purchase(row)
        if action in ("confirm", "redate"):
            return self._confirmed(row)
        if action == "rebook_shipment":
            return self._shipment(row)
        return None, "the feed cannot show it; the owner says when it is done"

    def _sequence(self, resource: str) -> tuple[bool | None, str]:
        key = ["wo_id", "op_no", "split_no"]
        began = self.events[self.events["event_type"].isin(["start", "setup_start"])]
        began = began[began["resource_id"] == resource].sort_values("event_at", kind="stable")
        began = began.drop_duplicates(key).astype({"op_no": "int64"})
        own = self.schedule[self.schedule["resource_id"] == resource].sort_values("start_at")
        rank = {tuple(k): n for n, k in enumerate(own[key].itertuples(index=False, name=None))}
        places = [rank.get(tuple(k), -1) for k in began[key].itertuples(index=False, name=None)]
        listed = np.array([place for place in places if place >= 0])
        if not len(listed):
            return None, "nothing of the list has run yet"
        share = float(longest_ordered(listed).mean())
        return share >= LEAST_IN_SEQUENCE, f"{100 * share:.0f} % of {len(listed)} ran in order"

    def _overtime(self, row: Mapping) -> tuple[bool | None, str]:
        resource = str(row["object_id"]).split(" ", 1)[0]
        begin = pd.Timestamp(row["due_at"])
        booked = _table(self.now, "resource_calendar")
        booked = booked[
            (booked["resource_id"] == resource)
            & (booked["calendar_kind"] == "overtime")
            & (booked["end_at"] > begin)
        ]
        if len(booked):
            return True, "the calendar shows the overtime"
        end = begin + pd.Timedelta(hours=float(row["quantity"]) + 24)
        if end > self.as_of:
            return None, "it is still to come"
        return None, "the calendar does not show it; reports of the floor do not tell overtime"

    def _purchase(self, row: Mapping) -> tuple[bool | None, str]:
        po, _, line = str(row["object_id"]).partition("/")
        orders = _table(self.now, "purchase_order_line")
        own = orders[(orders["po_id"] == po) & (orders["line_id"].astype("str") == line)]
        if own.empty or not row["new_value"]:
            return None, "the order line is not in the feed"
        wanted = pd.Timestamp(str(row["new_value"]))
        if (own["status"] == "completed").all():
            receipts = _table(self.now, "goods_receipt_event")
            came = receipts.loc[
                (receipts["po_id"] == po) & (receipts["line_id"].astype("str") == line),
                "received_at",
            ].max()
            if pd.isna(came):
                return None, "completed without a receipt"
            day = came.tz_convert(None).normalize()
            return bool(day <= wanted), f"came on {day:%Y-%m-%d}"
        told = own["promised_date"].max()
        if pd.isna(told):
            return None, "no promised date"
        return bool(told <= wanted), f"promised for {told:%Y-%m-%d}"

    def _confirmed(self, row: Mapping) -> tuple[bool | None, str]:
        order, _, line = str(row["object_id"]).partition("/")
        lines = _table(self.now, "sales_order_line")
        own = lines[(lines["order_id"] == order) & (lines["line_id"].astype("str") == line)]
        if own.empty or not row["new_value"]:
            return None, "the order line is not in the feed"
        told = own["last_confirmed_date"].max()
        wanted = pd.Timestamp(str(row["new_value"]))
        if pd.isna(told):
            return False, "the order has no confirmed date"
        return bool(told.normalize() == wanted), f"the order says {told:%Y-%m-%d}"

    def _shipment(self, row: Mapping) -> tuple[bool | None, str]:
        shipment = str(row["object_id"]).split(" ", 1)[0]
        rows = _table(self.now, "shipment")
        own = rows[rows["shipment_id"] == shipment]
        if own.empty:
            return None, "the shipment is not in the feed"
        planned = own["planned_departure_at"].max()
        was = pd.Timestamp(row["due_at"])
        if (own["status"] == "cancelled").all() or planned > was + pd.Timedelta(hours=1):
            return True, f"now leaves {planned:%Y-%m-%d %H:%M} UTC"
        return None, "the shipment stands as it was"


def _table(tables: Tables, name: str) -> pd.DataFrame:
    rows = tables.get(name)
    return TABLES[name].empty() if rows is None else rows
