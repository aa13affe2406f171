"""Fence zones of moves: by the feed's policy where it has one, else by the parameters."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from soe_lib.params import FenceParams
from soe_lib.scenario.context import Context
from soe_lib.scenario.published import table_or_empty
from soe_lib.vocabulary import ZONES


def with_zone(
    moves: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    fences: FenceParams,
) -> pd.DataFrame:
    """
    Add the fence zone that each move touches.

    The policy of the resource comes before that of the family, that before the site's, that
    before the parameters. The earlier of the two starts decides: whatever is pulled into the
    frozen zone changes it, too.

    Parameters
    ----------
    moves
        Rows of ``moved_operations``.
    tables
        Canonical tables; ``fence_policy`` where the feed has it.
    as_of
        Instant from which zones count.
    fences
        Lengths where no policy fits.

    Returns
    -------
    pandas.DataFrame
        The moves with ``zone`` (frozen, slushy or liquid) and ``fence_approver_role`` (the
        policy's own; empty where it names none).
    """
    resource = moves["resource_after"].fillna(moves["resource_before"])
    lengths = fence_lengths(resource, moves["item_id"], tables, fences)
    frozen, slushy = lengths["frozen_days"], lengths["slushy_days"]
    days = (moves["first_start_at"] - as_of).dt.total_seconds() / 86_400
    words = np.select([days < frozen, days < frozen + slushy], ZONES[:2], ZONES[2])
    return moves.assign(
        zone=pd.Series(words, index=moves.index, dtype="str"),
        fence_approver_role=lengths["approver_role"],
    )


def fence_lengths(
    resources: pd.Series,
    items: pd.Series,
    tables: Mapping[str, pd.DataFrame],
    fences: FenceParams,
) -> pd.DataFrame:
    """
    Return the fences of operations.

    Parameters
    ----------
    resources, items
        Resource and item of each operation.

    Returns
    -------
    pandas.DataFrame
        Index of ``resources``: ``frozen_days``, ``slushy_days`` [days], ``approver_role``.
    """
    policy = table_or_empty(tables, "fence_policy")
    family = table_or_empty(tables, "item").set_index("item_id")["family_id"]
    site = table_or_empty(tables, "resource").set_index("resource_id")["site_id"]
    scopes = (
        ("resource", resources),
        ("family", items.map(family)),
        ("site", resources.map(site)),
        ("site", pd.Series("*", index=resources.index)),
    )
    frozen = pd.Series(np.nan, index=resources.index)
    slushy = pd.Series(np.nan, index=resources.index)
    approver = pd.Series("", index=resources.index, dtype="str")
    for kind, scope in scopes:
        own = policy[policy["scope_type"] == kind].set_index("scope_id")
        if own.empty:
            continue
        first = frozen.isna()
        frozen = frozen.fillna(scope.map(own["frozen_days"]).astype(float))
        slushy = slushy.fillna(scope.map(own["slushy_days"]).astype(float))
        named = scope.map(own["approver_role"]).fillna("").astype("str")
        approver = approver.where(~(first & frozen.notna()), named)
    return pd.DataFrame(
        {
            "frozen_days": frozen.fillna(fences.frozen_days),
            "slushy_days": slushy.fillna(fences.slushy_days),
            "approver_role": approver,
        }
    )


def fence_end(operations: pd.DataFrame, context: Context) -> pd.Series:
    """Return the end of the frozen zone of operations, a microsecond apart in their own order."""
    lengths = fence_lengths(
        operations["resource_id"], operations["item_id"], context.tables, context.params.fences
    )
    place = operations["start_at"].rank(method="first").fillna(0.0)
    end = context.as_of + pd.to_timedelta(lengths["frozen_days"], unit="D")
    return (end + pd.to_timedelta(place, unit="us")).astype(operations["start_at"].dtype)
