"""Rules that warn of a promise before it slips, replayed week by week and judged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.kpi.intervals import wilson
from soe_lib.monitoring.slip_model import (
    LEAST_SLIPS,
    Past,
    SlipModel,
    chance_of,
    features,
    waiting,
)
from soe_lib.monitoring.warning_rules import lowest_limit

PLAIN_SHARE = "late share of the supplier"
PLAIN_MOVED = "days the promise was moved"
FORECAST = "forecast"
SLIP_RULES = (PLAIN_SHARE, PLAIN_MOVED, FORECAST)
LEAST_OUTCOMES = 30
"""Known outcomes before the first week is judged; ``LEAST_SLIPS`` of them must be slips."""
REFIT_WEEKS = 4
SAVING_WEEKS = 8
"""False alarms beyond the budget are saved again over so many weeks."""
SLIP_RULE_COLUMNS = (
    "rule",
    "num_weeks",
    "num_promises",
    "num_late",
    "num_warned",
    "num_hits",
    "recall_pct",
    "recall_lo_pct",
    "recall_hi_pct",
    "precision_pct",
    "false_alarm_pct",
    "false_alarm_lo_pct",
    "budget_pct",
    "median_warning_days",
)


@dataclass(frozen=True)
class Walk:
    """
    Every week's scores of the promises that waited, each by what was known that week.

    Attributes
    ----------
    scores
        ``place`` (row of ``promises``), ``at``, one column per rule of :data:`SLIP_RULES`, and
        ``<rule> limit``; limits are infinite before enough outcomes were known.
    now
        The same at the last instant, whose outcomes nobody knows yet.
    """

    scores: pd.DataFrame
    now: pd.DataFrame


def walk(
    promises: pd.DataFrame, instants: list[pd.Timestamp], time_zone: str, budget: float
) -> Walk:
    """
    Score every promise that waited at each instant, in order; the last instant is the present.

    Parameters
    ----------
    promises
        Rows of ``slip_history.outcomes``.
    instants
        Ascending.
    time_zone
        Zone of the site.
    budget
        Declared share of kept promises that may be warned of.
    """
    rows = promises.assign(place=np.arange(len(promises)))
    scored: list[pd.DataFrame] = []
    tables: list[pd.DataFrame] = []
    top = np.full((len(rows), len(SLIP_RULES)), -np.inf)
    spent = _Spent(budget, np.zeros(len(rows), bool), np.zeros(top.shape, bool))
    model: SlipModel | None = None
    fitted = -REFIT_WEEKS
    for number, at in enumerate(instants):
        own = waiting(rows, at)
        past = Past.until(rows, at, time_zone)
        if own.empty or past.rows.empty:
            continue
        if number - fitted >= REFIT_WEEKS or at == instants[-1]:
            model, fitted = _refit(rows, tables, at), number
        table = features(own, past)
        found = pd.DataFrame(
            {
                "place": own["place"].to_numpy(),
                "at": at,
                PLAIN_SHARE: past.late_share(own["supplier_id"]),
                PLAIN_MOVED: (own["promised_date"] - own["first_promised_date"]).dt.days.astype(
                    float
                ),
                FORECAST: chance_of(model, table),
            }
        )
        is_kept = (rows["known_at"] <= at).to_numpy() & ~rows["is_late"].to_numpy(bool)
        limits = limits_at(rows, top, at, spent.left(is_kept))
        places = own["place"].to_numpy()
        scores = found[list(SLIP_RULES)].to_numpy(float)
        top[places] = np.maximum(top[places], scores)
        if np.isfinite(limits).all():
            spent.add(places, scores >= limits)
        scored.append(found.assign(**dict(zip(_limit_names(), limits, strict=True))))
        tables.append(table.assign(place=own["place"].to_numpy()))
    if not scored:
        none = pd.DataFrame(columns=["place", "at", *SLIP_RULES, *_limit_names()])
        return Walk(none, none)
    everything = pd.concat(scored, ignore_index=True)
    is_now = everything["at"] == instants[-1]
    return Walk(everything[~is_now], everything[is_now])


def _limit_names() -> list[str]:
    return [f"{rule} limit" for rule in SLIP_RULES]


def _refit(rows: pd.DataFrame, tables: list[pd.DataFrame], at: pd.Timestamp) -> SlipModel | None:
    """Fit on the weeks before ``at`` of promises whose outcome was known at ``at``."""
    if not tables:
        return None
    table = pd.concat(tables, ignore_index=True)
    table = table[(rows["known_at"] <= at).to_numpy()[table["place"]]]
    # a promise counts once, however many weeks it waited
    weight = 1 / table.groupby("place")["place"].transform("size").to_numpy(float)
    late = rows["is_late"].to_numpy()[table["place"]]
    return SlipModel.fit(table, late, weight) if len(table) else None


def limits_at(
    rows: pd.DataFrame, top: np.ndarray, at: pd.Timestamp, budgets: np.ndarray
) -> np.ndarray:
    """
    Return each rule's limit from the promises whose outcome was known at an instant.

    Parameters
    ----------
    rows
        All promises.
    top
        Highest score of each promise (rows) by each rule (columns) so far; minus infinity = none.
    at
        The instant.
    budgets
        Share of kept promises that each rule may warn of.
    """
    known = np.isfinite(top[:, 0]) & (rows["known_at"] <= at).to_numpy()
    kept = known & ~rows["is_late"].to_numpy(bool)
    # those that are kept are known first: without slips among them a limit would be too low
    if known.sum() < LEAST_OUTCOMES or (known & ~kept).sum() < LEAST_SLIPS or not kept.any():
        return np.full(len(SLIP_RULES), np.inf)
    return np.array([lowest_limit(top[kept, k], share) for k, share in enumerate(budgets)])


@dataclass
class _Spent:
    """False alarms so far: what a rule raised too many it saves in the next weeks."""

    budget: float
    is_judged: np.ndarray
    is_warned: np.ndarray
    num_weeks: int = 0

    def left(self, is_kept: np.ndarray) -> np.ndarray:
        """Return the share that each rule may use now, of promises known to be kept."""
        own = self.is_judged & is_kept
        if not own.any():
            return np.full(len(SLIP_RULES), self.budget)
        over = self.is_warned[own].sum(axis=0) - self.budget * own.sum()
        coming = SAVING_WEEKS * own.sum() / self.num_weeks
        return np.clip(self.budget - over / coming, 0.0, self.budget)

    def add(self, places: np.ndarray, is_warned: np.ndarray) -> None:
        """Take a judged week in."""
        self.num_weeks += 1
        self.is_judged[places] = True
        self.is_warned[places] |= is_warned


def judge_slips(
    promises: pd.DataFrame, walked: Walk, as_of: pd.Timestamp, budget: float
) -> pd.DataFrame:
    """
    Judge the rules on promises whose outcome is known by ``as_of``.

    Returns
    -------
    pandas.DataFrame
        One row per rule: :data:`SLIP_RULE_COLUMNS`; ``false_alarm_pct`` of the promises that were
        kept, ``median_warning_days`` from the first warning to the day on which the promise was
        broken. No rows where no week could be judged.
    """
    rows = walked.scores.astype({"place": "int64"})
    rows = rows[np.isfinite(rows[f"{FORECAST} limit"].to_numpy(float))]
    rows = rows[(promises["known_at"] <= as_of).to_numpy()[rows["place"]]]
    if rows.empty:
        return pd.DataFrame(columns=list(SLIP_RULE_COLUMNS))
    found = []
    for rule in SLIP_RULES:
        at = rows["at"].where(rows[rule] >= rows[f"{rule} limit"])
        first = at.groupby(rows["place"]).min()
        late = promises["is_late"].to_numpy()[first.index]
        warned = first.notna().to_numpy()
        hits, count, wrong = (warned & late).sum(), late.sum(), (warned & ~late).sum()
        ahead = promises["late_at"].iloc[first.index[warned & late]].to_numpy()
        days = (ahead - first[warned & late].to_numpy()) / pd.Timedelta(days=1)
        low, high = wilson(hits, count)
        good = len(late) - count
        found.append(
            (
                rule,
                rows["at"].nunique(),
                len(first),
                int(count),
                int(warned.sum()),
                int(hits),
                100 * hits / count if count else np.nan,
                100 * low,
                100 * high,
                100 * hits / warned.sum() if warned.any() else np.nan,
                100 * wrong / good if good else np.nan,
                100 * wilson(wrong, good)[0],
                100 * budget,
                float(np.median(days)) if len(days) else np.nan,
            )
        )
    return pd.DataFrame(found, columns=list(SLIP_RULE_COLUMNS))


def rule_that_warns(rules: pd.DataFrame) -> str:
    """
    Return the rule that may warn; empty where none is proven.

    Of the rules that found a slip and whose false alarms are not above the declared share by more
    than chance (lower bound of Wilson's interval), the one that found most; a plain one where the
    forecast did not find more. None where fewer than ``LEAST_SLIPS`` slips can be judged.
    """
    if rules.empty or rules["num_late"].iloc[0] < LEAST_SLIPS:
        return ""
    own = rules[(rules["num_hits"] > 0) & (rules["false_alarm_lo_pct"] <= rules["budget_pct"])]
    return str(own.set_index("rule")["num_hits"].idxmax()) if len(own) else ""
