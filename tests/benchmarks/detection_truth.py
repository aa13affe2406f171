"""What was planted in a seed's plant, and how rows of a detector are judged against it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from soe_lib.twin.clock import WEEK_MINUTES
from soe_lib.twin.demo import ZONE, Run
from soe_lib.twin.incidents import Incident
from soe_lib.twin.truth import hit_object

TYPES = {
    "new_order": ("order_new",),
    "cancelled_order": ("order_cancelled",),
    "expedited_order": ("order_expedited", "order_date_moved"),
    "resized_order": ("order_quantity_changed",),
    "supplier_late": ("supplier_late", "purchase_past_due", "receipt_late"),
    "supplier_short": ("supplier_short", "receipt_short"),
    "breakdown": ("downtime",),
    "scrap": ("scrap_above_plan",),
    "absence": ("labour_short",),
    "slow_running": ("running_slow",),
    "wrong_stock": ("stock_record_wrong",),
    "carrier_failure": ("departure_late",),
    "dock_failure": ("departure_late",),
}
"""Divergence types under which an incident of each kind may be found."""
OWN_TYPES = {name for names in TYPES.values() for name in names}
MOST_DAYS = 2
"""Working days between what happened and first seen within which a row is a hit."""
ONCE = ("order_line", "purchase_order_line")
"""Objects that something happens to once: what was planted there explains any later row."""
_LOSS_REASONS = ("TORQUE", "WRAP")


def planted(run: Run) -> pd.DataFrame:
    """
    Return what really happened: incidents that found something to hit and left a trace.

    Returns
    -------
    pandas.DataFrame
        ``incident_id``, ``kind``, ``object_id``, ``level``, ``seen_at`` (instant from which the
        feed can know it: a wrong record when it was counted, everything else when it began),
        ``end_at``, ``is_new`` (known since the last cycle).
    """
    clock = run.world.clock
    rows = []
    for incident in run.incidents:
        if not _left_a_trace(run, incident):
            continue
        kind, object_id = hit_object(incident, clock, run.log.resolved)
        end = incident.at + incident.hours * 60
        seen = end if incident.kind == "wrong_stock" else incident.at
        rows.append((incident.incident_id, incident.kind, kind, object_id, incident.level, seen,
                     end if incident.kind != "new_order" else seen))  # fmt: skip
    names = ["incident_id", "kind", "object_type", "object_id", "level", "seen", "end"]
    found = pd.DataFrame(rows, columns=names)
    known = found[found["seen"] < run.as_of]
    return known.assign(
        seen_at=clock.instants(known["seen"]).to_numpy(),
        end_at=clock.instants(known["end"]).to_numpy(),
        is_new=known["seen"] >= run.as_of - WEEK_MINUTES,
    ).reset_index(drop=True)


def _left_a_trace(run: Run, incident: Incident) -> bool:
    """Say whether an incident met anything: an idle line cannot scrap, no truck no late truck."""
    begin, end = incident.at, incident.at + incident.hours * 60
    log = run.log.rows
    if incident.kind == "wrong_stock":
        return any(
            row[4] == "count" and row[1] == incident.target and row[0] == end and row[3]
            for row in log["move"]
        )
    if incident.kind == "scrap":
        return any(
            row[4] == incident.target and row[6] in _LOSS_REASONS and begin <= row[0]
            for row in log["scrap"]
        )
    if incident.kind == "slow_running":
        return any(row[3] == incident.target and begin <= row[0] < end for row in log["event"])
    if incident.kind in ("carrier_failure", "dock_failure"):
        day = run.world.clock.day(begin)
        return any(
            row[5].startswith(incident.target)
            and run.world.clock.day(row[6]) == day
            and row[11] == ("CARRIER" if incident.kind == "carrier_failure" else "DOCK")
            for row in log["shipment"]
        )
    return incident.kind in ("breakdown", "absence") or incident.incident_id in run.log.resolved


def matches(truth: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """
    Return the pairs of incident and row that speak of the same thing.

    Parameters
    ----------
    rows
        ``divergence_type``, ``object_id``, ``first_seen_at``.

    Returns
    -------
    pandas.DataFrame
        ``incident``, ``row`` (index labels), ``is_hit`` (within two working days).
    """
    wide = pd.DataFrame(
        [
            (label, name, object_id)
            for label, kind, object_id in zip(
                truth.index, truth["kind"], truth["object_id"], strict=True
            )
            for name in TYPES[kind]
        ],
        columns=["incident", "divergence_type", "object_id"],
    )
    own = rows[["divergence_type", "object_id", "first_seen_at"]].rename_axis("row").reset_index()
    pairs = wide.astype({"divergence_type": "str", "object_id": "str"}).merge(
        own, on=["divergence_type", "object_id"]
    )
    seen = _days(pairs["first_seen_at"])
    begin = _days(truth["seen_at"].reindex(pairs["incident"]))
    end = _days(truth["end_at"].reindex(pairs["incident"]))
    is_hit = np.abs(np.busday_count(begin, seen)) <= MOST_DAYS
    lasts = (np.busday_count(begin, seen) >= -MOST_DAYS) & (np.busday_count(end, seen) <= MOST_DAYS)
    once = truth["object_type"].reindex(pairs["incident"]).isin(ONCE).to_numpy()
    found = pairs.assign(is_hit=is_hit, is_known=is_hit | lasts | once)
    return found[["incident", "row", "is_hit", "is_known"]]


def judge(truth: pd.DataFrame, rows: pd.DataFrame, alarms: pd.DataFrame) -> pd.DataFrame:
    """
    Count by kind of incident.

    Parameters
    ----------
    truth
        Result of :func:`planted`.
    rows
        Everything that is shown, consequences of other rows included: an incident in them is found.
    alarms
        What asks for attention by itself; one that no incident stands behind is false.

    Returns
    -------
    pandas.DataFrame
        One row per kind: ``planted``, ``found``, ``slight``, ``slight_found``, ``false``; the names
        of what was missed and false in ``missed`` and ``wrong``.
    """
    pairs = matches(truth, rows)
    hit = set(pairs.loc[pairs["is_hit"], "incident"])
    own = alarms[alarms["divergence_type"].isin(OWN_TYPES)]
    known = matches(truth, own)
    false = own[~own.index.isin(known.loc[known["is_known"], "row"])]
    new = truth[truth["is_new"]]
    kind_of_row = [_kind(t, o) for t, o in zip(false["divergence_type"], false["object_id"],
                                               strict=True)]  # fmt: skip
    counted = []
    for kind in TYPES:
        of_kind = new[new["kind"] == kind]
        is_found = of_kind.index.isin(hit)
        slight = (of_kind["level"] == "slight").to_numpy()
        wrong = [
            f"{t} {o} {pd.Timestamp(at):%a %d}"
            for k, t, o, at in zip(kind_of_row, false["divergence_type"], false["object_id"],
                                   false["first_seen_at"], strict=True)
            if k == kind
        ]  # fmt: skip
        missed = [
            f"{o} {level} {pd.Timestamp(at):%a %d}"
            for o, level, at, f in zip(of_kind["object_id"], of_kind["level"],
                                       of_kind["seen_at"], is_found, strict=True)
            if not f
        ]  # fmt: skip
        counted.append((kind, len(of_kind), int(is_found.sum()), int(slight.sum()),
                        int((slight & is_found).sum()), len(wrong), missed, wrong))  # fmt: skip
    names = ["kind", "planted", "found", "slight", "slight_found", "false", "missed", "wrong"]
    return pd.DataFrame(counted, columns=names)


def _kind(divergence_type: str, object_id: str) -> str:
    if divergence_type == "departure_late":
        is_site = object_id.split(" ")[0] in ("NORD", "SUED")
        return "dock_failure" if is_site else "carrier_failure"
    return next(kind for kind, names in TYPES.items() if divergence_type in names)


def _days(instants: pd.Series) -> np.ndarray:
    local = pd.Series(pd.to_datetime(instants, utc=True)).dt.tz_convert(ZONE)
    return np.asarray(local.dt.tz_localize(None).to_numpy().astype("datetime64[D]"))
