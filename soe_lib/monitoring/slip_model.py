r"""
How likely an open promise is to slip, from what was known at an instant.

With :math:`D` the days from a line's first promise to its receipt, a supplier's hazard is the share
of its past deliveries with :math:`D` beyond the last day of the promise in force, among those that
had not come by the same stage. It is shrunk to that of all suppliers by :math:`n/(n+k)`, the
supplier's share for one item to the supplier's. A logistic regression with a small ridge puts these
together with how often the promise was moved, the time that is left, the agreed lead time, the
quantity and how much the supplier has open (A. E. Hoerl, R. W. Kennard, *Technometrics* 12 (1970)
55-67; S. le Cessie, J. C. van Houwelingen, *Applied Statistics* 41 (1992) 191-201).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit, logit

from soe_lib.monitoring.slip_history import days_of

LEAN = 5.0
"""Deliveries at which a supplier's own share weighs as much as that of all."""
RECENT_DAYS = 120.0
"""Age at which a delivery counts half in a supplier's recent share. [days]"""
RIDGE = 1.0
LARGEST_SLOPE = 1e-3
"""Slope of the likelihood above which its maximum counts as not found."""
LEAST_SLIPS = 10
"""Slipped promises below which the hazard stands alone: too few to weigh it against others."""
FEATURES = ("hazard", "item_hazard", "late_share", "recent_share", "moved_days", "times_said",
            "days_left", "agreed_days", "relative_qty", "num_open")  # fmt: skip


@dataclass(frozen=True)
class Past:
    """
    What was known of deliveries at an instant.

    Attributes
    ----------
    rows
        Promises whose outcome was known: those of ``slip_history.outcomes`` with ``delay_days``
        (first promise to receipt; where the goods are still missing, what has passed at least).
    at
        The instant.
    time_zone
        Zone of the site.
    """

    rows: pd.DataFrame
    at: pd.Timestamp
    time_zone: str

    @classmethod
    def until(cls, promises: pd.DataFrame, at: pd.Timestamp, time_zone: str) -> Past:
        """Return what was known at an instant; nothing later is read."""
        rows = promises[promises["known_at"] <= at]
        came = rows["received_at"].where(rows["received_at"] <= at, at)
        first = rows["first_promised_date"].to_numpy().astype("datetime64[D]").astype(float)
        return cls(rows.assign(delay_days=days_of(came, time_zone) - first), at, time_zone)

    def late_share(self, suppliers: pd.Series) -> np.ndarray:
        """Return the plain share of late promises of each supplier; that of all where none."""
        late = self.rows["is_late"].astype(float)
        own = late.groupby(self.rows["supplier_id"]).mean()
        return suppliers.map(own).fillna(late.mean() if len(late) else 0.0).to_numpy(float)


def waiting(promises: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    """Return the promises that were in force at an instant, neither kept nor broken yet."""
    is_in_force = (promises["since_at"] <= at) & (promises["until_at"] > at)
    return promises[is_in_force & (promises["known_at"] > at)]


def features(rows: pd.DataFrame, past: Past) -> pd.DataFrame:
    """Return :data:`FEATURES` of waiting promises, from what was known then."""
    first, last, promised = (
        rows[name].to_numpy().astype("datetime64[D]").astype(float)
        for name in ("first_promised_date", "last_day", "promised_date")
    )
    today = days_of(pd.Series([past.at]), past.time_zone)[0]
    ordered = days_of(rows["ordered_at"], past.time_zone)
    stage, limit = today - first, last - first
    known = past.rows
    weight = np.ones(len(known))
    whole = _share(known, None, rows, stage, limit, weight, np.full(len(rows), 0.02), 1.0)
    hazard = _share(known, ["supplier_id"], rows, stage, limit, weight, whole, LEAN)
    item = _share(known, ["supplier_id", "item_id"], rows, stage, limit, weight, hazard, LEAN)
    overall = float((known["is_late"].sum() + 0.1) / (len(known) + 1.0))
    late = known["is_late"].astype(float)
    age = (past.at - known["known_at"]).dt.total_seconds() / 86_400
    fading = np.exp2(-age / RECENT_DAYS)
    half = known["item_id"], known["ordered_qty"].astype(float)
    usual = rows["item_id"].map(half[1].groupby(half[0]).median()).astype(float)
    qty = rows["ordered_qty"].astype(float)
    return pd.DataFrame(
        {
            "hazard": _logit(hazard),
            "item_hazard": _logit(item),
            "late_share": _logit(_lean(late, known, rows, np.ones(len(known)), overall)),
            "recent_share": _logit(_lean(late * fading, known, rows, fading, overall)),
            "moved_days": np.sign(promised - first) * np.log1p(np.abs(promised - first)),
            "times_said": np.minimum(rows["num_confirmations"].to_numpy(float), 3.0),
            "days_left": np.log1p(np.maximum(promised - today, 0.0)),
            "agreed_days": np.log1p(np.maximum(promised - ordered, 0.0)),
            "relative_qty": np.log((qty / usual.where(usual > 0)).fillna(1.0).clip(lower=1e-3)),
            "num_open": np.log1p(rows.groupby("supplier_id")["item_id"].transform("size")),
        },
        index=rows.index,
    ).astype(float)[list(FEATURES)]


def _share(
    known: pd.DataFrame,
    keys: list[str] | None,
    rows: pd.DataFrame,
    stage: np.ndarray,
    limit: np.ndarray,
    weight: np.ndarray,
    prior: np.ndarray,
    lean: float,
) -> np.ndarray:
    """Return late / not yet come at the stage of each row, shrunk to the prior."""
    group: np.ndarray = np.zeros(len(known))
    own: np.ndarray = np.zeros(len(rows))
    if keys is not None:
        both = pd.concat([known[keys], rows[keys]])
        code = both.groupby(keys, sort=False).ngroup().to_numpy(float)
        group, own = code[: len(known)], code[len(known) :]
    # one ascending list: the group's number decides first, the delay within it
    scale = 1e6
    place: np.ndarray = group * scale + np.clip(known["delay_days"].to_numpy(float), -4e5, 4e5)
    order = np.argsort(place, kind="stable")
    place, total = place[order], np.concatenate([[0.0], np.cumsum(weight[order])])
    end = np.searchsorted(place, own * scale + 4.5e5)
    not_yet = total[end] - total[np.searchsorted(place, own * scale + stage - 0.5)]
    late = total[end] - total[np.searchsorted(place, own * scale + np.maximum(limit, stage) + 0.5)]
    return (late + lean * prior) / (not_yet + lean)


def _lean(
    value: pd.Series, known: pd.DataFrame, rows: pd.DataFrame, weight: np.ndarray, prior: float
) -> np.ndarray:
    group = known["supplier_id"]
    late = value.groupby(group).sum()
    total = pd.Series(weight, index=known.index).groupby(group).sum()
    share = (late + LEAN * prior) / (total + LEAN)
    return rows["supplier_id"].map(share).fillna(prior).to_numpy(float)


def _logit(share: np.ndarray) -> np.ndarray:
    bounded = np.clip(share, 1e-4, 1 - 1e-4)
    return logit(bounded)


@dataclass(frozen=True)
class SlipModel:
    """Weights of the features; without them the item's hazard is the probability."""

    middle: np.ndarray
    spread: np.ndarray
    weights: np.ndarray

    @classmethod
    def fit(cls, table: pd.DataFrame, late: np.ndarray, weight: np.ndarray) -> SlipModel | None:
        """Fit on past rows; None with fewer than :data:`LEAST_SLIPS` slips in weight."""
        late = np.asarray(late, float)
        if float(weight[late > 0].sum()) < LEAST_SLIPS:
            return None
        raw = table[list(FEATURES)].to_numpy(float)
        middle, spread = raw.mean(axis=0), np.maximum(raw.std(axis=0), 1e-6)
        known = np.column_stack([np.ones(len(raw)), (raw - middle) / spread])
        ridge = np.array([1e-6, *[RIDGE] * len(FEATURES)])

        def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
            """Return minus the penalised log likelihood, and its slope."""
            value = known @ weights
            missed = weight * (expit(value) - late)
            size = weight @ (np.logaddexp(0.0, value) - late * value)
            return float(size + ridge @ weights**2 / 2), known.T @ missed + ridge * weights

        start = np.zeros(known.shape[1])
        found = minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-6})
        if float(np.abs(found.jac).max()) > LARGEST_SLOPE:
            raise ArithmeticError(f"the weights of the slip model were not found: {found.message}")
        return cls(middle, spread, found.x)

    def chance(self, table: pd.DataFrame) -> np.ndarray:
        """Return the probability of a slip."""
        raw = (table[list(FEATURES)].to_numpy(float) - self.middle) / self.spread
        return expit(self.weights[0] + raw @ self.weights[1:])


def chance_of(model: SlipModel | None, table: pd.DataFrame) -> np.ndarray:
    """Return probabilities, by the hazard alone where there is no model."""
    if model is not None:
        return model.chance(table)
    return expit(table["item_hazard"].to_numpy(float))
