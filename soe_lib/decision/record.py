"""
The decision record: what was seen, what was chosen, why, and how to compute it again.

A record is written once. Its hash covers everything in it, so that the ledger can chain it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace

import pandas as pd


@dataclass(frozen=True)
class DecisionRecord:
    """
    One decision of one cycle.

    Attributes
    ----------
    cycle_id
        ``2026-W48`` weekly, ``2026-W48-3`` daily.
    snapshot_id, params_hash, code_version, seed
        What the figures were computed from: enough to compute them again, bit for bit.
    as_of
        Instant at which the facts were known.
    scenario_id, scenario_name
        The choice.
    reason
        Why, in the lead's words or the recommendation's.
    selected_by
        Person who chose; only the S&OE lead may.
    options
        One entry per scenario seen: name and the figures that were on the screen.
    result_hashes
        Hash of each scenario's result tables.
    expected_kpis
        KPIs that the choice is expected to reach; outcome is measured against them.
    approvers
        Roles that had to approve, with zone and money.
    num_commitments
        Commitments generated.
    expires_at
        The first instant at which some part of the choice can no longer be done; empty = none.
    """

    cycle_id: str
    snapshot_id: str
    params_hash: str
    code_version: str
    seed: int
    as_of: str
    scenario_id: str
    scenario_name: str
    reason: str
    selected_by: str
    options: tuple[dict[str, object], ...]
    result_hashes: dict[str, str]
    expected_kpis: dict[str, float]
    approvers: tuple[dict[str, object], ...] = ()
    num_commitments: int = 0
    expires_at: str = ""
    record_hash: str = field(default="")

    def sealed(self) -> DecisionRecord:
        """Return the record with the hash of its content."""
        return replace(self, record_hash=self.content_hash())

    def content_hash(self) -> str:
        """Return the hash of everything but the hash itself."""
        content = {name: value for name, value in asdict(self).items() if name != "record_hash"}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def is_intact(self) -> bool:
        """Whether the content still is what was sealed."""
        return bool(self.record_hash) and self.record_hash == self.content_hash()

    def as_json(self) -> str:
        """Return the record as canonical JSON text."""
        return json.dumps(asdict(self), sort_keys=True, indent=1, allow_nan=False)


def read_record(text: str) -> DecisionRecord:
    """
    Read a record back.

    Raises
    ------
    ValueError
        When the text is no record, or its hash does not fit its content.
    """
    try:
        content = json.loads(text)
        content["options"] = tuple(content["options"])
        content["approvers"] = tuple(content["approvers"])
        record = DecisionRecord(**content)
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"not a decision record: {error}") from None
    if not record.is_intact:
        raise ValueError(f"decision of {record.cycle_id}: the hash does not fit the content")
    return record


def differences(record: DecisionRecord, result_hashes: dict[str, str]) -> pd.DataFrame:
    """
    Compare the hashes of a replay with those of the record.

    Returns
    -------
    pandas.DataFrame
        One row per scenario that does not replay bit for bit: ``scenario_id``, ``recorded``,
        ``replayed`` (empty = missing). No rows = the meeting can be opened again as it was.
    """
    names = sorted({*record.result_hashes, *result_hashes})
    rows = [
        (name, record.result_hashes.get(name, ""), result_hashes.get(name, "")) for name in names
    ]
    table = pd.DataFrame(rows, columns=["scenario_id", "recorded", "replayed"])
    return table[table["recorded"] != table["replayed"]].reset_index(drop=True)
