"""A meeting by script: everybody who must say something says it, in the order of the desk."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pandas as pd

from soe_lib.decision.governance import Governance, Right
from soe_lib.ledger import Ledger
from soe_lib.run import Run
from soe_lib.steps.desk import Desk
from soe_lib.steps.publication import Publication, publish, select_scenario

PEOPLE = "people"
MINUTE = pd.Timedelta(minutes=1)


@dataclass(frozen=True)
class ScriptedMeeting:
    """
    People of a simulated plant who agree with the recommendation.

    Every act is an entry of the ledger, signed by passphrase, as in a real meeting.

    Attributes
    ----------
    governance
        People, roles and rights.
    seed
        Makes the passphrases; they protect nothing.
    """

    governance: Governance
    seed: int

    def give_passphrases(self, ledger: Ledger, at: pd.Timestamp) -> None:
        """Give everyone who has none a passphrase."""
        desk = Desk(ledger, self.governance, PEOPLE, PEOPLE)
        for person in self.governance.people:
            if not desk.has_passphrase(person.person_id):
                desk.set_passphrase(person.person_id, self.passphrase(person.person_id), at)

    def hold(self, run: Run, ledger: Ledger, at: pd.Timestamp) -> Publication | None:
        """
        State the problem, select what is recommended, verify, answer, sign and publish.

        Parameters
        ----------
        run
            The finished run of the cycle.
        ledger
            The ledger.
        at
            Instant at which the meeting begins; each act is a minute after the one before.

        Returns
        -------
        Publication or None
            None where step 3 recommends nothing.
        """
        scenario = str(run.words("what_if").get("recommended", ""))
        if not scenario:
            return None
        desk = Desk(ledger, self.governance, run.cycle_id, run.source_name)
        coordinator = self._who("state_problem")
        words = str(run.words("divergence").get("headline", "")) or "The week as it stands."
        desk.state_problem(coordinator, self.passphrase(coordinator), words, at)
        lead = self._who("select_scenario")
        reason = "recommended: " + str(run.words("what_if")["headline"])
        select_scenario(run, desk, lead, self.passphrase(lead), scenario, reason, at + MINUTE)
        desk.verify(lead, self.passphrase(lead), at + 2 * MINUTE)
        standing = desk.standing()
        questions = dict(standing.decision.get("questions", {}))
        for question in standing.open_questions:
            person = self.governance.owner(questions[question])
            desk.answer(person, self.passphrase(person), question, "yes", at + 3 * MINUTE)
        for role in desk.standing().missing:
            person = self.governance.owner(role)
            desk.sign(person, self.passphrase(person), at + 4 * MINUTE)
        return publish(run, desk, lead, self.passphrase(lead), at + 5 * MINUTE)

    def _who(self, right: Right) -> str:
        people = self.governance.people
        return next(p.person_id for p in people if self.governance.may(p.person_id, right))

    def passphrase(self, person_id: str) -> str:
        """Return the passphrase of a person."""
        return hashlib.sha256(f"{self.seed}/{person_id}".encode()).hexdigest()[:16]
