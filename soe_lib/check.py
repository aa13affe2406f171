"""What ``soe check`` prints: what loaded, what is on and off, what was assumed, what blocks."""

from __future__ import annotations

import textwrap
from collections.abc import Hashable
from typing import Any

import pandas as pd

from soe_lib.features import feature_table, headline
from soe_lib.snapshot import Snapshot, check_report
from soe_lib.tables import TABLES

WIDTH = 100


def check_text(snapshot: Snapshot) -> str:
    """
    Say what a snapshot holds, for a terminal.

    Parameters
    ----------
    snapshot
        Snapshot of any source.

    Returns
    -------
    str
        Tables with their row counts, why rows were excluded or quarantined, the feed level,
        features on and off with the reason, assumptions and blockers.
    """
    parts = [
        f"{snapshot.source_name} as of {snapshot.as_of:%Y-%m-%d %H:%M} UTC",
        _counts(snapshot),
        *_reasons(snapshot),
        *_features(snapshot),
        *_listed("assumed", list(snapshot.assumptions)),
        *_listed("blockers", snapshot.blockers()),
    ]
    return "\n\n".join(parts)


def _counts(snapshot: Snapshot) -> str:
    counts = check_report(snapshot)
    numbers = ["rows_raw", "rows_excluded", "rows_in", "rows_loaded", "rows_quarantined"]
    shown = counts[["table", *numbers]].astype({"table": "str"})
    total = {"table": "total", **{name: int(counts[name].sum()) for name in numbers}}
    shown = pd.concat([shown, pd.DataFrame([total])], ignore_index=True)
    width = max(len(name) for name in shown["table"])
    lines = [f"{'table':<{width}}" + "".join(f"{n.removeprefix('rows_'):>13}" for n in numbers)]
    lines += [
        f"{row['table']:<{width}}" + "".join(f"{row[name]:>13,}" for name in numbers)
        for row in shown.to_dict("records")
    ]
    return "\n".join(lines)


def _reasons(snapshot: Snapshot) -> list[str]:
    excluded, quarantined = [], []
    for name, counts in snapshot.manifest["tables"].items():
        if counts["rows_excluded"]:
            why = ", ".join(f"{k} {v:,}" for k, v in counts["rows_excluded"].items())
            excluded.append(f"{name}: {why}")
        if counts["quarantined"]:
            quarantined.append(f"{name}: " + "; ".join(_examples(snapshot, name)))
    return [*_listed("excluded", excluded), *_listed("quarantined", quarantined)]


def _examples(snapshot: Snapshot, name: str) -> list[str]:
    """Each broken rule with its count and the first row that breaks it: its key and the cell."""
    rows = snapshot.quarantine(name)
    counts = rows["rule"].value_counts()
    return [
        f"{row['rule']} {counts[row['rule']]:,} (first: {_example(row, name)})"
        for row in rows.drop_duplicates("rule").to_dict("records")
    ]


def _example(row: dict[Hashable, Any], name: str) -> str:
    if pd.notna(row["line"]):
        return f"{row['file']} line {row['line']:,}: {str(row['text'])[:60]}"
    contract = TABLES[name]
    named = [column for column in contract.columns if str(row["rule"]).startswith(f"{column}_")]
    shown = dict.fromkeys([*contract.key, *sorted(named, key=len)[-1:]])
    cells = {column: row[column] for column in shown if pd.notna(row.get(column))}
    return ", ".join(f"{column} = {str(cell)[:40]}" for column, cell in cells.items())


def _features(snapshot: Snapshot) -> list[str]:
    features = feature_table(snapshot)
    on = features.loc[features["is_on"], "feature"].tolist()
    off = features.loc[~features["is_on"], "sentence"].tolist()
    return [
        f"feed level: {headline(snapshot)}",
        *_listed("on", [", ".join(on)] if on else []),
        *_listed("off", off),
    ]


def _listed(title: str, sentences: list[str]) -> list[str]:
    if not sentences:
        return []
    lines = [
        textwrap.fill(text, WIDTH, initial_indent="  - ", subsequent_indent="    ")
        for text in sentences
    ]
    return ["\n".join([f"{title}:", *lines])]
