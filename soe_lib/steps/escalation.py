"""The packet upwards to S&OP: written to the outbox, recorded, accepted by who may."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import pandas as pd

from soe_lib.decision.governance import Governance
from soe_lib.ledger import Ledger
from soe_lib.monitoring.month_chances import WANTED
from soe_lib.monitoring.month_plan import packet
from soe_lib.publish.files import harmless
from soe_lib.run import Run
from soe_lib.steps.desk import Desk
from soe_lib.steps.desk_records import DeskError
from soe_lib.steps.follow_up import read_follow_up

KIND, ACCEPTED = "escalation", "escalation_accepted"


@dataclass(frozen=True)
class Packet:
    """
    What goes up.

    Attributes
    ----------
    folder
        Folder of the files, relative to the workspace: ``packet.json``, ``packet.md`` and
        ``families.csv``.
    sentence
        What is asked for.
    num_matters
        Families in danger and matters above their limits.
    """

    folder: str
    sentence: str
    num_matters: int


def escalate(run: Run, ledger: Ledger, at: pd.Timestamp, person: str = "batch") -> Packet:
    """
    Write the packet of a finished run and record it; the same packet is recorded once.

    Raises
    ------
    soe_lib.run.RunError
        When the run has not finished step 5.
    """
    month = read_follow_up(run).month
    matters = run.read("escalations")
    content = {
        "cycle_id": run.cycle_id,
        "source": run.source_name,
        "as_of": run.as_of.isoformat(),
        **packet(month, matters),
    }
    text = json.dumps(content, indent=1, sort_keys=True, default=str) + "\n"
    folder = run.workspace.root / "outbox" / f"{run.cycle_id}-{run.source_name}-sop"
    run.workspace.write_text(folder / "packet.json", text)
    run.workspace.write_text(folder / "packet.md", _for_people(run, month.families, content))
    shown = month.families.assign(
        **{
            name: month.families[name].astype("str").map(harmless)
            for name in ("family_id", "bottleneck", "component")
            if name in month.families
        }
    )
    run.workspace.write_text(folder / "families.csv", shown.to_csv(index=False))
    digest = hashlib.sha256(text.encode()).hexdigest()
    count = int(str(content["num_families_in_danger"])) + len(matters)
    object_id = f"{run.cycle_id}/{run.source_name}"
    before = ledger.entries(KIND, object_id)
    if before.empty or json.loads(str(before["content"].iloc[-1]))["digest"] != digest:
        ledger.append(
            KIND,
            object_id,
            {"digest": digest, "num_matters": count, "text": month.sentence},
            cycle_id=run.cycle_id,
            said_at=at,
            person=person,
        )
    relative = folder.relative_to(run.workspace.root).as_posix()
    return Packet(relative, month.sentence, count)


def accept_escalation(
    run: Run, desk: Desk, person_id: str, passphrase: str, text: str, at: pd.Timestamp
) -> None:
    """
    Record that who may accept it takes the packet on.

    Raises
    ------
    DeskError
        When nothing was escalated, no answer is given, or the person may not.
    """
    desk.admit(person_id, passphrase, "accept_escalation")
    object_id = f"{run.cycle_id}/{run.source_name}"
    sent = desk.ledger.entries(KIND, object_id)
    if sent.empty:
        raise DeskError(f"nothing of {run.cycle_id} has been escalated yet: soe escalate")
    if not text.strip():
        raise DeskError("say what S&OP decides (--text)")
    content = {"text": text.strip(), "escalation": int(sent["number"].iloc[-1])}
    desk.ledger.append(
        ACCEPTED, object_id, content, cycle_id=run.cycle_id, said_at=at, person=person_id
    )


def accepter(governance: Governance) -> str:
    """Return the title of the role that accepts escalations."""
    return governance.title(governance.escalation.accepted_by)


def _for_people(run: Run, families: pd.DataFrame, content: dict) -> str:
    lines = [
        f"# For S&OP: {run.cycle_id}, {run.source_name}",
        "",
        str(content["sentence"]),
        "",
        f"Wanted: every family's month plan at least {100 * WANTED:.0f} % sure.",
        "",
    ]
    for row in families.to_dict("records"):
        change = f", change {row['change_qty']:+,.0f} units" if row["change_qty"] < -0.5 else ""
        limits = ", ".join(name for name in (row["bottleneck"], row["component"]) if name)
        lines.append(
            f"- {row['family_id']} {row['plan_month']:%B}: {row['planned_qty']:,.0f} planned, "
            f"{row['remaining_qty']:,.0f} still to make, {100 * row['p_met']:.0f} % sure"
            f" ({limits}){change}; then {100 * row['p_met_after']:.0f} %"
        )
    matters = content["matters"]
    if matters:
        lines += ["", "Also above its limit:", ""]
        lines += [f"- {matter['sentence']}" for matter in matters]
    lines += ["", f"Not looked at: {content['not_looked_at']}."]
    return "\n".join(lines) + "\n"
