"""Commands of step 5: past KPIs again, proposals, commitments, the packet to S&OP, many weeks."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import pandas as pd

from soe_lib.cli_desk import ask_passphrase, open_desk
from soe_lib.cli_loop import progress_bar
from soe_lib.ledger import Ledger, moment
from soe_lib.params import ParamsError, load_params
from soe_lib.run import Run, RunError, project_root
from soe_lib.sources import SourceError
from soe_lib.workspace import Workspace

Add = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]
DONE, FAILED, DONE_WITH_BLOCKERS = 0, 1, 3
MOST_LINES = 20


def add_commands(add: Add) -> None:
    """Add the commands to the parser."""
    weeks = add("weeks", _weeks, "the whole loop on the simulated plant, unattended, week by week")
    weeks.add_argument("--weeks", type=int, default=12, help="1 to 14")
    weeks.add_argument("--seed", type=int, default=1)
    weeks.add_argument("--iterations", type=int, default=1000, help="moves of each search")
    weeks.add_argument("--papermill", action="store_true", help="by the notebooks, with reports")
    weeks.add_argument("--params", default="", help="parameter file (default params/weekly.yaml)")
    again = add("recompute", _recompute, "compute the KPIs of past cycles again and compare")
    again.add_argument("--source", default="", help="only this source")
    again.add_argument(
        "--as-known", action="store_true", help="from the newest snapshot, as known at each week"
    )
    learn = add("learn", _learn, "proposals for master data: list, accept, revert, history")
    learn.add_argument(
        "action", nargs="?", default="list", choices=("list", "accept", "revert", "history")
    )
    learn.add_argument("proposal_id", nargs="?", default="")
    learn.add_argument("--as", dest="person_id", default="", metavar="PERSON")
    learn.add_argument("--run", default="", help="folder of the run; empty = the latest")
    task = add("commitment", _commitment, "commitments of the last decision: list, say how it went")
    task.add_argument("action", choices=("list", "done", "not-done"))
    task.add_argument("commitment_id", nargs="?", default="")
    task.add_argument("--as", dest="person_id", default="", metavar="PERSON")
    task.add_argument("--text", default="")
    task.add_argument("--run", default="", help="folder of the run; empty = the latest")
    upward = add("escalate", _escalate, "write the packet to S&OP, or accept it with --accept")
    upward.add_argument("--accept", action="store_true")
    upward.add_argument("--as", dest="person_id", default="", metavar="PERSON")
    upward.add_argument("--text", default="", help="what S&OP decides")
    upward.add_argument("--run", default="", help="folder of the run; empty = the latest")


def _weeks(arguments: argparse.Namespace) -> int:
    from soe_lib.loop.weeks import loop_params, run_weeks

    if not 1 <= arguments.weeks <= 14 or arguments.iterations < 0:
        raise ParamsError("--weeks is 1 to 14, --iterations at least 0")
    params = load_params(arguments.params or project_root() / "params" / "weekly.yaml")
    workspace = Workspace.default()
    with progress_bar() as progress:
        found = run_weeks(
            arguments.seed,
            arguments.weeks,
            loop_params(params, arguments.iterations),
            workspace,
            papermill=arguments.papermill,
            progress=progress,
            clock=time.monotonic,
        )
    for week in found:
        seal = "APS, ERP and MES agree" if week.is_green else "the systems differ"
        said = f"published '{week.scenario}', {seal}" if week.scenario else "nothing to publish"
        print(f"{week.cycle_id}: {week.num_kpis} KPIs, {said} [{week.seconds:.0f} s]")
    green = sum(week.is_green for week in found)
    print(f"weeks={len(found)} errors=0 published_green={green}")
    return DONE if green == len(found) else FAILED


def _recompute(arguments: argparse.Namespace) -> int:
    from soe_lib.steps.past import Unread
    from soe_lib.steps.recompute import (
        finished_runs,
        latest_of,
        recompute,
        recompute_as_known,
        record_check,
    )

    workspace = Workspace.default()
    unread = Unread()
    runs = list(finished_runs(workspace, arguments.source, unread))
    checked: list[Run] = []
    num_kpis = num_differences = num_bad = 0
    if arguments.as_known:
        for run in runs:
            later = latest_of(workspace, run.source_name, unread)
            try:
                rows = recompute_as_known(run, later)
            except (RunError, SourceError) as error:
                unread.tell(error)
                continue
            checked.append(run)
            num_differences += len(rows)
            num_kpis += len(run.read("kpis"))
            print(f"{run.cycle_id} {run.source_name}: {len(rows)} figures differ as known now")
            _print_rows(rows)
    else:
        with Ledger.default(workspace) as ledger:
            for run in runs:
                try:
                    found = recompute(run, ledger)
                except (RunError, SourceError) as error:
                    unread.tell(error)
                    continue
                checked.append(run)
                num_kpis += found.num_kpis
                num_differences += len(found.differences)
                num_bad += not found.is_same
                print(found.sentence)
                _print_rows(found.differences)
            for source in sorted({run.source_name for run in checked}):
                own = [run for run in checked if run.source_name == source]
                record_check(own[-1], ledger, moment(), len(own), num_differences + num_bad)
    for sentence in unread.sentences:
        print(f"not checked: {sentence}")
    figures = f"kpis={num_kpis} differences={num_differences} cycles_bad={num_bad}"
    print(f"cycles={len(checked)} {figures}")
    if num_differences or num_bad:
        return FAILED
    return DONE_WITH_BLOCKERS if unread.sentences else DONE


def _learn(arguments: argparse.Namespace) -> int:
    from soe_lib.steps.learning import accept, history_of, revert

    run, desk = open_desk(arguments.run)
    if arguments.action == "list":
        for row in run.read("proposals").to_dict("records"):
            effect = f"{row['effect']:+,.1f} {row['effect_unit']}"
            money = f"{row['money_per_week']:+,.2f}"
            print(
                f"{row['proposal_id']} {row['owner_role']:12} {effect:>18} {money:>10} a week  "
                f"{row['sentence']}"
            )
        print(run.words("follow_up")["sentences"]["lessons"])
        return DONE
    if arguments.action == "history":
        for row in history_of(desk.ledger, run.source_name).to_dict("records"):
            print(
                f"{row['said_at']:%Y-%m-%d %H:%M} {row['person']} {row['action']} "
                f"{row['proposal_id']} ({row['num_values']} values): {row['sentence']}"
            )
        return DONE
    act = accept if arguments.action == "accept" else revert
    said = act(
        run,
        desk,
        arguments.person_id,
        ask_passphrase("Passphrase: "),
        arguments.proposal_id,
        moment(),
    )
    print(f"{arguments.action}: {said}")
    print("The next run plans with it." if act is accept else "The next run plans without it.")
    return DONE


def _commitment(arguments: argparse.Namespace) -> int:
    from soe_lib.steps.desk import Desk
    from soe_lib.steps.desk_records import DeskError

    run, desk = open_desk(arguments.run)
    rows = run.read("commitment_states")
    if arguments.action == "list":
        for row in rows.to_dict("records"):
            print(f"{row['commitment_id']} {row['state']:8} {row['owner_id']:17} {row['text']}")
        print(run.words("follow_up")["sentences"]["commitments"])
        return DONE
    own = rows[rows["commitment_id"] == arguments.commitment_id]
    if own.empty:
        raise DeskError(f"no commitment {arguments.commitment_id!r}: soe commitment list")
    row = own.iloc[0]
    of_decision = Desk(desk.ledger, desk.governance, str(row["cycle_id"]), run.source_name)
    of_decision.report_commitment(
        arguments.person_id,
        ask_passphrase("Passphrase: "),
        str(row["commitment_id"]),
        str(row["owner_id"]),
        arguments.action == "done",
        moment(),
        arguments.text,
    )
    print(f"{arguments.action.replace('-', ' ')}: {row['text']}")
    return DONE


def _escalate(arguments: argparse.Namespace) -> int:
    from soe_lib.steps.escalation import accept_escalation, escalate

    run, desk = open_desk(arguments.run)
    if arguments.accept:
        passphrase = ask_passphrase("Passphrase: ")
        accept_escalation(run, desk, arguments.person_id, passphrase, arguments.text, moment())
        print(f"accepted: {arguments.text}")
        return DONE
    found = escalate(run, desk.ledger, moment(), arguments.person_id or "batch")
    print(found.sentence)
    print(f"{found.num_matters} matters for S&OP: {run.workspace.root / found.folder}")
    return DONE


def _print_rows(rows: pd.DataFrame) -> None:
    for row in rows.head(MOST_LINES).to_dict("records"):
        print(
            f"  {row['table']} {row['kpi_id']} {row['period_end']:%Y-%m-%d} {row['column']}: "
            f"{row['reported']} -> {row['recomputed']}"
        )
    if len(rows) > MOST_LINES:
        print(f"  and {len(rows) - MOST_LINES} more")
