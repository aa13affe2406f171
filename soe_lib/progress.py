"""
Shop-floor reports summed by run and day, by DuckDB: what the detectors need of millions of events.

The events are read where they lie, a Parquet file of the snapshot or a table in memory, and never
held as a whole: what comes back has one row per run and day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import duckdb
import pandas as pd

RUN = ("wo_id", "op_no", "split_no", "resource_id")
_TYPES = {
    "wo_id": "str",
    "op_no": "Int64",
    "split_no": "Int64",
    "resource_id": "str",
    "day": "datetime64[us]",
    "first_at": "datetime64[us, UTC]",
    "last_at": "datetime64[us, UTC]",
    "started_at": "datetime64[us, UTC]",
    "completed_at": "datetime64[us, UTC]",
    "good_qty": "float64",
    "scrap_qty": "float64",
}
_EARLY = pd.Timestamp("1900-01-01", tz="UTC")
_KEPT = """
WITH known AS (SELECT * FROM event WHERE event_at <= $as_of AND event_at > $begin),
corrected AS (SELECT DISTINCT supersedes_id FROM event
              WHERE event_at <= $as_of AND supersedes_id IS NOT NULL)
SELECT known.*, coalesce(split_no, 1) AS split
FROM known ANTI JOIN corrected ON known.event_id = corrected.supersedes_id
"""
_SUMS = """
  min(event_at) AS first_at,
  max(event_at) AS last_at,
  max(event_at) FILTER (event_type IN ('start', 'setup_end')) AS started_at,
  max(event_at) FILTER (event_type = 'complete') AS completed_at,
  sum(coalesce(good_qty, 0)) AS good_qty,
  sum(coalesce(scrap_qty, 0)) AS scrap_qty
"""
_RUNS = f"""
SELECT wo_id, op_no, split AS split_no, resource_id, {_SUMS}
FROM ({_KEPT}) GROUP BY wo_id, op_no, split, resource_id
ORDER BY wo_id, op_no, split_no, resource_id
"""
_DAYS = f"""
SELECT wo_id, op_no, split AS split_no, resource_id,
  CAST(event_at AT TIME ZONE $zone AS DATE) AS day, {_SUMS}
FROM ({_KEPT}) AS kept ASOF JOIN cut ON kept.event_at > cut.at
GROUP BY wo_id, op_no, split, resource_id, day, cut_no
ORDER BY wo_id, op_no, split_no, resource_id, first_at
"""


@dataclass(frozen=True)
class Progress:
    """
    The events of a feed.

    Attributes
    ----------
    events
        The table ``work_order_progress_event``, or its Parquet file.
    as_of
        Later events are left out, and events that a later one corrects.
    zone
        Zone in which days begin.
    memory_limit
        Memory that DuckDB may use before it spills to disk, e.g. ``1GB``; empty = its default.
    """

    events: pd.DataFrame | Path
    as_of: pd.Timestamp
    zone: str
    memory_limit: str = ""

    @cached_property
    def runs(self) -> pd.DataFrame:
        """
        One row per run: ``wo_id``, ``op_no``, ``split_no``, ``resource_id``, ``first_at``,
        ``last_at`` (of all its events), ``started_at`` (last start or end of set-up, NaT = none),
        ``completed_at``, ``good_qty``, ``scrap_qty`` [uom].
        """
        return self._summed(_RUNS, _EARLY, ())

    def days(self, begin: pd.Timestamp, cuts: Sequence[pd.Timestamp] = ()) -> pd.DataFrame:
        """
        Sum the events after an instant by run and day.

        Parameters
        ----------
        begin
            Events at or before it are left out.
        cuts
            Instants on which no sum may lie on both sides: at or before, and after.

        Returns
        -------
        pandas.DataFrame
            Columns of :attr:`runs`, and ``day``.
        """
        return self._summed(_DAYS, begin, cuts)

    def _summed(self, sql: str, begin: pd.Timestamp, cuts: Sequence[pd.Timestamp]) -> pd.DataFrame:
        at = pd.Series(sorted({_EARLY, *cuts})).astype("datetime64[us, UTC]")
        values: dict[str, object] = {
            "as_of": self.as_of.to_pydatetime(),
            "begin": begin.to_pydatetime(),
        }
        with duckdb.connect() as connection:
            connection.execute("SET threads TO 1")  # the order of sums decides bytes
            connection.execute("SET TimeZone = 'UTC'")
            if self.memory_limit:
                connection.execute(f"SET memory_limit = '{self.memory_limit}'")
            if isinstance(self.events, Path):
                file = str(self.events).replace("'", "''")
                connection.execute(f"CREATE VIEW event AS SELECT * FROM read_parquet('{file}')")
            else:
                connection.register("event", self.events)
            if sql is _DAYS:
                connection.register("cut", pd.DataFrame({"at": at, "cut_no": range(len(at))}))
                values["zone"] = self.zone
            rows = connection.sql(sql, params=values).to_arrow_table().to_pandas()
        return rows.astype({name: kind for name, kind in _TYPES.items() if name in rows})
