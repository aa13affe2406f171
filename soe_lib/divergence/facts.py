"""What every detector sees: the snapshot, its instant, the tolerances, the prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from soe_lib.divergence.names import item_names, resource_names
from soe_lib.params import Params
from soe_lib.progress import Progress
from soe_lib.tables import TABLES

EVENTS = "work_order_progress_event"


@dataclass(frozen=True)
class Facts:
    """
    The facts that detectors compare.

    Attributes
    ----------
    tables
        Canonical tables by name; an absent one is empty (see :func:`facts_of`).
    as_of
        Instant of the snapshot; nothing later is looked at.
    since
        Instant of the last cycle: events after it are news.
    time_zone
        Zone of the site, in which days begin and end.
    params
        Tolerance bands (``params.divergence``), prices, horizon, fences.
    progress
        Reports of the shop floor, summed where they lie: detectors never hold them as a whole.
    """

    tables: Mapping[str, pd.DataFrame]
    as_of: pd.Timestamp
    since: pd.Timestamp
    time_zone: str
    params: Params
    progress: Progress

    def has(self, table: str) -> bool:
        """Say whether the feed has rows of a table."""
        if table == EVENTS and isinstance(self.progress.events, Path):
            return True
        return not self.tables[table].empty

    @property
    def today(self) -> pd.Timestamp:
        """Calendar day of the site at ``as_of``, without zone."""
        return self.as_of.tz_convert(self.time_zone).tz_localize(None).normalize()

    @property
    def first_day(self) -> pd.Timestamp:
        """Calendar day of the site at ``since``, without zone."""
        return self.since.tz_convert(self.time_zone).tz_localize(None).normalize()

    @cached_property
    def item_names(self) -> pd.Series:
        """Name by ``item_id``."""
        return item_names(self.tables)

    @cached_property
    def resource_names(self) -> pd.Series:
        """Name by ``resource_id``."""
        return resource_names(self.tables)

    @cached_property
    def items(self) -> pd.DataFrame:
        """The ``item`` table by ``item_id``."""
        return self.tables["item"].drop_duplicates("item_id").set_index("item_id")

    @cached_property
    def resource_sites(self) -> pd.Series:
        """Site by ``resource_id``."""
        return (
            self.tables["resource"]
            .drop_duplicates("resource_id")
            .set_index("resource_id")["site_id"]
        )

    def instant(self, days: pd.Series) -> pd.Series:
        """Return the begin of calendar days of the site as instants UTC."""
        local = days.dt.tz_localize(self.time_zone, nonexistent="shift_forward", ambiguous=False)
        return local.dt.tz_convert("UTC").astype("datetime64[us, UTC]")


def facts_of(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    params: Params,
    *,
    time_zone: str = "UTC",
    since: pd.Timestamp | None = None,
    progress: Progress | None = None,
) -> Facts:
    """
    Collect facts; tables that are not there are empty, the last cycle is a week ago.

    Parameters
    ----------
    tables
        Canonical tables by name.
    as_of, params, time_zone
        See :class:`Facts`.
    since
        Instant of the last cycle; None = seven days before ``as_of``.
    progress
        Reports of the shop floor; None = those of the table.
    """
    full = {name: tables.get(name, contract.empty()) for name, contract in TABLES.items()}
    before = as_of - pd.Timedelta(days=7) if since is None else since
    events = Progress(full[EVENTS], as_of, time_zone) if progress is None else progress
    return Facts(full, as_of, before, time_zone, params, events)
