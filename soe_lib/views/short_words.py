"""Short words of the tables of steps 1 and 2: days, last moments, customers."""

from __future__ import annotations

import pandas as pd

from soe_lib.run import Run
from soe_lib.views.facts_of_run import day, moment

HARD_SPACE = "\u00a0"


def short_day(value: object, run: Run) -> str:
    """Return the site's day of an instant, in one piece: it does not break over two lines."""
    return day(value, run).replace(" ", HARD_SPACE)


def by_when(value: object, run: Run) -> str:
    """Return a last responsible moment in words: now, a moment, or nothing."""
    if value is None or pd.isna(value):  # type: ignore[call-overload]
        return ""
    at = pd.Timestamp(value)  # type: ignore[arg-type]
    return "now" if at <= run.as_of else moment(at, run).replace(" ", HARD_SPACE)


def with_tier(rows: pd.DataFrame) -> pd.Series:
    """Return ``customer_id`` with its tier in brackets where there is one."""
    names = rows["customer_id"].fillna("?").astype("str")
    tiers = f"{HARD_SPACE}(" + rows["customer_tier"].astype("str") + ")"
    return names + tiers.where(rows["customer_tier"].notna(), "")


def with_decimals(values: pd.Series, count: int = 1) -> pd.Series:
    """Return numbers as text, all with as many decimals, so that a column can be read down."""
    return values.map(lambda v: "–" if pd.isna(v) else f"{v:,.{count}f}").astype("str")
