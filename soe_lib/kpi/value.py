"""The one result of every KPI: a number that names its formula, population, interval and target."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from soe_lib.kpi.intervals import wilson

PASS, FAIL, NOT_EVALUABLE = "pass", "fail", "not_evaluable"
NO_TARGET = "no target"

COLUMNS = (
    "kpi",
    "formula",
    "policy",
    "basis",
    "site_id",
    "dimension",
    "member",
    "period_start",
    "period_end",
    "as_of",
    "num",
    "den",
    "n",
    "n_excluded",
    "excluded",
    "coverage_pct",
    "value",
    "unit",
    "lo",
    "hi",
    "target",
    "higher_is_better",
    "status",
    "reason",
    "note",
)
"""Columns of :func:`kpi_rows`."""


@dataclass(frozen=True)
class Period:
    """
    Site days over which a KPI counts: ``start_date`` included, ``end_date`` excluded.

    Examples
    --------
    >>> week = Period.last_weeks(pd.Timestamp("2026-11-23T05:00Z"), 1, "Europe/Berlin")[0]
    >>> str(week.start_date.date()), str(week.end_date.date())
    ('2026-11-16', '2026-11-23')
    """

    start_date: pd.Timestamp
    end_date: pd.Timestamp
    time_zone: str = "UTC"

    def __post_init__(self) -> None:
        for day in (self.start_date, self.end_date):
            if day.tz is not None or day != day.normalize():
                raise ValueError(f"period: {day} is not a calendar day of the site")
        if self.start_date >= self.end_date:
            raise ValueError(f"period: {self.start_date} is not before {self.end_date}")

    @property
    def start_at(self) -> pd.Timestamp:
        """First instant, UTC."""
        return self.start_date.tz_localize(self.time_zone).tz_convert("UTC")

    @property
    def end_at(self) -> pd.Timestamp:
        """First instant after it, UTC."""
        return self.end_date.tz_localize(self.time_zone).tz_convert("UTC")

    @property
    def days(self) -> int:
        """Length. [days]"""
        return (self.end_date - self.start_date).days

    def has(self, days: pd.Series) -> pd.Series:
        """Return True for each site day inside the period."""
        return (days >= self.start_date) & (days < self.end_date)

    @classmethod
    def last_weeks(cls, as_of: pd.Timestamp, count: int, time_zone: str) -> tuple[Period, ...]:
        """Return the last ``count`` site weeks that were complete at ``as_of``, oldest first."""
        today = as_of.tz_convert(time_zone).tz_localize(None).normalize()
        monday = today - pd.Timedelta(days=today.weekday())
        week = pd.Timedelta(weeks=1)
        return tuple(
            cls(monday - k * week, monday - (k - 1) * week, time_zone) for k in range(count, 0, -1)
        )


@dataclass(frozen=True)
class Kpi:
    """
    One KPI, one population, one number.

    ``value`` is NaN where the population is empty or the formula has no answer; ``reason`` then
    says why. ``status`` follows: *pass* or *fail* against ``target``, *not_evaluable* without a
    value or without a target (``reason`` is "no target" and the value is still shown).

    Attributes
    ----------
    kpi
        Name in snake_case.
    formula
        The formula in words and symbols, printed beside the number.
    value, unit
        The number; shares are in %.
    num, den
        Numerator and denominator as summed (NaN where the KPI is no ratio).
    n
        Rows that were evaluated.
    excluded
        Rows left out, by reason.
    lo, hi
        Confidence interval, NaN where none is defined.
    target, higher_is_better
        Target under the same policy, and on which side of it is good; None = neither.
    policy, basis
        Name of the policy and of the reference date.
    dimension, member
        The cut (e.g. ``customer_id``, ``C7``), empty for the total.
    note
        What the reader must know: assumptions, bounds, how many rows they touch.
    """

    kpi: str
    formula: str
    value: float
    unit: str
    as_of: pd.Timestamp
    period: Period
    num: float = np.nan
    den: float = np.nan
    n: int = 0
    excluded: Mapping[str, int] = field(default_factory=dict)
    lo: float = np.nan
    hi: float = np.nan
    target: float = np.nan
    higher_is_better: bool | None = None
    policy: str = ""
    basis: str = ""
    site_id: str = ""
    dimension: str = ""
    member: str = ""
    reason: str = ""
    note: str = ""

    @property
    def n_excluded(self) -> int:
        """Rows left out, all reasons."""
        return int(sum(self.excluded.values()))

    @property
    def coverage_pct(self) -> float:
        """Share of rows that were evaluated; NaN where there were none. [%]"""
        everything = self.n + self.n_excluded
        return 100.0 * self.n / everything if everything else np.nan

    @property
    def is_evaluable(self) -> bool:
        """True where there is a number."""
        return bool(np.isfinite(self.value))

    @property
    def status(self) -> str:
        """Return pass, fail or not_evaluable."""
        if not self.is_evaluable or np.isnan(self.target) or self.higher_is_better is None:
            return NOT_EVALUABLE
        margin = self.value - self.target
        return PASS if (margin if self.higher_is_better else -margin) >= -1e-9 else FAIL

    def with_target(self, target: float, *, higher_is_better: bool = True) -> Kpi:
        """Return the same KPI measured against a target."""
        return replace(self, target=target, higher_is_better=higher_is_better)


def share(
    kpi: str,
    formula: str,
    num: float,
    den: float,
    as_of: pd.Timestamp,
    period: Period,
    *,
    n: int | None = None,
    confidence_pct: float = 95.0,
    is_count: bool = False,
    empty: str = "nothing in the population",
    **rest: object,
) -> Kpi:
    """
    Return a ratio of sums in %; 0/0 and x/0 are not evaluable, never 0 % or 100 %.

    Parameters
    ----------
    num, den
        Sums.
    n
        Rows behind them; default the denominator (counts).
    is_count
        True where numerator and denominator count rows: the interval is then Wilson's.
    empty
        Reason given when the denominator is zero.
    rest
        Further fields of :class:`Kpi`.
    """
    rows = int(den) if n is None else int(n)
    good = bool(np.isfinite(num) and np.isfinite(den) and den > 0)
    value = 100.0 * num / den if good else np.nan
    lo, hi = (np.nan, np.nan)
    if good and is_count:
        low, high = wilson(num, den, confidence_pct)
        lo, hi = 100.0 * low, 100.0 * high
    found = Kpi(
        kpi,
        formula,
        value,
        "%",
        as_of,
        period,
        num=float(num),
        den=float(den),
        n=rows,
        lo=lo,
        hi=hi,
    )
    return replace(found, reason="" if good else empty, **rest)  # type: ignore[arg-type]


def measure(
    kpi: str,
    formula: str,
    value: float,
    unit: str,
    as_of: pd.Timestamp,
    period: Period,
    *,
    n: int,
    empty: str = "nothing in the population",
    **rest: object,
) -> Kpi:
    """Return a number that is no share; NaN and infinity are not evaluable, ``empty`` says why."""
    good = bool(np.isfinite(value))
    found = Kpi(kpi, formula, float(value) if good else np.nan, unit, as_of, period, n=int(n))
    return replace(found, reason="" if good else empty, **rest)  # type: ignore[arg-type]


def kpi_rows(kpis: Iterable[Kpi]) -> pd.DataFrame:
    """
    Return KPIs as a table, one row each, columns :data:`COLUMNS`.

    ``n_excluded`` is the sum and ``excluded`` the text ``reason count; reason count``, reasons in
    alphabetical order. ``period_start``, ``period_end`` and ``as_of`` are instants, UTC.
    """
    rows = [
        {
            **{name: getattr(k, name) for name in COLUMNS if name in k.__dataclass_fields__},
            "period_start": k.period.start_at,
            "period_end": k.period.end_at,
            "n_excluded": k.n_excluded,
            "excluded": "; ".join(f"{r} {c}" for r, c in sorted(k.excluded.items()) if c),
            "coverage_pct": k.coverage_pct,
            "status": k.status,
            "reason": k.reason or (NO_TARGET if k.status == NOT_EVALUABLE else ""),
        }
        for k in kpis
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    instants = ("period_start", "period_end", "as_of")
    numbers = ("num", "den", "coverage_pct", "value", "lo", "hi", "target")
    for name in COLUMNS:
        if name in instants:
            table[name] = pd.to_datetime(table[name], utc=True).astype("datetime64[us, UTC]")
        elif name in numbers:
            table[name] = table[name].astype("float64")
        elif name in ("n", "n_excluded"):
            table[name] = table[name].astype("int64")
        elif name == "higher_is_better":
            table[name] = table[name].astype("boolean")
        else:
            table[name] = table[name].astype("str")
    return table


def cuts(rows: pd.DataFrame, by: str | None) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield (dimension, member, rows): the total first, then each member of ``by``, sorted."""
    yield "", "", rows
    if by is not None:
        for member, part in rows.groupby(by, sort=True):
            yield by, str(member), part


def excluded_counts(reasons: pd.Series) -> dict[str, int]:
    """Return rows by reason, alphabetical; empty reasons are not exclusions."""
    counts = reasons[reasons != ""].value_counts()
    return {str(name): int(counts[name]) for name in sorted(counts.index)}
