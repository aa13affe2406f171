"""Page of step 4: what is proposed, who must do what, what would be sent."""

from __future__ import annotations

from typing import Any

import pandas as pd

from soe_lib.run import Run
from soe_lib.scenario.costs import TERM_WORDS
from soe_lib.steps.decision import Pack
from soe_lib.views.blocks import (
    Block,
    Grid,
    Headline,
    Live,
    Note,
    Sentences,
    Tile,
    money,
    tiles,
)
from soe_lib.views.page import Page, currency_of
from soe_lib.vocabulary import FUNCTIONS

_PREVIEWS = (
    ("preview_operations", "APS: schedule version", "aps_schedule"),
    ("preview_confirmations", "ERP: order confirmations", "erp_confirmations"),
    ("preview_purchases", "ERP: purchases", "erp_purchases"),
    ("preview_dispatch_list", "MES: dispatch list", "mes_dispatch"),
)


def decision_page(run: Run, pack: Pack) -> Page:
    """
    Lay out the decision pack.

    Parameters
    ----------
    run
        The run.
    pack
        Result of :func:`soe_lib.prepare_decision`.

    Returns
    -------
    Mapping
        Blocks under ``headline``, ``live``, ``tiles``, ``options``, ``needs``, ``commitments``,
        ``preview``.

    Examples
    --------
    >>> page = decision_page(run, prepare_decision(run))  # doctest: +SKIP
    >>> show(page["commitments"])  # doctest: +SKIP
    """
    if pack.off:
        nothing: list[Block] = []
        keys = ("live", "tiles", "options", "needs", "commitments", "preview")
        return {"headline": [Headline(pack.headline, "warn")], **dict.fromkeys(keys, nothing)}
    return {
        "headline": [Headline(pack.headline, "neutral")],
        "live": [Live(lambda: _panel(run), "Decided and signed in the meeting view.")],
        "tiles": [_tiles(run, pack)],
        "options": _options(pack),
        "needs": _needs(pack),
        "commitments": _commitments(pack),
        "preview": _preview(pack),
    }


def _panel(run: Run) -> Any:
    from soe_lib.views.live.decision_panel import DecisionPanel

    return DecisionPanel(run).widget


def _tiles(run: Run, pack: Pack) -> Block:
    currency = currency_of(run)
    row = pack.options[pack.options["scenario"] == pack.scenario].iloc[0]
    until = pack.valid_until_at
    zone = run.snapshot.site_time_zone
    shown = "–" if pd.isna(until) else f"{until.tz_convert(zone):%a %d %b %H:%M}"
    unknown = int((pack.questions["status"] == "unknown").sum())
    return tiles(
        Tile("Proposed", str(row["title"]), str(row["levers"])),
        Tile(
            "Against doing nothing",
            money(float(row["delta_total_cost"]), currency),
            f"{row['delta_num_late_lines']:+,.0f} late order lines",
            "good" if row["delta_total_cost"] < 0 else "warn",
        ),
        Tile("Decide before", shown, "then the first part of it can no longer be done", "warn"),
        Tile("Commitments", f"{len(pack.commitments):,}", f"{unknown} questions to answer first"),
    )


def _options(pack: Pack) -> list[Block]:
    terms = pack.money.assign(term=pack.money["term"].map(TERM_WORDS))
    return [
        Grid(
            pack.options.sort_values("total_cost", kind="stable"),
            title="All scenarios, the cheapest first",
            table="scenarios",
            columns=(
                "title",
                "status",
                "total_cost",
                "delta_total_cost",
                "num_late_lines",
                "on_time_pct",
                "num_moves",
                "reason",
            ),
        ),
        Grid(terms, title="Money by term", table="decision_money"),
    ]


def _needs(pack: Pack) -> list[Block]:
    asked = tuple(dict.fromkeys(pack.questions.loc[pack.questions["question"] != "", "question"]))
    return [
        Grid(
            pack.approvals,
            title="Approvals beside the six signatures",
            table="approvals",
            if_none="none: no fence is broken beyond the planner's right.",
        ),
        Grid(
            pack.escalations,
            title="What goes up to S&OP",
            table="escalations",
            if_none="nothing.",
        ),
        Sentences("Questions of the pressure test", asked, tone="warn", if_none="none is open."),
    ]


def _commitments(pack: Pack) -> list[Block]:
    blocks: list[Block] = []
    for function in FUNCTIONS:
        own = pack.commitments[pack.commitments["function"] == function]
        title = function.replace("_", " ").capitalize()
        blocks.append(
            Grid(
                own.sort_values("due_at", kind="stable"),
                title=f"{title}: {len(own):,}",
                table="commitments",
                rows=6,
                columns=("due_at", "text", "old_value", "new_value", "reason_code"),
                if_none="nothing to do.",
            )
        )
    return blocks


def _preview(pack: Pack) -> list[Block]:
    blocks: list[Block] = [
        Note("Nothing has been sent; this is what each system would receive."),
        Grid(pack.messages, title="Facts by system", table="preview_messages"),
    ]
    for table, title, name in _PREVIEWS:
        rows = pack.preview[name]
        blocks.append(
            Grid(rows, title=f"{title} ({len(rows):,})", table=table, rows=6, columns=_short(rows))
        )
    return blocks


def _short(rows: pd.DataFrame) -> tuple[str, ...]:
    """Columns that hold anything, the first nine of them."""
    filled = [str(name) for name in rows.columns if rows[name].notna().any()]
    return tuple(filled[:9])
