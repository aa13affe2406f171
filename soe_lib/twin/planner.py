"""
The plant's own APS: net requirements to lots, lots to lines, forward and finite, by due date.

It is deliberately plain: every lot goes to its family's own line, nobody works overtime and nothing
is expedited, so that there is something to improve on.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from dataclasses import dataclass
from itertools import accumulate

from soe_lib.twin.clock import FOREVER, WEEK_MINUTES, WorkTime, compose
from soe_lib.twin.demand import expected_cases
from soe_lib.twin.state import Lot, Op, State, World
from soe_lib.twin.structure import FAMILY_FILLER, FAMILY_SITE, FILLERS, MIXERS, RESOURCES, kind_of
from soe_lib.twin.world import closed_rows

SAFETY_WEEKS = {"A": 0.12, "B": 0.2, "C": 0.3}
COVER_DAYS = {"A": 6, "B": 10, "C": 16}
HORIZON_DAYS = 28
EARLY_DAYS = 4.0
CAMPAIGN_MINUTES = 30 * 60.0
MIX_AHEAD_MINUTES = 24 * 60.0
NEEDED_BEFORE_DUE = 4 * 1440.0
FILL_YIELD = 0.993
RESIDUAL = (0.03, 0.48, 0.86, 0.97, 1.0)
"""Share of a week's forecast that is still to be ordered, by weeks from now."""


@dataclass
class Plan:
    """A plan: lots with planned operations, and when each order line is served."""

    ops: list[Op]
    served: dict[str, float]
    bookings: dict[str, list[tuple[float, float]]]


class Planner:
    """One planning run on a state; new lots go into the state, planned times into operations."""

    def __init__(self, world: World, state: State) -> None:
        self.world = world
        self.state = state
        self.now = state.now
        self.time = {name: self._known_time(name) for name in RESOURCES}
        self.free_at = dict.fromkeys(RESOURCES, self.now)
        self.family = dict(state.family)
        self.bookings: dict[str, list[tuple[float, float]]] = {}

    def _known_time(self, resource: str) -> WorkTime:
        known = [d for d in self.state.cut_down.get(resource, []) if d[1] > self.now]
        if not known:
            return self.world.planned[resource]
        closed = closed_rows(resource, self.world.clock)
        return compose(self.world.shifts[resource], [*closed, *known])

    def run(self) -> Plan:
        """Plan and return the plan."""
        requirements = self._requirements()
        for item, needs in requirements.items():
            self._cover(item, needs)
        self._place_running()
        fills = [
            lot
            for lot in self.state.lots.values()
            if lot.is_open and len(lot.ops) == 2 and lot.ops[0].state == "open"
        ]
        self._schedule_fills(fills)
        self._schedule_packs()
        served = self._peg()
        ops = [op for lot in self.state.lots.values() if lot.is_open for op in lot.ops]
        return Plan([op for op in ops if op.state != "done"], served, self.bookings)

    # demand

    def safety(self, item: str) -> float:
        """Return the stock below which a lot is planned. [cases]"""
        return safety_cases(self.world, item)

    def _requirements(self) -> dict[str, list[tuple[float, float, str]]]:
        clock = self.world.clock
        found: dict[str, list[tuple[float, float, str]]] = {i: [] for i in self.world.shares}
        for key, item, qty, due in self.state.cut_lines:
            found[item].append((due, qty, key))
        week = clock.day(self.now) // 7
        for item, share in self.world.shares.items():
            family = str(self.world.items[item]["family_id"])
            for step, part in enumerate(RESIDUAL):
                rest = part * share * expected_cases(family, week + step) / 5
                days = range((week + step) * 7, (week + step) * 7 + 5)
                found[item] += [(clock.at(day, 12), rest, "") for day in days]
        for needs in found.values():
            needs.sort()
        return found

    def _cover(self, item: str, needs: list[tuple[float, float, str]]) -> None:
        """Give open lots their due instants and add lots where the stock would fall too low."""
        state, record = self.state, self.world.items[item]
        stock = stock_on_record(state, item)
        own = [lot for lot in state.lots.values() if lot.item == item and lot.is_open]
        own.sort(key=lambda lot: (lot.ops[0].state == "open", lot.due, lot.ordinal))
        safety = self.safety(item)
        until = self.now + HORIZON_DAYS * 1440
        cover = COVER_DAYS[str(record["abc_code"])] * 1440.0
        left, position = stock, 0
        for lot in own:
            lot.due = until + 7 * 1440
        for place, (due, qty, _) in enumerate(needs):
            left -= qty
            if due > until:
                break
            while left < safety:
                if position < len(own):
                    lot = own[position]
                    lot.due = due
                    lot.earliest = min(lot.earliest, max(self.now, due - EARLY_DAYS * 1440))
                    position += 1
                    left += lot.expected_good * FILL_YIELD
                    continue
                ahead = sum(n[1] for n in needs[place + 1 :] if n[0] <= due + cover)
                lot = self._new_lot(item, safety - left + ahead, due)
                left += lot.qty * FILL_YIELD
                position += 1
                own.append(lot)

    def _new_lot(self, item: str, wanted: float, due: float) -> Lot:
        record = self.world.items[item]
        least, most = float(record["lot_min_qty"]), float(record["lot_max_qty"])  # type: ignore[arg-type]
        step = float(record["lot_multiple_qty"])  # type: ignore[arg-type]
        qty = min(max(math.ceil(wanted / FILL_YIELD / step) * step, least), most)
        lot = add_lot(self.world, self.state, item, qty, due)
        family = str(record["family_id"])
        lot.ops = [
            Op(lot, 10, FAMILY_FILLER[family], qty),
            Op(lot, 20, self.world.routes[(item, 20)][0][0], qty),
        ]
        lot.earliest = max(self.now, due - EARLY_DAYS * 1440)
        return lot

    # capacity

    def _place_running(self) -> None:
        for resource, op in self.state.running.items():
            if op is None:
                continue
            minutes = self._run_minutes(op)
            start = op.started if op.started <= self.now else self.now
            spent = self.world.planned[resource].worked(self.now)
            spent -= self.world.planned[resource].worked(start)
            rest = max(minutes - spent, min(30.0, minutes))
            op.setup_at, op.start_at = op.began, op.started
            op.end_at = self.time[resource].finish(self.now, rest)
            self.free_at[resource] = op.end_at
            self.family[resource] = op.lot.family

    def _run_minutes(self, op: Op) -> float:
        for name, minutes, _ in self.world.routes[(op.lot.item, op.no)]:
            if name == op.resource:
                return minutes * op.qty
        raise KeyError(f"{op.lot.item} op {op.no} cannot run on {op.resource}")

    def _book(self, op: Op, at: float) -> None:
        """Append an operation to its line at or after ``at``."""
        resource = op.resource
        setup = self.world.setup_minutes(
            kind_of(resource), self.family.get(resource, ""), op.lot.family
        )
        time = self.time[resource]
        op.setup_from = self.family.get(resource, "")
        op.setup_at = time.opens(max(at, self.free_at[resource]))
        op.start_at = time.opens(time.finish(op.setup_at, setup)) if setup else op.setup_at
        op.end_at = time.finish(op.setup_at, setup + self._run_minutes(op))
        self.free_at[resource] = op.end_at
        self.family[resource] = op.lot.family

    def _schedule_fills(self, lots: list[Lot]) -> None:
        supply = Supply(self.world, self.state, self.now)
        bulks = self._open_bulks(supply)
        waiting: dict[str, list[Lot]] = {}
        for lot in sorted(lots, key=lambda x: (x.due, x.wo)):
            waiting.setdefault(lot.ops[0].resource, []).append(lot)
        tools = {name: [self.now] * count for name, count in _tool_counts(self.world).items()}
        while waiting:
            resource = min(waiting, key=lambda r: (self.free_at[r], r))
            lot, at = self._next_lot(waiting[resource], resource, supply)
            waiting[resource].remove(lot)
            if not waiting[resource]:
                del waiting[resource]
            op = lot.ops[0]
            at = max(at, self._bulk_ready(lot, at, supply, bulks))
            tool = self.world.routes[(lot.item, 10)][0][2]
            if tool:
                at = max(at, tools[tool][0])
            self._book(op, at)
            if tool:
                tools[tool][0] = op.end_at
                tools[tool].sort()
            for component, per in self.world.needs[(lot.item, 10)]:
                supply.take(component, per * op.qty)
                if not component.startswith("BULK"):
                    self._want(component, op, lot.due, per)

    def _want(self, component: str, op: Op, due: float, per: float) -> None:
        """Ask purchasing for a component by when the lot should start, even if it will not."""
        at = min(op.setup_at, max(self.now, due - NEEDED_BEFORE_DUE))
        self.bookings.setdefault(component, []).append((at, per * op.qty))

    def _next_lot(self, waiting: list[Lot], resource: str, supply: Supply) -> tuple[Lot, float]:
        """Return the earliest due lot that can start, or one of the same family due soon after."""
        free = self.free_at[resource]
        best: tuple[float, float, str] | None = None
        ready: list[tuple[Lot, float]] = []
        until = math.inf
        for lot in waiting[:24]:
            if lot.due > until:
                break
            at = max(free, lot.earliest)
            for component, per in self.world.bought[lot.item]:
                at = max(at, supply.ready(component, per * lot.qty))
            ready.append((lot, at))
            if at <= free + 60:
                until = min(until, lot.due + CAMPAIGN_MINUTES)
        soonest = min(at for _, at in ready)
        startable = [(lot, at) for lot, at in ready if at <= max(free, soonest) + 60]
        first = min(lot.due for lot, _ in startable)
        chosen, chosen_at = startable[0]
        for lot, at in startable:
            if lot.due > first + CAMPAIGN_MINUTES:
                continue
            setup = self.world.setup_minutes("filling", self.family.get(resource, ""), lot.family)
            key = (setup, lot.due, lot.wo)
            if best is None or key < best:
                best, chosen, chosen_at = key, lot, at
        return chosen, chosen_at

    def _open_bulks(self, supply: Supply) -> dict[str, list[Lot]]:
        """Return bulk lots that wait, by item; the one that runs counts as supply."""
        found: dict[str, list[Lot]] = {}
        for lot in self.state.lots.values():
            if not lot.is_open or len(lot.ops) != 1:
                continue
            if lot.ops[0].state == "run":
                minutes = self._run_minutes(lot.ops[0])
                spent = self.now - lot.ops[0].began
                supply.add(lot.item, self.now + max(30.0, minutes - spent), lot.qty * 0.995)
            else:
                found.setdefault(lot.item, []).append(lot)
        for waiting in found.values():
            waiting.sort(key=lambda lot: (lot.due, lot.wo))
        return found

    def _bulk_ready(
        self, lot: Lot, at: float, supply: Supply, bulks: dict[str, list[Lot]]
    ) -> float:
        family = str(self.world.items[lot.item]["family_id"])
        bulk = f"BULK-{family}"
        per = dict(self.world.needs[(lot.item, 10)])[bulk]
        need = per * lot.ops[0].qty
        site = FAMILY_SITE[family]
        while supply.ready(bulk, need) >= FOREVER:
            if bulks.get(bulk):
                made = bulks[bulk].pop(0)
            else:
                made = self._new_bulk(bulk, need + supply.shortfall(bulk), at, site)
            made.due = at
            op = made.ops[0]
            self._book(op, max(self.now, at - MIX_AHEAD_MINUTES))
            supply.add(bulk, op.end_at, made.qty * 0.995)
            for component, per_litre in self.world.needs[(bulk, 10)]:
                supply.take(component, per_litre * op.qty)
                self._want(component, op, lot.due, per_litre)
        return supply.ready(bulk, need)

    def _new_bulk(self, bulk: str, wanted: float, due: float, site: str) -> Lot:
        record = self.world.items[bulk]
        step = float(record["lot_multiple_qty"])  # type: ignore[arg-type]
        least, most = float(record["lot_min_qty"]), float(record["lot_max_qty"])  # type: ignore[arg-type]
        qty = min(max(math.ceil(wanted * 1.02 / step) * step, least), most)
        lot = add_lot(self.world, self.state, bulk, qty, due)
        lot.ops = [Op(lot, 10, MIXERS[site][0], qty)]
        return lot

    def _schedule_packs(self) -> None:
        packs = [
            lot.ops[1]
            for lot in self.state.lots.values()
            if lot.is_open and len(lot.ops) == 2 and lot.ops[1].state == "open"
        ]

        def ready(op: Op) -> float:
            before = op.lot.ops[0]
            return before.ended if before.state == "done" else before.end_at

        for op in sorted(packs, key=lambda op: (ready(op), op.lot.wo)):
            self._book(op, max(self.now, ready(op)))
            for component, per in self.world.needs[(op.lot.item, 20)]:
                self._want(component, op, op.lot.due, per)

    # promises

    def _peg(self) -> dict[str, float]:
        """Serve order lines in due order from stock, then from lots as they end."""
        queue: dict[str, list[tuple[float, str, float]]] = {}
        for lot in self.state.lots.values():
            lot.pegs = []
            if lot.is_open and len(lot.ops) == 2:
                entry = (lot.ops[1].end_at, lot.wo, lot.expected_good * FILL_YIELD)
                insort(queue.setdefault(lot.item, []), entry)
        stock = {item: stock_on_record(self.state, item) for item in self.world.shares}
        served: dict[str, float] = {}
        for key, item, qty, _ in sorted(self.state.cut_lines, key=lambda x: (x[3], x[0])):
            rest = qty - min(stock[item], qty)
            stock[item] -= qty - rest
            at = self.now
            lots = queue.get(item, [])
            while rest > 1e-6 and lots:
                end, wo, good = lots[0]
                part = min(good, rest)
                self.state.lots[wo].pegs.append((key, round(part, 1)))
                at, rest = end, rest - part
                if good - part > 1e-6:
                    lots[0] = (end, wo, good - part)
                else:
                    lots.pop(0)
            served[key] = at if rest <= 1e-6 else FOREVER
        return served


class Supply:
    """Cumulative supply of components and bulk against what the plan has taken so far."""

    def __init__(self, world: World, state: State, now: float) -> None:
        self.entries: dict[str, list[tuple[float, float]]] = {}
        self.totals: dict[str, list[float]] = {}
        self.taken: dict[str, float] = {}
        for item in sorted({*state.free, *state.phantom}):
            if item not in world.shares:
                self.add(item, -FOREVER, stock_on_record(state, item))
        for purchase in state.purchases:
            if purchase.status == "open":
                day, qty = state.cut_promises.get(
                    purchase.po + purchase.line, (purchase.promised, purchase.confirmed)
                )
                at = max(world.clock.at(day, 14), now + 600)
                self.add(purchase.item, at, max(qty - purchase.received, 0.0))

    def add(self, item: str, at: float, qty: float) -> None:
        """Add a dated receipt."""
        entries = self.entries.setdefault(item, [])
        insort(entries, (at, qty))
        self.totals[item] = list(accumulate(entry[1] for entry in entries))

    def take(self, item: str, qty: float) -> None:
        """Reserve a quantity."""
        self.taken[item] = self.taken.get(item, 0.0) + qty

    def shortfall(self, item: str) -> float:
        """Return how much of what is taken nothing covers; negative = left over."""
        totals = self.totals.get(item)
        return self.taken.get(item, 0.0) - (totals[-1] if totals else 0.0)

    def ready(self, item: str, qty: float) -> float:
        """Return when ``qty`` more is there; FOREVER for bulk, some days for what can be bought."""
        totals = self.totals.get(item, [])
        place = bisect_left(totals, self.taken.get(item, 0.0) + qty - 1e-6)
        if place < len(totals):
            return self.entries[item][place][0]
        if item.startswith("BULK"):
            return FOREVER
        last = self.entries[item][-1][0] if item in self.entries else 0.0
        return max(last, 0.0) + WEEK_MINUTES / 7


def stock_on_record(state: State, item: str) -> float:
    """Return the stock that the books show, right or wrong."""
    if item in state.batches:
        physical = sum(float(batch[1]) for batch in state.batches[item])  # type: ignore[arg-type]
    else:
        physical = state.free.get(item, 0.0)
    return max(physical + state.phantom.get(item, 0.0), 0.0)


def add_lot(world: World, state: State, item: str, qty: float, due: float) -> Lot:
    """Open a work order."""
    number = state.counters.get("wo", 100_000) + 1
    state.counters["wo"] = number
    ordinal = state.ordinals.get(item, 0) + 1
    state.ordinals[item] = ordinal
    record = world.items[item]
    lot = Lot(
        wo=f"WO{number}",
        item=item,
        ordinal=ordinal,
        qty=qty,
        site=str(record["site_id"]),
        family=str(record["setup_family"]),
        created=state.now,
        due=due,
        release=state.now,
        earliest=state.now,
    )
    state.lots[lot.wo] = lot
    return lot


def safety_cases(world: World, item: str) -> float:
    """Return the stock below which a lot of a SKU is planned. [cases]"""
    record = world.items[item]
    weekly = world.shares[item] * expected_cases(str(record["family_id"]), 8)
    return SAFETY_WEEKS[str(record["abc_code"])] * weekly


def _tool_counts(world: World) -> dict[str, int]:
    table = world.plant.tooling
    return {
        str(name): int(count)
        for name, count in zip(table["tool_id"], table["tool_qty"], strict=True)
    }


__all__ = ["FILLERS", "Plan", "Planner", "add_lot", "stock_on_record"]
