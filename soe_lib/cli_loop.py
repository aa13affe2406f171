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
