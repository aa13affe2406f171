"""Loading: every row of an extract is loaded, excluded with a reason or quarantined with a rule."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soe_lib.features import feature_table, headline
from soe_lib.snapshot import Snapshot, check_report, load_snapshot, take_snapshot
from soe_lib.sources import Source, SourceError, load_source, read_tables
from soe_lib.tables import TABLES
from soe_lib.validate import validate
from soe_lib.workspace import Workspace
from tests.conftest import SourceMaker

AS_OF = pd.Timestamp("2026-11-23T05:00Z")
ITEMS = "ITEM,FAM\n" + "".join(f"I{n},F\n" for n in range(5))
ITEM_SQL = """SELECT "ITEM" AS item_id, "FAM" AS family_id, 'PC' AS uom, 'make' AS supply_type
FROM items"""
STOCK_SQL = """SELECT "ITEM" AS item_id, "LOC" AS location_id, "AT" AS balance_at,
"QTY" AS on_hand_qty, CASE WHEN "LOC" = 'SCRAPYARD' THEN 'not our stock' END AS exclude_reason
FROM stock"""
SQL = {"item": ITEM_SQL, "inventory_balance": STOCK_SQL}
HEAD = "ITEM,LOC,AT,QTY\n"


def stock(*lines: str) -> dict[str, str]:
    """Extracts with these lines of stock."""
    return {"items.csv": ITEMS, "stock.csv": HEAD + "".join(f"{line}\n" for line in lines)}


def identities_hold(snapshot: Snapshot) -> bool:
    """Whether no row got lost, by the manifest and by the files."""
    for name, counts in snapshot.manifest["tables"].items():
        excluded = sum(counts["rows_excluded"].values())
        if counts["rows_raw"] != counts["rows_in"] + excluded:
            return False
        if counts["rows_in"] != counts["rows_loaded"] + counts["rows_quarantined"]:
            return False
        if len(snapshot.table(name)) != counts["rows_loaded"]:
            return False
        if len(snapshot.quarantine(name)) != counts["rows_quarantined"]:
            return False
    return True


@dataclass(frozen=True)
class Line:
    """A line of the extract and what must become of it."""

    raw: bytes
    fate: str  # loaded, excluded, nothing, or the rule that it breaks ("line" = any line reason)


def _good(number: int) -> Line:
    return Line(f"I{number % 5},L{number},2026-11-20 06:00,{number}.5".encode(), "loaded")


DAMAGE = {
    "good": lambda n: _good(n),
    "second date format": lambda n: Line(f"I1,L{n},20.11.2026 06:00,1".encode(), "loaded"),
    "quoted": lambda n: Line(f'I1,"L{n}, ""left""",2026-11-20,1'.encode(), "loaded"),
    "quote inside": lambda n: Line(f'I1,L{n} 5" shelf,2026-11-20,1'.encode(), "loaded"),
    "excluded": lambda n: Line(b"I1,SCRAPYARD,2026-11-20,1", "excluded"),
    "later than as_of": lambda n: Line(f"I1,L{n},2026-11-24,1".encode(), "excluded"),
    "blank line": lambda n: Line(b"", "nothing"),
    "null": lambda n: Line(f",L{n},2026-11-20,1".encode(), "item_id_is_missing"),
    "only separators": lambda n: Line(b",,,", "item_id_is_missing"),
    "duplicate": lambda n: Line(b"I0,TWICE,2026-11-20,1", "duplicate_key"),
    "word for number": lambda n: Line(f"I1,L{n},2026-11-20,ten".encode(), "on_hand_qty_is_number"),
    "comma in number": lambda n: Line(
        f'I1,L{n},2026-11-20,"1,5"'.encode(), "on_hand_qty_is_number"
    ),
    "huge": lambda n: Line(f"I1,L{n},2026-11-20,1e999".encode(), "on_hand_qty_is_number"),
    "not a number": lambda n: Line(f"I1,L{n},2026-11-20,NaN".encode(), "on_hand_qty_is_number"),
    "negative": lambda n: Line(f"I1,L{n},2026-11-20,-3".encode(), "on_hand_qty_not_negative"),
    "word for date": lambda n: Line(f"I1,L{n},soon,1".encode(), "balance_at_is_instant"),
    "the clock": lambda n: Line(f"I1,L{n},today,1".encode(), "balance_at_is_instant"),
    "no such day": lambda n: Line(f"I1,L{n},2026-02-30,1".encode(), "balance_at_is_instant"),
    "far day": lambda n: Line(f"I1,L{n},9999-12-31,1".encode(), "balance_at_is_instant"),
    "unknown key": lambda n: Line(f"X9,L{n},2026-11-20,1".encode(), "item_id_is_known"),
    "wrong encoding": lambda n: Line(f"I1,Lä{n},2026-11-20,1".encode("cp1252"), "line_encoding"),
    "too many": lambda n: Line(f"I1,L{n},2026-11-20,1,9".encode(), "line_too_many_columns"),
    "too few": lambda n: Line(f"I1,L{n}".encode(), "line_missing_columns"),
    "NUL": lambda n: Line(f"I1,L\x00{n},2026-11-20,1".encode(), "line_has_nul"),
    "open quote": lambda n: Line(f'"I1,L{n},2026-11-20,1'.encode(), "line"),
    "open quote at the end": lambda n: Line(f'I1,L{n},2026-11-20,"1'.encode(), "line"),
    "text after quote": lambda n: Line(f'"I1" x,L{n},2026-11-20,1'.encode(), "line_malformed"),
    "carriage return": lambda n: Line(f"I1,L\r{n},2026-11-20,1".encode(), "line_malformed"),
}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kinds=st.lists(st.sampled_from(sorted(DAMAGE)), max_size=25),
    bom=st.booleans(),
    line_end=st.sampled_from([b"\n", b"\r\n"]),
    ends=st.booleans(),
)
def test_every_damaged_line_has_its_fate(
    kinds: list[str], bom: bool, line_end: bytes, ends: bool
) -> None:
    """Tests that good lines load and each damaged one is quarantined with the name of its fault."""
    first = Line(b"I0,TWICE,2026-11-20,1", "loaded")
    lines = [first, *(DAMAGE[kind](n) for n, kind in enumerate(kinds))]
    content = (b"\xef\xbb\xbf" if bom else b"") + HEAD.strip().encode() + line_end
    content += line_end.join(line.raw for line in lines) + (line_end if ends else b"")
    with tempfile.TemporaryDirectory() as folder:
        source = _source(Path(folder), {"items.csv": ITEMS.encode(), "stock.csv": content})
        raw = read_tables(source, AS_OF)
        items = validate(raw["item"], source, AS_OF, {})
        found = validate(raw["inventory_balance"], source, AS_OF, {"item": items.rows})
    fates = Counter(line.fate for line in lines)
    rules = Counter(found.quarantined["rule"])
    counts = found.counts
    assert counts["rows_loaded"] == len(found.rows) == fates["loaded"]
    assert sum(counts["rows_excluded"].values()) == fates["excluded"]
    assert counts["rows_raw"] == len(lines) - fates["nothing"]
    assert counts["rows_raw"] == counts["rows_in"] + fates["excluded"]
    assert counts["rows_in"] == counts["rows_loaded"] + counts["rows_quarantined"]
    for fate, number in fates.items():
        if fate in ("loaded", "excluded", "nothing"):
            continue
        if fate != "line":
            assert rules[fate] >= number, (fate, rules)
    broken = sum(n for fate, n in fates.items() if fate not in ("loaded", "excluded", "nothing"))
    assert len(found.quarantined) == broken
    TABLES["inventory_balance"].schema().validate(found.rows)


def _source(folder: Path, files: dict[str, bytes], **config: object) -> Source:
    """Make a source outside pytest's fixtures: hypothesis needs a fresh one per example."""
    mapping, root = folder / "sources" / "own", folder / "extracts"
    mapping.mkdir(parents=True)
    root.mkdir()
    for name, content in files.items():
        (root / name).write_bytes(content)
    for table, text in SQL.items():
        (mapping / f"{table}.sql").write_text(text)
    settings_ = {"kind": "files", "date_formats": ["%d.%m.%Y %H:%M"], **config}
    (mapping / "source.yaml").write_text(yaml.safe_dump(settings_))
    return load_source("own", folder / "sources", {"SOE_OWN": str(root)})


CELLS = st.one_of(
    st.none(),
    st.text(max_size=12),
    st.floats(),
    st.integers(),
    st.booleans(),
    st.dates(),
    st.datetimes(),
    st.sampled_from(["1", "I1", "2026-11-20", "2026-11-20T06:00+01:00", "1e308", "-1", "yes"]),
)


@settings(max_examples=30)
@given(
    rows=st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS, CELLS), max_size=8),
    zone=st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata"]),
)
def test_no_cell_whatsoever_breaks_the_load(rows: list[tuple[object, ...]], zone: str) -> None:
    """Tests that cells of any type and content never raise and never lose a row."""
    from soe_lib.sources import RawTable

    names = ["item_id", "location_id", "balance_at", "on_hand_qty", "expiry_date"]
    frame = pd.DataFrame(rows, columns=names, dtype=object)
    with tempfile.TemporaryDirectory() as folder:
        source = _source(Path(folder), {}, site_time_zone=zone)
        found = validate(RawTable("inventory_balance", frame), source, AS_OF, {})
    counts = found.counts
    assert counts["rows_raw"] == len(rows)
    excluded = sum(counts["rows_excluded"].values())
    assert len(rows) == len(found.rows) + len(found.quarantined) + excluded
    TABLES["inventory_balance"].schema().validate(found.rows)


def test_hundred_megabyte_line_costs_one_row(make_source: SourceMaker, tmp_path: Path) -> None:
    """Tests that an endless line is one quarantined row and the lines around it load."""
    long = "I1," + "x" * 100_000_000 + ",2026-11-20,1"
    source = make_source(stock("I0,A,2026-11-20,1", long, "I2,B,2026-11-20,2"), SQL)
    snapshot = take_snapshot(source, AS_OF, Workspace(tmp_path / "ws"))
    bad = snapshot.quarantine("inventory_balance")
    assert snapshot.table("inventory_balance")["location_id"].tolist() == ["A", "B"]
    assert bad["rule"].tolist() == ["line_too_long"]
    assert bad["line"].tolist() == [3]
    assert len(bad["text"].iloc[0]) <= 300
    assert identities_hold(snapshot)


def test_rows_of_an_open_quote_are_read_again(make_source: SourceMaker, tmp_path: Path) -> None:
    """Tests that a quote that is never closed does not swallow the rest of the file."""
    lines = ['"I0,A,2026-11-20,1', *(f"I{n % 5},B{n},2026-11-20,1" for n in range(200))]
    snapshot = take_snapshot(make_source(stock(*lines), SQL), AS_OF, Workspace(tmp_path / "ws"))
    assert len(snapshot.table("inventory_balance")) == 200
    assert snapshot.quarantine("inventory_balance")["line"].tolist() == [2]


def test_values_over_several_lines_are_one_row(make_source: SourceMaker, tmp_path: Path) -> None:
    """Tests that a quoted value may hold line ends, in a plain file and in one that is mended."""
    for number, extra in enumerate(([], ["I3,short"])):
        lines = ['I0,"upper\nshelf",2026-11-20,1', "I1,B,2026-11-20,1", *extra]
        source = make_source(stock(*lines), SQL, name=f"own{number}")
        snapshot = take_snapshot(source, AS_OF, Workspace(tmp_path / "ws"))
        assert sorted(snapshot.table("inventory_balance")["location_id"]) == ["B", "upper\nshelf"]
        assert len(snapshot.quarantine("inventory_balance")) == len(extra)


def test_duplicates_keep_what_was_recorded_last(make_source: SourceMaker, tmp_path: Path) -> None:
    """Tests that of rows with one key the latest record stays, else the first."""
    sql = {
        "item": "SELECT \"ITEM\" AS item_id, \"FAM\" AS family_id, 'PC' AS uom, 'make' AS "
        'supply_type, "SEEN" AS recorded_at FROM items'
    }
    text = (
        "ITEM,FAM,SEEN\nA,old,2026-11-01\nA,new,2026-11-20\nA,future,2026-12-01\n"
        "B,first,\nB,second,\n"
    )
    snapshot = take_snapshot(
        make_source({"items.csv": text}, sql), AS_OF, Workspace(tmp_path / "ws")
    )
    kept = snapshot.table("item").set_index("item_id")["family_id"]
    assert kept.to_dict() == {"A": "new", "B": "first"}
    assert snapshot.manifest["tables"]["item"]["rows_excluded"] == {"after as_of": 1}
    assert snapshot.quarantine("item")["rule"].tolist() == ["duplicate_key"] * 2


def test_facts_of_the_future_are_invisible(make_source: SourceMaker, tmp_path: Path) -> None:
    """Tests that an event after as_of is excluded and a claimed end after as_of quarantined."""
    files = {
        "wo.csv": "WO,ENDS\nW1,2026-11-22\nW2,2026-11-25\nW3,\n",
        "scrap.csv": "E,AT\nE1,2026-11-22\nE2,2026-11-25\n",
    }
    sql = {
        "work_order": "SELECT \"WO\" AS wo_id, 'A' AS item_id, 1 AS ordered_qty, "
        "'2026-11-01' AS release_at, '2026-12-01' AS due_at, 'started' AS status, "
        '"ENDS" AS ended_at FROM wo',
        "scrap_event": "SELECT \"E\" AS event_id, \"AT\" AS event_at, 'W1' AS wo_id, 'A' AS "
        "item_id, 1 AS scrap_qty, 'dent' AS reason_code FROM scrap",
    }
    snapshot = take_snapshot(make_source(files, sql), AS_OF, Workspace(tmp_path / "ws"))
    assert snapshot.table("work_order")["wo_id"].tolist() == ["W1", "W3"]
    assert snapshot.quarantine("work_order")["rule"].tolist() == ["ended_at_not_after_as_of"]
    assert snapshot.table("scrap_event")["event_id"].tolist() == ["E1"]
    assert snapshot.manifest["tables"]["scrap_event"]["rows_excluded"] == {"after as_of": 1}


@pytest.mark.parametrize(
    ("zone", "cell", "instant"),
    [
        ("Europe/Berlin", "2026-03-29 02:30", "2026-03-29T01:00Z"),  # skipped: moves forward
        ("Europe/Berlin", "2026-10-25 02:30", "2026-10-25T00:30Z"),  # repeated: the first
        ("Europe/Berlin", "2026-07-01 12:00", "2026-07-01T10:00Z"),
        ("America/New_York", "2026-11-01 01:30", "2026-11-01T05:30Z"),
        ("America/New_York", "2026-11-20T12:00+01:00", "2026-11-20T11:00Z"),  # says its zone
        ("Asia/Kolkata", "2026-11-20", "2026-11-19T18:30Z"),
    ],
)
def test_times_without_zone_are_the_sites(
    make_source: SourceMaker, tmp_path: Path, zone: str, cell: str, instant: str
) -> None:
    """Tests that wall-clock times are read at the site, also where summer time begins and ends."""
    source = make_source(stock(f"I1,A,{cell},1"), SQL, site_time_zone=zone)
    snapshot = take_snapshot(source, AS_OF, Workspace(tmp_path / "ws"))
    assert snapshot.table("inventory_balance")["balance_at"].tolist() == [pd.Timestamp(instant)]


def test_mapping_may_ask_for_local_as_of(make_source: SourceMaker, tmp_path: Path) -> None:
    """Tests that $as_of is UTC and $as_of_local the same instant at the site."""
    sql = dict(SQL)
    sql["inventory_balance"] = (
        "SELECT \"ITEM\" AS item_id, CAST($as_of_local - $as_of AS VARCHAR) || '/' || "
        "$history_weeks AS location_id, $as_of AS balance_at, 1 AS on_hand_qty FROM stock"
    )
    source = make_source(
        stock("I1,A,2026-11-20,1"), sql, site_time_zone="Asia/Tokyo", history_weeks=7
    )
    snapshot = take_snapshot(source, AS_OF, Workspace(tmp_path / "ws"))
    assert snapshot.table("inventory_balance")["location_id"].tolist() == ["09:00:00/7"]


def test_same_input_same_bytes(make_source: SourceMaker, tmp_path: Path) -> None:
    """Tests that a snapshot is named after its content and equal to the byte."""
    lines = [f"I{n % 5},L{n % 37},2026-11-{1 + n % 20:02d},{n}" for n in range(500)]
    source = make_source(stock(*lines, "I1,short"), SQL)
    folders = []
    for place in ("one", "two"):
        snapshot = take_snapshot(source, AS_OF, Workspace(tmp_path / place))
        folders.append(snapshot.path)
    files = [
        {p.relative_to(f).as_posix(): p.read_bytes() for p in sorted(f.rglob("*")) if p.is_file()}
        for f in folders
    ]
    assert folders[0].name == folders[1].name
    assert files[0] == files[1]
    assert {"manifest.json", "item.parquet", "quarantine/inventory_balance.parquet"} <= set(
        files[0]
    )
    other = make_source(stock(*lines), SQL)
    assert take_snapshot(other, AS_OF, Workspace(tmp_path / "one")).path != folders[0]
    later = take_snapshot(source, AS_OF + pd.Timedelta(hours=1), Workspace(tmp_path / "one"))
    assert later.snapshot_id != folders[0].name


def test_snapshot_is_there_whole_or_not_at_all(
    make_source: SourceMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests that a writer that dies half-way leaves no snapshot and the next one succeeds."""
    source = make_source(stock("I1,A,2026-11-20,1"), SQL)
    workspace = Workspace(tmp_path / "ws")
    with monkeypatch.context() as patch:
        patch.setattr(Workspace, "write_json", _die)
        with pytest.raises(KeyboardInterrupt):
            take_snapshot(source, AS_OF, workspace)
    assert [p for p in workspace.snapshots.iterdir() if not p.name.startswith(".")] == []
    assert len(take_snapshot(source, AS_OF, workspace).table("inventory_balance")) == 1


def _die(*_: object) -> None:
    raise KeyboardInterrupt


def test_missing_snapshot_is_named(tmp_path: Path) -> None:
    """Tests that a folder without manifest is refused in words."""
    with pytest.raises(SourceError, match="no snapshot there"):
        load_snapshot(tmp_path)


def test_blockers_name_quarantine_staleness_and_unreadable_lines(
    make_source: SourceMaker, tmp_path: Path
) -> None:
    """Tests that what stands against trusting a snapshot is said with its figures."""
    files = stock("I1,A,2026-11-20,1", "I2,B,2026-11-20,-1")
    files["items.csv"] = ITEMS + "I7\n"
    sql = dict(SQL)
    sql["family_mix"] = (
        'SELECT i."FAM" AS family_id, s."ITEM" AS item_id, 1 AS mix_weight FROM stock s '
        'JOIN items i ON i."ITEM" = s."ITEM"'
    )
    del sql["item"]
    source = make_source(files, sql, stale_after_hours={"inventory_balance": 24})
    said = "\n".join(take_snapshot(source, AS_OF, Workspace(tmp_path / "ws")).blockers())
    assert "Inventory balance: 1 of 2 rows is in quarantine" in said
    assert "one has an on hand quantity below zero." in said
    assert "Inventory balance: the newest fact is 77 h old, allowed are 24 h" in said
    assert "items.csv: 1 lines could not be read (the first is line 7: line_missing" in said


def test_feed_decides_what_is_on(make_source: SourceMaker, tmp_path: Path) -> None:
    """Tests that features need rows or filled columns and say what they miss."""
    snapshot = take_snapshot(
        make_source(stock("I1,A,2026-11-20,1"), SQL), AS_OF, Workspace(tmp_path / "ws")
    )
    sentences = feature_table(snapshot).set_index("feature")["sentence"]
    assert sentences["stock below safety"].endswith("off, the feed has no item.safety_stock_qty")
    assert headline(snapshot) == "below L0"
    tables = {"inventory_balance": snapshot.table("inventory_balance")}
    tables["item"] = snapshot.table("item").assign(safety_stock_qty=1.0)
    assert headline(tables) == "below L0, plus stock below safety"
    report = check_report(snapshot).set_index("table")
    assert report.loc["inventory_balance", "rows_loaded"] == 1
