"""
The plant executes what somebody else publishes: lists come and go as files.

Each Monday at 04:00 the plant's own ERP and APS net demand, open work orders, order components and
publish a plan; at 05:00 a policy may hand over a dispatch list. What is not on the list waits at
the end of its line by due date. The floor then runs the list with its own rates, breakdowns, scrap
and absences. A job may begin when its work order is released, four hours before its planned start
where that is earlier; who is blocked for two hours around the planned start, or long before it,
is passed over for the next that can run.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from soe_lib.twin.books import FIELDS, open_books
from soe_lib.twin.clock import FOREVER, Clock, Interval
from soe_lib.twin.demo import write_extracts
from soe_lib.twin.files import write_csv
from soe_lib.twin.floor import EARLY_MINUTES, SKIP_AFTER_MINUTES
from soe_lib.twin.incidents import Incident
from soe_lib.twin.planner import add_lot
from soe_lib.twin.simulate import Simulation, first_state
from soe_lib.twin.small import random_incidents, small_plant
from soe_lib.twin.state import Log, Lot, Op, State, World
from soe_lib.twin.world import actual_time, build_world

FIRST_MONDAY = "2026-07-13"
ZONE = "Europe/Berlin"
WARM_UP_WEEKS = 8
"""Weeks that the plant runs on its own plan before a campaign begins."""
HISTORY_WEEKS = 4
"""Weeks of history in an extract."""
WORKLIST, DISPATCH, OVERTIME, EXPEDITES = (
    "worklist.csv",
    "dispatch.csv",
    "overtime.csv",
    "expedites.csv",
)
PLANNED = "PLAN-"
"""How the number of a work order begins that a planner proposes and the ERP has not yet opened."""
OPEN_AHEAD_MINUTES = 7 * 1440.0


@dataclass(frozen=True)
class Executed:
    """
    What a campaign came to.

    Attributes
    ----------
    lines
        Order lines in their last version, columns of the log's ``line`` rows and ``due``: the
        minute at which a line should have left by its first promise, or an earlier one.
    setups
        Changeovers: ``at``, ``resource``, ``hours`` of work.
    overtime
        Booked overtime: ``resource``, ``begin``, ``end`` (minutes), ``hours``.
    expedites
        Purchases pulled in: ``at``, ``po``, ``cost``.
    stock
        Stock on hand at the end of each day: ``day``, ``item``, ``qty``.
    """

    lines: pd.DataFrame
    setups: pd.DataFrame
    overtime: pd.DataFrame
    expedites: pd.DataFrame
    stock: pd.DataFrame


class Execution(Simulation):
    """
    A plant whose floor runs dispatch lists that it is given; see the module.

    While ``external`` is False it runs its own plan; ``num_ignored`` counts rows of dispatch lists
    that named nothing to run (work that had begun meanwhile, proposals for later weeks).
    """

    def __init__(self, world: World, state: State, log: Log, incidents: Sequence[Incident]) -> None:
        super().__init__(world, state, log, incidents)
        self.incidents = tuple(incidents)
        self.external = False
        self.overtime: dict[str, list[Interval]] = {}
        self.num_ignored = 0

    # files

    def write_worklist(self, folder: Path) -> None:
        """Write the open operations: what may be dispatched, when each is needed and may begin."""
        rows = []
        clock = self.world.clock
        for lot in self.state.lots.values():
            for op in lot.ops:
                if op.state != "open":
                    continue
                rows.append(
                    (
                        lot.wo,
                        op.no,
                        lot.item,
                        op.resource,
                        op.qty,
                        lot.family,
                        lot.due,
                        lot.earliest,
                        op.setup_at,
                    )
                )
        table = pd.DataFrame(
            rows,
            columns=[
                "wo_id",
                "op_no",
                "item_id",
                "resource_id",
                "planned_qty",
                "setup_family",
                "need_at",
                "earliest_at",
                "plan_start_at",
            ],
        )
        for name in ("need_at", "earliest_at", "plan_start_at"):
            table[name] = clock.utc_text(table[name].astype(float))
        write_csv(folder / WORKLIST, table)

    def write_extracts(self, folder: Path, as_of: float) -> None:
        """Write the extracts of all systems as of a Monday, in the shapes of the demo plant."""
        first_day = self.world.clock.day(as_of) - 7 * HISTORY_WEEKS
        books = open_books(self.world, self.log, self.incidents, as_of, as_of, first_day)
        write_extracts(books, folder)

    def take_dispatch(self, folder: Path) -> None:
        """
        Read what was published: dispatch list, overtime, purchases to pull in.

        Raises
        ------
        ValueError
            When the list names a line that cannot run an operation, or an operation twice.
        """
        self._book_overtime(folder / OVERTIME)
        self._expedite(folder / EXPEDITES)
        rows = pd.read_csv(folder / DISPATCH, dtype={"wo_id": str, "resource_id": str})
        twice = rows.duplicated(["wo_id", "op_no"])
        if twice.any():
            raise ValueError(f"{folder / DISPATCH}: {rows.loc[twice, 'wo_id'].iloc[0]} twice")
        starts = self._minutes(rows["setup_start_at"])
        opened: dict[str, Lot] = {}
        queues: dict[str, list[Op]] = {name: [] for name in self.state.queue}
        listed: set[int] = set()
        ordered = rows.assign(start=starts).sort_values(["resource_id", "sequence_no"])
        for wo, no, resource, item, qty, start in zip(
            ordered["wo_id"],
            ordered["op_no"].astype(int),
            ordered["resource_id"],
            ordered["item_id"].astype(str),
            ordered["planned_qty"].astype(float),
            ordered["start"],
            strict=True,
        ):
            op = self._operation(wo, no, item, qty, start, opened)
            if op is None:
                self.num_ignored += 1
                continue
            if resource not in {name for name, _, _ in self.world.routes[(op.lot.item, no)]}:
                raise ValueError(f"{folder / DISPATCH}: {resource} cannot run {item} op {no}")
            op.resource = resource
            op.setup_at = op.lot.earliest if math.isnan(start) else start
            queues[resource].append(op)
            listed.add(id(op))
        self.state.queue = queues
        self.line_up([op for lot in self.state.lots.values() for op in lot.ops])
        self.dispatch()

    def _operation(
        self, wo: str, no: int, item: str, qty: float, start: float, opened: dict[str, Lot]
    ) -> Op | None:
        """Return the open operation of a row; a proposed work order that begins soon is opened."""
        lot = self.state.lots.get(wo) or opened.get(wo)
        if lot is None and wo.startswith(PLANNED) and start < self.state.now + OPEN_AHEAD_MINUTES:
            lot = add_lot(self.world, self.state, item, qty, start)
            lot.due_at, lot.status = lot.due, "released"
            numbers = sorted(n for name, n in self.world.routes if name == item)
            lot.ops = [Op(lot, n, self.world.routes[(item, n)][0][0], qty) for n in numbers]
            opened[wo] = lot
            self.log_lot(lot, self.state.now)
        if lot is None:
            return None
        return next((op for op in lot.ops if op.no == no and op.state == "open"), None)

    def _minutes(self, texts: pd.Series) -> list[float]:
        at = pd.to_datetime(texts, utc=True)
        return [float(m) for m in (at - self.world.clock.origin).dt.total_seconds() / 60]

    def _book_overtime(self, path: Path) -> None:
        if not path.is_file():
            return
        rows = pd.read_csv(path)
        for name, begin, end in zip(
            rows["resource_id"],
            self._minutes(rows["start_at"]),
            self._minutes(rows["end_at"]),
            strict=True,
        ):
            booked = self.overtime.setdefault(str(name), [])
            if (begin, end) not in booked and begin >= self.state.now:
                booked.append((begin, end))
                self._open(str(name))

    def _open(self, resource: str) -> None:
        """Open a line in its overtime; what runs there ends when it would have ended then."""
        downs, slows = self.effects.downs[resource], self.effects.slows[resource]
        booked = self.overtime[resource]
        self.actual[resource] = actual_time(self.world, resource, downs, slows, booked)

    def _expedite(self, path: Path) -> None:
        """Pull purchases in; the supplier keeps the date that was paid for."""
        if not path.is_file():
            return
        rows = pd.read_csv(path, dtype={"po_id": str})
        day_of = self.world.clock.day
        for po, at, cost in zip(
            rows["po_id"], self._minutes(rows["receipt_at"]), rows["cost"], strict=True
        ):
            for purchase in self.state.purchases:
                day = day_of(at)
                if purchase.po != po or purchase.status != "open" or day >= purchase.promised:
                    continue
                if purchase.promised - day > purchase.expedite_days or day <= day_of(
                    self.state.now
                ):
                    continue
                purchase.promised = day
                self._await(purchase)
                self.log_confirmation(purchase, "phone")
                self.log.add("expedite", self.state.now, po, float(cost))

    # floor

    def line_up(self, waiting: list[Op]) -> None:
        """Put what nobody has sequenced at the end of its line, by due date."""
        if not self.external:
            super().line_up(waiting)
            return
        known = {id(op) for queue in self.state.queue.values() for op in queue}
        fresh = [op for op in waiting if op.state == "open" and id(op) not in known]
        for op in sorted(fresh, key=lambda op: (op.lot.due, op.lot.wo, op.no)):
            op.setup_at = op.lot.earliest
            self.state.queue[op.resource].append(op)

    def _try(self, resource: str) -> None:
        if not self.external:
            super()._try(resource)
            return
        now, queue = self.state.now, self.state.queue[resource]
        opens = self.actual[resource].opens(now)
        if opens > now + 1e-6:
            self._wake(resource, opens)
            return
        head, soonest = queue[0], FOREVER
        for place, op in enumerate(queue):
            begin = min(op.setup_at - EARLY_MINUTES, op.lot.earliest)
            if begin > now + 1e-6:
                soonest = min(soonest, begin)
                continue
            if self._is_ready(op):
                queue.pop(place)
                self._start(op)
                return
            if op is head and abs(now - op.setup_at) < SKIP_AFTER_MINUTES:
                soonest = op.setup_at + SKIP_AFTER_MINUTES
                break
        self._wake(resource, soonest)

    def repromise(self, served: dict[str, float]) -> None:
        """Customers keep their first date in a campaign: OTIF is measured against it."""
        if not self.external:
            super().repromise(served)

    # outcome

    def executed(self) -> Executed:
        """Return what happened from the beginning of the campaign to now."""
        clock, log = self.world.clock, self.log
        lines = pd.DataFrame(log.rows.get("line", []), columns=FIELDS["line"].split())
        lines = lines.drop(columns="due").drop_duplicates(["order_id", "line_id"], keep="last")
        promised = lines[["first", "last"]].min(axis=1) - lines["transit"]
        promised = promised - (promised % 7 - 4).clip(lower=0)
        known = promised.notna() & (promised >= 0)
        lines = lines[known].assign(
            due=[clock.at(int(day), 23) for day in promised[known]], now=self.state.now
        )
        events = pd.DataFrame(log.rows.get("event", []), columns=FIELDS["event"].split())
        keys = ["wo", "op_no", "resource"]
        begun = events[events["kind"] == "setup_start"].set_index(keys)["at"]
        ended = events[events["kind"] == "setup_end"].set_index(keys)["at"]
        setups = begun.rename("at").to_frame().join(ended.rename("end")).reset_index()
        setups["hours"] = [
            (self.actual[r].worked(e) - self.actual[r].worked(b)) / 60
            for r, b, e in zip(setups["resource"], setups["at"], setups["end"], strict=True)
        ]
        overtime = pd.DataFrame(
            [(name, *span) for name, spans in self.overtime.items() for span in spans],
            columns=["resource", "begin", "end"],
        )
        overtime["hours"] = (overtime["end"] - overtime["begin"]).astype(float) / 60
        expedites = pd.DataFrame(log.rows.get("expedite", []), columns=["at", "po", "cost"])
        return Executed(
            lines=lines.reset_index(drop=True),
            setups=setups[["at", "resource", "hours"]],
            overtime=overtime,
            expedites=expedites,
            stock=self._stock(),
        )

    def _stock(self) -> pd.DataFrame:
        moves = pd.DataFrame(self.log.rows.get("move", []), columns=FIELDS["move"].split())
        moves["day"] = [max(self.world.clock.day(at), 0) for at in moves["at"]]
        by_day = moves.pivot_table(index="day", columns="item", values="qty", aggfunc="sum")
        last = self.world.clock.day(self.state.now)
        level = by_day.reindex(range(last)).fillna(0.0).cumsum()
        return level.melt(ignore_index=False, var_name="item", value_name="qty").reset_index()


def start_campaign(seed: int, weeks: int) -> Execution:
    """
    Return the small plant at the Monday 00:00 on which a campaign of some weeks begins.

    Parameters
    ----------
    seed
        Seed of plant, demand, incidents and noise.
    weeks
        Weeks that the campaign will last; the calendars end after 26 weeks in all.

    Raises
    ------
    ValueError
        When the calendars do not reach so far.
    """
    if not 1 <= weeks <= 14:
        raise ValueError(f"a campaign lasts 1 to 14 weeks, not {weeks}")
    clock = Clock(pd.Timestamp(FIRST_MONDAY).tz_localize(ZONE).tz_convert("UTC"), ZONE)
    plant = small_plant(seed)
    world = build_world(plant, clock, seed)
    end = WARM_UP_WEEKS + weeks
    incidents = random_incidents(plant, clock, seed, WARM_UP_WEEKS - HISTORY_WEEKS, end - 1)
    log = Log()
    state = first_state(world, incidents, end + 1, log)
    execution = Execution(world, state, log, incidents)
    execution.run(clock.at(WARM_UP_WEEKS * 7, 0))
    return execution
