"""Step 0: take the snapshot of a run and say what it holds."""

from __future__ import annotations

import os
from dataclasses import dataclass

import pandas as pd

from soe_lib import overrides
from soe_lib.features import feature_table, headline
from soe_lib.ledger import Ledger
from soe_lib.run import Run, project_root
from soe_lib.snapshot import Snapshot, check_report, take_snapshot
from soe_lib.sources import load_source


@dataclass(frozen=True)
class Data:
    """
    What step 0 found.

    Attributes
    ----------
    snapshot
        The frozen facts.
    tables
        One row per canonical table supplied: rows raw, excluded, in, loaded, quarantined.
    features
        One row per feature: whether it is on, and why not.
    level
        Feed level in words.
    blockers
        What stands against trusting the run, in sentences.
    headline
        The sentence that opens the page.
    """

    snapshot: Snapshot
    tables: pd.DataFrame
    features: pd.DataFrame
    level: str
    blockers: tuple[str, ...]
    headline: str


def take_data(run: Run) -> Data:
    """
    Take the snapshot that all later steps of the run read.

    Parameters
    ----------
    run
        Run whose source and ``as_of`` are read; its tables ``check`` and ``features`` are written.

    Returns
    -------
    Data

    Raises
    ------
    SourceError
        When the source cannot be read; the text names file, row, column and remedy.

    Examples
    --------
    >>> data = take_data(open_run())  # doctest: +SKIP
    >>> data.level  # doctest: +SKIP
    'L5'
    """
    source = load_source(run.source_name, project_root() / "params" / "sources")
    snapshot = take_snapshot(source, run.as_of, run.workspace)
    counts = check_report(snapshot)
    features = feature_table(snapshot)
    level = headline(snapshot)
    blockers = tuple(snapshot.blockers())
    loaded = int(counts["rows_loaded"].sum())
    quarantined = int(counts["rows_quarantined"].sum())
    on = int(features["is_on"].sum())
    sentence = (
        f"{loaded:,} rows in {len(counts)} tables were loaded and {quarantined:,} quarantined; "
        f"feed level {level}: {on} of {len(features)} features are on"
        + (f", with {len(blockers)} blockers." if blockers else ", nothing blocks the week.")
    )
    run.write(check=counts, features=features)
    corrections = _corrections(run)
    if len(corrections):
        run.write(**{overrides.TABLE: corrections})
    run.say(
        "snapshot",
        {
            "snapshot_id": snapshot.snapshot_id,
            "level": level,
            "blockers": list(blockers),
            "assumptions": list(snapshot.assumptions),
            "headline": sentence,
            "currency": snapshot.currency,
            "site_time_zone": snapshot.site_time_zone,
        },
    )
    return Data(snapshot, counts, features, level, blockers, sentence)


def _corrections(run: Run) -> pd.DataFrame:
    """Return the corrections of master data in force now; reading must not make a ledger."""
    if not os.environ.get("SOE_LEDGER_URL") and not (run.workspace.root / "ledger.sqlite").exists():
        return pd.DataFrame()
    with Ledger.default(run.workspace) as ledger:
        return overrides.active(ledger, run.source_name)
