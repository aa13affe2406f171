"""The signing desk: rights, order, passphrases, one decision and one publication per cycle."""

from __future__ import annotations

import concurrent.futures
from pathlib import Path

import pandas as pd
import pytest

from soe_lib.decision.governance import load_governance
from soe_lib.ledger import Ledger
from soe_lib.steps.desk import Desk
from soe_lib.steps.desk_records import DeskError
from tests.conftest import ROOT

AT = pd.Timestamp("2026-11-23T10:00Z")
GOVERNANCE = load_governance(ROOT / "params" / "governance.yaml")
SECRET = "six functions at one table"
DECISION = {"scenario": "overtime", "reason": "cheapest", "approver_roles": ["plant_manager"]}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk where everybody has the same passphrase."""
    desk = Desk(Ledger(tmp_path / "ledger.sqlite"), GOVERNANCE, "2026-W48", "demo")
    for person in GOVERNANCE.people:
        desk.set_passphrase(person.person_id, SECRET, AT)
    return desk


def _ready(desk: Desk) -> None:
    desk.select("soe_lead", SECRET, DECISION, AT)
    desk.verify("soe_lead", SECRET, AT)
    for role in (*GOVERNANCE.signatures, "plant_manager"):
        desk.sign(GOVERNANCE.owner(role), SECRET, AT)


def test_whole_meeting(desk: Desk) -> None:
    """Tests the order of a meeting from the problem to the one publication."""
    desk.state_problem("coordinator", SECRET, "Filler 1 is short of 20 h", AT)
    assert desk.what_is_missing(desk.standing()) == "no scenario is selected"
    _ready(desk)
    standing = desk.standing()
    assert standing.problem == "Filler 1 is short of 20 h"
    assert standing.is_complete
    assert set(standing.signed) == {*GOVERNANCE.signatures, "plant_manager"}
    assert desk.claim_publication("soe_lead", SECRET, {"publication_id": "P1"}, AT) > 0
    assert desk.standing().published["publication_id"] == "P1"
    assert desk.ledger.verify() == []


@pytest.mark.parametrize(
    ("person", "said"),
    [("operations", "may not select scenario"), ("nobody", "nobody has the id")],
)
def test_only_the_lead_selects(desk: Desk, person: str, said: str) -> None:
    """Tests that a person without the right is refused with the names of those who have it."""
    with pytest.raises(DeskError, match=said):
        desk.select(person, SECRET, DECISION, AT)


def test_wrong_passphrase_is_refused_and_not_stored(desk: Desk) -> None:
    """Tests that a wrong passphrase is refused and that no passphrase stands in the ledger."""
    with pytest.raises(DeskError, match="not right"):
        desk.select("soe_lead", "a guess that is wrong", DECISION, AT)
    assert SECRET not in "".join(desk.ledger.entries()["content"])


def test_nothing_is_published_before_everybody_signed(desk: Desk) -> None:
    """Tests that a missing verification or signature is named and blocks the publication."""
    desk.select("soe_lead", SECRET, DECISION, AT)
    desk.sign("operations", SECRET, AT)
    with pytest.raises(DeskError, match=r"not verified.*not signed by Procurement"):
        desk.claim_publication("soe_lead", SECRET, {}, AT)


def test_new_selection_voids_signatures(desk: Desk) -> None:
    """Tests that signatures hold for the decision that was signed, not for a later one."""
    _ready(desk)
    desk.select("soe_lead", SECRET, {**DECISION, "scenario": "split"}, AT)
    standing = desk.standing()
    assert not standing.is_verified
    assert standing.signed == {}


def test_signing_is_for_ones_own_role(desk: Desk) -> None:
    """Tests that somebody whose role is not wanted cannot sign, and that signing twice is once."""
    desk.select("soe_lead", SECRET, {**DECISION, "approver_roles": []}, AT)
    with pytest.raises(DeskError, match="nothing to sign"):
        desk.sign("plant_manager", SECRET, AT)
    desk.sign("finance", SECRET, AT)
    desk.sign("finance", SECRET, AT)
    assert (desk.standing().acts["act"] == "signature").sum() == 1


def test_open_questions_block_the_signatures(desk: Desk) -> None:
    """Tests that a question is answered by its own function, and that 'no' keeps it open."""
    question = "Is skill filling there on Saturday?"
    desk.select("soe_lead", SECRET, {**DECISION, "questions": {question: "operations"}}, AT)
    with pytest.raises(DeskError, match="questions of the pressure test are open"):
        desk.sign("finance", SECRET, AT)
    with pytest.raises(DeskError, match="for Operations to answer"):
        desk.answer("finance", SECRET, question, "yes", AT)
    with pytest.raises(DeskError, match="yes, no, or until"):
        desk.answer("operations", SECRET, question, "until", AT)
    desk.answer("operations", SECRET, question, "no", AT)
    assert desk.standing().open_questions == (question,)
    desk.answer("operations", SECRET, question, "until", AT, "Saturday 14:00")
    assert desk.standing().open_questions == ()
    assert desk.sign("finance", SECRET, AT) == "finance"


def test_published_cycle_is_closed(desk: Desk) -> None:
    """Tests that after the publication nothing of the decision can be changed."""
    _ready(desk)
    desk.claim_publication("soe_lead", SECRET, {"publication_id": "P1"}, AT)
    with pytest.raises(DeskError, match="published"):
        desk.select("soe_lead", SECRET, DECISION, AT)
    with pytest.raises(DeskError, match="already published"):
        desk.claim_publication("soe_lead", SECRET, {"publication_id": "P2"}, AT)


def test_twenty_publishers_at_once_give_one_publication(desk: Desk, tmp_path: Path) -> None:
    """Tests that of twenty simultaneous claims exactly one wins and the chain stays intact."""
    _ready(desk)

    def claim(number: int) -> bool:
        own = Desk(Ledger(tmp_path / "ledger.sqlite"), GOVERNANCE, "2026-W48", "demo")
        try:
            own.claim_publication("soe_lead", SECRET, {"publication_id": f"P{number}"}, AT)
        except DeskError:
            return False
        return True

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        won = list(pool.map(claim, range(20)))
    assert sum(won) == 1
    assert len(desk.ledger.entries("publication")) == 1
    assert desk.ledger.verify() == []
