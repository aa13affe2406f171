"""Parts of the page of step 5: what the history teaches, how mature the loop is."""

from __future__ import annotations

import pandas as pd

from soe_lib.monitoring.maturity import LEVELS
from soe_lib.run import Run
from soe_lib.steps.follow_up import FollowUp
from soe_lib.views.blocks import Block, Folded, Grid, Live, Note, Tone
from soe_lib.views.page import currency_of

FEW = 6
"""Rows of a table before the rest is one click away."""


def in_plain_words(roles: pd.Series) -> pd.Series:
    """Return roles and functions as people write them."""
    return roles.astype("str").str.replace("_", " ", regex=False)


def learning_part(run: Run, followed: FollowUp) -> list[Block]:
    """Return proposals for master data, how to accept them, and what was looked at."""
    found = followed.lessons.proposals
    in_force = followed.lessons.in_force
    money = currency_of(run)
    shown = pd.DataFrame(
        {
            "proposal": found["proposal_id"],
            "what would change": found["sentence"],
            "for": in_plain_words(found["owner_role"]),
            f"hidden a week, {money}" if money else "hidden a week": found[
                "money_per_week"
            ].round(),
            "in the horizon": [
                f"{effect:+,.1f} {unit}"
                for effect, unit in zip(found["effect"], found["effect_unit"], strict=True)
            ],
        }
    )
    how = (
        "A proposal is accepted, or taken back, on this page in JupyterLab or by the command "
        "soe learn accept PROPOSAL --as PERSON (soe learn revert)."
    )

    def build() -> object:
        from soe_lib.views.live.learning_panel import LearningPanel

        return LearningPanel(run).widget

    count = run.params.monitoring.proposals_shown
    more = shown.iloc[count:].reset_index(drop=True)
    title = "Values of master data that the history contradicts"
    return [
        Grid(
            shown.head(count),
            title=title + (f": the {count} worth most" if len(more) else ""),
            table="proposals",
            rows=count,
            if_none=followed.sentences["lessons"],
            right=("in the horizon",),
        ),
        *(
            [
                Folded(
                    f"And {len(more)} more, each worth less",
                    (Grid(more, table="proposals", rows=len(more), right=("in the horizon",)),),
                )
            ]
            if len(more)
            else []
        ),
        Live(build, how if len(found) or len(in_force) else ""),
        Folded(
            "Corrections in force, and every value that was looked at",
            (
                Grid(
                    in_force.drop_duplicates("proposal_id"),
                    title="In force in this run",
                    table="corrections",
                    columns=("proposal_id", "sentence", "person", "accepted_at", "is_applied"),
                    if_none="none: planning uses the source's own values.",
                ),
                Grid(
                    _looked_at(followed.lessons.units),
                    title="Looked at",
                    table="learning_units",
                    rows=30,
                    if_none="nothing: the history is too short.",
                ),
            ),
        ),
    ]


_LOOKED_AT = {
    "kind": "what",
    "unit": "of",
    "n": "outcomes",
    "num_weeks": "weeks",
    "deviation": "deviates by",
    "low": "at least",
    "high": "at most",
    "num_tested": "tested on",
    "error_before": "error before",
    "error_after": "error after",
    "is_proposed": "proposed",
}


def _looked_at(units: pd.DataFrame) -> pd.DataFrame:
    """Return every value that was looked at, the proposed ones first, under words for people."""
    rows = units.sort_values("is_proposed", ascending=False, kind="stable").round(3)
    rows = rows.assign(kind=in_plain_words(rows["kind"])) if "kind" in rows else rows
    return rows.reindex(columns=list(_LOOKED_AT)).rename(columns=_LOOKED_AT)


def maturity_part(followed: FollowUp) -> list[Block]:
    """Return the levels, every criterion, and the rows behind each score."""
    scored = followed.maturity
    tones: tuple[Tone, ...] = tuple("good" if m else "neutral" for m in scored["is_met"])
    levels = pd.DataFrame(
        {
            "level": [f"{n} {name}" for n, name in enumerate(LEVELS, start=1)],
            "criteria met": [
                f"{int(own['is_met'].sum())} of {len(own)}"
                for n in range(1, len(LEVELS) + 1)
                for own in [scored[scored["level"] == n]]
            ],
            "still missing": [
                "; ".join(own.loc[~own["is_met"], "sentence"]) or "nothing"
                for n in range(1, len(LEVELS) + 1)
                for own in [scored[scored["level"] == n]]
            ],
        }
    )
    reached: tuple[Tone, ...] = tuple(
        "good" if n <= followed.level else "neutral" for n in range(1, len(LEVELS) + 1)
    )
    blocks: list[Block] = [
        Note(followed.sentences["maturity"]),
        Grid(levels, title="Levels, from what was written down", row_tones=reached),
    ]
    details: list[Block] = [
        Grid(
            scored.assign(met=scored["is_met"].map({True: "met", False: "not met"})).rename(
                columns={
                    "value": "last week",
                    "num_weeks_met": "weeks met of 4",
                    "num_rows": "rows behind it",
                }
            ),
            title="Criteria; a week without a record does not count as met",
            table="maturity",
            rows=40,
            columns=(
                "level",
                "sentence",
                "wanted",
                "unit",
                "last week",
                "weeks met of 4",
                "met",
                "rows behind it",
            ),
            row_tones=tones,
        )
    ]
    blocks.append(Folded("Every criterion with its score", tuple(details)))
    rows = followed.maturity_rows
    opened = [
        Grid(
            rows[rows["criterion_id"] == name],
            title=str(sentence),
            table="maturity_rows",
            rows=12,
            columns=("week_id", "kind", "object_id", "number", "detail"),
            if_none="no record: it counts as not met.",
        )
        for name, sentence in zip(scored["criterion_id"], scored["sentence"], strict=True)
    ]
    blocks.append(Folded("The rows behind every score", tuple(opened)))
    return blocks
