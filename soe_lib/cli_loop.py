"""Commands that prove the loop: replays of real history and weeks of the simulated plant."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pandas as pd

from soe_lib.params import ParamsError, load_params
from soe_lib.run import project_root
from soe_lib.workspace import Workspace

Add = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]
DONE = 0


def add_commands(add: Add) -> None:
    """Add the commands to the parser."""
    replay = add("backtest", _backtest, "replay real history with only what was known then")
    replay.add_argument("--source", required=True, help="name of a folder in params/sources")
    replay.add_argument("--from", dest="first_day", required=True, metavar="DAY")
    replay.add_argument("--to", dest="last_day", required=True, metavar="DAY")
    replay.add_argument("--params", default="", help="parameter file (default params/weekly.yaml)")
    twin = add("twin", _twin, "the simulated plant: campaigns of policies, or the demo's extracts")
    twin.add_argument("--write-demo", metavar="FOLDER", default="", help="write the demo plant")
    twin.add_argument("--seed", type=int, default=None, help="seed of the demo plant")
    twin.add_argument("--weeks", type=int, default=12, help="weeks of a campaign (1 to 14)")
    twin.add_argument("--policy", default="none,right-shift,edd,soe", help="comma separated")
    twin.add_argument("--seeds", type=int, default=20, help="how many plants")
    twin.add_argument("--first-seed", type=int, default=1)
    twin.add_argument("--jobs", type=int, default=2, help="campaigns at a time")
    twin.add_argument("--iterations", type=int, default=100_000, help="moves of each search")
    twin.add_argument("--resume", action="store_true", help="keep campaigns that are finished")
    twin.add_argument("--params", default="", help="parameter file (default params/weekly.yaml)")


@contextmanager
def progress_bar() -> Iterator[Callable[[int, int, str], None]]:
    """Give a callback (done, total, text) that moves a bar on the terminal."""
    from tqdm import tqdm

    with tqdm(total=0, bar_format="{n_fmt}/{total_fmt} {bar:24} {desc} [{elapsed}]") as bar:

        def move(done: int, total: int, text: str) -> None:
            bar.total, bar.n = total, done
            bar.set_description_str(text)

        yield move


def _backtest(arguments: argparse.Namespace) -> int:
    from soe_lib.loop.backtest import backtest
    from soe_lib.sources import load_source

    root = project_root()
    source = load_source(arguments.source, root / "params" / "sources")
    params = load_params(arguments.params or root / "params" / "weekly.yaml")
    window = _day("--from", arguments.first_day), _day("--to", arguments.last_day)
    with progress_bar() as progress:
        done = backtest(source, *window, params, Workspace.default(), progress=progress)
    for sentence in done.sentences:
        print(sentence)
    for name in ("service", "warning_rules"):
        if name in done.tables:
            print()
            print(_shown(done.tables[name]))
    print(f"files: {done.folder}")
    return DONE


def _twin(arguments: argparse.Namespace) -> int:
    if arguments.write_demo:
        return _write_demo(arguments)
    from soe_lib.loop.campaign import POLICIES, campaign_params
    from soe_lib.loop.experiment import brief, experiment

    policies = [name.strip() for name in arguments.policy.split(",") if name.strip()]
    unknown = [name for name in policies if name not in POLICIES]
    if unknown or not policies:
        raise ParamsError(
            f"--policy {arguments.policy}: unknown {', '.join(unknown) or 'policy'}; "
            f"known: {', '.join(POLICIES)}"
        )
    for option, least in (("weeks", 1), ("seeds", 1), ("jobs", 1), ("iterations", 0)):
        if getattr(arguments, option) < least:
            raise ParamsError(f"--{option} {getattr(arguments, option)}: at least {least}")
    root = project_root()
    params = load_params(arguments.params or root / "params" / "weekly.yaml")
    with progress_bar() as progress:
        found = experiment(
            range(arguments.first_seed, arguments.first_seed + arguments.seeds),
            arguments.weeks,
            policies,
            campaign_params(params, arguments.iterations),
            root / "params" / "sources",
            Workspace.default(),
            jobs=arguments.jobs,
            is_resumed=arguments.resume,
            progress=progress,
        )
    print(brief(found.table).to_string(index=False))
    print(f"files: {found.folder}")
    print(found.last_line)
    return DONE


def _write_demo(arguments: argparse.Namespace) -> int:
    from soe_lib.twin import DEMO_SEED, TwinError, write_demo

    try:
        write_demo(arguments.write_demo, DEMO_SEED if arguments.seed is None else arguments.seed)
    except TwinError as error:
        raise ParamsError(f"twin: {error}; try another --seed") from None
    print(f"demo plant: {arguments.write_demo}")
    return DONE


def _shown(rows: pd.DataFrame) -> str:
    """Return a table for the terminal: shares with three decimals, the rest with one."""

    def one(column: str) -> Callable[[float], str]:
        digits = 3 if column.endswith("_fill") else 1
        return lambda value: f"{value:,.{digits}f}"

    numbers = rows.select_dtypes("float").columns
    return rows.to_string(index=False, formatters={name: one(name) for name in numbers})


def _day(option: str, text: str) -> pd.Timestamp:
    day = pd.to_datetime(text, format="%Y-%m-%d", errors="coerce")
    if pd.isna(day):
        raise ParamsError(f"{option} {text}: not a day; write it like 2023-04-01")
    return pd.Timestamp(day)
