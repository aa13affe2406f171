"""
The engine alone, on files: a folder of canonical CSV in, schedule, promises and purchases out.

A folder of ``<canonical_table>.csv`` is a source whose mapping is ``SELECT *``, so files, columns
and cells are read and checked by the same code as any other source.
"""

from __future__ import annotations

import difflib
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from soe_lib.params import Params, ScheduleParams
from soe_lib.snapshot import take_snapshot
from soe_lib.sources import Source, SourceError, load_source
from soe_lib.tables import TABLES
from soe_lib.workspace import Workspace

MAX_SENTENCES = 20


@dataclass(frozen=True)
class Written:
    """
    What ``schedule_folder`` did.

    Attributes
    ----------
    violations
        Rows of ``verify``; files are written only where it is empty.
    summary
        Content of ``summary.json``.
    files
        Files that were written.
    """

    violations: pd.DataFrame
    summary: dict[str, Any]
    files: tuple[Path, ...]


def read_folder(folder: Path, as_of: pd.Timestamp) -> tuple[dict[str, pd.DataFrame], str]:
    """
    Read a folder of canonical CSV files.

    Parameters
    ----------
    folder
        Holds ``<canonical_table>.csv``; a ``source.yaml`` in it may give zone, currency, formats.
    as_of
        Instant UTC.

    Returns
    -------
    tuple
        Tables by name, and the time zone of the site.

    Raises
    ------
    SourceError
        When a file, column or cell is wrong: names file, row, column and remedy.
    """
    if not folder.is_dir():
        raise SourceError(f"{folder}: no such folder; it must hold <canonical_table>.csv files")
    files = sorted(folder.glob("*.csv"))
    if not files:
        raise SourceError(f"{folder}: no CSV files; known tables: {', '.join(TABLES)}")
    for path in files:
        if path.stem not in TABLES:
            close = difflib.get_close_matches(path.stem, list(TABLES), n=1)
            hint = f" Did you mean '{close[0]}.csv'?" if close else ""
            raise SourceError(f"{path}: '{path.stem}' is no canonical table.{hint}")
    with tempfile.TemporaryDirectory(prefix="soe-schedule-") as name:
        source = _source(folder, files, Path(name))
        snapshot = take_snapshot(source, as_of, Workspace(Path(name) / "workspace"))
        wrong = [
            sentence
            for path in files
            for sentence in _wrong_cells(path, snapshot.quarantine(path.stem))
        ]
        if wrong:
            more = len(wrong) - MAX_SENTENCES
            rest = [f"and {more} more rows"] if more > 0 else []
            raise SourceError("\n".join([*wrong[:MAX_SENTENCES], *rest]))
        tables = {table: snapshot.table(table).copy() for table in snapshot.manifest["tables"]}
    return tables, source.site_time_zone


def _source(folder: Path, files: list[Path], where: Path) -> Source:
    """Write the mapping ``SELECT *`` for each file and load it."""
    mapping = where / "sources" / "folder"
    mapping.mkdir(parents=True)
    given = folder / "source.yaml"
    text = given.read_text(encoding="utf-8") if given.is_file() else "kind: files\n"
    (mapping / "source.yaml").write_text(text, encoding="utf-8")
    for path in files:
        (mapping / f"{path.stem}.sql").write_text(f'SELECT * FROM "{path.stem}"\n')
    source = load_source("folder", where / "sources", {"SOE_FOLDER": str(folder)})
    return replace(source, name=folder.name)


def _wrong_cells(path: Path, rejected: pd.DataFrame) -> list[str]:
    if rejected.empty:
        return []
    raw = pd.read_csv(path, dtype=str, keep_default_na=False)
    contract = TABLES[path.stem]
    shared = [column for column in raw.columns if column in rejected]
    cells = rejected[shared].astype("str").fillna("")
    cells = cells.replace({"nan": "", "None": "", "<NA>": ""})
    places: dict[tuple[str, ...], list[int]] = {}
    for number, row in enumerate(raw[shared].itertuples(index=False, name=None)):
        places.setdefault(tuple(str(cell).strip() for cell in row), []).append(number + 2)
    sentences = []
    for (_, known), row in zip(
        rejected.iterrows(), cells.itertuples(index=False, name=None), strict=True
    ):
        line = known.get("line")
        if pd.notna(line):
            sentences.append(f"{path.name}: row {int(line)}: cannot be parsed ({known['rule']})")
            continue
        at = places.get(tuple(str(cell).strip() for cell in row), [0])
        number = at.pop(0) if len(at) > 1 else at[0]
        rule = str(known["rule"])
        named = [c for c in contract.columns if rule.startswith(f"{c}_") and c in shared]
        column = max(named, key=len) if named else ", ".join(contract.key)
        value = f" '{known[column]}'" if named else ""
        words = rule[len(column) + 1 :] if named else rule
        sentences.append(
            f"{path.name}: row {number}: column {column}:{value} breaks the rule "
            f"'{words.replace('_', ' ')}'"
        )
    return sentences


def schedule_folder(
    folder: Path,
    as_of: pd.Timestamp,
    out: Path,
    params: Params,
    *,
    seed: int | None = None,
    iterations: int | None = None,
    overtime_hours: float = 0.0,
    may_expedite: bool = False,
    clock: Callable[[], float] = time.perf_counter,
) -> Written:
    """
    Schedule what a folder of canonical CSV files holds.

    Parameters
    ----------
    folder
        Canonical CSV files.
    as_of
        Instant UTC that is now.
    out
        Takes ``schedule.csv``, ``promises.csv``, ``purchases.csv`` and ``summary.json``; with
        overtime or expedites ``levers.csv`` too.
    params
        Parameters of a cycle; ``seed`` and ``iterations`` replace those of its engine.
    overtime_hours
        Overtime that may be booked on a resource and week where it pays; 0 = none. [h]
    may_expedite
        Whether receipts may be paid to be early where it pays.

    Returns
    -------
    Written
        With violations, and no files, where the schedule does not verify.

    Raises
    ------
    SourceError, ProblemError
        When the input is wrong.
    """
    started = clock()
    tables, time_zone = read_folder(folder, as_of)
    # the engine compiles when it is imported: bad input need not wait for that
    from soe_lib.schedule import build_problem, solve, verify
    from soe_lib.schedule.answer import objective_terms, with_bound
    from soe_lib.schedule.opening import open_levers

    problem = build_problem(
        tables,
        as_of,
        site_time_zone=time_zone,
        order_priority=params.order_priority,
        money=params.money,
        fences=params.fences,
        horizon_weeks=params.horizon.horizon_weeks,
    )
    engine = params.schedule.model_dump()
    engine["seed"] = engine["seed"] if seed is None else seed
    engine["iterations"] = engine["iterations"] if iterations is None else iterations
    schedule = solve(problem, ScheduleParams(**engine))
    levers = None
    if overtime_hours > 0 or may_expedite:
        opened = open_levers(
            problem,
            ScheduleParams(**engine),
            schedule,
            resource_calendar=tables.get("resource_calendar", TABLES["resource_calendar"].empty())
            if overtime_hours > 0
            else None,
            hours_per_week=overtime_hours,
            may_expedite=may_expedite,
        )
        problem, schedule, levers = opened.problem, opened.schedule, opened.levers
    schedule = with_bound(problem, schedule)
    violations = verify(problem, schedule)
    summary = {
        **{key: _plain(value) for key, value in schedule.summary.items()},
        **objective_terms(problem, schedule),
        "as_of": as_of.isoformat(),
        "seed": engine["seed"],
        "iterations": engine["iterations"],
        "notes": list(problem.notes),
        "prices": list(problem.price_notes),
        "verify": "no violation" if violations.empty else f"{len(violations)} violations",
    }
    if len(violations):
        return Written(violations, summary, ())
    summary["seconds"] = round(clock() - started, 3)
    files = {
        "schedule.csv": _csv(_schedule_rows(schedule.operations, as_of, engine["seed"])),
        "promises.csv": _csv(_promise_rows(schedule.promises, schedule.pegging)),
        "purchases.csv": _csv(schedule.purchases),
        "summary.json": json.dumps(summary, indent=1, sort_keys=True) + "\n",
    }
    if levers is not None:
        files["levers.csv"] = _csv(levers)
    writer = Workspace(out)
    for name, text in files.items():
        writer.write_text(out / name, text)
    return Written(violations, summary, tuple(out / name for name in files))


def _plain(value: Any) -> Any:
    if isinstance(value, (str, bool, int, float, list, dict)) or value is None:
        return value
    if hasattr(value, "item"):
        return value.item()
    return list(value) if isinstance(value, tuple) else str(value)


def _schedule_rows(operations: pd.DataFrame, as_of: pd.Timestamp, seed: int) -> pd.DataFrame:
    """Rows of the canonical table: a draft; what cannot run within the calendar is left out."""
    contract = TABLES["schedule_operation"]
    rows = operations.dropna(subset=["end_at"]).reindex(columns=list(contract.columns))
    rows = rows.assign(
        version_id=f"{as_of:%Y%m%dT%H%MZ}-{seed}", published_at=as_of, status="draft"
    )
    rows = rows.dropna(axis="columns", how="all")
    order = ["resource_id", "setup_start_at", "wo_id", "op_no", "split_no"]
    return rows.sort_values(order, kind="stable").reset_index(drop=True)


def _promise_rows(promises: pd.DataFrame, pegging: pd.DataFrame) -> pd.DataFrame:
    """One row per order line, with the lots, receipts and stock that it is promised from."""
    pegs: dict[tuple[str, str], list[list[Any]]] = {}
    for row in pegging.to_dict("records"):
        entry = [row["supply_type"], row["supply_id"], round(float(row["qty"]), 6)]
        pegs.setdefault((row["order_id"], row["line_id"]), []).append(entry)
    keys = zip(promises["order_id"], promises["line_id"], strict=True)
    return promises.assign(pegged_lots=[json.dumps(pegs.get(key, [])) for key in keys])


def _csv(rows: pd.DataFrame) -> str:
    return str(
        rows.to_csv(
            index=False, lineterminator="\n", date_format="%Y-%m-%dT%H:%M:%SZ", float_format="%.10g"
        )
    )
