"""What ``soe check`` prints: what loaded, what is on and off, what was assumed, what blocks."""

from __future__ import annotations

import textwrap

import pandas as pd

from soe_lib.features import feature_table, headline
from soe_lib.snapshot import Snapshot, check_report

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
            why = ", ".join(f"{k} {v:,}" for k, v in counts["quarantined"].items())
            quarantined.append(f"{name}: {why}{_first_quarantined(snapshot, name)}")
    return [*_listed("excluded", excluded), *_listed("quarantined", quarantined)]


def _first_quarantined(snapshot: Snapshot, name: str) -> str:
    row = snapshot.quarantine(name).iloc[0]
    if pd.notna(row["line"]):
        return f" (first: {row['file']} line {row['line']:,}: {str(row['text'])[:60]})"
    cells = row.drop(["rule", "file", "line", "text"]).dropna()
    return " (first: " + ", ".join(f"{k} = {str(v)[:30]}" for k, v in cells.items())[:160] + ")"


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
