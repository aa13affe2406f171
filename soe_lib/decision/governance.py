"""
Who may decide what: people, roles, rights by zone, money and customer tier, and escalation.

The file is ``params/governance.yaml``. Only rules live here; who really signed is in the ledger.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import Field, model_validator

from soe_lib.params import Section, parse_section, read_yaml
from soe_lib.vocabulary import FUNCTIONS, ZONES

Right = Literal[
    "select_scenario",
    "verify_decision",
    "publish",
    "state_problem",
    "sign",
    "commit",
    "approve",
    "accept_escalation",
]
Zone = Literal["frozen", "slushy", "liquid"]

APPROVAL_SHAPE = {
    "zone": "str",
    "approver_role": "str",
    "num_changes": "int64",
    "cost": "float64",
    "customer_tiers": "str",
    "reason": "str",
}


class Person(Section):
    """Somebody who takes part in the meeting."""

    person_id: str = Field(min_length=1)
    name: str = Field(min_length=1)
    role: str = Field(min_length=1)


class Role(Section):
    """A role and what it may do."""

    role: str = Field(min_length=1)
    title: str = Field(min_length=1)
    rights: tuple[Right, ...] = ()


class ApprovalRule(Section):
    """A change in ``zone`` that costs more than ``cost_above`` needs ``approver_role``."""

    zone: Zone
    cost_above: float = Field(0.0, ge=0)
    """The rule applies where the cost of change in the zone is above this. [money]"""
    customer_tiers: tuple[str, ...] = ()
    """The rule applies where an affected customer has one of these tiers; empty = any."""
    approver_role: str


class Escalation(Section):
    """When a decision is not S&OE's to take and goes up to S&OP."""

    accepted_by: str
    money_at_risk_above: float = Field(100_000.0, ge=0)
    """Money still at risk under the recommended scenario. [money]"""
    family_shortfall_pct: float = Field(10.0, ge=0)
    """Shortfall of a family's month plan that S&OE cannot close. [% of plan]"""


class Governance(Section):
    """The whole file; unknown roles in rules or signatures are errors at the door."""

    people: tuple[Person, ...]
    roles: tuple[Role, ...]
    signatures: tuple[str, ...]
    approvals: tuple[ApprovalRule, ...]
    escalation: Escalation
    due_hours: dict[str, float]
    """Hours that each function has for its commitments after the decision. [h]"""

    @model_validator(mode="after")
    def _roles_are_known(self) -> Governance:
        known = {role.role for role in self.roles}
        named = {
            *(person.role for person in self.people),
            *self.signatures,
            *(rule.approver_role for rule in self.approvals),
            self.escalation.accepted_by,
            *self.due_hours,
        }
        if unknown := sorted(named - known):
            raise ValueError(f"roles not declared under 'roles': {', '.join(unknown)}")
        if missing := [name for name in FUNCTIONS if name not in self.due_hours]:
            raise ValueError(f"due_hours lacks: {', '.join(missing)}")
        if unmanned := [name for name in self.signatures if not self.people_with(name)]:
            raise ValueError(f"nobody can sign for: {', '.join(unmanned)}")
        ids = [person.person_id for person in self.people]
        if repeated := sorted({i for i in ids if ids.count(i) > 1}):
            raise ValueError(f"person_id repeated: {', '.join(repeated)}")
        return self

    def people_with(self, role: str) -> tuple[Person, ...]:
        """Return the people who hold a role, in the order of the file."""
        return tuple(person for person in self.people if person.role == role)

    def owner(self, role: str) -> str:
        """Return the id of the first person with the role; empty when nobody has it."""
        people = self.people_with(role)
        return people[0].person_id if people else ""

    def may(self, person_id: str, right: Right) -> bool:
        """Whether a person has a right; unknown people have none."""
        rights = {role.role: role.rights for role in self.roles}
        return any(
            right in rights.get(person.role, ())
            for person in self.people
            if person.person_id == person_id
        )

    def title(self, role: str) -> str:
        """Return the role's title for people; the role's own word when it is not declared."""
        return next((r.title for r in self.roles if r.role == role), role)


def load_governance(path: str | Path = "params/governance.yaml") -> Governance:
    """
    Read the governance file.

    Raises
    ------
    soe_lib.params.ParamsError
        When the file is missing, is not YAML, holds an unknown name, or a rule names a role that
        nobody declared.
    """
    return parse_section(read_yaml(Path(path)), Governance, str(path))


def moves_to_approve(
    moves: pd.DataFrame, pegging: pd.DataFrame, orders: pd.DataFrame
) -> pd.DataFrame:
    """
    Return the decided moves of a scenario with the customer tiers that each serves.

    Parameters
    ----------
    moves
        Rows of ``moved_operations`` with ``zone`` and ``change_cost``; mere shifts cost nothing
        and need nobody.
    pegging, orders
        Pegging and order impact of the same schedule.

    Returns
    -------
    pandas.DataFrame
        One row per decided move: ``zone``, ``change_cost`` [money], ``customer_tiers`` (tiers of
        the order lines that its lot is pegged to, comma separated; empty where none is).
    """
    key = ["order_id", "line_id"]
    lots = pegging[pegging["supply_type"] == "lot"].merge(orders[[*key, "customer_tier"]], on=key)
    lots = lots[lots["customer_tier"].notna()]
    served = lots.sort_values("customer_tier").drop_duplicates(["supply_id", "customer_tier"])
    tiers = served.groupby("supply_id")["customer_tier"].agg(",".join)
    decided = moves[moves["change_cost"] > 0]
    lot = decided["wo_id"] + "/" + decided["split_no"].astype("str")
    return decided.assign(customer_tiers=lot.map(tiers).fillna("").astype("str"))


def approvals_needed(changes: pd.DataFrame, governance: Governance) -> pd.DataFrame:
    """
    Say who must approve the changes of a scenario, by zone, money and customer tier.

    Parameters
    ----------
    changes
        One row per changed operation: ``zone``, ``change_cost`` [money], ``customer_tiers``
        [text, tiers of the customers it serves, comma-separated].

    Returns
    -------
    approvals
        One row per (``zone``) with changes that a rule covers, frozen first: ``approver_role``,
        ``num_changes``, ``cost`` [money], ``customer_tiers``, ``reason``.
    """
    found = []
    for zone in ZONES:
        rows = changes[changes["zone"] == zone]
        if rows.empty:
            continue
        cost = float(rows["change_cost"].sum())
        tiers = sorted(
            {t for text in rows["customer_tiers"].dropna() for t in text.split(",")} - {""}
        )
        rule = _first_match(governance, zone, cost, tiers)
        if rule is None:
            continue
        limit = f" above {rule.cost_above:,.0f}" if rule.cost_above else ""
        whom = f" for tier {', '.join(rule.customer_tiers)}" if rule.customer_tiers else ""
        count = f"{len(rows)} change{'' if len(rows) == 1 else 's'}"
        reason = f"{count} in the {zone} zone, cost of change {cost:,.0f}{limit}{whom}"
        found.append((zone, rule.approver_role, len(rows), cost, ",".join(tiers), reason))
    return pd.DataFrame(found, columns=list(APPROVAL_SHAPE)).astype(APPROVAL_SHAPE)


def _first_match(
    governance: Governance, zone: str, cost: float, tiers: list[str]
) -> ApprovalRule | None:
    for rule in governance.approvals:
        tier_fits = not rule.customer_tiers or bool(set(rule.customer_tiers) & set(tiers))
        exceeds = rule.cost_above == 0 or cost > rule.cost_above
        if rule.zone == zone and exceeds and tier_fits:
            return rule
    return None
