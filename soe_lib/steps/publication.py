"""
Publish what was signed: claim it once, write the outbox, deliver, read back, seal.

Claiming is one entry of the ledger, so that exactly one publication of a cycle exists. Delivering
is computed from that entry alone and may be repeated by anyone: nothing is applied twice, and a
crash in between is mended by :func:`deliver`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import sqlalchemy as sa

from soe_lib.decision.record import DecisionRecord
from soe_lib.publish.files import outbox_files, write_outbox
from soe_lib.publish.messages import SYSTEMS, build_messages
from soe_lib.publish.preview import preview
from soe_lib.publish.readback import Seal, compare, synchronise
from soe_lib.publish.targets import StagingTarget, Target
from soe_lib.run import Run
from soe_lib.scenario.pressure import SUBJECT_FUNCTION
from soe_lib.steps.decision import Pack, prepare_decision
from soe_lib.steps.desk import Desk
from soe_lib.steps.desk_records import DeskError
from soe_lib.steps.live import LiveRun, live_run
from soe_lib.steps.replay import code_version
from soe_lib.steps.signals import advance
from soe_lib.workspace import Workspace

STAGING_SCHEMA = "soe_staging"
PUBLISHER = "publisher"
"""Who says in the ledger what delivering a publication brought about."""


@dataclass(frozen=True)
class Publication:
    """
    A publication and how it arrived.

    Attributes
    ----------
    publication_id
        Name of the publication and of the schedule version.
    scenario
        What was published.
    outbox
        Folder of its files, relative to the workspace.
    messages
        One row per fact and system.
    seal
        Whether APS, ERP and MES hold the facts.
    log
        Deliveries: attempts, what was applied, errors.
    """

    publication_id: str
    scenario: str
    outbox: str
    messages: pd.DataFrame
    seal: Seal
    log: pd.DataFrame


def staging_targets(workspace: Workspace) -> list[Target]:
    """
    Return the staging tables of APS, ERP and MES.

    In the database of ``SOE_STAGING_URL`` (PostgreSQL: schema ``soe_staging``), else in
    ``staging.sqlite`` of the workspace.

    Raises
    ------
    DeskError
        When they cannot be reached; the sentence says why.
    """
    url = os.environ.get("SOE_STAGING_URL") or f"sqlite:///{workspace.root / 'staging.sqlite'}"
    workspace.root.mkdir(parents=True, exist_ok=True)
    schema = "" if url.startswith("sqlite") else STAGING_SCHEMA
    try:
        engine = sa.create_engine(url)
        targets = [StagingTarget(engine, system, schema) for system in SYSTEMS]
        for target in targets:
            target.create()
    except (sa.exc.SQLAlchemyError, ImportError, OSError, ValueError) as error:
        why = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise DeskError(
            f"the staging tables cannot be reached, so nothing was sent: {why} "
            f"(SOE_STAGING_URL is {_shown(url)})"
        ) from None
    return list(targets)


def _shown(url: str) -> str:
    """Return a database address without its password."""
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except (sa.exc.ArgumentError, ValueError):
        return "no database address"


def select_scenario(
    run: Run, desk: Desk, person_id: str, passphrase: str, scenario: str, reason: str,
    at: pd.Timestamp,
) -> Pack:  # fmt: skip
    """
    Select a scenario formally: prepare its pack and record the decision.

    Raises
    ------
    DeskError
        When the person may not, the scenario is unknown or breaks a rule, or the cycle is
        published.
    """
    seen = live_run(run, scenario)
    try:
        pack = prepare_decision(seen, scenario)
    except ValueError as error:
        raise DeskError(str(error)) from None
    desk.select(person_id, passphrase, _content(seen, pack, reason, person_id), at)
    return pack


def publish(
    run: Run,
    desk: Desk,
    person_id: str,
    passphrase: str,
    at: pd.Timestamp,
    targets: Sequence[Target] | None = None,
) -> Publication:
    """
    Publish the signed decision of a cycle.

    Parameters
    ----------
    run
        The cycle's finished run.
    desk
        Its desk: everything must have been said.
    person_id, passphrase
        Who publishes.
    at
        Instant of the publication.
    targets
        Systems; None = the staging tables of the workspace.

    Raises
    ------
    DeskError
        When something is missing, the schedule breaks a rule, the result is not the one that was
        signed, or the cycle is published already.
    """
    decision = desk.standing().decision
    if decision:
        seen = live_run(run, str(decision["scenario"]))
        _check_result(seen, decision)
    # reached before the cycle is claimed: an address that is wrong leaves nothing half done
    systems = list(targets) if targets is not None else staging_targets(run.workspace)
    content = {
        "publication_id": f"{run.cycle_id}-{run.source_name}",
        "scenario": decision.get("scenario", ""),
        "published_at": at.isoformat(),
    }
    desk.claim_publication(person_id, passphrase, content, at)
    return deliver(run, desk, at, systems)


def deliver(
    run: Run, desk: Desk, at: pd.Timestamp, targets: Sequence[Target] | None = None
) -> Publication:
    """
    Deliver the claimed publication, again if need be, and record the seal.

    Raises
    ------
    DeskError
        When nothing of this cycle is published.
    """
    entry, messages, tables = _claimed(run, desk)
    publication_id = str(entry["publication_id"])
    files = outbox_files(
        tables,
        messages,
        publication_id=publication_id,
        published_at=pd.Timestamp(str(entry["published_at"])),
    )
    outbox = write_outbox(files, run.workspace, publication_id)
    systems = list(targets) if targets is not None else staging_targets(run.workspace)
    seal, log = synchronise(messages, systems)
    _record_seal(desk, seal, at)
    # Everybody has signed and the claim stands: what the decision deals with is under way.
    for state in ("decided", "executing"):
        advance(run, desk.ledger, state, at, PUBLISHER)
    return Publication(publication_id, str(entry["scenario"]), outbox, messages, seal, log)


def read_back(
    run: Run, desk: Desk, at: pd.Timestamp, targets: Sequence[Target] | None = None
) -> Seal:
    """
    Compare what the systems hold now with what was published; nothing is sent.

    Raises
    ------
    DeskError
        When nothing of this cycle is published.
    """
    _, messages, _ = _claimed(run, desk)
    systems = list(targets) if targets is not None else staging_targets(run.workspace)
    seal = compare(messages, systems)
    _record_seal(desk, seal, at)
    return seal


def _claimed(
    run: Run, desk: Desk
) -> tuple[dict[str, object], pd.DataFrame, dict[str, pd.DataFrame]]:
    entry = dict(desk.standing().published)
    if not entry:
        raise DeskError(f"nothing of {desk.cycle_id} is published yet")
    scenario = str(entry["scenario"])
    pack = prepare_decision(live_run(run, scenario), scenario)
    at = pd.Timestamp(str(entry["published_at"]))
    tables = preview(
        pack.proposal,
        version_id=str(entry["publication_id"]),
        published_at=at,
        frozen_until=run.as_of + pd.Timedelta(days=run.params.fences.frozen_days),
    )
    number = int(desk.ledger.entries("publication", desk.object_id)["number"].iloc[-1])
    return entry, build_messages(tables, str(entry["publication_id"]), number), tables


def _content(run: LiveRun, pack: Pack, reason: str, person_id: str) -> dict[str, object]:
    row = pack.options[pack.options["scenario"] == pack.scenario].iloc[0]
    asked = pack.questions[pack.questions["status"] == "unknown"]
    whose = asked["subject"].map(SUBJECT_FUNCTION)
    record = _record(run, pack, reason, person_id)
    return {
        "scenario": pack.scenario,
        "title": str(row["title"]),
        "reason": reason.strip(),
        "snapshot_id": run.snapshot.snapshot_id,
        "result_hash": run.result_hash(pack.scenario),
        "code_version": code_version(),
        "approver_roles": sorted(set(pack.approvals["approver_role"])),
        "questions": dict(zip(asked["question"], whose, strict=True)),
        "expected": record.expected_kpis,
        "valid_until_at": "" if pd.isna(pack.valid_until_at) else pack.valid_until_at.isoformat(),
        "num_commitments": len(pack.commitments),
        "record": json.loads(record.as_json()),
        "record_hash": record.record_hash,
    }


EXPECTED = ("total_cost", "late_cost", "num_late_lines", "on_time_pct", "num_moves")
"""Measures that the outcome of a decision is held against."""
SEEN = (*EXPECTED, "overtime_cost", "expedite_cost", "delta_total_cost", "num_pressure_failed")
"""Figures of each option that the decision record keeps."""


def _record(run: LiveRun, pack: Pack, reason: str, person_id: str) -> DecisionRecord:
    """Seal what was seen, what was chosen and why, and what it was computed from."""
    options = pack.options
    row = options[options["scenario"] == pack.scenario].iloc[0]
    settings = run.params.model_dump(mode="json")
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
    return DecisionRecord(
        cycle_id=run.cycle_id,
        snapshot_id=run.snapshot.snapshot_id,
        params_hash=digest,
        code_version=code_version(),
        seed=run.params.schedule.seed,
        as_of=run.as_of.isoformat(),
        scenario_id=pack.scenario,
        scenario_name=str(row["title"]),
        reason=reason.strip(),
        selected_by=person_id,
        options=tuple(
            {
                "scenario": str(option["scenario"]),
                "title": str(option["title"]),
                "status": str(option["status"]),
                "why": str(option["reason"]),
                **{name: float(option[name]) for name in SEEN},
            }
            for _, option in options.iterrows()
        ),
        result_hashes={name: run.result_hash(name) for name in options["scenario"].tolist()},
        expected_kpis={name: float(row[name]) for name in EXPECTED},
        approvers=tuple(
            {
                "role": str(approval["approver_role"]),
                "zone": str(approval["zone"]),
                "cost": float(approval["cost"]),
                "why": str(approval["reason"]),
            }
            for _, approval in pack.approvals.iterrows()
        ),
        num_commitments=len(pack.commitments),
        expires_at="" if pd.isna(pack.valid_until_at) else pack.valid_until_at.isoformat(),
    ).sealed()


def _check_result(run: LiveRun, decision: object) -> None:
    content = json.loads(json.dumps(decision))
    scenario = str(content["scenario"])
    row = run.read("scenarios").set_index("scenario").loc[scenario]
    if row["num_violations"]:
        raise DeskError(f"'{scenario}' breaks {row['num_violations']} rules; it is not published")
    if run.result_hash(scenario) != content["result_hash"]:
        raise DeskError(f"the schedule of '{scenario}' is not the one that was signed")
    broken = run.violations(scenario)
    if len(broken):
        first = broken.iloc[0]
        raise DeskError(
            f"the schedule of '{scenario}' fails verification ({len(broken)} violations; first: "
            f"{first['rule']} {first['object_id']} {first['detail']}); it is not published"
        )


def _record_seal(desk: Desk, seal: Seal, at: pd.Timestamp) -> None:
    content = {
        "is_green": seal.is_green,
        "num_differences": len(seal.differences),
        "text": seal.sentence,
    }
    desk.ledger.append(
        "seal", desk.object_id, content, cycle_id=desk.cycle_id, said_at=at, person=PUBLISHER
    )
