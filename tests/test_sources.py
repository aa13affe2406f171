"""Sources: every kind of origin gives the same rows, every fault is named with its remedy."""

from __future__ import annotations

import gzip
import io
import sqlite3
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from soe_lib import cli
from soe_lib.snapshot import take_snapshot
from soe_lib.sources import SourceError, load_source, read_tables
from soe_lib.sources.scaffold import new_source
from soe_lib.tables import TABLES
from soe_lib.workspace import Workspace
from tests.conftest import SourceMaker

AS_OF = pd.Timestamp("2026-11-23T05:00Z")
SQL = {
    "item": 'SELECT "NR" AS item_id, "GRÖSSE" AS family_id, "ME" AS uom, \'buy\' AS supply_type, '
    '"KG" AS weight_kg, "NEU" AS is_substitutable FROM items'
}
ROWS = pd.DataFrame(
    {
        "NR": ["007", "1", "2"],
        "GRÖSSE": ["groß", "klein", "groß"],
        "ME": ["PC", "PC", None],
        "KG": [1.5, 2.0, None],
        "NEU": [True, False, None],
    }
)
CSV = "NR,GRÖSSE,ME,KG,NEU\n007,groß,PC,1.5,True\n1,klein,PC,2.0,False\n2,groß,,,\n"


def _excel(sheet: str = "Sheet1", **more: pd.DataFrame) -> bytes:
    book = io.BytesIO()
    with pd.ExcelWriter(book, engine="xlsxwriter") as writer:
        ROWS.to_excel(writer, sheet_name=sheet, index=False)
        for name, rows in more.items():
            rows.to_excel(writer, sheet_name=name, index=False)
    return book.getvalue()


def _parquet() -> bytes:
    sink = io.BytesIO()
    ROWS.to_parquet(sink)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("file", "content", "config"),
    [
        ("items.csv", CSV, {}),
        ("items.csv", b"\xef\xbb\xbf" + CSV.encode(), {}),
        ("items.csv", CSV.encode("cp1252"), {"encoding": "cp1252"}),
        ("items.csv", CSV.encode("utf-16"), {}),  # says so by its byte order mark
        ("items.csv", CSV.encode("utf-16-le"), {"encoding": "utf-16-le"}),
        ("items.csv", CSV.replace(",", ";"), {"delimiter": ";"}),
        ("items.csv", CSV.replace(",", "\t").replace("\n", "\r\n"), {"delimiter": "\t"}),
        ("ITEMS.CSV", CSV.replace("1.5", '"1.5"'), {}),
        ("items.csv", CSV.replace("\n1,", "\r\n1,"), {}),  # two kinds of line end
        ("items.csv.gz", gzip.compress(CSV.encode()), {}),
        ("items.csv.gz", gzip.compress(CSV.encode("latin-1")), {"encoding": "latin-1"}),
        ("items.parquet", _parquet(), {}),
        ("items.xlsx", _excel(), {}),
    ],
    ids=[
        "utf-8",
        "bom",
        "cp1252",
        "utf-16",
        "utf-16-le",
        "semicolon",
        "tab crlf",
        "quoted",
        "mixed line ends",
        "gzip",
        "gzip latin-1",
        "parquet",
        "excel",
    ],
)
def test_every_format_gives_the_same_rows(
    make_source: SourceMaker,
    tmp_path: Path,
    file: str,
    content: bytes | str,
    config: dict[str, str],
) -> None:
    """Tests that text in any encoding and delimiter, gzip, Parquet and Excel load alike."""
    snapshot = take_snapshot(
        make_source({file: content}, SQL, **config), AS_OF, Workspace(tmp_path / "ws")
    )
    rows = snapshot.table("item")
    assert rows["item_id"].tolist() == ["007", "1"]
    assert rows["family_id"].tolist() == ["groß", "klein"]
    assert rows["weight_kg"].tolist() == [1.5, 2.0]
    assert rows["is_substitutable"].tolist() == [True, False]
    assert snapshot.quarantine("item")["rule"].tolist() == ["uom_is_missing"]


def test_further_sheets_and_subfolders_have_names(make_source: SourceMaker) -> None:
    """Tests that a second sheet and a file in a folder can be read by name."""
    files = {"erp/books.xlsx": _excel("first", second=ROWS.assign(NR="S"))}
    text = SQL["item"].replace("FROM items", 'FROM "erp__books__Second"')
    rows = read_tables(make_source(files, {"item": text}), AS_OF)["item"].rows
    assert rows["item_id"].tolist() == ["S"] * 3
    with pytest.raises(SourceError, match="no sheet 'third'; it has: first, second"):
        read_tables(make_source(files, {"item": text.replace("Second", "third")}, name="b"), AS_OF)


def test_whole_numbers_stay_text_without_fraction(make_source: SourceMaker) -> None:
    """Tests that an identifier kept as a number with gaps does not become '1.0'."""
    sink = io.BytesIO()
    pd.DataFrame({"NR": [1.0, None], "ID": pd.array([9007199254740993, None], "Int64")}).to_parquet(
        sink
    )
    sql = "SELECT \"ID\" AS item_id, 'F' AS family_id, 'PC' AS uom, 'buy' AS supply_type FROM n"
    rows = read_tables(make_source({"n.parquet": sink.getvalue()}, {"item": sql}), AS_OF)
    assert rows["item"].rows["item_id"].tolist()[0] == "9007199254740993"


def test_comma_joins_and_common_tables_are_found(make_source: SourceMaker) -> None:
    """Tests that files are opened wherever SQL names them."""
    sql = (
        '-- from nowhere\nWITH w AS (SELECT a."NR" AS nr FROM items a, units u)\n'
        "SELECT nr AS item_id, ';--' AS family_id, 'PC' AS uom, 'buy' AS supply_type FROM w;"
    )
    source = make_source({"items.csv": CSV, "units.csv": "ME\nPC\n"}, {"item": sql})
    table = read_tables(source, AS_OF)["item"]
    assert len(table.rows) == 3
    assert [file.path for file in table.files] == ["items.csv", "units.csv"]


FAULTS = {
    "empty file": ({"items.csv": b""}, SQL["item"], {}, ["items.csv", "row 1", "empty"]),
    "blank file": ({"items.csv": b"\n\n"}, SQL["item"], {}, ["items.csv", "row 1", "empty"]),
    "no name": ({"items.csv": "NR,,X\n"}, SQL["item"], {}, ["items.csv", "column 2 has no name"]),
    "delimiter": ({"items.csv": "NR;X\n"}, SQL["item"], {}, ["';'", "set 'delimiter'"]),
    "header bytes": ({"items.csv": b"NR,\xff\n"}, SQL["item"], {}, ["row 1", "set 'encoding'"]),
    "nul header": (
        {"items.csv": CSV.encode("utf-16-le")},
        SQL["item"],
        {},
        ["row 1", "NUL", "utf-16-le"],
    ),
    "cr only": ({"items.csv": CSV.replace("\n", "\r")}, SQL["item"], {}, ["row 1", "CR alone"]),
    "endless header": ({"items.csv": b"x" * 2_000_000}, SQL["item"], {}, ["row 1", "longer than"]),
    "open header": ({"items.csv": b'"NR,X\n1,2\n'}, SQL["item"], {}, ["row 1", "not closed"]),
    "cut gzip": (
        {"items.csv.gz": gzip.compress(CSV.encode() * 99)[:60]},
        SQL["item"],
        {},
        ["items.csv.gz", "is the copy complete?"],
    ),
    "no gzip": ({"items.csv.gz": CSV}, SQL["item"], {}, ["items.csv.gz", "cannot be read"]),
    "no parquet": ({"items.parquet": CSV}, SQL["item"], {}, ["items.parquet", "cannot be read"]),
    "no workbook": (
        {"items.xlsx": CSV},
        SQL["item"],
        {},
        ["items.xlsx", "not a readable workbook"],
    ),
    "missing file": ({"other.csv": CSV}, SQL["item"], {}, ["item.sql", "'items'", "has: other"]),
    "missing column": (
        {"items.csv": "NR,ME,KG,NEU,GROSSE\n"},
        SQL["item"],
        {},
        ["item.sql", "no column 'GRÖSSE'", "items.csv", "write NULL"],
    ),
    "same name": (
        {"items.csv": CSV, "Items.xlsx": _excel()},
        SQL["item"],
        {},
        ["same name", "rename or remove"],
    ),
    "cast": (
        {"items.csv": CSV},
        'SELECT CAST("ME" AS INTEGER) AS item_id FROM items',
        {},
        ["item.sql", "use TRY_CAST"],
    ),
    "syntax": ({"items.csv": CSV}, "SELECT FROM WHERE", {}, ["item.sql", "syntax error"]),
    "no select": ({"items.csv": CSV}, "DROP TABLE items", {}, ["item.sql", "expected one SELECT"]),
    "two statements": (
        {"items.csv": CSV},
        "SELECT 1; SELECT 2",
        {},
        ["item.sql", "several statements"],
    ),
    "unknown column": (
        {"items.csv": CSV},
        SQL["item"].replace("weight_kg", "weight"),
        {},
        ["item.sql", "column 'weight'", "Did you mean 'weight_kg'"],
    ),
    "minimal missing": (
        {"items.csv": CSV},
        'SELECT "NR" AS item_id FROM items',
        {},
        ["item.sql", "minimal columns missing: family_id, uom, supply_type"],
    ),
    "twice": (
        {"items.csv": CSV},
        'SELECT "NR" AS item_id, "ME" AS item_id FROM items',
        {},
        ["item.sql", "'item_id' is named twice"],
    ),
    "unbound": ({"items.csv": CSV}, "SELECT $today AS item_id FROM items", {}, ["item.sql"]),
    "no sql": ({"items.csv": CSV}, "-- nothing yet", {}, ["supplies at least one table"]),
}


@pytest.mark.parametrize("case", FAULTS)
def test_each_fault_names_place_and_remedy(make_source: SourceMaker, case: str) -> None:
    """Tests that a file or SELECT that cannot be used is an error in words, never a traceback."""
    files, sql, config, said = FAULTS[case]
    source = make_source(files, {"item": sql}, **config)
    with pytest.raises(SourceError) as caught:
        read_tables(source, AS_OF)
    for words in said:
        assert words in str(caught.value), str(caught.value)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"site_time_zone": "Mars/Olympus"}, "unknown time zone 'Mars/Olympus'"),
        ({"encoding": "klingon"}, "unknown encoding 'klingon'"),
        ({"encoding": "base64"}, "unknown encoding 'base64'"),
        ({"delimiter": "||"}, "delimiter"),
        ({"delimiter": '"'}, "cannot separate columns"),
        ({"date_formats": ["dd.mm.yyyy"]}, "strptime codes"),
        ({"stale_after_hours": {"orders": 3}}, "'orders' is not a canonical table"),
        ({"currency": "Euro"}, "currency"),
        ({"kind": "ftp"}, "kind"),
        ({"rooot": "x"}, "Did you mean 'root'"),
    ],
)
def test_bad_source_yaml_is_refused(
    make_source: SourceMaker, config: dict[str, object], said: str
) -> None:
    """Tests that source.yaml is strict and says what it expects."""
    with pytest.raises(SourceError) as caught:
        make_source({"items.csv": CSV}, SQL, **config)
    assert "source.yaml" in str(caught.value)
    assert said in str(caught.value)


def test_where_extracts_lie(tmp_path: Path) -> None:
    """Tests that SOE_<NAME>, then root, then SOE_REAL_DATA name the extracts, or it is said."""
    folder = tmp_path / "project" / "params" / "sources" / "own"
    (tmp_path / "project" / "drop").mkdir(parents=True)
    folder.mkdir(parents=True)
    (folder / "source.yaml").write_text("kind: files\n")
    with pytest.raises(SourceError, match="set SOE_OWN to the folder"):
        load_source("own", folder.parent, {})
    with pytest.raises(SourceError, match=r"\(SOE_OWN\) not found"):
        load_source("own", folder.parent, {"SOE_OWN": str(tmp_path / "no")})
    (tmp_path / "real" / "own").mkdir(parents=True)
    found = load_source("own", folder.parent, {"SOE_REAL_DATA": str(tmp_path / "real")})
    assert found.root == tmp_path / "real" / "own"
    (folder / "source.yaml").write_text("kind: files\nroot: drop\n")
    assert load_source("own", folder.parent, {}).root == tmp_path / "project" / "drop"
    (folder / "orders.sql").write_text("SELECT 1")
    with pytest.raises(SourceError, match="'orders' is not a canonical table"):
        load_source("own", folder.parent, {})
    with pytest.raises(SourceError, match=r"no source 'other'.*known: own.*soe new-source other"):
        load_source("other", folder.parent, {})


def _database(tmp_path: Path, sql: str, environ: dict[str, str]) -> dict[str, object]:
    folder = tmp_path / "sources" / "erp"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "source.yaml").write_text(
        yaml.safe_dump({"kind": "database", "url_env": "ERP_URL", "history_weeks": 4})
    )
    (folder / "item.sql").write_text(sql)
    source = load_source("erp", tmp_path / "sources", environ)
    return {"source": source, "snapshot": take_snapshot(source, AS_OF, Workspace(tmp_path / "ws"))}


def test_database_gives_the_same_rows(tmp_path: Path) -> None:
    """Tests that a database is read by the same SELECTs, with as_of bound and colons kept."""
    path = tmp_path / "erp.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE items (nr INTEGER, grp TEXT, kg REAL, since TEXT)")
        connection.executemany(
            "INSERT INTO items VALUES (?, ?, ?, ?)",
            [
                (7, "groß", 1.5, "2026-01-01"),
                (8, None, None, "2026-01-01"),
                (9, "x", 1, "2027-01-01"),
            ],
        )
    connection.close()
    sql = (
        "SELECT nr AS item_id, grp AS family_id, 'a:b' AS uom, 'buy' AS supply_type, kg AS "
        "weight_kg, CASE WHEN since > $as_of THEN 'after as_of' END AS exclude_reason FROM items "
        "WHERE $history_weeks = 4"
    )
    snapshot = _database(tmp_path, sql, {"ERP_URL": f"sqlite:///{path}"})["snapshot"]
    rows = snapshot.table("item")
    assert rows["item_id"].tolist() == ["7"]
    assert rows["uom"].tolist() == ["a:b"]
    assert rows["weight_kg"].tolist() == [1.5]
    counts = snapshot.manifest["tables"]["item"]
    assert counts["rows_excluded"] == {"after as_of": 1}
    assert counts["quarantined"] == {"family_id_is_missing": 1}


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "set ERP_URL to the database URL"),
        ("not a url secret", "not a database URL"),
        ("oracle+nothing://u:secret@h/d", "not a database URL"),
        ("sqlite:////nowhere/secret/x.sqlite", "unable to open database file"),
        ("sqlite://", "no such table: items"),
    ],
)
def test_database_faults_are_named_without_the_url(tmp_path: Path, url: str, said: str) -> None:
    """Tests that a database that cannot be read is an error in words that tells no secret."""
    with pytest.raises(SourceError) as caught:
        _database(tmp_path, "SELECT * FROM items", {"ERP_URL": url} if url else {})
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


def test_postgresql_by_url(tmp_path: Path, postgresql_url: str) -> None:
    """Tests that a PostgreSQL server is read by its URL."""
    url = postgresql_url
    sql = (
        "SELECT '1'::text AS item_id, 'F' AS family_id, 'PC' AS uom, 'buy' AS supply_type, "
        "$as_of::timestamp AS recorded_at"
    )
    snapshot = _database(tmp_path, sql, {"ERP_URL": url})["snapshot"]
    assert snapshot.table("item")["recorded_at"].tolist() == [AS_OF]


def test_scaffold_loads_once_two_selects_are_filled(tmp_path: Path) -> None:
    """Tests that a scaffolded source with two of its SELECTs filled in loads, the rest is off."""
    folder = tmp_path / "sources"
    written = new_source("my_erp", folder, "files", list(TABLES))
    assert [p.name for p in written] == ["source.yaml", *(f"{name}.sql" for name in TABLES)]
    extracts = tmp_path / "drop"
    extracts.mkdir()
    (extracts / "MARA.csv").write_text("MATNR,MATKL\n1,F\n2,F\n")
    (extracts / "MARD.csv").write_text("MATNR,LABST\n1,5\n2,-5\n3,1\n")
    for name, file, columns in (
        ("item", "MARA", {"item_id": '"MATNR"', "family_id": '"MATKL"', "uom": "'PC'"}),
        ("inventory_balance", "MARD", {"item_id": '"MATNR"', "on_hand_qty": '"LABST"'}),
    ):
        path = folder / "my_erp" / f"{name}.sql"
        head, _, select = path.read_text().partition("-- SELECT\n")
        select = "SELECT\n" + select.replace("\n-- ", "\n").removeprefix("-- ")
        select = select.replace('FROM "?"', f"FROM {file}")
        for column, text in columns.items():
            select = select.replace(f'"?" AS {column},', f"{text} AS {column},", 1)
        select = select.replace('"?" AS supply_type', "'buy' AS supply_type")
        select = select.replace('"?" AS location_id', "'W1' AS location_id")
        select = select.replace('"?" AS balance_at', "$as_of AS balance_at")
        path.write_text(head + select)
    source = load_source("my_erp", folder, {"SOE_MY_ERP": str(extracts)})
    snapshot = take_snapshot(source, AS_OF, Workspace(tmp_path / "ws"))
    assert sorted(snapshot.manifest["tables"]) == ["inventory_balance", "item"]
    assert snapshot.table("inventory_balance")["on_hand_qty"].tolist() == [5.0]
    assert sorted(snapshot.quarantine("inventory_balance")["rule"]) == [
        "item_id_is_known",
        "on_hand_qty_not_negative",
    ]
    assert snapshot.assumptions == ()


def test_scaffold_of_a_database_reads_its_url_from_the_environment(tmp_path: Path) -> None:
    """Tests that the yaml of a database source is strict YAML that names its variable."""
    new_source("mes", tmp_path, "database", ["item"])
    assert load_source("mes", tmp_path, {}).config.url_env == "SOE_MES_URL"


@pytest.mark.parametrize(
    ("name", "kind", "tables", "said"),
    [
        ("My ERP", "files", ["item"], "cannot name a source"),
        ("../up", "files", ["item"], "cannot name a source"),
        ("class", "files", ["item"], "cannot name a source"),
        ("erp", "ftp", ["item"], "known: files, database"),
        ("erp", "files", ["items"], "did you mean 'item'"),
        ("erp", "files", [], "no table named"),
        ("there", "files", ["item"], "is there already"),
    ],
)
def test_scaffold_refuses(
    tmp_path: Path, name: str, kind: str, tables: list[str], said: str
) -> None:
    """Tests that a bad name, kind or table and an existing folder are refused; nothing is left."""
    (tmp_path / "there").mkdir()
    with pytest.raises(SourceError, match=said):
        new_source(name, tmp_path, kind, tables)
    assert [p.name for p in tmp_path.iterdir()] == ["there"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder with one source ``own`` whose extract is items.csv."""
    root = tmp_path / "project"
    folder = root / "params" / "sources" / "own"
    folder.mkdir(parents=True)
    (root / "drop").mkdir()
    (folder / "source.yaml").write_text(
        "kind: files\nroot: drop\nassumptions: [Units are pieces.]\n"
    )
    (folder / "item.sql").write_text(SQL["item"])
    (root / "drop" / "items.csv").write_text(CSV)
    monkeypatch.setenv("SOE_WORKSPACE", str(tmp_path / "ws"))
    monkeypatch.setattr(cli, "project_root", lambda: root)
    return root


CHECK = ["check", "--source", "own", "--as-of", "2026-11-23"]


def test_check_says_what_loads_and_exits_with_its_code(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tests that soe check exits 3 with blockers, 0 without and 2 on bad input, in words."""
    assert cli.main(CHECK) == 3
    text = capsys.readouterr().out
    for words in (
        "item             3            0            3            2            1",
        "uom_is_missing 1 (first: item_id = 2)",
        "feed level: below L0",
        "backlog: off, the feed has no sales_order_line",
        "Units are pieces.",
        "Item: 1 of 3 rows is in quarantine: one has no uom",
    ):
        assert words in text, text
    extract = project / "drop" / "items.csv"
    extract.write_text(CSV.replace("2,groß,,,\n", ""))
    assert cli.main(CHECK) == 0
    assert "blockers" not in capsys.readouterr().out
    for damage, said in (
        (b"", "the file is empty"),
        (CSV.replace("GRÖSSE", "SIZE").encode(), "no column 'GRÖSSE' in items.csv"),
    ):
        extract.write_bytes(damage)
        assert cli.main(CHECK) == 2
        shown = capsys.readouterr()
        assert shown.err.startswith("soe: ")
        assert said in shown.err
        assert "Traceback" not in shown.err + shown.out
    extract.unlink()
    assert cli.main(CHECK) == 2
    assert "file for 'items' not found; the source has: no files" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", "--source", "none"], "no source 'none'"),
        ([*CHECK[:3], "--as-of", "yesterday-ish"], "not a date; write"),
        ([*CHECK[:3], "--as-of", "NaT"], "not a date; write"),
        (["new-source", "own"], "is there already"),
        (["new-source", "new", "--tables", "itm"], "did you mean 'item'"),
    ],
)
def test_bad_arguments_exit_with_two(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """Tests that what cannot be done is a sentence and exit code 2."""
    assert cli.main(arguments) == 2
    assert said in capsys.readouterr().err


def test_new_source_prints_what_it_wrote(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Tests that soe new-source writes the mapping into the project and lists it."""
    assert cli.main(["new-source", "sap", "--tables", "item, work_order"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [Path(line).name for line in listed] == ["source.yaml", "item.sql", "work_order.sql"]
    assert cli.main(["check", "--source", "sap"]) == 2
    assert "set SOE_SAP to the folder of its extracts" in capsys.readouterr().err


def test_command_line_shows_no_traceback(tmp_path: Path) -> None:
    """Tests that the installed command ends with a sentence, seen from outside."""
    done = subprocess.run(
        [sys.executable, "-m", "soe_lib.cli", "check", "--source", "nowhere"],
        capture_output=True,
        text=True,
        check=False,
        env={"SOE_WORKSPACE": str(tmp_path), "PATH": ""},
    )
    assert done.returncode == 2
    assert done.stderr.startswith("soe: no source 'nowhere'")
    assert "Traceback" not in done.stderr
