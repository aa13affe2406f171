"""Maturity is read from records: deleting or falsifying them lowers it, never raises it."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from soe_lib.monitoring.maturity import criteria, level_of, maturity, maturity_sentence

WEEKS = ["2026-W44", "2026-W45", "2026-W46", "2026-W47"]
ROLES = ("operations", "procurement", "customer_service", "logistics", "finance", "demand_planning")
FACTS = {
    "owner_pct": 100.0,
    "foreign_versions": 0.0,
    "outcomes_judged": 1.0,
    "regret_known": 1.0,
    "outcomes_enough": 1.0,
    "proposals_answered_pct": 100.0,
    "commitments_kept_pct": 90.0,
}


def _records() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return four weeks in which everything was done as it should be."""
    rows: list[dict] = []

    def say(week: str, kind: str, hours: float, content: dict, name: str = "", person: str = "p"):
        monday = pd.Timestamp(f"{week[:4]}-11-02T04:00Z") + pd.Timedelta(
            weeks=int(week[-2:]) - 45, hours=hours
        )
        rows.append(
            {
                "number": len(rows) + 1,
                "kind": kind,
                "object_id": name or f"{week}/demo",
                "cycle_id": week,
                "said_at": monday,
                "person": person,
                "content": json.dumps(content),
            }
        )
        return len(rows)

    for week in WEEKS:
        say(week, "cycle", 0, {"status": "done"})
        say(week, "reported", 0, {"digest": "x"})
        say(week, "state", 0, {"state": "open", "source": "demo"}, f"d-{week}")
        say(week, "state", 3, {"state": "assessed", "source": "demo"}, f"d-{week}")
        say(week, "handling", 4, {"action": "acknowledge"}, f"d-{week}")
        say(week, "problem", 5, {"text": "late"})
        number = say(week, "decision", 5, {"scenario": "s", "reason": "saves most",
                                           "questions": {"Can it run?": "operations"},
                                           "approver_roles": ["soe_lead"]})  # fmt: skip
        say(week, "answer", 5, {"decision": number, "question": "Can it run?", "word": "yes"})
        say(week, "verification", 5, {"decision": number})
        for role in (*ROLES, "soe_lead"):
            say(week, "signature", 6, {"decision": number, "role": role})
        say(week, "publication", 6, {"decision": number})
        say(week, "seal", 6.2, {"is_green": True})
        say(week, "recomputed", 7, {"num_differences": 0})
    facts = pd.DataFrame(
        [(week, name, value, f"{week}/demo") for week in WEEKS for name, value in FACTS.items()],
        columns=["week_id", "fact", "value", "object_id"],
    )
    return pd.DataFrame(rows), facts


def _level(entries: pd.DataFrame, facts: pd.DataFrame, weeks: list[str] = WEEKS) -> int:
    return level_of(maturity(entries, facts, weeks, len(ROLES))[0])


def test_everything_recorded_is_the_highest_level() -> None:
    """Tests that four good weeks reach level 4 and every score names its rows."""
    entries, facts = _records()
    scored, evidence = maturity(entries, facts, WEEKS, len(ROLES))
    assert len(scored) == 24
    assert level_of(scored) == 4, scored[~scored["is_met"]]
    assert set(evidence["criterion_id"]) == set(scored["criterion_id"])
    counted = evidence.groupby("criterion_id").size()
    assert scored.set_index("criterion_id")["num_rows"].to_dict() == counted.to_dict()
    assert "all 24 criteria" in maturity_sentence(scored, 4)


@pytest.mark.parametrize(
    ("kind", "at_most"),
    [
        ("cycle", 0),
        ("reported", 0),
        ("problem", 0),
        ("decision", 1),
        ("verification", 1),
        ("signature", 1),
        ("publication", 1),
        ("seal", 1),
        ("answer", 1),
        ("handling", 2),
        ("recomputed", 3),
    ],
)
def test_a_deleted_record_lowers_the_level(kind: str, at_most: int) -> None:
    """Tests that what is missing in one week of four is not met."""
    entries, facts = _records()
    gone = (entries["kind"] == kind) & (entries["cycle_id"] == WEEKS[1])
    assert _level(entries[~gone], facts) <= at_most


@pytest.mark.parametrize(("name", "at_most"), [(name, 3) for name in FACTS if name[:4] != "owne"])
def test_an_unknown_fact_is_not_met(name: str, at_most: int) -> None:
    """Tests that a run that did not say something does not count as if it had."""
    entries, facts = _records()
    gone = (facts["fact"] == name) & (facts["week_id"] == WEEKS[3])
    assert _level(entries, facts[~gone]) <= at_most


def test_falsified_records_lower_the_level() -> None:
    """Tests a red seal, a late publication, a dismissed divergence, an approver that is missing."""
    entries, facts = _records()

    def changed(kind: str, **new: object) -> pd.DataFrame:
        hit = (entries["kind"] == kind) & (entries["cycle_id"] == WEEKS[2])
        content = [
            json.dumps({**json.loads(text), **new}) if own else text
            for own, text in zip(hit, entries["content"], strict=True)
        ]
        return entries.assign(content=content)

    assert _level(changed("seal", is_green=False), facts) == 1
    assert _level(changed("decision", reason=" "), facts) == 1
    assert _level(changed("handling", action="dismiss"), facts) == 2
    assert _level(changed("decision", approver_roles=["plant_manager"]), facts) == 2
    assert _level(changed("recomputed", num_differences=2), facts) == 3
    late = entries["kind"].isin(["publication", "seal"])
    moved = entries["said_at"].where(~late, entries["said_at"] + pd.Timedelta(days=3))
    assert _level(entries.assign(said_at=moved), facts) == 2
    more = facts["value"].where(facts["fact"] != "foreign_versions", 1.0)
    assert _level(entries, facts.assign(value=more)) == 2


def test_three_weeks_are_not_four() -> None:
    """Tests that a short history reaches nothing and says so."""
    entries, facts = _records()
    scored, _ = maturity(entries, facts, WEEKS[1:], len(ROLES))
    assert level_of(scored) == 0
    assert "4 weeks of records are needed, there are 3" in maturity_sentence(scored, 3)
    empty, _ = maturity(entries.head(0), facts.head(0), WEEKS, len(ROLES))
    assert level_of(empty) == 0
    assert (empty["num_weeks_known"] == 0).all()
    assert len({c.criterion_id for c in criteria(6)}) == 24
