"""What the live what-if shows below the comparison: the order put in, moves, stock, load, odds."""

from __future__ import annotations

from html import escape

import pandas as pd

from soe_lib.run import Run
from soe_lib.scenario.typed_levers import RUSH_POLICIES
from soe_lib.views.blocks import Grid, as_html, money
from soe_lib.views.facts_of_run import moment
from soe_lib.views.page import currency_of
from soe_lib.views.scenarios import signed

SHOWN_LINES = 8


def rush_html(run: Run, quotes: pd.DataFrame, displaced: pd.DataFrame) -> str:
    """
    Return the answer to an inquiry, escaped; empty where no order is put in.

    Parameters
    ----------
    run
        Run whose site and currency are used.
    quotes, displaced
        Rows of ``scenario_rush`` and ``scenario_displaced`` of one scenario.
    """
    if quotes.empty:
        return ""
    taken = quotes[quotes["is_taken"]].iloc[0]
    table = pd.DataFrame(
        {
            "place": quotes["policy"].map(RUSH_POLICIES),
            "there on": [moment(at, run) or "not in the horizon" for at in quotes["promised_at"]],
            "days late": quotes["days_after_wanted"],
            "later": quotes["num_later"],
            "newly late": quotes["num_newly_late"],
            "days lost": quotes["displaced_days"].round(1),
            "they pay": quotes["others_late_cost"].map(signed),
            "other": quotes["other_cost"].map(signed),
            "margin": quotes["margin"].round(),
            "left": quotes["net_margin"].round(),
        }
    )
    tones = tuple("good" if is_taken else "neutral" for is_taken in quotes["is_taken"])
    grid = Grid(
        table,
        title="When it could be there, and who would pay for it",
        row_tones=tones,  # type: ignore[arg-type]
        rows=len(table),
        right=("they pay", "other"),
    )
    moved = displaced[displaced["moved_days"].abs() > 0]
    lines = pd.DataFrame(
        {
            "order line": moved["order_id"] + "/" + moved["line_id"],
            "customer": moved["customer_id"],
            "item": moved["item_id"],
            "without it": [moment(at, run) or "–" for at in moved["promised_before_at"]],
            "with it": [moment(at, run) or "–" for at in moved["promised_after_at"]],
            "days": moved["moved_days"].round(1),
            "cost": moved["cost_change"].map(signed),
        }
    )
    more = f" (the first {SHOWN_LINES} of {len(lines)})" if len(lines) > SHOWN_LINES else ""
    who = Grid(
        lines,
        title=f"Whom it moves{more}",
        rows=SHOWN_LINES,
        if_none="nobody: no other order line moves.",
        right=("cost",),
    )
    return (
        f'<p class="soe-headline soe-rush">{escape(rush_sentence(run, taken))}</p>'
        f"{as_html(grid)}{as_html(who)}"
    )


def rush_sentence(run: Run, taken: pd.Series) -> str:
    """Return the answer to an inquiry in a sentence."""
    currency = currency_of(run)
    if pd.isna(taken["promised_at"]):
        return (
            f"{taken['qty']:,.0f} of {taken['item_id']} cannot be there within the horizon; "
            "something that it needs does not come in time."
        )
    late = float(taken["days_after_wanted"])
    when = (
        "as wanted"
        if late <= 0
        else f"{late:,.0f} day{'s' if late != 1 else ''} after it is wanted"
    )
    count, newly = int(taken["num_later"]), int(taken["num_newly_late"])
    lines = f"{count:,} other order lines come" if count != 1 else "one other order line comes"
    pays = (
        f"{lines} later, {f'{newly:,} of them' if newly else 'none'} newly late"
        if count
        else "no other order line comes later"
    )
    net = float(taken["net_margin"])
    margin = money(float(taken["margin"]), currency)
    left = (
        f"{money(net, currency)} of its margin of {margin} are left"
        if net >= 0
        else f"it costs {money(-net, currency)} more than its margin of {margin}"
    )
    what = f"{taken['qty']:,.0f} of {taken['item_id']}"
    return f"{what} can leave on {moment(taken['promised_at'], run)}, {when}: {pays}; {left}."
