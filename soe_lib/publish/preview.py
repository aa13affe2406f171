"""What APS, ERP and MES would receive: the tables of a publication, before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from soe_lib.publish.aps import schedule_version
from soe_lib.publish.erp import allocations
from soe_lib.publish.mes import dispatch_list
from soe_lib.scenario.orders import LINE_KEY


@dataclass(frozen=True)
class Proposal:
    """
    A chosen schedule with what it changes.

    Attributes
    ----------
    operations, promises, pegging
        Tables of the chosen schedule; promises with ``promised_date``.
    moves
        Rows of ``moved_operations`` against the published schedule.
    confirmations
        Rows of ``order_confirmations``.
    supplies
        Rows of ``supply_changes``.
    """

    operations: pd.DataFrame
    promises: pd.DataFrame
    pegging: pd.DataFrame
    moves: pd.DataFrame
    confirmations: pd.DataFrame
    supplies: pd.DataFrame


def preview(
    proposal: Proposal,
    *,
    version_id: str,
    published_at: pd.Timestamp,
    frozen_until: pd.Timestamp,
    dispatch_until: pd.Timestamp | None = None,
) -> dict[str, pd.DataFrame]:
    """
    Return the tables of a publication, named ``<system>_<table>``.

    Parameters
    ----------
    proposal
        The chosen schedule.
    version_id
        Name of the new schedule version.
    published_at
        Instant of the publication.
    frozen_until
        Operations that start before this are frozen.
    dispatch_until
        MES receives operations that start until then; none = all.

    Returns
    -------
    dict
        ``aps_schedule`` (rows of ``schedule_operation``, with ``change`` against the published
        version beside them in ``aps_changes``), ``aps_work_orders``, ``aps_promises``,
        ``erp_confirmations``, ``erp_allocations``, ``erp_purchases`` (bought supplies only; what
        is made is an order of production, not of purchasing), ``mes_dispatch``.
    """
    placed = proposal.operations[proposal.operations["end_at"].notna()]
    version = schedule_version(
        placed, version_id=version_id, published_at=published_at, frozen_until=frozen_until
    )
    whole = version.groupby("wo_id", as_index=False).agg(
        start_at=("start_at", "min"), end_at=("end_at", "max")
    )
    last = version.sort_values(["wo_id", "split_no", "op_no"], kind="stable")
    last = last.drop_duplicates(["wo_id", "split_no"], keep="last")
    made = last.groupby("wo_id")["planned_qty"].sum()
    supplies = proposal.supplies
    return {
        "aps_schedule": version,
        "aps_changes": proposal.moves,
        "aps_work_orders": whole.assign(planned_qty=whole["wo_id"].map(made)),
        "aps_promises": proposal.promises[[*LINE_KEY, "promised_date", "promised_qty"]],
        "erp_confirmations": proposal.confirmations,
        "erp_allocations": allocations(proposal.pegging, proposal.promises),
        "erp_purchases": supplies[supplies["action"] != "make"].reset_index(drop=True),
        "mes_dispatch": dispatch_list(placed, proposal.moves, dispatch_until),
    }
