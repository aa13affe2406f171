"""
Master data that people corrected here, until the source corrects it: accepted, reverted, applied.

An override names the value that it replaces. Where the source says something else by now, somebody
has maintained it there and the override lapses. Accepting and reverting are entries of the ledger;
a run keeps the overrides that it was computed with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pandas as pd

from soe_lib.ledger import Ledger, LedgerError

KIND = "parameter"
ACTIONS = ("accept", "revert")
COLUMNS = (
    "proposal_id",
    "table",
    "key",
    "column",
    "old_value",
    "new_value",
    "sentence",
    "owner_role",
    "person",
    "accepted_at",
    "number",
)
_TEXT = ("proposal_id", "table", "key", "column", "sentence", "owner_role", "person")
TABLE = "parameter_overrides"
"""Table of a run with the overrides that its snapshot was read with."""
SAME = 1e-6
"""A source's value counts as the one that was replaced within this. [share]"""


def record(
    ledger: Ledger,
    proposal_id: str,
    action: str,
    changes: Sequence[Mapping[str, object]],
    *,
    sentence: str,
    owner_role: str,
    source: str,
    cycle_id: str,
    said_at: pd.Timestamp,
    person: str,
) -> int:
    """
    Record that somebody accepts or reverts a proposal; returns the number of the entry.

    Parameters
    ----------
    changes
        ``table``, ``key`` (column to value), ``column``, ``old_value``, ``new_value`` each.
    owner_role
        Role that may take it back.

    Raises
    ------
    LedgerError
        When the action is unknown, or there is nothing to revert.
    """
    if action not in ACTIONS:
        raise LedgerError(f"unknown action '{action}'; known: {', '.join(ACTIONS)}")
    latest = _latest(ledger, source)
    is_active = latest.get(proposal_id, {}).get("action") == "accept"
    if (action == "accept") == is_active:
        state = "is accepted already" if is_active else "is not accepted, there is nothing to undo"
        raise LedgerError(f"proposal {proposal_id}: {state}")
    return ledger.append(
        KIND,
        proposal_id,
        {
            "action": action,
            "changes": [dict(change) for change in changes],
            "sentence": sentence,
            "owner_role": owner_role,
            "source": source,
        },
        cycle_id=cycle_id,
        said_at=said_at,
        person=person,
    )


def history(ledger: Ledger, source: str) -> pd.DataFrame:
    """
    Return everything that was accepted and reverted.

    Returns
    -------
    pandas.DataFrame
        ``number``, ``proposal_id``, ``action``, ``sentence``, ``num_values``, ``cycle_id``,
        ``said_at``, ``person``, oldest first.
    """
    entries = ledger.entries(KIND)
    content = [json.loads(text) for text in entries["content"]]
    rows = pd.DataFrame(
        {
            "number": entries["number"],
            "proposal_id": entries["object_id"],
            "action": pd.Series([c["action"] for c in content], dtype="str"),
            "sentence": pd.Series([c["sentence"] for c in content], dtype="str"),
            "num_values": pd.Series([len(c["changes"]) for c in content], dtype="int64"),
            "cycle_id": entries["cycle_id"],
            "said_at": entries["said_at"],
            "person": entries["person"],
        }
    )
    own = [c["source"] == source for c in content]
    return rows[pd.Series(own, index=rows.index, dtype=bool)].reset_index(drop=True)


def active(ledger: Ledger, source: str) -> pd.DataFrame:
    """Return the overrides in force, one row per value, oldest first: :data:`COLUMNS`."""
    rows = []
    for proposal_id, entry in _latest(ledger, source).items():
        if entry["action"] != "accept":
            continue
        for change in entry["changes"]:
            key = json.dumps(change["key"], sort_keys=True)
            rows.append(
                (
                    proposal_id,
                    change["table"],
                    key,
                    change["column"],
                    float(change["old_value"]),
                    float(change["new_value"]),
                    entry["sentence"],
                    entry["owner_role"],
                    entry["person"],
                    entry["said_at"],
                    entry["number"],
                )
            )
    found = pd.DataFrame(rows, columns=list(COLUMNS)).sort_values(
        ["number", "table", "key", "column"], kind="stable"
    )
    return found.astype(
        {
            **dict.fromkeys(("old_value", "new_value"), "float64"),
            **dict.fromkeys(_TEXT, "str"),
            "accepted_at": "datetime64[us, UTC]",
            "number": "int64",
        }
    ).reset_index(drop=True)


def applied(
    tables: Mapping[str, pd.DataFrame], overrides: pd.DataFrame
) -> tuple[dict[str, pd.DataFrame], pd.Series]:
    """
    Put overrides into tables.

    Returns
    -------
    (tables, is_applied)
        New tables, the given ones are not changed; and for each override whether its key is there
        with the value that it replaces. Two overrides of one value follow one another.
    """
    found = dict(tables)
    told = []
    for row in overrides.to_dict("records"):
        name, column = str(row["table"]), str(row["column"])
        table = found.get(name)
        if table is None or column not in table:
            told.append(False)
            continue
        hit = pd.Series(True, index=table.index)
        for key, value in json.loads(str(row["key"])).items():
            hit &= table[key].astype("str") == str(value) if key in table else False
        old = float(row["old_value"])
        values = table[column].astype("float64")
        hit &= (values - old).abs() <= SAME * max(abs(old), 1.0)
        told.append(bool(hit.any()))
        if hit.any():
            found[name] = table.assign(**{column: values.where(~hit, float(row["new_value"]))})
    return found, pd.Series(told, index=overrides.index, dtype=bool)


def _latest(ledger: Ledger, source: str) -> dict[str, dict]:
    entries = ledger.entries(KIND)
    found: dict[str, dict] = {}
    for row in entries.to_dict("records"):
        content = json.loads(row["content"])
        if content["source"] == source:
            about = {name: row[name] for name in ("person", "said_at", "number")}
            found[str(row["object_id"])] = {**content, **about}
    return found
