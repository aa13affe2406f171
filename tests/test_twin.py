"""The demo plant: its simulator, its extracts, nine weekly snapshots, the planted incidents."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soe_lib.calendars import capacity_hours, weekly_buckets
from soe_lib.features import feature_table, headline
from soe_lib.schedule import build_problem, right_shift, verify
from soe_lib.snapshot import Snapshot, take_snapshot
from soe_lib.sources import Source, load_source
from soe_lib.tables import TABLES
from soe_lib.twin.clock import Clock, WorkTime, compose
from soe_lib.twin.demo import Run, simulate_demo, write_extracts
from soe_lib.twin.incidents import Incident
from soe_lib.twin.noise import normal, uniform
from soe_lib.twin.simulate import Simulation, fork
from soe_lib.twin.state import Log
from soe_lib.twin.truth import TwinError, hit_object
from soe_lib.workspace import Workspace

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / "data" / "demo"
ZONE = "Europe/Berlin"
AS_OF = pd.Timestamp("2026-11-23T05:00", tz=ZONE)
MONDAYS = [AS_OF - pd.DateOffset(weeks=k) for k in range(8, -1, -1)]
KINDS = {
    "new_order",
    "cancelled_order",
    "expedited_order",
    "resized_order",
    "supplier_late",
    "supplier_short",
    "breakdown",
    "scrap",
    "absence",
    "slow_running",
    "wrong_stock",
    "carrier_failure",
    "dock_failure",
}
BROKEN = {
    "goods_receipt_event": {"line_too_many_columns": 1},
    "inventory_balance": {"on_hand_qty_not_negative": 1},
    "purchase_order_line": {"ordered_qty_positive": 1},
    "sales_order_line": {
        "item_id_is_known": 1,
        "ordered_qty_positive": 1,
        "requested_date_is_date": 1,
    },
    "work_order_progress_event": {"duplicate_key": 1, "resource_id_is_known": 1},
}
"""Rows that the twin breaks on purpose, by table and the rule that must stop them."""


@pytest.fixture(scope="module")
def source() -> Source:
    return load_source("demo", ROOT / "params" / "sources", {})


@pytest.fixture(scope="module")
def snapshots(source: Source, tmp_path_factory: pytest.TempPathFactory) -> list[Snapshot]:
    workspace = Workspace(tmp_path_factory.mktemp("weeks"))
    return [take_snapshot(source, monday.tz_convert("UTC"), workspace) for monday in MONDAYS]


@pytest.fixture(scope="module")
def today(snapshots: list[Snapshot]) -> Snapshot:
    return snapshots[-1]


@pytest.fixture(scope="module")
def run() -> Run:
    return simulate_demo()


@pytest.fixture(scope="module")
def truth() -> pd.DataFrame:
    return pd.read_csv(DEMO / "ground_truth.csv").fillna({"orders_hurt": ""})


def test_every_row_of_every_week_is_accounted_for(snapshots: list[Snapshot]) -> None:
    """Tests that in all nine weeks raw = in + excluded and in = loaded + quarantined."""
    for snapshot in snapshots:
        assert set(snapshot.manifest["tables"]) == set(TABLES)
        for name, counts in snapshot.manifest["tables"].items():
            out = sum(counts["rows_excluded"].values())
            assert counts["rows_raw"] == counts["rows_in"] + out, name
            assert counts["rows_in"] == counts["rows_loaded"] + counts["rows_quarantined"], name
            assert counts["rows_loaded"] == len(snapshot.tables[name]), name


def test_all_weeks_have_the_same_raw_rows(snapshots: list[Snapshot]) -> None:
    """Tests that a mapping returns every raw row of its file, whatever as_of is."""
    raw = {
        name: {s.manifest["tables"][name]["rows_raw"] for s in snapshots}
        for name in TABLES
        if name != "inventory_balance"
    }
    assert {name: counts for name, counts in raw.items() if len(counts) > 1} == {}


def test_only_the_broken_rows_are_quarantined(snapshots: list[Snapshot]) -> None:
    """Tests that quarantine holds exactly the rows broken on purpose, and none before that week."""
    for snapshot in snapshots[:-1]:
        found = {
            name: counts["quarantined"]
            for name, counts in snapshot.manifest["tables"].items()
            if counts["quarantined"] and name != "goods_receipt_event"
        }
        assert found == {}
    last = {
        name: counts["quarantined"]
        for name, counts in snapshots[-1].manifest["tables"].items()
        if counts["quarantined"]
    }
    assert last == BROKEN


def test_every_feature_is_on(today: Snapshot) -> None:
    """Tests that the demo reaches feed level L5 with nothing switched off."""
    features = feature_table(today)
    assert features.loc[~features["is_on"], "sentence"].tolist() == []
    assert headline(today) == "L5"


def test_nothing_recorded_later_is_visible(snapshots: list[Snapshot]) -> None:
    """Tests that no fact recorded, and no event that happened, after as_of is loaded."""
    happened = {
        "work_order_progress_event": "event_at",
        "scrap_event": "event_at",
        "order_change_event": "event_at",
        "supplier_confirmation_event": "event_at",
        "goods_receipt_event": "received_at",
        "delivery_event": "goods_issue_at",
        "inventory_balance": "balance_at",
        "schedule_operation": "published_at",
        "sop_plan": "approved_at",
        "sales_order_line": "last_goods_issue_at",
        "work_order": "ended_at",
    }
    for snapshot in snapshots:
        for name in TABLES:
            rows = snapshot.tables[name]
            assert not (rows["recorded_at"] > snapshot.as_of).any(), name
            if name in happened:
                assert not (rows[happened[name]] > snapshot.as_of).any(), name
        assert not (snapshot.tables["sales_order_line"]["delivered_at"] > snapshot.as_of).any()
        assert not (snapshot.tables["delivery_event"]["delivered_at"] > snapshot.as_of).any()
        assert not (snapshot.tables["shipment"]["arrived_at"] > snapshot.as_of).any()
        assert not (snapshot.tables["downtime_event"]["end_at"] > snapshot.as_of).any()


def test_later_facts_are_excluded_with_their_reason(snapshots: list[Snapshot]) -> None:
    """Tests that older snapshots exclude what came later and the versions that it replaced."""
    for name in ("sales_order_line", "work_order", "purchase_order_line", "shipment"):
        later = [
            s.manifest["tables"][name]["rows_excluded"].get("after as_of", 0) for s in snapshots
        ]
        assert later == sorted(later, reverse=True), name
        assert later[0] > later[-1], name
        assert snapshots[-1].manifest["tables"][name]["rows_excluded"]["superseded"] > 100, name
    today = snapshots[-1].manifest["tables"]
    late = sum(counts["rows_excluded"].get("after as_of", 0) for counts in today.values())
    assert late > 10  # the extract was taken two hours after as_of


def test_order_lines_evolve(snapshots: list[Snapshot]) -> None:
    """Tests that first promises stay, deliveries only grow and the order book keeps its size."""
    keys = ["order_id", "line_id", "schedule_no"]
    tables = [s.tables["sales_order_line"].set_index(keys) for s in snapshots]
    assert all(500 <= (lines["status"] == "open").sum() <= 700 for lines in tables)
    for before, after in pairwise(tables):
        both = before.join(after.add_suffix("_after"), how="left")
        assert both["status_after"].notna().all()
        assert (both["delivered_qty_after"] >= both["delivered_qty"]).all()
        promised = both[both["first_confirmed_date"].notna()]
        assert (promised["first_confirmed_date"] == promised["first_confirmed_date_after"]).all()
        done = both[both["status"] == "completed"]
        assert (done["status_after"] == "completed").all()
        assert (both["status_after"] == "completed").sum() > (both["status"] == "completed").sum()
    moved = tables[-1]["last_confirmed_date"] > tables[-1]["first_confirmed_date"]
    assert moved.sum() > 20  # promises that were given anew


def test_deliveries_add_up_to_order_lines(today: Snapshot) -> None:
    """Tests that the delivered quantity of a line is the sum of its goods issues."""
    keys = ["order_id", "line_id"]
    lines = today.tables["sales_order_line"].set_index(keys)
    issued = today.tables["delivery_event"].groupby(keys)["delivered_qty"].sum()
    both = lines.join(issued.rename("issued_qty"), how="left").fillna({"issued_qty": 0.0})
    np.testing.assert_allclose(both["delivered_qty"], both["issued_qty"], atol=1e-6)


def test_work_orders_evolve(snapshots: list[Snapshot]) -> None:
    """Tests that work orders only move forward and yield what the MES reported."""
    rank = {"planned": 0, "released": 1, "started": 2, "completed": 3}
    tables = [s.tables["work_order"].set_index("wo_id") for s in snapshots]
    for before, after in pairwise(tables):
        both = before.join(after["status"].rename("status_after"))
        assert (both["status_after"].map(rank) >= both["status"].map(rank)).all()
    orders = tables[-1][tables[-1]["status"] == "completed"]
    events = snapshots[-1].tables["work_order_progress_event"]
    last_op = events.groupby("wo_id")["op_no"].transform("max")
    good = events[events["op_no"] == last_op].groupby("wo_id")["good_qty"].sum()
    np.testing.assert_allclose(good.reindex(orders.index), orders["good_qty"])


def test_versions_are_published_and_superseded(snapshots: list[Snapshot]) -> None:
    """Tests that each Monday sees one more schedule version, and only the last one holds."""
    for number, snapshot in enumerate(snapshots, start=1):
        operations = snapshot.tables["schedule_operation"]
        versions = operations.drop_duplicates("version_id").sort_values("published_at")
        assert len(versions) == number
        assert versions["status"].tolist() == ["superseded"] * (number - 1) + ["published"]
        newest = operations[operations["status"] == "published"]
        assert snapshot.as_of - newest["published_at"].max() < pd.Timedelta(hours=1)
        assert 0.05 < newest["is_frozen"].mean() < 0.4
    plans = [s.tables["sop_plan"]["plan_version"].nunique() for s in snapshots]
    assert plans[0] == 2
    assert plans[-1] == 4
    assert plans == sorted(plans)


def test_stock_follows_from_its_movements(today: Snapshot, truth: pd.DataFrame) -> None:
    """Tests that balances follow from movements, except where stock was wrong on purpose."""
    tables = today.tables
    stock = tables["inventory_balance"].groupby(["item_id", "balance_at"])["on_hand_qty"].sum()
    change = stock.groupby("item_id").diff().dropna()
    moves = _movements(tables)
    edges = pd.DatetimeIndex(stock.index.get_level_values("balance_at").unique()).sort_values()
    week = np.searchsorted(edges, moves["at"].to_numpy(), side="left")
    moves = moves[(week > 0) & (week < len(edges))]
    moves = moves.assign(balance_at=edges[week[(week > 0) & (week < len(edges))]])
    expected = moves.groupby(["item_id", "balance_at"])["qty"].sum()
    gap = (change - expected.reindex(change.index).fillna(0.0)).round(2)
    wrong = gap[gap.abs() > 1.0].reset_index()
    planted = truth[truth["kind"] == "wrong_stock"]
    assert sorted(wrong["item_id"]) == sorted(planted["object_id"])
    assert (wrong[wrong.columns[-1]] < 0).all()


def _movements(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return receipts, output, use and deliveries: ``item_id``, ``at``, ``qty``."""
    receipts = tables["goods_receipt_event"].merge(
        tables["purchase_order_line"][["po_id", "line_id", "item_id"]], on=["po_id", "line_id"]
    )
    parts = [
        pd.DataFrame(
            {
                "item_id": receipts["item_id"],
                "at": receipts["received_at"],
                "qty": receipts["received_qty"] - receipts["rejected_qty"],
            }
        )
    ]
    orders = tables["work_order"].set_index("wo_id")
    done = orders[orders["status"] == "completed"]
    parts.append(
        pd.DataFrame({"item_id": done["item_id"], "at": done["ended_at"], "qty": done["good_qty"]})
    )
    events = tables["work_order_progress_event"]
    made = events.assign(
        parent_item_id=events["wo_id"].map(orders["item_id"]),
        made_qty=events["good_qty"] + events["scrap_qty"],
    )
    used = made.merge(
        tables["bom_component"][
            ["parent_item_id", "component_item_id", "op_no", "qty_per", "scrap_pct"]
        ],
        on=["parent_item_id", "op_no"],
    )
    qty = used["made_qty"] * used["qty_per"] * (1 + used["scrap_pct"] / 100)
    parts.append(
        pd.DataFrame({"item_id": used["component_item_id"], "at": used["event_at"], "qty": -qty})
    )
    sold = tables["delivery_event"].merge(
        tables["sales_order_line"][["order_id", "line_id", "item_id"]], on=["order_id", "line_id"]
    )
    parts.append(
        pd.DataFrame(
            {
                "item_id": sold["item_id"],
                "at": sold["goods_issue_at"],
                "qty": -sold["delivered_qty"],
            }
        )
    )
    return pd.concat(parts, ignore_index=True)


def test_every_kind_of_incident_is_planted(truth: pd.DataFrame, today: Snapshot) -> None:
    """Tests the list: three of each kind, from slight to severe, one in the week before as_of."""
    counts = truth["kind"].value_counts()
    assert set(counts.index) == KINDS
    assert (counts >= 3).all()
    assert set(truth.loc[truth["week"] == "2026-W47", "kind"]) == KINDS
    assert set(truth["severity"]) == {"slight", "moderate", "severe"}
    start = pd.to_datetime(truth["start_at"])
    assert start.between(MONDAYS[0].tz_convert("UTC") - pd.Timedelta(hours=5), today.as_of).all()
    assert truth["week"].nunique() == 8
    lines = today.tables["sales_order_line"]
    known = set(lines["order_id"] + "/" + lines["line_id"])
    orders = truth[truth["object_type"] == "order_line"]
    assert set(orders["object_id"]) <= known
    purchases = today.tables["purchase_order_line"]
    bought = set(purchases["po_id"] + "/" + purchases["line_id"])
    assert set(truth.loc[truth["object_type"] == "purchase_order_line", "object_id"]) <= bought
    hurt = {key for keys in truth["orders_hurt"] for key in keys.split(";") if key}
    assert len(hurt) > 100
    assert (
        truth["orders_hurt"].str.split(";").map(lambda k: len(list(filter(None, k))))
        == truth["num_orders_hurt"]
    ).all()
    severe = truth[truth["severity"] == "severe"]
    slight = truth[truth["severity"] == "slight"]
    assert severe["num_orders_hurt"].mean() > 3 * slight["num_orders_hurt"].mean()


def test_no_mapping_reads_the_ground_truth(source: Source) -> None:
    """Tests that the list of incidents cannot leak into the suite through a mapping."""
    for name, text in source.statements().items():
        assert "ground_truth" not in text, name
        assert re.search(r"\bI0\d\d\b", text) is None, name


def test_the_demo_week_is_a_crisis_not_a_ruin(today: Snapshot) -> None:
    """Tests that doing nothing leaves 5-15 % of about 600 open lines late, on a valid schedule."""
    problem = build_problem(today.tables, today.as_of, site_time_zone=ZONE)
    schedule = right_shift(problem)
    assert len(verify(problem, schedule)) == 0
    promises = schedule.promises
    assert 560 <= len(promises) <= 640
    late = promises["lateness_days"] > 4 / 24
    assert 0.05 <= late.mean() <= 0.15
    assert promises["is_covered"].mean() > 0.99


def test_one_filler_is_the_bottleneck(today: Snapshot) -> None:
    """Tests that FIL-S1 is loaded 95-120 % in the next week and no other line beyond 100 %."""
    tables = today.tables
    published = tables["schedule_operation"]
    published = published[(published["status"] == "published")]
    begin, end = weekly_buckets(today.as_of, 1, ZONE)[0]
    routing = tables["routing_alternate"][
        ["item_id", "op_no", "resource_id", "run_minutes_per_unit", "yield_pct"]
    ]
    rows = published.merge(routing, on=["item_id", "op_no", "resource_id"])
    rows = rows[(rows["end_at"] > today.as_of) & (rows["end_at"] <= end)]
    run_hours = rows["planned_qty"] * rows["run_minutes_per_unit"] * 100 / rows["yield_pct"] / 60
    load = run_hours.groupby(rows["resource_id"]).sum()
    stations = tables["resource"].set_index("resource_id")["capacity_parallel"]
    offered = capacity_hours(tables["resource_calendar"], [(begin, end)], stations)
    hours = offered.set_index("resource_id")["available_hours"]
    stops = tables["downtime_event"]
    still = stops[stops["end_at"].isna()]
    assert still["resource_id"].tolist() == ["FIL-S1"]
    lost = (still["expected_end_at"].iloc[0] - today.as_of).total_seconds() / 3600 - 1
    hours["FIL-S1"] -= lost
    pct = 100 * load / hours
    assert 95 <= pct["FIL-S1"] <= 120
    others = pct.drop("FIL-S1")
    assert others.max() < 100
    assert others.mean() > 50


def test_history_is_delivered_as_plants_deliver(today: Snapshot) -> None:
    """Tests that the weekly share of lines issued in time lies between 80 and 99 %, and varies."""
    lines = today.tables["sales_order_line"]
    lines = lines[(lines["status"] != "cancelled") & lines["first_confirmed_date"].notna()]
    due = lines["first_confirmed_date"] - pd.to_timedelta(lines["transit_days"], unit="D")
    friday = due - pd.to_timedelta((due.dt.day_of_week - 4).clip(lower=0), unit="D")
    issued = lines["last_goods_issue_at"].dt.tz_convert(ZONE).dt.tz_localize(None).dt.normalize()
    in_time = (lines["status"] == "completed") & (issued <= friday)
    week = friday.dt.to_period("W").dt.start_time
    share = in_time.groupby(week).mean()
    first, last = MONDAYS[0].tz_localize(None).normalize(), AS_OF.tz_localize(None).normalize()
    share = share[(share.index >= first) & (share.index < last)]
    assert len(share) == 8
    assert share.between(0.8, 0.99).all()
    assert 0.85 <= share.mean() <= 0.95
    assert share.max() - share.min() > 0.04


def test_extracts_are_what_the_twin_writes(run: Run, tmp_path: Path) -> None:
    """Tests that the committed extracts are those of the seed, file by file."""
    write_extracts(run.books, tmp_path)
    made = {p.relative_to(tmp_path): p for p in sorted(tmp_path.rglob("*")) if p.is_file()}
    kept = {p.relative_to(DEMO): p for p in sorted(DEMO.rglob("*")) if p.is_file()}
    assert set(kept) - set(made) == {Path("ground_truth.csv"), Path("README.md")}
    assert set(made) <= set(kept)
    for name, path in made.items():
        assert _content(path) == _content(kept[name]), name
    assert sum(p.stat().st_size for p in kept.values()) < 5_000_000


def _content(path: Path) -> bytes:
    """Return what a file says; compressors and writers may differ between machines."""
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    if path.suffix == ".parquet":
        return pd.read_parquet(path).to_csv().encode()
    if path.suffix == ".xlsx":
        return pd.read_excel(path, engine="calamine", dtype=str).to_csv().encode()
    return path.read_bytes()


def test_a_run_from_a_checkpoint_is_the_same_run(run: Run) -> None:
    """Tests that a fork with the same incidents ends like the run, and leaves its start alone."""
    start = run.checkpoints[-1]
    ends = []
    for _ in range(2):
        again = Simulation(run.world, fork(start.state), Log(is_on=False), run.incidents)
        ends.append(again.run(run.until).outcomes)
    assert ends[0] == ends[1]
    assert ends[0] == run.at_as_of.outcomes


def test_without_a_breakdown_orders_leave_earlier(run: Run, truth: pd.DataFrame) -> None:
    """Tests that the ground truth of one incident is found again by removing it."""
    row = truth[(truth["kind"] == "dock_failure") & (truth["week"] == "2026-W47")].iloc[0]
    others = [i for i in run.incidents if i.incident_id != row["incident_id"]]
    state = fork(run.checkpoints[-1].state)
    without = Simulation(run.world, state, Log(is_on=False), others).run(run.until).outcomes
    hurt = row["orders_hurt"].split(";")
    assert len(hurt) == row["num_orders_hurt"] > 5
    with_it = run.at_as_of.outcomes
    both = [key for key in hurt if key in with_it and key in without]
    assert len(both) >= 0.9 * len(hurt)
    assert all(with_it[key].issued > without[key].issued + 720 for key in both)
    assert all(with_it[key].issued > with_it[key].due for key in both)


def test_an_incident_that_hits_nothing_is_an_error() -> None:
    """Tests that the list of incidents may not claim what did not happen."""
    clock = Clock(pd.Timestamp("2026-08-31", tz=ZONE).tz_convert("UTC"), ZONE)
    ghost = Incident("I999", "supplier_late", 1000.0, "NO-SUCH-ITEM", 3, "days", "slight")
    with pytest.raises(TwinError, match="I999"):
        hit_object(ghost, clock, {})


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(1, 80)), min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(0, 500), st.integers(1, 60)), max_size=5),
    st.integers(0, 300),
    st.floats(0.5, 100),
)
def test_work_is_done_in_working_time(
    opened: list[tuple[int, int]], closed: list[tuple[int, int]], start: int, work: float
) -> None:
    """Tests that a run takes exactly its work out of the open time, and ends while it is open."""
    time = compose(
        [(float(a), float(a + b)) for a, b in opened],
        [(float(a), float(a + b)) for a, b in closed],
        [(100.0, 200.0, 0.5)],
    )
    end = time.finish(float(start), work)
    if end < 1e9:
        assert time.worked(end) - time.worked(float(start)) == pytest.approx(work, abs=1e-6)
        assert any(b - 1e-6 <= end <= e + 1e-6 for b, e in zip(time.begin, time.end, strict=True))
    for minute in range(0, 560, 7):
        inside = any(a <= minute < a + b for a, b in opened)
        shut = any(a <= minute < a + b for a, b in closed)
        assert (time.opens(minute) == minute) == (inside and not shut)


def test_working_time_that_ends_has_no_end_for_more_work() -> None:
    """Tests that work beyond the calendar never ends instead of ending at a wrong time."""
    assert WorkTime([(0.0, 10.0, 1.0)]).finish(5.0, 6.0) > 1e9


def test_noise_belongs_to_things() -> None:
    """Tests that noise depends on its key only and looks random over keys."""
    assert uniform(1, "a", 2) == uniform(1, "a", 2)
    assert uniform(1, "a", 2) != uniform(2, "a", 2)
    values = np.array([uniform(3, "key", k) for k in range(4000)])
    assert abs(values.mean() - 0.5) < 0.02
    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 0.05
    assert abs(np.array([normal(3, k) for k in range(4000)]).std() - 1) < 0.05


def test_summer_time_ends_in_the_history() -> None:
    """Tests that the clock knows the night of 25 October, in which an hour comes twice."""
    clock = Clock(pd.Timestamp("2026-08-31", tz=ZONE).tz_convert("UTC"), ZONE)
    sunday = 55
    assert clock.date(sunday) == "2026-10-25"
    assert clock.at(sunday + 1, 0) - clock.at(sunday, 0) == 25 * 60
    assert Counter(clock.day(clock.at(d, 12)) - d for d in range(100)) == {0: 100}
    assert clock.local_text([clock.at(84, 5)])[0] == "2026-11-23 05:00:00"
