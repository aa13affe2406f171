"""Secondary finite resources: tools and people by skill."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from soe_lib.schedule.problem import Labour, Tools


def build_tools(rows: Mapping[str, pd.DataFrame], as_of: pd.Timestamp) -> Tools:
    """Return the tools that are not scrapped; one under repair is there from its instant on."""
    table = rows["tooling"].sort_values("tool_id").reset_index(drop=True)
    table = table[table["status"].fillna("available") != "scrapped"]
    ready = (table["available_from_at"] - as_of).dt.total_seconds() / 60
    return Tools(
        tuple(table["tool_id"].tolist()),
        np.round(table["tool_qty"].to_numpy(float)).astype(np.int64),
        np.maximum(ready.fillna(0.0).to_numpy(float), 0.0),
    )


def build_labour(rows: Mapping[str, pd.DataFrame], as_of: pd.Timestamp) -> Labour:
    """
    Return people by skill: the actual head count where it is known, else the planned one.

    Rows without ``start_at`` and ``end_at`` hold for their whole day in UTC. Beyond the last day
    that the table knows the last week repeats.
    """
    table = rows["labour_availability"]
    if table.empty:
        return Labour()
    day = table["labour_date"].dt.tz_localize("UTC")
    begin = table["start_at"].fillna(day)
    end = table["end_at"].fillna(day + pd.Timedelta(days=1))
    known = pd.DataFrame(
        {
            "skill": table["skill_code"].to_numpy(),
            "begin": ((begin - as_of).dt.total_seconds() / 60).to_numpy(float),
            "end": ((end - as_of).dt.total_seconds() / 60).to_numpy(float),
            "heads": table["actual_headcount"].fillna(table["planned_headcount"]).to_numpy(float),
        }
    )
    skills = tuple(sorted(known["skill"].unique()))
    parts = [_steps(known[known["skill"] == skill]) for skill in skills]
    offset = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
    flat = np.vstack(parts) if parts else np.zeros((0, 3))
    return Labour(skills, offset.astype(np.int64), flat[:, 0], flat[:, 1], flat[:, 2])


LABOUR_WEEKS = 40


def _steps(own: pd.DataFrame) -> np.ndarray:
    """Add up overlapping shifts to disjoint intervals and repeat the last week."""
    last = own["end"].max()
    tail = own[own["begin"] >= last - 7 * 1440]
    later = [tail.assign(begin=tail["begin"] + 10080.0 * k, end=tail["end"] + 10080.0 * k)
             for k in range(1, LABOUR_WEEKS)]  # fmt: skip
    table = pd.concat([own, *later])
    table = table[table["end"] > 0]
    cuts = np.unique(np.concatenate([table["begin"].clip(lower=0.0), table["end"]]))
    change = np.zeros(len(cuts) + 1)
    np.add.at(change, np.searchsorted(cuts, table["begin"].clip(lower=0.0)), table["heads"])
    np.add.at(change, np.searchsorted(cuts, table["end"]), -table["heads"])
    heads = np.cumsum(change)[: len(cuts) - 1]
    steps = np.column_stack([cuts[:-1], cuts[1:], heads])
    return steps[steps[:, 2] > 1e-9]
