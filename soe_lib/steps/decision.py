"""Step 4: what is proposed, who must do what, what it needs, and what would be published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from soe_lib.decision.changes import order_confirmations, shipments_too_early
from soe_lib.decision.commitments import Changes, commitments
from soe_lib.decision.escalation import escalations, family_shortfalls
from soe_lib.decision.governance import (
    Governance,
    approvals_needed,
    load_governance,
    moves_to_approve,
)
from soe_lib.decision.reasons import promise_reasons
from soe_lib.decision.supply import supply_changes
from soe_lib.publish.messages import build_messages, message_counts
from soe_lib.publish.preview import Proposal, preview
from soe_lib.run import Run, project_root
from soe_lib.scenario.context import OPERATION_KEY
from soe_lib.scenario.costs import TERMS
from soe_lib.scenario.difference import moved_operations
from soe_lib.scenario.published import published_schedule
from soe_lib.scenario.result import MOVE_TOLERANCE_MINUTES
from soe_lib.vocabulary import FUNCTIONS

PREVIEW_TABLES = {
    "aps_schedule": "preview_operations",
    "aps_changes": "preview_changes",
    "erp_confirmations": "preview_confirmations",
    "erp_allocations": "preview_allocations",
    "erp_purchases": "preview_purchases",
    "mes_dispatch": "preview_dispatch_list",
}
"""Tables of a publication and the names under which the run keeps their preview."""


@dataclass(frozen=True)
class Pack:
    """
    The decision pack.

    Attributes
    ----------
    scenario
        Name of the proposed scenario; empty where step 3 is off.
    options
        The comparison of step 3: the table behind the proposal.
    commitments
        One row per commitment of a function.
    money
        One row per money term: doing nothing, chosen, difference.
    approvals, escalations
        What the proposal needs beside the six signatures, and what goes up to S&OP.
    questions
        Open questions of the pressure test of the proposed scenario.
    proposal
        The chosen schedule with what it changes: what a publication is made of.
    preview
        What APS, ERP and MES would receive; nothing is sent.
    messages
        Facts by system and object that would be sent.
    valid_until_at
        First instant at which some part of the proposal can no longer be done; NaT = none.
    governance
        Who may decide what.
    off
        Why there is no proposal; empty where there is one.
    headline
        The sentence that opens the page.
    """

    scenario: str
    options: pd.DataFrame
    commitments: pd.DataFrame
    money: pd.DataFrame
    approvals: pd.DataFrame
    escalations: pd.DataFrame
    questions: pd.DataFrame
    proposal: Proposal
    preview: Mapping[str, pd.DataFrame]
    messages: pd.DataFrame
    valid_until_at: pd.Timestamp
    governance: Governance
    off: str
    headline: str


def prepare_decision(run: Run, scenario: str = "") -> Pack:
    """
    Prepare the decision: nothing is decided, signed or sent here.

    Parameters
    ----------
    run
        Run whose scenarios are read. Written are ``commitments``, ``decision_money``,
        ``approvals``, ``escalations``, ``preview_operations``, ``preview_changes``,
        ``preview_confirmations``, ``preview_allocations``, ``preview_purchases``,
        ``preview_dispatch_list`` and ``preview_messages``.
    scenario
        Scenario to propose; empty = the recommended one.

    Returns
    -------
    Pack

    Raises
    ------
    RunError
        When step 3 has not run.
    ValueError
        When the scenario is unknown, or was rejected because its schedule breaks a rule.

    Examples
    --------
    >>> pack = prepare_decision(open_run())  # doctest: +SKIP
    >>> pack.commitments["function"].unique()  # doctest: +SKIP
    """
    governance = load_governance(project_root() / "params" / "governance.yaml")
    options = run.read("scenarios")
    chosen = _chosen(options, scenario)
    off = "" if chosen else _why_off(run)
    made = _Made.of(run, chosen)
    currency = run.snapshot.currency
    families = dict(zip(*_families(run), strict=True))
    tasks = commitments(
        made.changes,
        governance,
        run.as_of,
        currency=currency,
        families=families,
        time_zone=run.snapshot.site_time_zone,
    )
    approvals = approvals_needed(made.to_approve, governance)
    raised = escalations(
        made.money_at_risk,
        family_shortfalls(made.proposal.promises, run.tables, run.as_of),
        governance,
        currency,
    )
    frozen = pd.Timedelta(days=run.params.fences.frozen_days)
    shown = preview(
        made.proposal,
        version_id=run.cycle_id,
        published_at=run.as_of,
        frozen_until=run.as_of + frozen,
    )
    messages = message_counts(build_messages(shown, run.cycle_id, 1))
    sentence = (
        f"Nothing is proposed: {off[0].lower()}{off[1:]}"
        if off
        else headline_of(options, chosen, tasks, _titles(approvals, governance), raised, currency)
    )
    run.write(
        commitments=tasks,
        decision_money=made.changes.money,
        approvals=approvals,
        escalations=raised,
        preview_messages=messages,
        **{name: shown[table] for table, name in PREVIEW_TABLES.items()},
    )
    pack = Pack(
        chosen,
        options,
        tasks,
        made.changes.money,
        approvals,
        raised,
        made.questions,
        made.proposal,
        shown,
        messages,
        _valid_until(made, run.as_of),
        governance,
        off,
        sentence,
    )
    run.say("decision", _words(pack))
    return pack


@dataclass(frozen=True)
class _Made:
    """What the chosen scenario changes, gathered from the tables of step 3."""

    changes: Changes
    proposal: Proposal
    to_approve: pd.DataFrame
    questions: pd.DataFrame
    levers: pd.DataFrame
    money_at_risk: float

    @classmethod
    def of(cls, run: Run, chosen: str) -> _Made:
        def own(name: str) -> pd.DataFrame:
            rows = run.read(name)
            rows = rows[rows["scenario"] == chosen] if chosen else rows.iloc[:0]
            return rows.drop(columns="scenario").reset_index(drop=True)

        operations, promises, pegging = (
            own(f"scenario_{name}") for name in ("operations", "promises", "pegging")
        )
        purchases, moves, levers = own("scenario_purchases"), own("scenario_moves"), own("levers")
        reasons = promise_reasons(promises, pegging, purchases, run.as_of)
        confirmations = order_confirmations(promises, run.tables, reasons)
        supplies = supply_changes(purchases, levers[levers["lever"] == "expedite"], run.tables)
        orders = own("scenario_orders")
        costs = run.read("scenario_costs")
        own_costs = costs[costs["scenario"] == chosen].set_index("term")["cost"]
        changes = Changes(
            operations=operations,
            moves=moves,
            confirmations=confirmations,
            supplies=supplies,
            overtime=own("scenario_overtime"),
            shipments=shipments_too_early(promises, run.tables, run.as_of),
            money=_money(costs, chosen),
        )
        published = _published(run)
        difference = moved_operations(
            published, operations, tolerance_minutes=MOVE_TOLERANCE_MINUTES
        )
        return cls(
            changes,
            Proposal(operations, promises, pegging, difference, confirmations, supplies),
            moves_to_approve(moves, pegging, orders),
            own("pressure_rows"),
            levers,
            float(own_costs.reindex(["late_cost", "lost_margin"]).fillna(0.0).sum()),
        )


def _published(run: Run) -> pd.DataFrame:
    """Return the published operations that are still to run."""
    published = published_schedule(run.tables, run.as_of)
    key = published[OPERATION_KEY].astype({"op_no": "int64", "split_no": "int64"})
    projected = (run.read("projected_operations") if len(published) else key)[OPERATION_KEY]
    still = pd.MultiIndex.from_frame(key).isin(pd.MultiIndex.from_frame(projected))
    return published.assign(op_no=key["op_no"], split_no=key["split_no"])[still]


def _chosen(options: pd.DataFrame, scenario: str) -> str:
    if not scenario:
        best = options[options["is_recommended"]]
        return str(best["scenario"].iloc[0]) if len(best) else ""
    row = options[options["scenario"] == scenario]
    if row.empty:
        known = ", ".join(options["scenario"]) or "none"
        raise ValueError(f"scenario '{scenario}' was not computed in this cycle; known: {known}")
    if row["status"].iloc[0] == "inquiry":
        raise ValueError(
            f"scenario '{scenario}' is an inquiry for an order that the ERP does not have; enter "
            "the order there, and the next run schedules it"
        )
    if row["is_rejected"].iloc[0]:
        raise ValueError(f"scenario '{scenario}' breaks a rule and cannot be proposed")
    return scenario


def _why_off(run: Run) -> str:
    words = run.words("what_if")
    return str(words.get("off") or words.get("headline") or "no scenario was computed.")


def _money(costs: pd.DataFrame, chosen: str) -> pd.DataFrame:
    """Money by term of doing nothing and of the chosen scenario."""
    wide = {
        name: costs[costs["scenario"] == scenario].set_index("term")["cost"]
        for name, scenario in (("do_nothing", "do_nothing"), ("chosen", chosen))
    }
    terms = [term for term in TERMS if term in wide["chosen"].index]
    table = pd.DataFrame(
        {
            "term": pd.Series(terms, dtype="str"),
            "do_nothing": wide["do_nothing"].reindex(terms).to_numpy(float),
            "chosen": wide["chosen"].reindex(terms).to_numpy(float),
        }
    )
    return table.assign(difference=table["chosen"] - table["do_nothing"])


def _families(run: Run) -> tuple[list[str], list[str]]:
    items = run.tables["item"] if "item" in run.tables else pd.DataFrame()
    if items.empty:
        return [], []
    return items["item_id"].tolist(), items["family_id"].fillna("no family").tolist()


def _valid_until(made: _Made, as_of: pd.Timestamp) -> pd.Timestamp:
    """Return the first future instant at which a move begins or a lever can no longer be pulled."""
    decided = made.changes.moves[made.changes.moves["change_cost"] > 0]
    instants = pd.concat([decided["first_start_at"], made.levers["act_by_at"]])
    later = instants[instants > as_of]
    return pd.Timestamp(later.min())  # NaT where there is none


def _titles(approvals: pd.DataFrame, governance: Governance) -> list[str]:
    return [governance.title(role) for role in sorted(set(approvals["approver_role"]))]


def headline_of(
    options: pd.DataFrame,
    chosen: str,
    tasks: pd.DataFrame,
    approvers: Sequence[str],
    raised: pd.DataFrame,
    currency: str,
) -> str:
    """Return the sentence that opens the page; ``approvers`` are titles of roles."""
    row = options[options["scenario"] == chosen].iloc[0]
    functions, every = tasks["function"].nunique(), len(FUNCTIONS)
    of_all = f"all {every} functions" if functions == every else f"{functions} of {every} functions"
    told = int((tasks["function"] == "customer_service").sum())
    saved = -float(row["delta_total_cost"])
    if row["scenario"] == options["scenario"].iloc[0]:
        effect = f", {row['num_late_lines']:,} order lines stay late"
    else:
        price = f"{abs(saved):,.0f} {currency}".strip()
        effect = f", {price} {'less' if saved >= 0 else 'more'} than doing nothing"
    named = " and ".join(f"the {title}" for title in approvers)
    approval = f"; it needs the approval of {named}" if approvers else ""
    upward = f" and {len(raised)} matters go up to S&OP" if len(raised) > 1 else ""
    upward = " and one matter goes up to S&OP" if len(raised) == 1 else upward
    return (
        f"Proposed is '{row['title']}'{effect}: {len(tasks):,} commitments of {of_all}, "
        f"{told:,} order lines get a new confirmation"
        f"{approval}{upward}. Nothing has been sent."
    )


def _words(pack: Pack) -> dict[str, object]:
    counts = pack.commitments["function"].value_counts()
    until = pack.valid_until_at
    return {
        "headline": pack.headline,
        "off": pack.off,
        "scenario": pack.scenario,
        "num_commitments": len(pack.commitments),
        "commitments_by_function": {name: int(counts.get(name, 0)) for name in FUNCTIONS},
        "approver_roles": sorted(set(pack.approvals["approver_role"])),
        "num_escalations": len(pack.escalations),
        "num_questions": int((pack.questions["status"] == "unknown").sum()),
        "num_messages": int(pack.messages["num_messages"].sum()),
        "valid_until_at": "" if pd.isna(until) else until.isoformat(),
    }
