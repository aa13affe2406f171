"""
Proof of synchronisation: one green seal, or exactly the rows that differ.

Each system is read back and its facts are compared with what was published, hash by hash, and
between the systems that hold the same object.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from sqlalchemy.exc import DBAPIError

from soe_lib.publish.targets import Target

DIFFERENCE_COLUMNS = (
    "system",
    "object_type",
    "object_id",
    "difference",
    "published",
    "held",
)


@dataclass(frozen=True)
class Seal:
    """
    Whether APS, ERP and MES hold the published facts.

    Attributes
    ----------
    is_green
        True where every system holds every fact as published.
    num_facts
        Facts compared.
    differences
        One row per (``system``, ``object_type``, ``object_id``) that differs: ``difference``
        (missing, different, left over, unreadable), ``published`` and ``held`` payloads.
    sentence
        The seal in words.
    """

    is_green: bool
    num_facts: int
    differences: pd.DataFrame
    sentence: str


def compare(messages: pd.DataFrame, targets: Sequence[Target]) -> Seal:
    """
    Compare what each system holds with what was published.

    Parameters
    ----------
    messages
        Messages of the publication.
    targets
        The systems.
    """
    nothing = pd.DataFrame(columns=list(DIFFERENCE_COLUMNS), dtype="str")
    found = [_differences(messages, target) for target in targets]
    differences = pd.concat([nothing, *found], ignore_index=True)
    differences = differences.sort_values(
        ["system", "object_type", "object_id"], kind="stable"
    ).reset_index(drop=True)
    names = [target.system for target in targets]
    absent = sorted(set(messages["system"]) - set(names))
    is_green = differences.empty and not absent
    return Seal(is_green, len(messages), differences, _sentence(messages, differences, absent))


def _differences(messages: pd.DataFrame, target: Target) -> pd.DataFrame:
    key = ["object_type", "object_id"]
    sent = messages.loc[messages["system"] == target.system, [*key, "payload", "payload_hash"]]
    try:
        held = target.read_back()[[*key, "payload", "payload_hash", "publication_id"]]
    except (OSError, DBAPIError, KeyError) as error:
        # what cannot be read is not known to be there: each fact is named
        first = str(error).strip().splitlines()[0] if str(error).strip() else "no reason given"
        return sent.assign(
            system=target.system,
            difference="unreadable",
            published=sent["payload"],
            held=f"{type(error).__name__}: {first}",
        )[list(DIFFERENCE_COLUMNS)]
    joined = sent.merge(held, on=key, how="outer", suffixes=("", "_held"), indicator="_side")
    this = messages["publication_id"].iloc[0] if len(messages) else ""
    # what an earlier publication left behind and this one does not mention is history, not a
    # difference; the same object under this publication's name is one
    left_over = (joined["_side"] == "right_only") & (joined["publication_id"] == this)
    missing = joined["_side"] == "left_only"
    differs = (joined["_side"] == "both") & (joined["payload_hash"] != joined["payload_hash_held"])
    word = pd.Series("", index=joined.index, dtype="str")
    word[missing], word[differs], word[left_over] = "missing", "different", "left over"
    table = joined.assign(
        system=target.system,
        difference=word,
        published=joined["payload"].fillna(""),
        held=joined["payload_held"].fillna(""),
    )
    return table.loc[table["difference"] != "", list(DIFFERENCE_COLUMNS)]


def _sentence(messages: pd.DataFrame, differences: pd.DataFrame, absent: list[str]) -> str:
    if absent:
        return f"Not sealed: {', '.join(absent)} cannot be read back."
    unreadable = differences.loc[differences["difference"] == "unreadable", "system"]
    if len(unreadable):
        named = ", ".join(sorted(set(unreadable)))
        return (
            f"Not sealed: {named} cannot be read back ({len(unreadable):,} facts are not proven)."
        )
    systems = sorted(set(messages["system"]))
    if differences.empty:
        return f"{' = '.join(systems)}: {len(messages):,} facts agree."
    by_system = differences.groupby("system").size()
    detail = ", ".join(f"{system} {count}" for system, count in by_system.items())
    return f"Not sealed: {len(differences):,} of {len(messages):,} facts differ ({detail})."


def synchronise(
    messages: pd.DataFrame, targets: Sequence[Target], *, attempts: int = 5
) -> tuple[Seal, pd.DataFrame]:
    """
    Deliver messages until every system holds them, or say what still differs.

    A target that fails keeps its error in the log; what it already holds is not sent again.

    Returns
    -------
    seal
        Proof, or the differences after the last attempt.
    log
        One row per (``attempt``, ``system``): ``num_sent``, ``num_applied``, ``num_duplicate``,
        ``num_stale``, ``error``.
    """
    log = []
    outstanding = messages
    seal = compare(messages, [])
    for attempt in range(1, attempts + 1):
        for target in targets:
            batch = outstanding[outstanding["system"] == target.system]
            if batch.empty:
                continue
            log.append((attempt, target.system, len(batch), *_deliver(target, batch)))
        seal = compare(messages, targets)
        if seal.is_green:
            break
        outstanding = messages.merge(
            seal.differences[["system", "object_type", "object_id"]], how="inner"
        )
    columns = ["attempt", "system", "num_sent", "num_applied", "num_duplicate", "num_stale"]
    return seal, pd.DataFrame(log, columns=[*columns, "error"])


def _deliver(target: Target, batch: pd.DataFrame) -> tuple[int, int, int, str]:
    try:
        outcome = target.apply(batch)["outcome"].value_counts()
    except (OSError, DBAPIError) as error:
        return 0, 0, 0, f"{type(error).__name__}: {error}"
    counts = [int(outcome.get(word, 0)) for word in ("applied", "duplicate", "stale")]
    return counts[0], counts[1], counts[2], ""
