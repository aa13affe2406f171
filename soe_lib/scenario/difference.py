"""
What differs between two schedules: operations, promises, hours and inputs.

Differences are always *after minus before*. Operations are matched by (wo_id, op_no, split_no).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from soe_lib.scenario.sequence import out_of_order, resequenced

OPERATION_KEY = ["wo_id", "op_no", "split_no"]
OPERATION_CHANGES = (
    "added",
    "removed",
    "rerouted",
    "resized",
    "resequenced",
    "advanced",
    "shifted",
)
"""Words of ``change``, strongest first; an operation carries the first that fits."""
DECIDED_CHANGES = ("added", "removed", "rerouted", "resized", "resequenced", "advanced")
"""Changes that somebody decided; a mere shift may be forced by the facts."""

_COMPARED = ["item_id", "resource_id", "planned_qty", "setup_start_at", "start_at", "end_at"]


def moved_operations(
    before: pd.DataFrame, after: pd.DataFrame, *, tolerance_minutes: float = 0.0
) -> pd.DataFrame:
    """
    List the operations that differ between two schedules.

    Parameters
    ----------
    before, after
        One row per (wo_id, op_no, split_no), columns of ``schedule_operation``; ``after`` may
        have ``published_start_at``: an operation is *advanced* when it starts before that, too
        (one that only recovers a delay is *shifted*).
    tolerance_minutes
        A start that moves by no more than this counts as unmoved. [min]

    Returns
    -------
    pandas.DataFrame
        One row per changed (wo_id, op_no, split_no), sorted by the earlier start: ``change`` (a
        word of :data:`OPERATION_CHANGES`), ``item_id``, ``resource_before``, ``resource_after``,
        ``start_before_at``, ``start_after_at``, ``end_before_at``, ``end_after_at``,
        ``shift_hours`` [h, start after minus start before], ``planned_qty_before``,
        ``planned_qty_after`` [uom], ``first_start_at`` (the earlier of the two starts: the instant
        that decides the time fence).
    """
    places = same_operations(before, after)
    joined = _matched(before, after, places)
    is_added = joined["_side"].to_numpy() == "right_only"
    is_removed = joined["_side"].to_numpy() == "left_only"
    both = ~is_added & ~is_removed
    shift = (joined["start_at_after"] - joined["start_at_before"]).dt.total_seconds() / 3600
    rerouted = both & (joined["resource_id_before"] != joined["resource_id_after"]).to_numpy()
    resized = both & ~np.isclose(
        joined["planned_qty_before"].astype(float),
        joined["planned_qty_after"].astype(float),
        rtol=1e-9,
        atol=1e-6,
        equal_nan=True,
    )
    out_of_place = _out_of_place(before, after, joined, places)
    shifted = both & (shift.abs() * 60 > tolerance_minutes + 1e-6).to_numpy()
    ahead = (joined["_told"] - joined["start_at_after"]).dt.total_seconds() / 60
    is_ahead = ahead.isna() | (ahead > tolerance_minutes + 1e-6)
    advanced = shifted & (shift < 0).to_numpy() & is_ahead.to_numpy()
    change = np.select(
        [is_added, is_removed, rerouted, resized, out_of_place, advanced, shifted],
        list(OPERATION_CHANGES),
        default="",
    )
    table = pd.DataFrame(
        {
            **{name: joined[name] for name in OPERATION_KEY},
            "change": pd.Series(change, index=joined.index, dtype="str"),
            "item_id": joined["item_id_after"].fillna(joined["item_id_before"]),
            "resource_before": joined["resource_id_before"],
            "resource_after": joined["resource_id_after"],
            "start_before_at": joined["start_at_before"],
            "start_after_at": joined["start_at_after"],
            "end_before_at": joined["end_at_before"],
            "end_after_at": joined["end_at_after"],
            "shift_hours": shift,
            "planned_qty_before": joined["planned_qty_before"].astype(float),
            "planned_qty_after": joined["planned_qty_after"].astype(float),
            "first_start_at": joined[["start_at_before", "start_at_after"]].min(axis=1),
        }
    )
    table = table[table["change"] != ""]
    return table.sort_values(["first_start_at", *OPERATION_KEY], kind="stable").reset_index(
        drop=True
    )


def same_operations(before: pd.DataFrame, after: pd.DataFrame) -> np.ndarray | None:
    """Return where each operation of ``after`` is in ``before``; None where they differ."""
    if len(before) != len(after):
        return None
    known = pd.MultiIndex.from_frame(before[OPERATION_KEY])
    if not known.is_unique:
        return None
    places = known.get_indexer(pd.MultiIndex.from_frame(after[OPERATION_KEY]))
    return None if (places < 0).any() or len(set(places.tolist())) < len(places) else places


def _matched(before: pd.DataFrame, after: pd.DataFrame, places: np.ndarray | None) -> pd.DataFrame:
    columns = [*OPERATION_KEY, *_COMPARED]
    unknown = pd.Series(pd.NaT, index=after.index, dtype=after["start_at"].dtype)
    told = after.get("published_start_at", unknown)
    if places is not None:  # the usual case, and much quicker than a merge
        found = {name: after[name].reset_index(drop=True) for name in OPERATION_KEY}
        for name in _COMPARED:
            found[f"{name}_before"] = before[name].take(places).reset_index(drop=True)
            found[f"{name}_after"] = after[name].reset_index(drop=True)
        found["_told"] = told.reset_index(drop=True)
        found["_side"] = pd.Series("both", index=range(len(after)), dtype="str")
        return pd.DataFrame(found)
    return before[columns].merge(
        after[columns].assign(_told=told),
        on=OPERATION_KEY,
        how="outer",
        suffixes=("_before", "_after"),
        indicator="_side",
        validate="one_to_one",
    )


def _out_of_place(
    before: pd.DataFrame, after: pd.DataFrame, joined: pd.DataFrame, places: np.ndarray | None
) -> np.ndarray:
    if places is not None:  # ``joined`` stands in the order of ``after``
        old = before.take(places).reset_index(drop=True)
        return out_of_order(
            old["resource_id"],
            old["start_at"],
            after["resource_id"].reset_index(drop=True),
            after["start_at"].reset_index(drop=True),
            [old[name] for name in OPERATION_KEY],
        )
    moved = after[OPERATION_KEY].assign(
        _moved=resequenced(before, after, "resource_id", "start_at", OPERATION_KEY)
    )
    found = joined[OPERATION_KEY].merge(moved, on=OPERATION_KEY, how="left")["_moved"]
    return found.eq(True).to_numpy()


def moves_summary(moves: pd.DataFrame) -> dict[str, int]:
    """
    Count moves: ``num_moves`` decided ones, ``num_shifted`` mere shifts, and moves by zone.

    Parameters
    ----------
    moves
        Rows of :func:`moved_operations` with ``zone``.
    """
    decided = moves["change"].isin(DECIDED_CHANGES)
    counted = {
        "num_moves": int(decided.sum()),
        "num_shifted": int((~decided).sum()),
    }
    for zone in ("frozen", "slushy", "liquid"):
        counted[f"num_moves_{zone}"] = int((decided & (moves["zone"] == zone)).sum())
    return counted


def moved_promises(
    before: pd.DataFrame, after: pd.DataFrame, *, tolerance_days: float = 0.0
) -> pd.DataFrame:
    """
    List the order lines whose promise differs between two schedules.

    Parameters
    ----------
    before, after
        One row per (order_id, line_id): ``promised_date``, ``promised_qty`` [uom],
        ``lateness_days`` [days]. A line without a promise has an empty date.
    tolerance_days
        A date that moves by no more than this counts as unmoved. [days]

    Returns
    -------
    pandas.DataFrame
        One row per changed (order_id, line_id), worst first: ``promised_date_before``,
        ``promised_date_after``, ``moved_days`` [days], ``lateness_days_before``,
        ``lateness_days_after``, ``promised_qty_before``, ``promised_qty_after`` [uom], ``change``
        (later, earlier, lost, gained, resized).
    """
    key = ["order_id", "line_id"]
    columns = [*key, "promised_date", "promised_qty", "lateness_days"]
    joined = before[columns].merge(
        after[columns], on=key, how="outer", suffixes=("_before", "_after"), validate="one_to_one"
    )
    had, has = joined["promised_date_before"].notna(), joined["promised_date_after"].notna()
    moved = (
        joined["promised_date_after"] - joined["promised_date_before"]
    ).dt.total_seconds() / 86400
    resized = (
        had
        & has
        & ~np.isclose(
            joined["promised_qty_before"].fillna(0),
            joined["promised_qty_after"].fillna(0),
            rtol=1e-9,
            atol=1e-6,
        )
    )
    change = np.select(
        [had & ~has, ~had & has, moved > tolerance_days, moved < -tolerance_days, resized],
        ["lost", "gained", "later", "earlier", "resized"],
        default="",
    )
    table = joined.assign(moved_days=moved, change=pd.Series(change, dtype="str"))
    table = table[table["change"] != ""]
    table = table.assign(
        _lost=(table["change"] == "lost"), _late=table["lateness_days_after"].fillna(np.inf)
    )
    table = table.sort_values(
        ["_lost", "_late", "moved_days", *key], ascending=[False, False, False, True, True]
    )
    return table.drop(columns=["_lost", "_late"]).reset_index(drop=True)
