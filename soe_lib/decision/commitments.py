"""
Who must do what, until when: commitments generated from the difference between two schedules.

Nothing is typed in by hand: each row names the change in the chosen schedule that causes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from soe_lib.decision import commitment_texts as texts
from soe_lib.decision.governance import Governance
from soe_lib.vocabulary import FUNCTIONS

COMMITMENT_COLUMNS = (
    "commitment_id",
    "function",
    "owner_id",
    "action",
    "object_type",
    "object_id",
    "due_at",
    "old_value",
    "new_value",
    "quantity",
    "money",
    "reason_code",
    "text",
)


@dataclass(frozen=True)
class Changes:
    """
    What the chosen schedule changes, as tables.

    Attributes
    ----------
    operations
        Operations of the chosen schedule.
    moves
        Rows of ``scenario.moved_operations`` against doing nothing.
    confirmations
        Rows of ``publish``-ready order confirmations: ``order_id``, ``line_id``, ``customer_id``,
        ``action``, ``old_confirmed_date``, ``new_confirmed_date``, ``moved_days``,
        ``new_confirmed_qty``, ``reason_code``.
    supplies
        Rows of :func:`soe_lib.decision.supply.supply_changes`.
    overtime
        One row per (``resource_id``, ``start_at``): ``hours`` [h], ``cost`` [money].
    shipments
        One row per shipment that leaves before its goods are ready: ``shipment_id``,
        ``planned_departure_at``, ``ready_at``, ``order_id``, ``line_id``.
    money
        One row per ``term``: ``do_nothing``, ``chosen``, ``difference`` [money].
    """

    operations: pd.DataFrame
    moves: pd.DataFrame
    confirmations: pd.DataFrame
    supplies: pd.DataFrame
    overtime: pd.DataFrame
    shipments: pd.DataFrame
    money: pd.DataFrame


def commitments(
    changes: Changes,
    governance: Governance,
    decided_at: pd.Timestamp,
    *,
    currency: str = "",
    families: Mapping[str, str] | None = None,
    time_zone: str = "UTC",
) -> pd.DataFrame:
    """
    Generate the commitments of every function.

    Parameters
    ----------
    changes
        What the chosen schedule changes.
    governance
        Owners and the hours that each function has.
    decided_at
        Instant of the decision: no commitment is due before it.
    currency
        Currency of the money in the texts.
    families
        Family of each item: demand planning commits by family.
    time_zone
        Zone of the hours in the texts.

    Returns
    -------
    pandas.DataFrame
        One row per commitment, by function in the order of ``vocabulary.FUNCTIONS``, then due
        instant: ``commitment_id`` (stable: the same change gives the same id), ``owner_id``,
        ``action``, object, ``due_at``, old and new value as text, ``quantity``, ``money``,
        ``reason_code``, ``text``.
    """
    rows = [
        *texts.operations_targets(changes.operations, changes.moves, time_zone),
        *texts.overtime(changes.overtime, currency, time_zone),
        *texts.supplies(changes.supplies, currency, time_zone),
        *texts.new_dates(changes.confirmations),
        *texts.shipments(changes.shipments, time_zone),
        *texts.finance(changes.money, currency),
        *texts.demand(changes.confirmations, families or {}),
    ]
    table = pd.DataFrame(rows, columns=[*COMMITMENT_COLUMNS[3:], "function", "last_at"])
    window = pd.to_timedelta(table["function"].map(governance.due_hours), unit="h")
    last = pd.to_datetime(table["last_at"], utc=True)
    due = pd.DataFrame({"window": decided_at + window, "last": last}).min(axis=1)
    due = due.where(due >= decided_at, decided_at)
    table["due_at"] = due.astype("datetime64[us, UTC]")
    table["owner_id"] = table["function"].map(governance.owner)
    table["commitment_id"] = [
        _identity(*parts)
        for parts in zip(
            table["function"],
            table["action"],
            table["object_type"],
            table["object_id"],
            strict=True,
        )
    ]
    table["function"] = pd.Categorical(table["function"], categories=FUNCTIONS, ordered=True)
    table = table.sort_values(["function", "due_at", "object_id", "action"], kind="stable")
    table["function"] = table["function"].astype("str")
    return table[list(COMMITMENT_COLUMNS)].reset_index(drop=True)


def _identity(*parts: str) -> str:
    return "C-" + hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:10]
