"""Two rules that warn of a missed week, judged on past weeks by what was known before each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.kpi.intervals import wilson

BUDGET = 0.10
"""Declared share of weeks without a miss in which a line may be warned of."""
LEAST_WEEKS = 3
"""Past weeks that are learned from before a week is judged."""
LINE_WEEKS = 4.0
"""Weeks of a line at which its own habit weighs as much as nil."""
RULES = ("plain threshold", "forecast")
RULE_COLUMNS = (
    "rule",
    "num_weeks",
    "num_line_weeks",
    "num_missed",
    "num_warned",
    "num_hits",
    "recall_pct",
    "recall_lo_pct",
    "recall_hi_pct",
    "false_alarm_pct",
    "budget_pct",
    "median_warning_days",
)


def judge_rules(days: pd.DataFrame, target_pct: float, budget: float = BUDGET) -> pd.DataFrame:
    """
    Judge both rules on past weeks, each by what was known before it.

    Parameters
    ----------
    days
        Rows of :func:`week_days` of complete weeks.
    target_pct
        A line misses its week below this attainment. [%]
    budget
        Declared share of false alarms.

    Returns
    -------
    pandas.DataFrame
        One row per rule: :data:`RULE_COLUMNS`; ``false_alarm_pct`` of the line-weeks without a
        miss, ``median_warning_days`` from the first warning to the end of the week, of the hits.
        No rows with fewer than ``LEAST_WEEKS`` + 1 weeks.
    """
    rows = shares(days, target_pct)
    rows = rows[rows["day"] <= 4]
    weeks = sorted(rows["week_start_date"].unique())
    flags: dict[str, list[pd.DataFrame]] = {rule: [] for rule in RULES}
    for place in range(LEAST_WEEKS, len(weeks)):
        past = rows[rows["week_start_date"] < weeks[place]]
        now = rows[rows["week_start_date"] == weeks[place]]
        model = Model.fit(past)
        # the past's own chances come from models that have not seen the week they are asked of
        known = pd.concat(
            [
                past[past["week_start_date"] == week].assign(
                    score=Model.fit(past[past["week_start_date"] != week]).chance(
                        past[past["week_start_date"] == week], target_pct
                    )
                )
                for week in weeks[:place]
            ]
        )
        scored = now.assign(score=model.chance(now, target_pct))
        flags["forecast"].append(_flag(scored, limit_of(known, budget)))
        flags["plain threshold"].append(
            _flag(
                now.assign(score=now["behind"]), limit_of(past.assign(score=past["behind"]), budget)
            )
        )
    if not flags["forecast"]:
        return pd.DataFrame(columns=list(RULE_COLUMNS))
    return pd.DataFrame(
        [_judged(rule, pd.concat(parts), budget) for rule, parts in flags.items()],
        columns=list(RULE_COLUMNS),
    )


def beats(rules: pd.DataFrame) -> bool:
    """
    Say whether the forecast may be shown: it found more misses, or as many earlier, in its budget.

    Its realised false alarms must not exceed the declared share, or those of the plain rule where
    these are above it too.
    """
    if len(rules) < 2:
        return False
    plain, ours = _rows_of(rules)
    kept = ours["false_alarm_pct"] <= max(ours["budget_pct"], plain["false_alarm_pct"]) + 1e-9
    more = ours["num_hits"] > plain["num_hits"]
    sooner = ours["num_hits"] == plain["num_hits"] and (
        ours["median_warning_days"] > plain["median_warning_days"]
    )
    return bool(kept and (more or sooner))


def _rows_of(rules: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Return the rows of the plain rule and of the forecast."""
    places = {str(name): place for place, name in enumerate(rules["rule"])}
    return rules.iloc[places[RULES[0]]], rules.iloc[places[RULES[1]]]


def rules_sentence(rules: pd.DataFrame, shipped: bool) -> str:
    """Say which rule warns, and how both did."""
    if rules.empty:
        return (
            f"Warnings are not proven yet: they need {LEAST_WEEKS + 1} past weeks of the same feed."
        )
    plain, ours = _rows_of(rules)

    if not ours["num_missed"]:
        return (
            f"No line missed a week that could be judged (weeks: {ours['num_weeks']:.0f}): nothing "
            "proves the forecast, so the plain threshold warns."
        )

    def told(row: pd.Series) -> str:
        wrong = row["false_alarm_pct"]
        alarms = "no good week to be wrong in" if pd.isna(wrong) else f"{wrong:.0f} % false alarms"
        return f"{row['num_hits']:.0f} of {row['num_missed']:.0f} missed weeks with {alarms}"

    name = "The forecast warns" if shipped else "The plain threshold warns, not the forecast"
    return (
        f"{name}: on {ours['num_weeks']:.0f} past weeks the forecast found {told(ours)}, the "
        f"threshold {told(plain)} (declared: {ours['budget_pct']:.0f} %)."
    )


def shares(days: pd.DataFrame, target_pct: float) -> pd.DataFrame:
    """Add the share by which the work is behind, the share missing at the end, and misses."""
    planned = days["planned_hours"]
    short = 1 - days["final_hours"] / planned
    return days.assign(
        behind=(days["due_hours"] - days["done_hours"]) / planned,
        short=short,
        is_missed=short > 1 - target_pct / 100 + 1e-9,
    )


@dataclass(frozen=True)
class Model:
    """One line per day, the lines' habits and the errors of each day."""

    terms: dict[int, tuple[float, float]]
    habit: dict[str, float]
    errors: dict[int, np.ndarray]

    @classmethod
    def fit(cls, rows: pd.DataFrame) -> Model:
        """Fit on past weeks."""
        terms, parts = {}, []
        for day, own in rows.groupby("day"):
            x, y = own["behind"].to_numpy(float), own["short"].to_numpy(float)
            spread = float(((x - x.mean()) ** 2).sum())
            cross = float(((x - x.mean()) * (y - y.mean())).sum())
            slope = cross / (spread + 0.05)
            terms[int(str(day))] = (float(y.mean() - slope * x.mean()), slope)
            rest = y - (terms[int(str(day))][0] + slope * x)
            parts.append(own.assign(rest=rest))
        both = pd.concat(parts)
        by_week = both.groupby(["resource_id", "week_start_date"])["rest"].mean()
        sums = by_week.groupby("resource_id").agg(["mean", "size"])
        habit = {
            str(n): float(m) * s / (s + LINE_WEEKS)
            for n, m, s in zip(sums.index, sums["mean"], sums["size"], strict=True)
        }
        both["rest"] = both["rest"] - both["resource_id"].map(habit)
        errors = {
            int(str(day)): np.sort(own["rest"].to_numpy(float)) for day, own in both.groupby("day")
        }
        return cls(terms, habit, errors)

    def short(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the expected missing share."""
        nearest = [min(self.terms, key=lambda d: abs(d - int(day))) for day in rows["day"]]
        term = np.array([self.terms[day] for day in nearest]).reshape(-1, 2)
        own = rows["resource_id"].map(self.habit).fillna(0.0).to_numpy(float)
        return term[:, 0] + term[:, 1] * rows["behind"].to_numpy(float) + own

    def sample(self, day: int) -> np.ndarray:
        """Return past errors of a day, of the nearest one that is known."""
        return self.errors[min(self.errors, key=lambda d: abs(d - day))]

    def chance(self, rows: pd.DataFrame, target_pct: float) -> np.ndarray:
        """Return the probability of a miss."""
        middle, limit = self.short(rows), 1 - target_pct / 100
        return np.array(
            [
                (np.sum(m + self.sample(int(d)) > limit) + 0.5) / (len(self.sample(int(d))) + 1)
                for m, d in zip(middle, rows["day"], strict=True)
            ]
        )


def limit_of(rows: pd.DataFrame, budget: float) -> float:
    """Return the lowest limit at which not more than the budget would have been warned wrongly."""
    top = rows.groupby(["week_start_date", "resource_id"]).agg(
        score=("score", "max"), is_missed=("is_missed", "first")
    )
    wrong = top.loc[~top["is_missed"], "score"].to_numpy(float)
    return lowest_limit(wrong, budget) if len(wrong) else float(top["score"].min())


def lowest_limit(good: np.ndarray, budget: float) -> float:
    """Return the lowest limit that not more than a share of the good ones' scores reach."""
    ascending = np.sort(good)
    allowed = min(int(np.floor(budget * len(ascending))), len(ascending) - 1)
    return float(np.nextafter(ascending[len(ascending) - allowed - 1], np.inf))


def _flag(rows: pd.DataFrame, limit: float) -> pd.DataFrame:
    hit = rows["day"].where(rows["score"] >= limit)
    return (
        rows.assign(hit=hit)
        .groupby(["week_start_date", "resource_id"])
        .agg(first=("hit", "min"), is_missed=("is_missed", "first"))
        .reset_index()
    )


def _judged(rule: str, flags: pd.DataFrame, budget: float) -> tuple[object, ...]:
    warned, missed = flags["first"].notna(), flags["is_missed"].astype(bool)
    hits, count = int((warned & missed).sum()), int(missed.sum())
    low, high = wilson(hits, count) if count else (np.nan, np.nan)
    good = int((~missed).sum())
    wrong = int((warned & ~missed).sum())
    early = 5 - flags.loc[warned & missed, "first"]
    return (
        rule,
        flags["week_start_date"].nunique(),
        len(flags),
        count,
        int(warned.sum()),
        hits,
        100 * hits / count if count else np.nan,
        100 * low,
        100 * high,
        100 * wrong / good if good else np.nan,
        100 * budget,
        float(early.median()) if hits else np.nan,
    )
