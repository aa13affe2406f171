"""MES extracts: machine events, stops, scrap, crews, run rates, tools."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from soe_lib.twin.books import Books, mondays
from soe_lib.twin.files import write_csv, write_parquet
from soe_lib.twin.incidents import CREW, SKILL, Effects
from soe_lib.twin.structure import SHIFT_HOURS, SITES, kind_of, site_of
from soe_lib.twin.world import maintenance_rows, small_stops

MASTER_CREATED = "2026-07-01T06:00:00Z"
CREW_DAYS_AHEAD = 28


def write_mes(books: Books, folder: Path) -> None:
    """Write the MES's files."""
    _events(books, folder)
    _stops(books, folder)
    _crew(books, folder)
    _rates(books, folder)
    tools = books.world.plant.tooling
    write_csv(
        folder / "tools.csv",
        tools.rename(
            columns={
                "tool_id": "toolNo",
                "tool_qty": "pieces",
                "description": "text",
                "status": "state",
                "location": "place",
            }
        ).assign(changedAt=MASTER_CREATED),
    )


def _events(books: Books, folder: Path) -> None:
    rows, clock = books["event"], books.world.clock
    table = pd.DataFrame(
        {
            "eventNo": [f"E{n:06d}" for n in range(1, len(rows) + 1)],
            "timestamp": clock.utc_text(rows["at"]),
            "orderNo": rows["wo"],
            "operation": rows["op_no"],
            "line": rows["resource"],
            "event": rows["kind"],
            "goodCount": rows["good"],
            "scrapCount": rows["scrap"],
            "reason": rows["reason"],
            "crew": [CREW[kind_of(name)] for name in rows["resource"]],
        }
    )
    last = table[(table["event"] == "progress") & (rows["at"] < books.as_of)].tail(2)
    wrong_line = last.tail(1).assign(line="FIL-X9", eventNo="E999999")
    broken = pd.concat([last.head(1), wrong_line])
    write_csv(folder / "machine_events.csv.gz", pd.concat([table, broken]))
    scrap = books["scrap"]
    write_csv(
        folder / "scrap_log.csv.gz",
        pd.DataFrame(
            {
                "scrapNo": [f"X{n:06d}" for n in range(1, len(scrap) + 1)],
                "timestamp": clock.utc_text(scrap["at"]),
                "orderNo": scrap["wo"],
                "material": scrap["item"],
                "operation": scrap["op_no"],
                "line": scrap["resource"],
                "pieces": scrap["qty"],
                "reason": scrap["reason"],
                "disposal": "recycle",
            }
        ),
    )


def _stops(books: Books, folder: Path) -> None:
    """Stops in versions: a breakdown is known when it begins, with an end that is expected."""
    clock, first = books.world.clock, books.first
    rows: list[tuple[object, ...]] = []
    slots = books.world.nuisance.stop_slots
    for name in books.world.plant.resource_names:
        for begin, end in small_stops(name, clock, books.world.seed, slots):
            rows.append((end, name, begin, end, False, "STOP", "minor stop", end))
        for begin, end in maintenance_rows(name, clock):
            known = begin - 14 * 1440
            rows.append((known, name, begin, np.nan, True, "MAINT", "planned", end))
            rows.append((end, name, begin, end, True, "MAINT", "planned", end))
    for incident in books.incidents:
        if incident.kind == "breakdown":
            begin, end = incident.at, incident.at + incident.hours * 60
            reason = f"BRK-{incident.incident_id}"
            rows.append((begin, incident.target, begin, np.nan, False, reason, "breakdown", end))
            rows.append((end, incident.target, begin, end, False, reason, "breakdown", end))
    table = pd.DataFrame(
        rows,
        columns=["at", "resource", "begin", "end", "planned", "reason", "category", "expected"],
    )
    table = table[(table["at"] <= books.until) & (table["expected"] >= first)]
    table = table[~(table["planned"] & (table["begin"] > books.until))]
    table = table.sort_values(["at", "resource", "begin"]).reset_index(drop=True)
    write_csv(
        folder / "downtimes.csv",
        pd.DataFrame(
            {
                "line": table["resource"],
                "from": clock.utc_text(table["begin"]),
                "to": clock.utc_text(table["end"]),
                "planned": table["planned"].map({True: "yes", False: "no"}),
                "reason": table["reason"],
                "category": table["category"],
                "expectedTo": clock.utc_text(table["expected"]),
                "changedAt": clock.utc_text(table["at"]),
            }
        ),
    )


def _crew(books: Books, folder: Path) -> None:
    clock = books.world.clock
    effects = Effects(clock, books.incidents)
    rows: list[tuple[object, ...]] = []
    last = clock.day(books.as_of) + CREW_DAYS_AHEAD
    names = books.world.plant.resource_names
    for day in range(books.first_day, last):
        if day % 7 > 4:
            continue
        for site in SITES:
            for kind, skill in SKILL.items():
                lines = [r for r in names if kind_of(r) == kind and site_of(r) == site]
                if not lines:
                    continue
                planned = CREW[kind] * len(lines)
                for code, begin, end in SHIFT_HOURS[site]:
                    start = clock.at(day, begin)
                    stop = clock.at(day + end // 24, end % 24)
                    fixed = (site, day, code, skill, planned, start, stop)
                    rows.append((start - 21 * 1440, *fixed, np.nan))
                    if start + 30 <= books.until:
                        gone = effects.missing.get((site, skill, day, code), 0)
                        gone = gone or books.world.nuisance.absent(
                            books.world.seed, site, skill, day, code, planned
                        )
                        rows.append((start + 30, *fixed, planned - gone))
    table = pd.DataFrame(
        rows, columns=["at", "site", "day", "code", "skill", "planned", "start", "stop", "present"]
    )
    table = table[table["at"] <= books.until]
    write_csv(
        folder / "crew.csv.gz",
        pd.DataFrame(
            {
                "plant": table["site"],
                "day": clock.date_text(table["day"]),
                "shift": table["code"],
                "skill": table["skill"],
                "planned": table["planned"],
                "present": table["present"],
                "shiftStart": clock.utc_text(table["start"]),
                "shiftEnd": clock.utc_text(table["stop"]),
                "changedAt": clock.utc_text(table["at"]),
            }
        ),
    )


def observed_runs(books: Books) -> pd.DataFrame:
    """Return finished runs: ``item``, ``resource``, ``op_no``, ``ended``, ``rate`` [uom/h]."""
    events = books["event"]
    keys = ["wo", "op_no", "resource"]
    began = events[events["kind"] == "start"].groupby(keys)["at"].min()
    ended = events[events["kind"] == "complete"].groupby(keys)["at"].max()
    output = events.groupby(keys)[["good", "scrap"]].sum().sum(axis=1)
    runs = pd.concat([began.rename("began"), ended.rename("ended"), output.rename("qty")], axis=1)
    runs = runs.dropna().reset_index()
    planned = books.world.planned
    worked = [
        planned[r].worked(e) - planned[r].worked(b)
        for r, b, e in zip(runs["resource"], runs["began"], runs["ended"], strict=True)
    ]
    runs["rate"] = runs["qty"] / (np.maximum(worked, 1.0) / 60)
    lots = books["lot"].drop_duplicates("wo").set_index("wo")["item"]
    runs["item"] = runs["wo"].map(lots)
    return runs


def _rates(books: Books, folder: Path) -> None:
    """Run rates as the MES learns them, a new version each Monday on which something was added."""
    routing, clock = books.world.plant.routing, books.world.clock
    keys = ["item", "resource", "op_no"]
    base = pd.DataFrame(
        {
            "item": routing["item_id"],
            "resource": routing["resource_id"],
            "op_no": routing["op_no"],
            "standard": 60 / routing["run_minutes_per_unit"],
        }
    )
    parts = [base.assign(mean=np.nan, p10=np.nan, p90=np.nan, n=0, at=books.first - 28 * 1440)]
    runs = observed_runs(books)
    before: pd.Series | None = None
    for at in mondays(books):
        seen = runs[runs["ended"] <= at].groupby(keys)["rate"]
        stats = pd.DataFrame(
            {
                "mean": seen.mean(),
                "p10": seen.quantile(0.1),
                "p90": seen.quantile(0.9),
                "n": seen.size(),
            }
        )
        fresh = stats if before is None else stats[stats["n"] != before.reindex(stats.index)]
        parts.append(base.merge(fresh.reset_index(), on=keys).assign(at=at - 30))
        before = stats["n"]
    table = pd.concat([part for part in parts if len(part)], ignore_index=True)
    write_parquet(
        folder / "run_rates.parquet",
        pd.DataFrame(
            {
                "material": table["item"],
                "line": table["resource"],
                "operation": table["op_no"].astype("int64"),
                "standardPerHour": table["standard"].round(3),
                "meanPerHour": table["mean"].round(3),
                "p10PerHour": table["p10"].round(3),
                "p90PerHour": table["p90"].round(3),
                "observations": table["n"].astype("int64"),
                "changedAt": clock.instants(table["at"]),
            }
        ),
    )
