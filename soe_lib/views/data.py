"""Page of step 0: what loaded, what is on, what is assumed."""

from __future__ import annotations

import pandas as pd

from soe_lib.rule_words import rule_words, table_words
from soe_lib.run import Run
from soe_lib.steps.snapshot import Data
from soe_lib.views.blocks import Grid, Headline, Note, Sentences
from soe_lib.views.page import Page, blockers


def in_words(tables: pd.DataFrame) -> pd.DataFrame:
    """Return what loaded, with names of tables and rules as one says them."""
    return pd.DataFrame(
        {
            "table": tables["table"].map(table_words),
            "rows read": tables["rows_raw"],
            "excluded": tables["rows_excluded"],
            "loaded": tables["rows_loaded"],
            "in quarantine": tables["rows_quarantined"],
            "the worst": [rule_words(rule) if rule else "" for rule in tables["worst_rule"]],
            "excluded because": tables["excluded_because"].str.replace("as_of", "the snapshot"),
        }
    )


def data_page(run: Run, data: Data) -> Page:
    """
    Lay out what step 0 found.

    Parameters
    ----------
    run
        The run.
    data
        Result of :func:`soe_lib.take_data`.

    Returns
    -------
    Mapping
        Blocks under ``blockers``, ``headline``, ``tables``, ``features``, ``assumptions``.

    Examples
    --------
    >>> page = data_page(run, take_data(run))  # doctest: +SKIP
    >>> show(page["headline"])  # doctest: +SKIP
    """
    snapshot = data.snapshot
    basis = (
        [Note("The S&OP baseline is derived from history, not a management plan.")]
        if snapshot.sop_plan_basis == "derived"
        else []
    )
    off = data.features[~data.features["is_on"]]
    return {
        "blockers": [blockers(run)],
        "headline": [Headline(data.headline, "warn" if data.blockers else "good"), *basis],
        "tables": [
            Grid(in_words(data.tables), table="check", rows=40),
            Note(
                f"Snapshot {snapshot.snapshot_id}, as of {snapshot.as_of:%Y-%m-%d %H:%M} UTC, "
                f"site time zone {snapshot.site_time_zone}, currency {snapshot.currency}."
            ),
        ],
        "features": [
            Grid(
                data.features,
                table="features",
                rows=60,
                columns=("feature", "step", "level", "is_on", "sentence"),
            ),
            Sentences(
                "Off this week",
                tuple(off["sentence"]),
                if_none="nothing, every feature has its tables.",
            ),
        ],
        "assumptions": [
            Sentences(
                "Stated by the mapping",
                tuple(snapshot.assumptions),
                if_none="none stated.",
            )
        ],
    }
