"""
Divergences as a person meets them again: what was done with them, why they came back, what is
within the number of alerts that a role can handle in a week.
"""

from __future__ import annotations

import pandas as pd

from soe_lib.divergence.names import look_up

WORSE = 1.5
"""What was laid aside comes back when it is so many times as severe as it was then."""
NEW, SEEN, QUIET, BACK = "new", "acknowledged", "laid aside", "back"
STANDING_COLUMNS = ("standing", "why", "is_over_budget")


def with_standing(
    rows: pd.DataFrame, handled: pd.DataFrame, as_of: pd.Timestamp, alert_budget: int, zone: str
) -> pd.DataFrame:
    """
    Say for each divergence how it stands with the people.

    What was snoozed comes back at its time, what was dismissed when it happens again, and all that
    was laid aside, or acknowledged, when it has become half as severe again. Nothing is dropped:
    what a role has beyond its budget is marked, the most money at risk within.

    Parameters
    ----------
    rows
        Divergences in their order.
    handled
        What people did (columns of ``soe_lib.handling.COLUMNS``); only the last act on each
        divergence counts, and only acts on this or an earlier run.
    as_of
        Instant of the run.
    alert_budget
        Divergences that a role is asked to look at in a week.
    zone
        Time zone in which instants are said.

    Returns
    -------
    pandas.DataFrame
        ``rows`` with ``standing`` (new, acknowledged, laid aside, back), ``why`` (who laid it
        aside and why, or why it came back; empty for new ones) and ``is_over_budget``.
    """
    last = handled[handled["known_at"] <= as_of].drop_duplicates("divergence_id", keep="last")
    last = last.set_index("divergence_id")
    own = rows["divergence_id"]
    then = {name: look_up(own, last[name]) for name in last.columns}
    is_known = then["action"].notna()
    is_worse = rows["severity"] > WORSE * then["severity"]
    # Some detectors see things anew at every run: only a moment of its own tells two apart.
    happened = rows["first_seen_at"].notna() & (rows["first_seen_at"] < as_of)
    is_again = happened & (rows["first_seen_at"] > then["known_at"])
    is_over = then["until_at"] <= as_of
    snoozed, dismissed = then["action"] == "snooze", then["action"] == "dismiss"
    standing = pd.Series(NEW, index=rows.index, dtype="str")
    standing = standing.mask(then["action"] == "acknowledge", SEEN)
    standing = standing.mask(snoozed | dismissed, QUIET)
    is_back = is_known & (is_worse | is_again | (snoozed & is_over))
    standing = standing.mask(is_back, BACK)
    found = rows.assign(standing=standing, why=_why(rows, then, standing, is_worse, is_again, zone))
    asks = found["standing"].isin([NEW, BACK])
    place = asks.groupby(found["owner_role"]).cumsum()
    return found.assign(is_over_budget=asks & (place > alert_budget))


def _why(
    rows: pd.DataFrame,
    then: dict[str, pd.Series],
    standing: pd.Series,
    is_worse: pd.Series,
    is_again: pd.Series,
    zone: str,
) -> list[str]:
    words = []
    for label in rows.index:
        action = then["action"].loc[label]
        if not isinstance(action, str):
            words.append("")
            continue
        done = {"acknowledge": "acknowledged", "snooze": "snoozed", "dismiss": "dismissed"}[action]
        by = f"{done} by {then['person'].loc[label]} on {_day(then['said_at'].loc[label], zone)}"
        until, reason = then["until_at"].loc[label], then["reason"].loc[label]
        by += f" until {_day(until, zone)}" if pd.notna(until) else ""
        by += f": {reason}" if reason else ""
        if standing.loc[label] != BACK:
            words.append(by)
        elif is_again.loc[label]:
            seen = _day(rows["first_seen_at"].loc[label], zone)
            words.append(f"came back: it happened again on {seen} ({by})")
        elif is_worse.loc[label]:
            before, now = then["severity"].loc[label], rows["severity"].loc[label]
            words.append(f"came back: {now:.1f} times its tolerance, {before:.1f} then ({by})")
        else:
            words.append(f"came back: its time is up ({by})")
    return words


def _day(at: pd.Timestamp, zone: str) -> str:
    return f"{at.tz_convert(zone):%d %b}"
