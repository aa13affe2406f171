"""Fence zones of moves: by the feed's policy where it has one, else by the parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from soe_lib.params import FenceParams
from soe_lib.scenario.published import table_or_empty
from soe_lib.vocabulary import ZONES

if TYPE_CHECKING:
    from soe_lib.scenario.context import Context


@dataclass(frozen=True)
class FenceTable:
    """
    The fences of a snapshot, looked up once for all scenarios.

    The policy of the resource comes before that of the family, that before the site's, that
    before the parameters.

    Attributes
    ----------
    resource_ids, item_ids
        Objects that a policy may concern; the last row of each array stands for all others.
    by_resource, by_family, by_site
        ``frozen_days``, ``slushy_days`` [days] and ``approver_role``: one row per resource, item
        and resource; days are empty where no policy of that kind fits.
    default
        Lengths where no policy fits at all.
    """

    resource_ids: pd.Index
    item_ids: pd.Index
    by_resource: pd.DataFrame
    by_family: pd.DataFrame
    by_site: pd.DataFrame
    default: FenceParams

    def lengths(self, resources: pd.Series, items: pd.Series) -> pd.DataFrame:
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
        resource = self.resource_ids.get_indexer(pd.Index(resources))
        item = self.item_ids.get_indexer(pd.Index(items))
        frozen, slushy = np.full(len(resource), np.nan), np.full(len(resource), np.nan)
        approver = np.full(len(resource), "", dtype=object)
        for rows, place in (
            (self.by_resource, resource),
            (self.by_family, item),
            (self.by_site, resource),
        ):
            own_frozen = rows["frozen_days"].to_numpy()[place]
            own_slushy = rows["slushy_days"].to_numpy()[place]
            first = np.isnan(frozen) & ~np.isnan(own_frozen)
            approver = np.where(first, rows["approver_role"].to_numpy()[place], approver)
            frozen = np.where(np.isnan(frozen), own_frozen, frozen)
            slushy = np.where(np.isnan(slushy), own_slushy, slushy)
        return pd.DataFrame(
            {
                "frozen_days": np.where(np.isnan(frozen), self.default.frozen_days, frozen),
                "slushy_days": np.where(np.isnan(slushy), self.default.slushy_days, slushy),
                "approver_role": pd.Series(approver, index=resources.index, dtype="str"),
            },
            index=resources.index,
        )


def fence_table(tables: Mapping[str, pd.DataFrame], fences: FenceParams) -> FenceTable:
    """Read the fences of a snapshot; ``fence_policy`` where the feed has it."""
    policy = table_or_empty(tables, "fence_policy")
    family = table_or_empty(tables, "item").set_index("item_id")["family_id"]
    site = table_or_empty(tables, "resource").set_index("resource_id")["site_id"]
    named = policy.loc[policy["scope_type"] == "resource", "scope_id"]
    resource_ids = site.index.union(pd.Index(named)).unique()
    resource = pd.Series([*resource_ids, None], dtype="str")
    by_site = _of_scope(policy, "site", resource.map(site))
    anywhere = _of_scope(policy, "site", pd.Series("*", index=resource.index))
    has_own = by_site["frozen_days"].notna()
    return FenceTable(
        resource_ids,
        pd.Index(family.index),
        _of_scope(policy, "resource", resource),
        _of_scope(policy, "family", pd.Series([*family, None], dtype="str")),
        by_site.where(has_own, anywhere).assign(
            slushy_days=by_site["slushy_days"].fillna(anywhere["slushy_days"])
        ),
        fences,
    )


def _of_scope(policy: pd.DataFrame, kind: str, scope: pd.Series) -> pd.DataFrame:
    """Return the policy of each scope of a kind; empty days where there is none."""
    own = policy[policy["scope_type"] == kind].set_index("scope_id")
    return pd.DataFrame(
        {
            "frozen_days": scope.map(own["frozen_days"]).astype(float),
            "slushy_days": scope.map(own["slushy_days"]).astype(float),
            "approver_role": scope.map(own["approver_role"]).astype(object).fillna(""),
        }
    )


def with_zone(moves: pd.DataFrame, context: Context) -> pd.DataFrame:
    """
    Add the fence zone that each move touches.

    The earlier of the two starts decides: whatever is pulled into the frozen zone changes it, too.

    Parameters
    ----------
    moves
        Rows of ``moved_operations``.
    context
        Snapshot and parameters; zones count from its instant.

    Returns
    -------
    pandas.DataFrame
        The moves with ``zone`` (frozen, slushy or liquid) and ``fence_approver_role`` (the
        policy's own; empty where it names none).
    """
    resource = moves["resource_after"].fillna(moves["resource_before"])
    lengths = context.fences.lengths(resource, moves["item_id"])
    frozen, slushy = lengths["frozen_days"], lengths["slushy_days"]
    days = (moves["first_start_at"] - context.as_of).dt.total_seconds() / 86_400
    words = np.select([days < frozen, days < frozen + slushy], ZONES[:2], ZONES[2])
    return moves.assign(
        zone=pd.Series(words, index=moves.index, dtype="str"),
        fence_approver_role=lengths["approver_role"],
    )


def fence_end(operations: pd.DataFrame, context: Context) -> pd.Series:
    """Return the end of the frozen zone of operations, a microsecond apart in their own order."""
    lengths = context.fences.lengths(operations["resource_id"], operations["item_id"])
    place = operations["start_at"].rank(method="first").fillna(0.0)
    end = context.as_of + pd.to_timedelta(lengths["frozen_days"], unit="D")
    return (end + pd.to_timedelta(place, unit="us")).astype(operations["start_at"].dtype)
