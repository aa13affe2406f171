"""The command ``soe``: arguments, sentences for people and exit codes; no logic of its own."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from soe_lib import cli_loop, cli_monitor, cli_what_if
from soe_lib.cli_desk import add_commands, demo_signers
from soe_lib.cli_signals import add_signal_commands
from soe_lib.decision.governance import load_governance
from soe_lib.ledger import Ledger, LedgerError, moment
from soe_lib.params import ParamsError, load_params
from soe_lib.run import RunError, open_run, project_root
from soe_lib.workspace import Workspace, WorkspaceError

Command = Callable[[argparse.Namespace], int]
DONE, FAILED, BAD_INPUT, DONE_WITH_BLOCKERS = 0, 1, 2, 3


class UsageError(ValueError):
    """What was typed cannot be done; the text says what can."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (0 done, 1 failed, 2 bad input, 3 blockers)."""
    from soe_lib.backtest.flows import BacktestError
    from soe_lib.batch import BatchError
    from soe_lib.loop.errors import CampaignError
    from soe_lib.meeting import MeetingError
    from soe_lib.sources import SourceError
    from soe_lib.steps.desk_records import DeskError

    arguments = _parser().parse_args(argv)
    command: Command = arguments.command
    try:
        return command(arguments)
    except (UsageError, ParamsError, SourceError, MeetingError, RunError, BacktestError) as error:
        print(f"soe: {error}", file=sys.stderr)
        return BAD_INPUT
    except (BatchError, WorkspaceError, LedgerError, DeskError, CampaignError) as error:
        print(f"soe: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("soe: interrupted; `soe run --resume` continues", file=sys.stderr)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="soe", description="Sales & Operations Execution")
    commands = parser.add_subparsers(dest="name", required=True, metavar="command")

    def add(
        name: str, run: Callable[[argparse.Namespace], int], text: str
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(command=run)
        return sub

    week = add("run", _run, "the main job: snapshot, notebooks, report")
    _source_arguments(week)
    week.add_argument("--site", default="", help="restrict to one site")
    week.add_argument("--cycle", choices=("weekly", "daily"), default="weekly")
    week.add_argument("--params", default="", help="parameter file (default params/weekly.yaml)")
    week.add_argument("--resume", action="store_true", help="continue the run that stopped")

    check = add("check", _check, "data quality only: what loads, what is quarantined, what is on")
    _source_arguments(check)

    new = add("new-source", _new_source, "scaffold the SQL mapping of your own system")
    new.add_argument("source")
    new.add_argument("--kind", choices=("files", "database"), default="files")
    new.add_argument("--tables", default="", help="comma separated; default all canonical tables")

    engine = add("schedule", _schedule, "the APS engine alone: canonical CSV in, schedule out")
    engine.add_argument("--source", required=True, help="folder with canonical <table>.csv files")
    engine.add_argument("--as-of", required=True)
    engine.add_argument("--out", required=True)
    engine.add_argument("--seed", type=int, default=None)
    engine.add_argument("--iterations", type=int, default=None)
    engine.add_argument("--params", default="")
    engine.add_argument(
        "--overtime",
        type=float,
        default=0.0,
        metavar="HOURS",
        help="book overtime where it pays, at most HOURS on a resource and week",
    )
    engine.add_argument(
        "--expedite", action="store_true", help="pay receipts to be early where it pays"
    )

    meet = add("meet", _meet, "the meeting pages (Voila)")
    meet.add_argument("--port", type=int, default=8866)
    meet.add_argument("--ip", default="127.0.0.1")
    meet.add_argument("--no-browser", action="store_true")
    meet.add_argument("--no-token", action="store_true", help="loopback only")

    lab = add("lab", _lab, "JupyterLab for the analyst")
    lab.add_argument("--no-browser", action="store_true")

    cli_what_if.add_commands(add)
    add_commands(add)
    cli_loop.add_commands(add)
    cli_monitor.add_commands(add)
    add_signal_commands(add)

    ledger = add("ledger", _ledger, "the ledger of what people and the batch did")
    ledger.add_argument("action", choices=("verify",))
    return parser


def _source_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--source", default="demo", help="name of a folder in params/sources")
    parser.add_argument("--as-of", default="", help="2026-11-23 or 2026-11-23T05:00+01:00")


def _run(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from soe_lib.batch import Request, run_cycle
    from soe_lib.calendars import cycle_id
    from soe_lib.sources import load_source
    from soe_lib.steps.recompute import record_reported

    root = project_root()
    source = load_source(arguments.source, root / "params" / "sources")
    as_of = _as_of(arguments.as_of, source.default_as_of, source.site_time_zone)
    params = load_params(arguments.params or root / "params" / "weekly.yaml")
    cycle = cycle_id(as_of, source.site_time_zone, daily=arguments.cycle == "daily")
    request = Request(source.name, as_of, cycle, params, arguments.site, arguments.resume)
    workspace = Workspace.default()
    with tqdm(total=0, bar_format="{n_fmt}/{total_fmt} {bar:24} {desc} [{elapsed}]") as bar:

        def progress(done: int, total: int, name: str) -> None:
            bar.total, bar.n = total, done
            bar.set_description_str(name)

        outcome = run_cycle(request, workspace, root / "notebooks", progress=progress)
    with Ledger.default(workspace) as ledger:
        status = "done with blockers" if outcome.blockers else "done"
        ledger.record_cycle(cycle, source.name, as_of, outcome.snapshot_id, status)
        record_reported(open_run(str(outcome.folder)), ledger, as_of)
        _record_states(str(outcome.folder), ledger)
        _alert(str(outcome.folder), ledger)
    for blocker in outcome.blockers:
        print(f"blocker: {blocker}")
    for sentence in outcome.unread:
        print(f"history: {sentence}")
    print(f"report: {outcome.report}")
    return DONE_WITH_BLOCKERS if outcome.blockers else DONE


def _record_states(folder: str, ledger: Ledger) -> None:
    from soe_lib.steps.signals import record_states

    run = open_run(folder)
    if run.has("divergences"):
        print(f"divergences: {record_states(run, ledger, moment()).sentence}")


def _alert(folder: str, ledger: Ledger) -> None:
    from soe_lib.notify import addresses, send_digests

    if not addresses():
        return
    for sending in send_digests(open_run(folder), ledger, moment()):
        print(f"alert: {sending.sentence}")


def _check(arguments: argparse.Namespace) -> int:
    from soe_lib.check import check_text
    from soe_lib.snapshot import take_snapshot
    from soe_lib.sources import load_source

    source = load_source(arguments.source, project_root() / "params" / "sources")
    as_of = _as_of(arguments.as_of, source.default_as_of, source.site_time_zone)
    snapshot = take_snapshot(source, as_of, Workspace.default())
    print(check_text(snapshot))
    print(f"snapshot: {snapshot.path}")
    return DONE_WITH_BLOCKERS if snapshot.blockers() else DONE


def _new_source(arguments: argparse.Namespace) -> int:
    from soe_lib.sources.scaffold import new_source
    from soe_lib.tables import TABLES

    names = [name.strip() for name in arguments.tables.split(",") if name.strip()] or list(TABLES)
    folder = project_root() / "params" / "sources"
    for path in new_source(arguments.source, folder, arguments.kind, names):
        print(path)
    return DONE


def _schedule(arguments: argparse.Namespace) -> int:
    from soe_lib.params import Params
    from soe_lib.schedule.problem import ProblemError
    from soe_lib.schedule_files import schedule_folder

    as_of = _as_of(arguments.as_of, None, "UTC")
    params = load_params(arguments.params) if arguments.params else Params()
    try:
        written = schedule_folder(
            Path(arguments.source),
            as_of,
            Path(arguments.out),
            params,
            seed=arguments.seed,
            iterations=arguments.iterations,
            overtime_hours=arguments.overtime,
            may_expedite=arguments.expedite,
        )
    except ProblemError as error:
        raise UsageError(f"{arguments.source}: {error}") from None
    if len(written.violations):
        print(written.violations.to_string(index=False))
        print(f"soe: the schedule breaks {len(written.violations)} rules; nothing was written")
        return FAILED
    told = written.summary
    print(
        f"lateness {told['late_cost']:,.2f}, bound {told['bound']:,.2f} "
        f"(gap {told['gap_pct']:.1f} %), no violation"
    )
    for path in written.files:
        print(path)
    return DONE


def _meet(arguments: argparse.Namespace) -> int:
    from soe_lib.meeting import meet

    workspace = Workspace.default()
    if _is_demo(workspace):
        governance = load_governance(project_root() / "params" / "governance.yaml")
        for person_id, passphrase in demo_signers(workspace, governance):
            print(f"demo signer: {person_id:20} {passphrase}")
    return meet(
        project_root() / "notebooks",
        workspace,
        ip=arguments.ip,
        port=arguments.port,
        browser=not arguments.no_browser,
        token=not arguments.no_token,
    )


def _is_demo(workspace: Workspace) -> bool:
    from soe_lib.run import latest_run

    try:
        return open_run(str(latest_run(workspace))).source_name == "demo"
    except RunError:
        return False


def _lab(arguments: argparse.Namespace) -> int:
    from soe_lib.meeting import lab

    return lab(project_root() / "notebooks", Workspace.default(), browser=not arguments.no_browser)


def _ledger(arguments: argparse.Namespace) -> int:
    with Ledger.default(Workspace.default()) as ledger:
        faults = ledger.verify()
    for fault in faults:
        print(fault)
    print("ledger: intact" if not faults else f"ledger: {len(faults)} faults")
    return FAILED if faults else DONE


def _as_of(text: str, default: str | None, time_zone: str) -> pd.Timestamp:
    """Return the instant; a bare day is midnight at the site; nothing = the latest Monday 05:00."""
    chosen = text or default
    if not chosen:
        now = pd.Timestamp.now(tz=time_zone)
        monday = (now - pd.Timedelta(days=now.day_of_week)).normalize() + pd.Timedelta(hours=5)
        return (monday if monday <= now else monday - pd.Timedelta(days=7)).tz_convert("UTC")
    try:
        moment = pd.Timestamp(chosen)
    except ValueError:
        raise UsageError(f"--as-of {chosen}: not a date; write 2026-11-23T05:00") from None
    if moment is pd.NaT:
        raise UsageError(f"--as-of {chosen}: not a date; write 2026-11-23T05:00")
    if moment.tzinfo is None:
        moment = moment.tz_localize(time_zone, ambiguous=True, nonexistent="shift_forward")
    return moment.tz_convert("UTC")


if __name__ == "__main__":
    sys.exit(main())
