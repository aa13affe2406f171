"""``soe what-if``: levers pulled on the current cycle's snapshot, as the page of step 3 does it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from soe_lib.run import Run, open_run
from soe_lib.scenario.costs import TERM_WORDS, TERMS
from soe_lib.scenario.custom import offered_levers
from soe_lib.steps.live import Ground, LiveRun, compute, ground_of, live_run, next_name
from soe_lib.steps.wanted import TICKED, Wanted, choice_of, read_wanted
from soe_lib.views.live.details import rush_sentence

Add = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]
DONE, BAD_INPUT = 0, 2
SHOWN_ROWS = 12
"""Moved operations and promises that are printed unless more are wanted."""
KPI_WORDS = {
    "num_late_lines": "late order lines",
    "tardiness_days": "days late, all lines",
    "on_time_pct": "on time, %",
    "kept_pct": "promises kept under drawn luck, %",
    "overtime_hours": "overtime hours",
    "num_moves": "operations that move",
    "num_moves_frozen": "... inside the frozen zone",
    "num_earlier_lines": "promises that come earlier",
    "num_later_lines": "promises that come later",
}


def add_commands(add: Add) -> None:
    """Add the command to the parser."""
    what_if = add("what-if", _what_if, "pull levers on the current cycle and compare the outcome")
    what_if.add_argument("--run", default="", help="folder of the run; empty = the latest")
    what_if.add_argument("--list", action="store_true", help="which levers there are, and stop")
    what_if.add_argument("--file", default="", help="scenario as YAML: the README shows one")
    what_if.add_argument(
        "--lever", action="append", default=[], metavar="NAME", help=f"one of: {', '.join(TICKED)}"
    )
    what_if.add_argument("--title", default="", help="name of the scenario on every page")
    what_if.add_argument(
        "--resource", action="append", default=[], help="overtime only on this resource"
    )
    what_if.add_argument(
        "--purchase-line", action="append", default=[], help="expedite only this line (PO/LINE)"
    )
    what_if.add_argument(
        "--calm", type=float, default=None, help="a move must save this many times"
    )
    what_if.add_argument("--rows", type=int, default=SHOWN_ROWS, help="moves and promises printed")


def _what_if(arguments: argparse.Namespace) -> int:
    run = live_run(open_run(arguments.run))
    off = str(run.words("what_if").get("off", ""))
    if off:
        print(f"soe: {off}", file=sys.stderr)
        return BAD_INPUT
    try:
        if arguments.list:
            print(levers_text(run, ground_of(run)))
            return DONE
        choice = choice_of(run, wanted_of(arguments))
        ground = ground_of(run)
        name = next_name(run)
        tables = compute(ground, name, choice, _say)
    except ValueError as error:
        print(f"soe: {error}", file=sys.stderr)
        return BAD_INPUT
    run.add(name, choice, tables)
    print(comparison_text(run, name, max(arguments.rows, 0)))
    return DONE


def wanted_of(arguments: argparse.Namespace) -> Wanted:
    """Return what file and options ask for together; an option comes before the file."""
    wanted = read_wanted(Path(arguments.file)) if arguments.file else Wanted()
    said = {
        "title": arguments.title,
        "levers": (*wanted.levers, *arguments.lever) if arguments.lever else (),
        "resources": tuple(arguments.resource),
        "purchase_lines": tuple(arguments.purchase_line),
    }
    updates: dict[str, object] = {name: value for name, value in said.items() if value}
    if arguments.calm is not None:
        updates["calm"] = arguments.calm
    return wanted.model_copy(update=updates)


def levers_text(run: Run, ground: Ground) -> str:
    """Return the levers on offer: what each does, costs, and until when it can be pulled."""
    rows = offered_levers(ground.start)
    currency = run.snapshot.currency
    zone = run.snapshot.site_time_zone
    table = pd.DataFrame(
        {
            "lever": rows["lever"],
            "on": rows["object_id"],
            "from": rows["old_value"],
            "to": rows["new_value"],
            f"cost {currency}": rows["cost"].map("{:,.0f}".format),
            "pull until": rows["act_by_at"].map(lambda at: _instant(at, zone)),
        }
    )
    free = "resequence, alternate routing: freedoms of the search; each move has its price"
    typed = "rush_order, premium_freight, subcontract, allocation: in a file (--file)"
    return "\n".join([_grid(table), "", free, typed])


def comparison_text(run: LiveRun, name: str, rows: int) -> str:
    """
    Return the comparison of a scenario with doing nothing and the recommendation.

    Parameters
    ----------
    run
        The run with the meeting's scenarios.
    name
        The scenario, e.g. ``live_01``.
    rows
        Moved operations and promises that are listed.
    """
    scenarios = run.read("scenarios").set_index("scenario")
    best = scenarios.index[scenarios["is_recommended"]].tolist()
    shown = list(dict.fromkeys([scenarios.index[0], *best, name]))
    own = scenarios.loc[name]
    ending = f"Recorded. To choose it: soe decide --as PERSON --scenario {name} --reason TEXT"
    if own["status"] == "inquiry":
        ending = "Recorded. It cannot be chosen yet: its order is not in the ERP."
    elif own["is_rejected"]:
        ending = "Recorded. It cannot be chosen: its schedule breaks a rule."
    parts = [
        f"{_plain(own['title'])} ({name}): {_plain(own['reason'])}.",
        _answer(run, name),
        _side_by_side(scenarios.loc[shown], dict.fromkeys((*TERMS, "total_cost")), TERM_WORDS,
                      f"money by term [{run.snapshot.currency}]"),
        _side_by_side(scenarios.loc[shown], dict.fromkeys(KPI_WORDS), KPI_WORDS, "measures"),
        _moved(run, name, rows),
        _promises(run, name, rows),
        _pressure(run, name),
        ending,
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part)


def _side_by_side(
    scenarios: pd.DataFrame, names: dict[str, None], words: dict[str, str], title: str
) -> str:
    kept = [name for name in names if name in scenarios and scenarios[name].abs().max() > 0]
    table = pd.DataFrame({title: [words[name] for name in kept]})
    first = scenarios.iloc[0]
    for number, (_, row) in enumerate(scenarios.iterrows()):
        values = []
        for name in kept:
            change = float(row[name]) - float(first[name])
            digits = 0 if name.startswith("num_") or name in TERM_WORDS else 1
            told = f"{float(row[name]):,.{digits}f}"
            values.append(f"{told} ({change:+,.{digits}f})" if number else told)
        table[_plain(row["title"])] = values
    return _grid(table)


def _answer(run: LiveRun, name: str) -> str:
    """Return when an order that is put in could be there, and who pays; empty without one."""
    quotes = run.read("scenario_rush")
    own = quotes[(quotes["scenario"] == name) & quotes["is_taken"]]
    return _plain(rush_sentence(run, own.iloc[0])) if len(own) else ""


def _moved(run: LiveRun, name: str, rows: int) -> str:
    moves = run.read("scenario_moves")
    own = moves[(moves["scenario"] == name) & (moves["change"] != "shifted")]
    if own.empty:
        return "No operation is moved."
    zone = run.snapshot.site_time_zone
    line = own["resource_before"].fillna("-") + " > " + own["resource_after"].fillna("-")
    table = pd.DataFrame(
        {
            "operation": own["wo_id"] + "/" + own["op_no"].astype("str"),
            "change": own["change"],
            "line": line.where(own["change"] == "rerouted", own["resource_after"]),
            "was": own["start_before_at"].map(lambda at: _instant(at, zone)),
            "is": own["start_after_at"].map(lambda at: _instant(at, zone)),
            "zone": own["zone"],
            "price": own["change_cost"].map("{:,.0f}".format),
        }
    )
    return f"{len(own):,} operations move{_first(rows, len(own))}:\n{_grid(table.head(rows))}"


def _promises(run: LiveRun, name: str, rows: int) -> str:
    promises = run.read("scenario_promise_moves")
    own = promises[promises["scenario"] == name]
    if own.empty:
        return "No promise changes."
    table = pd.DataFrame(
        {
            "order line": own["order_id"] + "/" + own["line_id"],
            "change": own["change"],
            "was": own["promised_date_before"].dt.strftime("%d %b %Y").fillna("none"),
            "is": own["promised_date_after"].dt.strftime("%d %b %Y").fillna("none"),
            "days late": own["lateness_days_after"].clip(lower=0).map("{:.1f}".format),
        }
    )
    return f"{len(own):,} promises change{_first(rows, len(own))}:\n{_grid(table.head(rows))}"


def _pressure(run: LiveRun, name: str) -> str:
    rows = run.read("pressure")
    own = rows[rows["scenario"] == name]
    table = pd.DataFrame(
        {"pressure test": own["subject"], "": own["status"], "says": own["sentence"]}
    )
    return _grid(table)


def _first(rows: int, count: int) -> str:
    return f", the first {rows:,}" if count > rows else ""


def _instant(at: pd.Timestamp, zone: str) -> str:
    return "-" if pd.isna(at) else f"{at.tz_convert(zone):%a %d %b %H:%M}"


def _plain(text: object) -> str:
    """Return a text of the feed without what a terminal would obey."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text))


def _grid(table: pd.DataFrame) -> str:
    """Return a table as text: columns aligned, nothing cut, nothing that a terminal obeys."""
    cells = [[_plain(name) for name in table.columns]]
    cells += [[_plain(value) for value in row] for row in table.itertuples(index=False)]
    wide = [max(len(row[k]) for row in cells) for k in range(len(table.columns))]
    lines = ["  ".join(cell.ljust(wide[k]) for k, cell in enumerate(row)).rstrip() for row in cells]
    return "\n".join([lines[0], "-" * min(max(map(len, lines)), 120), *lines[1:]])


def _say(share: float, text: str) -> None:
    print(f"{share:4.0%} {text}", file=sys.stderr, flush=True)
