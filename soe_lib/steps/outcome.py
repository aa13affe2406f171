"""Past decisions against what happened: read where it is settled, computed where it is new."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

import pandas as pd

from soe_lib.ledger import Ledger
from soe_lib.monitoring.outcome import LINE_COLUMNS, outcome_figures, outcome_lines
from soe_lib.monitoring.regret import (
    NOT_PUT_IN,
    OPTION_COLUMNS,
    Option,
    realised_tables,
    rerun,
)
from soe_lib.run import Run, RunError, open_past, run_name
from soe_lib.scenario.costs import TERMS
from soe_lib.scenario.lever_specs import lever_of
from soe_lib.scenario.levers import Lever
from soe_lib.sources import SourceError
from soe_lib.steps.live import LiveRun, live_run, rows_of_one
from soe_lib.steps.past import Unread, whole_snapshot
from soe_lib.steps.records import earlier_runs
from soe_lib.steps.what_if import context_of

LOOK_BACK_WEEKS = 13
"""Decisions older than this are read from earlier runs, never computed. [weeks]"""
WEEK = pd.Timedelta(weeks=1)
DECISION_COLUMNS = (
    "cycle_id",
    "scenario",
    "title",
    "decided_on",
    "until_at",
    "is_final",
    "num_lines",
    "num_unknown",
    "expected_late_lines",
    "actual_late_lines",
    "expected_on_time_pct",
    "actual_on_time_pct",
    "expected_late_cost",
    "actual_late_cost",
    "bias_days",
    "error_days",
    "num_surprises",
    "expected_cost",
    "realised_cost",
    "best_scenario",
    "best_cost",
    "regret",
    "put_in",
)
_PROMISES = ("order_id", "line_id", "item_id", "open_qty", "due_at", "promised_at", "promised_qty",
             "is_covered", "lateness_days")  # fmt: skip
_OPERATIONS = ("wo_id", "op_no", "split_no", "resource_id", "start_at")
_SCENARIOS = ("title", "is_rejected", "num_late_lines", *TERMS)
_TEXT = ("cycle_id", "scenario", "title", "best_scenario", "put_in")
_AT = ("decided_on", "until_at")


@dataclass(frozen=True)
class Outcomes:
    """
    What became of past decisions.

    Attributes
    ----------
    decisions
        One row per published decision of the source before this run, newest last:
        :data:`DECISION_COLUMNS`.
    lines
        Order lines of the newest judged decision: ``monitoring.outcome.LINE_COLUMNS``.
    options
        Options of that decision under what happened: ``monitoring.regret.OPTION_COLUMNS``.
    sentence, limits
        The result in words, and what it cannot say.
    """

    decisions: pd.DataFrame
    lines: pd.DataFrame
    options: pd.DataFrame
    sentence: str
    limits: tuple[str, ...]


def published_decisions(run: Run) -> pd.DataFrame:
    """
    Return the publications of the run's source that are older than its snapshot.

    Returns
    -------
    pandas.DataFrame
        ``cycle_id``, ``scenario``, ``title``, ``expected`` (dict), ``published_at``, oldest first;
        no rows where the workspace has no ledger: reading must not make one.
    """
    columns = ["cycle_id", "scenario", "title", "expected", "published_at"]
    if not os.environ.get("SOE_LEDGER_URL") and not (run.workspace.root / "ledger.sqlite").exists():
        return pd.DataFrame(columns=columns)
    with Ledger.default(run.workspace) as ledger:
        published, decided = ledger.entries("publication"), ledger.entries("decision")
    content = {
        int(number): json.loads(text)
        for number, text in zip(decided["number"], decided["content"], strict=True)
    }
    rows = []
    for object_id, cycle, text in zip(
        published["object_id"], published["cycle_id"], published["content"], strict=True
    ):
        entry = json.loads(text)
        at = pd.Timestamp(entry["published_at"])
        if object_id != f"{cycle}/{run.source_name}" or at > run.as_of:
            continue
        decision = content.get(int(entry["decision"]), {})
        rows.append(
            (cycle, entry["scenario"], decision.get("title", ""), decision.get("expected", {}), at)
        )
    found = pd.DataFrame(rows, columns=columns)
    return found.sort_values("published_at", kind="stable").reset_index(drop=True)


def judge_decisions(run: Run, unread: Unread) -> Outcomes:
    """
    Judge every decision that was published before a run.

    A decision is in force until the next one's snapshot, a week at most. What an earlier run has
    settled is read from it. Decisions whose run cannot be read are told to ``unread``.
    """
    published = published_decisions(run)
    settled = _settled(run, unread)
    rows: list[dict[str, object]] = []
    lines = pd.DataFrame(columns=list(LINE_COLUMNS))
    options = pd.DataFrame(columns=list(OPTION_COLUMNS))
    begins = [_as_of(run, cycle) for cycle in published["cycle_id"]]
    for place, entry in enumerate(published.to_dict("records")):
        begin = begins[place]
        if begin is None:
            continue
        following = [b for b in begins[place + 1 :] if b is not None]
        end = min([run.as_of, begin + WEEK, *following[:1]])
        is_final = bool(following) or run.as_of >= begin + WEEK
        known = settled.get(str(entry["cycle_id"]))
        is_newest = place == len(published) - 1
        if known is not None and not is_newest:
            rows.append(known)
            continue
        if run.as_of - begin > LOOK_BACK_WEEKS * WEEK or end <= begin:
            continue
        try:
            past = live_run(run_of(run, str(entry["cycle_id"])), str(entry["scenario"]))
            row, lines, options = _judged(past, run, entry, begin, end)
        except (RunError, SourceError) as error:
            unread.tell(error)
            continue
        rows.append({**row, "is_final": is_final})
    decisions = _typed(pd.DataFrame(rows, columns=list(DECISION_COLUMNS)))
    limits = NOT_PUT_IN if len(decisions) else ()
    said = outcome_sentence(decisions, len(published), run.snapshot.currency)
    return Outcomes(decisions, lines, options, said, tuple(limits))


def outcome_sentence(decisions: pd.DataFrame, num_published: int, currency: str = "") -> str:
    """Say what became of the newest judged decision and how decisions did in all."""
    if decisions.empty and num_published:
        return (
            f"{num_published} {'decision was' if num_published == 1 else 'decisions were'} "
            "published before this cycle, but none of them could be judged."
        )
    if decisions.empty:
        return "No decision has been published before this cycle, so there is no outcome to judge."
    last = decisions.iloc[-1]
    said = (
        f"The decision of {last['cycle_id']} ('{last['title']}') expected "
        f"{last['expected_late_lines']:.0f} of {last['num_lines']:.0f} order lines of the week "
        f"late; {last['actual_late_lines']:.0f} were. "
    )
    if last["num_lines"] == 0:
        said = f"No order line was due while the decision of {last['cycle_id']} was in force. "
    known = decisions[decisions["regret"].notna()]
    if known.empty:
        return said + "What the other options would have brought could not be computed."
    best = int((known["regret"] < 0.5).sum())
    mean = float(known["regret"].mean())
    count = len(known)
    said += (
        f"In hindsight it was the best choice {best} of {count} times"
        if count > 1
        else "In hindsight it was the best choice"
        if best
        else "In hindsight another option was better"
    )
    if mean < 0.5:
        return said + "; no rejected option would have been cheaper."
    money = f"{mean:,.0f} {currency}".strip()
    each = "on average " if count > 1 else ""
    return said + f"; {each}the best rejected option would have cost {money} less."


def _judged(
    past: LiveRun, run: Run, entry: dict, begin: pd.Timestamp, end: pd.Timestamp
) -> tuple[dict[str, object], pd.DataFrame, pd.DataFrame]:
    chosen = str(entry["scenario"])
    whole_snapshot(past)
    promises = rows_of_one(_needed(past, "scenario_promises", _PROMISES), chosen)
    lines = outcome_lines(promises, past.tables, run.tables, begin, end, past.params.money)
    then = context_of(past)
    real = realised_tables(then, run.tables, end)
    options = rerun(_options(past), chosen, then, real)
    own = options[options["is_chosen"]]
    best = options.loc[[options["realised_cost"].idxmin()]] if len(options) else options
    row: dict[str, object] = {
        "cycle_id": entry["cycle_id"],
        "scenario": chosen,
        "title": entry["title"],
        "decided_on": begin,
        "until_at": end,
        **outcome_figures(lines),
        "expected_cost": float(dict(entry["expected"]).get("total_cost", float("nan"))),
        "realised_cost": float(own["realised_cost"].iloc[0]) if len(own) else float("nan"),
        "best_scenario": str(best["title"].iloc[0]) if len(best) else "",
        "best_cost": float(best["realised_cost"].iloc[0]) if len(best) else float("nan"),
        "regret": float(own["regret"].iloc[0]) if len(own) else float("nan"),
        "put_in": "; ".join(real.put_in),
    }
    return row, lines, options


def _options(past: LiveRun) -> list[Option]:
    table = _needed(past, "scenarios", _SCENARIOS)
    kept = table[~table["is_rejected"].astype(bool)]
    specs = _needed(past, "lever_specs", ("spec",))
    operations = _needed(past, "scenario_operations", _OPERATIONS)
    return [
        Option(
            scenario=str(row["scenario"]),
            title=str(row["title"]),
            operations=rows_of_one(operations, str(row["scenario"])),
            levers=_levers(past, rows_of_one(specs, str(row["scenario"]))),
            terms={term: float(row[term]) for term in TERMS},
            late_lines=float(row["num_late_lines"]),
        )
        for row in kept.to_dict("records")
    ]


def _levers(past: LiveRun, specs: pd.DataFrame) -> tuple[Lever, ...]:
    try:
        return tuple(lever_of(spec) for spec in specs["spec"])
    except ValueError as error:
        raise RunError(past.lacks(f"has in its table 'lever_specs' {error}")) from None


def _needed(past: LiveRun, name: str, columns: tuple[str, ...]) -> pd.DataFrame:
    return past.read_needed(name, ("scenario", *columns))


def run_of(run: Run, cycle_id: str) -> Run:
    """Return the run of another cycle of the same source and site; ``RunError`` if it is gone."""
    return open_past(run.workspace.runs / cycle_id / run_name(run.source_name, run.site))


def _as_of(run: Run, cycle_id: str) -> pd.Timestamp | None:
    """Return the instant of a past cycle's snapshot; None where its run is gone."""
    try:
        past = run_of(run, cycle_id)
    except RunError:
        return None
    return past.as_of if past.is_complete and past.as_of < run.as_of else None


def _settled(run: Run, unread: Unread) -> dict[str, dict]:
    """Return the final rows that earlier runs of this source have computed, by cycle."""
    found: dict[str, dict] = {}
    for past in earlier_runs(run, unread):
        if not past.is_complete:
            continue
        table = unread.read(past, "outcome_decisions", DECISION_COLUMNS)
        for row in () if table is None else table.to_dict("records"):
            if row["is_final"]:
                found.setdefault(str(row["cycle_id"]), {str(k): v for k, v in row.items()})
    return found


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    dtypes = dict.fromkeys(DECISION_COLUMNS, "float64")
    dtypes |= dict.fromkeys(_TEXT, "str") | {"is_final": "bool"}
    dtypes |= dict.fromkeys(_AT, "datetime64[us, UTC]")
    return rows.astype(dtypes)
