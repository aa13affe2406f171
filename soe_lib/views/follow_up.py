"""Page of step 5, second half: outcomes, what starts again, what is coming, learning, maturity."""

from __future__ import annotations

import pandas as pd

from soe_lib.charts import plot_promise_outcome
from soe_lib.run import Run
from soe_lib.steps.follow_up import FollowUp
from soe_lib.views.blocks import (
    Block,
    Columns,
    Facts,
    Folded,
    Grid,
    Headline,
    Note,
    Picture,
    Sentences,
    Tone,
)
from soe_lib.views.follow_up_ahead import ahead_part
from soe_lib.views.follow_up_parts import FEW, in_plain_words, learning_part, maturity_part
from soe_lib.views.page import Page, currency_of

_LABELS = (
    ("restarts", "Starts again"),
    ("commitments", "Commitments"),
    ("drift", "Drift"),
    ("warnings", "This week"),
    ("suppliers", "Suppliers"),
    ("month", "This month"),
    ("lessons", "Master data"),
    ("maturity", "Maturity"),
)


def follow_up_page(run: Run, followed: FollowUp) -> Page:
    """
    Lay out what became of decisions and what is coming.

    Parameters
    ----------
    run
        The run.
    followed
        Result of :func:`soe_lib.follow_up`.

    Returns
    -------
    Mapping
        Blocks under ``summary``, ``outcomes``, ``again``, ``ahead``, ``learning``, ``maturity``.

    Examples
    --------
    >>> page = follow_up_page(run, follow_up(run))  # doctest: +SKIP
    >>> show(page["summary"])  # doctest: +SKIP
    """
    unread = Sentences("What could not be read of earlier weeks", followed.unread, tone="warn")
    return {
        "summary": [
            *([unread] if followed.unread else []),
            Headline(followed.sentences["outcomes"], _tone(followed)),
            Facts("", tuple((label, followed.sentences[name]) for name, label in _LABELS)),
        ],
        "outcomes": _outcomes(run, followed),
        "again": _again(run, followed),
        "ahead": ahead_part(followed),
        "learning": learning_part(run, followed),
        "maturity": maturity_part(followed),
    }


def _tone(followed: FollowUp) -> Tone:
    last = followed.outcomes.decisions.tail(1)
    if last.empty or float(last["num_lines"].iloc[0]) == 0:
        return "neutral"
    more = float(last["actual_late_lines"].iloc[0]) > float(last["expected_late_lines"].iloc[0])
    return "bad" if more else "good"


def _outcomes(run: Run, followed: FollowUp) -> list[Block]:
    decisions = followed.outcomes.decisions
    if decisions.empty:
        return [Note(followed.sentences["outcomes"])]
    money = currency_of(run)
    newest = decisions.iloc[::-1].reset_index(drop=True)
    shown = pd.DataFrame(
        {
            "cycle": newest["cycle_id"],
            "decision": newest["title"],
            "late: promised": newest["expected_late_lines"],
            "happened": newest["actual_late_lines"],
            "of lines": newest["num_lines"],
            "model off by": newest["error_days"].map("{:.2f} days".format),
            "cost: promised": newest["expected_cost"].round(0),
            "under what came": newest["realised_cost"].round(0),
            "best in hindsight": newest["best_scenario"],
            "regret": newest["regret"].round(0),
        }
    )
    options = followed.outcomes.options
    tones: tuple[Tone, ...] = tuple("good" if c else "neutral" for c in options["is_chosen"])
    last = followed.outcomes.decisions["put_in"].iloc[-1]
    return [
        Picture(plot_promise_outcome(decisions.tail(26)), table="outcome_decisions"),
        Grid(
            shown,
            title=f"Promise against outcome, newest first (money in {money})",
            table="outcome_decisions",
            rows=FEW,
            right=("model off by",),
        ),
        Folded(
            "The options of the last decision, run again under what really came",
            (
                Note(f"Put in: {last}." if last else "Nothing of what came could be put in."),
                Grid(
                    options.rename(
                        columns={
                            "title": "option",
                            "expected_cost": "cost promised",
                            "realised_cost": "cost under what came",
                            "expected_late_lines": "late lines promised",
                            "realised_late_lines": "late lines under what came",
                        }
                    ).round(0),
                    table="outcome_options",
                    columns=(
                        "option",
                        "cost promised",
                        "cost under what came",
                        "late lines promised",
                        "late lines under what came",
                        "regret",
                    ),
                    row_tones=tones,
                ),
                Sentences("What this cannot say", followed.outcomes.limits),
            ),
        ),
        Folded(
            "Order lines on which the model was most wrong",
            (
                Grid(
                    followed.outcomes.lines.rename(
                        columns={"expected_at": "expected ready", "error_days": "later by (days)"}
                    ),
                    table="outcome_lines",
                    rows=20,
                    columns=(
                        "order_id",
                        "line_id",
                        "customer_id",
                        "item_id",
                        "due_at",
                        "expected ready",
                        "left_at",
                        "later by (days)",
                    ),
                    if_none="no order line was due while it was in force.",
                ),
            ),
        ),
    ]


def _again(run: Run, followed: FollowUp) -> list[Block]:
    again, kept, drifted = followed.restarts, followed.commitments, followed.drift
    at_risk = f"at risk {currency_of(run)}".strip()
    open_ = kept[kept["state"].isin(["broken", "overdue"])]
    counts = (
        drifted.groupby(["system", "what"], sort=False).size().rename("facts").reset_index()
        if len(drifted)
        else pd.DataFrame(columns=["system", "what", "facts"])
    )
    return [
        Grid(
            again.assign(owner_role=in_plain_words(again["owner_role"])).rename(
                columns={
                    "why": "why now",
                    "past": "its history",
                    "money_at_risk": at_risk,
                    "owner_role": "owned by",
                    "sentence": "what",
                }
            ),
            title="Variances that start the five steps again",
            table="restarts",
            rows=FEW,
            columns=("why now", "what", "owned by", at_risk, "its history"),
            if_none="nothing new, and nothing came back.",
        ),
        Columns(
            (
                (
                    Grid(
                        open_,
                        title="Commitments that need somebody",
                        table="commitment_states",
                        rows=FEW,
                        columns=("state", "owner_id", "text", "evidence"),
                        if_none="every commitment that fell due was kept, or none is known.",
                    ),
                ),
                (
                    Grid(
                        counts,
                        title="Drift since the publication",
                        rows=8,
                        if_none="nothing was published yet, or the three systems still hold it.",
                    ),
                ),
            ),
            (3, 2),
        ),
        Folded(
            f"All {len(kept)} commitments and {len(drifted)} drifted facts",
            (
                Grid(
                    kept,
                    title="Commitments",
                    table="commitment_states",
                    rows=40,
                    columns=("state", "function", "due_at", "text", "evidence"),
                ),
                Grid(drifted, title="Drift", table="drift", rows=40),
            ),
        ),
    ]
