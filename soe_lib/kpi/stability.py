r"""
Nervousness: how much a new version of the plan moved what the old one had promised.

Over the horizon that both versions cover, with :math:`x(i, t)` the quantity of item *i* planned in
bucket *t* and weights that fall with distance, :math:`w_t = \lambda^t`:

.. math::
    I_{qty} = \frac{\sum w_t |x_k - x_{k-1}|}{\sum w_t x_{k-1}} \quad
    I_{count} = \frac{changed}{operations} \quad
    I_{shift} = \overline{|start shift|} \quad I_{seq} = 1 - \tau_{Kendall}

(:math:`I_{qty}`: form of Sridharan, Berry and Udayabhanu, recalled.) New demand is an arrival and
cancelled demand a departure, not instability. Completed work and buckets that rolled off or on do
not count, nor does a shift within the tolerance.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from soe_lib.kpi.value import Kpi, Period, cuts, measure, share
from soe_lib.kpi.versions import OPERATION, StabilityParams, compared_operations

_FIRST = "first version: nothing to compare with"
_NOTHING = "no operation in the horizon of both versions"


def nervousness(
    previous: pd.DataFrame,
    current: pd.DataFrame,
    as_of: pd.Timestamp,
    period: Period,
    tables: Mapping[str, pd.DataFrame],
    params: StabilityParams | None = None,
) -> list[Kpi]:
    """
    Return the instability between two versions, in all and by zone.

    Parameters
    ----------
    previous, current, as_of, tables, params
        As for :func:`soe_lib.kpi.versions.compared_operations`.
    period
        Week under which the rows are printed.

    Returns
    -------
    list
        ``nervousness_qty, nervousness_count, nervousness_shift, nervousness_sequence`` in all and
        per zone (dimension ``zone``), ``plan_arrivals``, ``plan_departures``. The first version
        has no nervousness.
    """
    params = params or StabilityParams()
    rows = compared_operations(previous, current, as_of, tables, params)
    first = previous.empty
    found: list[Kpi] = []
    for dimension, member, part in cuts(rows, "zone"):
        rest = {"dimension": dimension, "member": member}
        found += _indices(part, as_of, period, params, first, rest)
    for name, kind in (("plan_arrivals", "arrival"), ("plan_departures", "departure")):
        count = int((rows["kind"] == kind).sum())
        found.append(
            measure(
                name,
                f"operations of {'new' if kind == 'arrival' else 'cancelled'} demand",
                np.nan if first else float(count),
                "operations",
                as_of,
                period,
                n=0 if first else count,
                empty=_FIRST,
            )
        )
    return found


def avoidable_nervousness(
    previous: pd.DataFrame,
    current: pd.DataFrame,
    minimal: pd.DataFrame,
    as_of: pd.Timestamp,
    period: Period,
    tables: Mapping[str, pd.DataFrame],
    params: StabilityParams | None = None,
) -> list[Kpi]:
    """
    Split the share of changed operations into what facts forced and what was our choice.

    Parameters
    ----------
    minimal
        The feasible schedule with the fewest changes for the same new facts.

    Returns
    -------
    list
        ``nervousness_exogenous`` (of ``minimal``) and ``nervousness_avoidable`` (of ``current``
        less that), in %.
    """
    by_plan = []
    for plan in (current, minimal):
        kpis = nervousness(previous, plan, as_of, period, tables, params)
        by_plan.append(next(k for k in kpis if k.kpi == "nervousness_count" and not k.dimension))
    chosen, forced = by_plan
    words = "changed operations / operations, of the minimum-change feasible plan"
    return [
        measure(
            "nervousness_exogenous",
            words,
            forced.value,
            "%",
            as_of,
            period,
            n=forced.n,
            empty=forced.reason,
            higher_is_better=False,
        ),
        measure(
            "nervousness_avoidable",
            f"changed operations / operations, less the same of {words.split(', of ')[1]}",
            chosen.value - forced.value,
            "pp",
            as_of,
            period,
            n=chosen.n,
            empty=chosen.reason or forced.reason,
            higher_is_better=False,
        ),
    ]


def _indices(
    rows: pd.DataFrame,
    as_of: pd.Timestamp,
    period: Period,
    params: StabilityParams,
    first: bool,
    rest: dict[str, Any],
) -> list[Kpi]:
    kinds = rows["kind"].value_counts()
    excluded = {
        str(k): int(kinds[k]) for k in ("completed", "rolled off", "rolled on") if k in kinds
    }
    counted = rows[rows["kind"].isin(["matched", "removed", "extra split"])]
    matched = rows[rows["kind"] == "matched"]
    given: dict[str, Any] = {
        "n": len(counted),
        "excluded": excluded,
        "empty": _FIRST if first else _NOTHING,
        "higher_is_better": False,
        **rest,
    }
    num, den = _weighed(counted, as_of, params)
    changed = int((counted["change"] != "").sum())
    shift = matched["shift_hours"].abs().where(matched["change"].isin(["moved", "other resource"]))
    shift = shift.fillna(0.0)
    twice, pairs = _sequence(matched)
    weights = f"w = {params.weight_per_bucket:g}^t, buckets of {params.bucket_days:g} days"
    return [
        share(
            "nervousness_qty",
            f"sum w |x_k - x_(k-1)| / sum w x_(k-1); {weights} (R)",
            num,
            den,
            as_of,
            period,
            **given,
        ),
        share(
            "nervousness_count",
            "changed operations / operations in the overlap",
            changed,
            len(counted),
            as_of,
            period,
            is_count=True,
            **given,
        ),
        measure(
            "nervousness_shift",
            "mean |start shift| of matched operations, working hours",
            float(shift.mean()) if len(shift) else np.nan,
            "h",
            as_of,
            period,
            **{**given, "n": len(shift)},
        ),
        measure(
            "nervousness_sequence",
            "1 - Kendall tau of start order by resource, pairs pooled (0 same, 2 reversed)",
            twice / pairs if pairs else np.nan,
            "index",
            as_of,
            period,
            num=twice,
            den=pairs,
            **{
                **given,
                "n": len(matched),
                "empty": _FIRST if first else "no resource has two matched operations",
            },
        ),
    ]


def _weighed(
    rows: pd.DataFrame, as_of: pd.Timestamp, params: StabilityParams
) -> tuple[float, float]:
    """Return weighed change and weighed old quantity over items and buckets of the overlap."""
    bucket = pd.Timedelta(days=params.bucket_days)
    old = rows["start_at"].notna()
    new = rows["new_start_at"].notna()
    if not old.any():
        return 0.0, 0.0
    last = ((rows.loc[old, "start_at"] - as_of) // bucket).max()
    parts = []
    for there, start, qty, sign in (
        (old, "start_at", "planned_qty", -1.0),
        (new, "new_start_at", "new_planned_qty", 1.0),
    ):
        own = rows[there]
        parts.append(
            pd.DataFrame(
                {
                    "item_id": own["item_id"],
                    "op_no": own["op_no"],
                    "t": (own[start] - as_of) // bucket,
                    "change": own[qty] * sign,
                    "before": own[qty] if sign < 0 else 0.0,
                }
            )
        )
    cells = pd.concat(parts, ignore_index=True)
    cells["t"] = cells["t"].clip(lower=0)
    cells = cells[cells["t"] <= last].groupby(["item_id", "op_no", "t"])[["change", "before"]].sum()
    weight = params.weight_per_bucket ** cells.index.get_level_values("t").to_numpy(float)
    change = float((cells["change"].abs().to_numpy() * weight).sum())
    return change, float((cells["before"].to_numpy() * weight).sum())


def _sequence(matched: pd.DataFrame) -> tuple[float, float]:
    """Return pairs x (1 - tau) and pairs, over operations that stayed on their resource."""
    own = matched[matched["resource_id"] == matched["new_resource_id"]]
    total, weighed = 0.0, 0.0
    for _, rows in own.groupby("resource_id", sort=True):
        size = len(rows)
        if size < 2:
            continue
        order = rows.sort_values(["start_at", *OPERATION], kind="stable")
        after = order[["new_start_at", *OPERATION]].reset_index(drop=True)
        rank = after.sort_values(["new_start_at", *OPERATION], kind="stable").index.argsort()
        total += size * (size - 1) / 2
        # 1 - tau = 2 x swapped pairs / pairs
        weighed += 2.0 * _swapped(np.asarray(rank))
    return weighed, total


def _swapped(rank: np.ndarray) -> int:
    """Return the pairs of a permutation that stand in reversed order, block by block."""
    block = 512
    return sum(
        int(np.triu(rank[low : low + block, None] > rank[None, low:], k=1).sum())
        for low in range(0, len(rank), block)
    )
