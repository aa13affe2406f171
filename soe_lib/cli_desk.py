"""Commands of the meeting for scripts: what the pages do, person by person."""

from __future__ import annotations

import argparse
import getpass
import os
import secrets
from collections.abc import Callable

from soe_lib.decision.governance import Governance, load_governance
from soe_lib.ledger import Ledger, moment
from soe_lib.run import Run, open_run, project_root
from soe_lib.steps.desk import Desk
from soe_lib.workspace import Workspace

PASSPHRASE_VARIABLE = "SOE_PASSPHRASE"
Add = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]
DONE, FAILED = 0, 1


def add_commands(add: Add) -> None:
    """Add the commands to the parser; passphrases come from the terminal or the environment."""
    person = add("person", _person, "people who sign")
    person.add_argument("action", choices=("passphrase", "list"))
    person.add_argument("person_id", nargs="?", default="")
    decide = add("decide", _decide, "select a scenario (S&OE lead), then verify it with --verify")
    _common(decide)
    decide.add_argument("--scenario", default="", help="empty = the recommended one")
    decide.add_argument("--reason", default="")
    decide.add_argument("--verify", action="store_true", help="verify what is selected")
    answer = add("answer", _answer, "answer the open questions of one's function")
    _common(answer)
    answer.add_argument("word", choices=("yes", "no", "until"))
    answer.add_argument("--question", default="", help="empty = all open questions of the role")
    answer.add_argument("--text", default="")
    sign = add("sign", _sign, "sign the selected decision for one's role")
    _common(sign)
    publish = add("publish", _publish, "publish the signed decision to APS, ERP and MES")
    _common(publish)
    publish.add_argument("--again", action="store_true", help="deliver what is published again")
    readback = add("readback", _readback, "compare what the systems hold with what was published")
    readback.add_argument("--run", default="")
    replay = add("replay", _replay, "compute the decision of a cycle again and compare bit for bit")
    replay.add_argument("--run", default="", help="folder of the run; empty = the latest")


def demo_signers(workspace: Workspace, governance: Governance) -> list[tuple[str, str]]:
    """
    Give everyone who has none a passphrase, for trying the meeting on the demo plant.

    Returns
    -------
    list of (person_id, passphrase)
        Said once: only hashes are kept. Empty when everybody has one.
    """
    made: list[tuple[str, str]] = []
    with Ledger.default(workspace) as ledger:
        desk = Desk(ledger, governance, "demo", "demo")
        for person in governance.people:
            if not desk.has_passphrase(person.person_id):
                passphrase = "-".join(secrets.token_hex(2) for _ in range(3))
                desk.set_passphrase(person.person_id, passphrase, moment())
                made.append((person.person_id, passphrase))
    return made


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--as", dest="person_id", required=True, metavar="PERSON")
    parser.add_argument("--run", default="", help="folder of the run; empty = the latest")


def _governance() -> Governance:
    return load_governance(project_root() / "params" / "governance.yaml")


def open_desk(run_dir: str) -> tuple[Run, Desk]:
    """Return a run and the desk of its cycle."""
    run = open_run(run_dir)
    ledger = Ledger.default(run.workspace)
    return run, Desk(ledger, _governance(), run.cycle_id, run.source_name)


def ask_passphrase(prompt: str) -> str:
    """Return the passphrase of the environment, else what is typed."""
    return os.environ.get(PASSPHRASE_VARIABLE) or getpass.getpass(prompt)


def _person(arguments: argparse.Namespace) -> int:
    governance = _governance()
    with Ledger.default(Workspace.default()) as ledger:
        desk = Desk(ledger, governance, "people", "people")
        if arguments.action == "list":
            for person in governance.people:
                has = "has a passphrase" if desk.has_passphrase(person.person_id) else "none yet"
                title = governance.title(person.role)
                print(f"{person.person_id:20} {person.name:30} {title:25} {has}")
            return DONE
        passphrase = ask_passphrase(f"New passphrase of {arguments.person_id}: ")
        desk.set_passphrase(arguments.person_id, passphrase, moment())
    print(f"{arguments.person_id}: passphrase set (only its hash is kept)")
    return DONE


def _decide(arguments: argparse.Namespace) -> int:
    from soe_lib.steps.publication import select_scenario

    run, desk = open_desk(arguments.run)
    passphrase = ask_passphrase("Passphrase: ")
    if arguments.verify:
        desk.verify(arguments.person_id, passphrase, moment())
        print("verified")
        return DONE
    scenario = arguments.scenario or str(run.words("what_if").get("recommended", ""))
    pack = select_scenario(
        run, desk, arguments.person_id, passphrase, scenario, arguments.reason, moment()
    )
    print(pack.headline)
    for question in desk.standing().open_questions:
        print(f"question: {question}")
    return DONE


def _answer(arguments: argparse.Namespace) -> int:
    _, desk = open_desk(arguments.run)
    passphrase = ask_passphrase("Passphrase: ")
    standing = desk.standing()
    roles = {person.person_id: person.role for person in desk.governance.people}
    own = roles.get(arguments.person_id, "")
    functions = dict(standing.decision.get("questions", {}))
    wanted = (
        [arguments.question]
        if arguments.question
        else [question for question in standing.open_questions if functions[question] == own]
    )
    for question in wanted:
        desk.answer(
            arguments.person_id, passphrase, question, arguments.word, moment(), arguments.text
        )
        print(f"{arguments.word}: {question}")
    return DONE


def _sign(arguments: argparse.Namespace) -> int:
    _, desk = open_desk(arguments.run)
    role = desk.sign(arguments.person_id, ask_passphrase("Passphrase: "), moment())
    print(f"{desk.governance.title(role)} has signed")
    missing = desk.what_is_missing(desk.standing())
    print(f"still missing: {missing}" if missing else "everything is signed")
    return DONE


def _publish(arguments: argparse.Namespace) -> int:
    from soe_lib.steps.publication import deliver, publish

    run, desk = open_desk(arguments.run)
    if arguments.again:
        found = deliver(run, desk, moment())
    else:
        found = publish(run, desk, arguments.person_id, ask_passphrase("Passphrase: "), moment())
    print(found.seal.sentence)
    print(f"outbox: {run.workspace.root / found.outbox}")
    return DONE if found.seal.is_green else FAILED


def _readback(arguments: argparse.Namespace) -> int:
    from soe_lib.steps.publication import read_back

    run, desk = open_desk(arguments.run)
    seal = read_back(run, desk, moment())
    print(seal.sentence)
    for row in seal.differences.itertuples(index=False):
        print(f"{row.system} {row.object_type} {row.object_id}: {row.difference}")
    return DONE if seal.is_green else FAILED


def _replay(arguments: argparse.Namespace) -> int:
    from soe_lib.steps.replay import replay_decision

    run, desk = open_desk(arguments.run)
    found = replay_decision(run, desk)
    print(found.sentence)
    if found.record is not None:
        print(f"chosen by {found.record.selected_by}: {found.record.reason}")
        print(f"options seen ({len(found.record.options)}):")
        for option in found.record.options:
            mark = "*" if option["scenario"] == found.record.scenario_id else " "
            print(
                f" {mark} {option['title']!s:32} {option['status']!s:12} "
                f"total {option['total_cost']:>12,.0f}  late {option['num_late_lines']:>6,.0f}"
            )
    for row in found.measures.itertuples(index=False):
        print(f"{row.measure:20} {row.recorded:>16,.4f} {row.replayed:>16,.4f}")
    print(f"schedule {found.replayed_hash[:16]}, snapshot {run.snapshot.snapshot_id}, {found.code}")
    return DONE if found.is_same else FAILED
