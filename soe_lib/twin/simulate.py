"""Run the plant: one agenda of events, incidents included, from any state to any minute."""

from __future__ import annotations

import copy
import heapq
import math
from collections.abc import Callable, Sequence

from soe_lib.twin.chatter import Chatter
from soe_lib.twin.clock import Clock, working_days_from
from soe_lib.twin.demand import Line, draw_lines, expected_cases, make_line
from soe_lib.twin.incidents import Effects, Incident
from soe_lib.twin.records import Batch
from soe_lib.twin.state import Log, Purchase, State, World
from soe_lib.twin.structure import COMPONENTS, FAMILIES, RESOURCES
from soe_lib.twin.world import actual_time

WEEKS_AHEAD = 5
"""Weeks that the twin can run beyond the as-of week."""
WORKING_DAYS = "working days"
OFFICE_KINDS = (
    "new_order",
    "cancelled_order",
    "expedited_order",
    "resized_order",
    "supplier_late",
    "supplier_short",
    "wrong_stock",
)


class Simulation(Chatter):
    """The plant with all its events."""

    def __init__(self, world: World, state: State, log: Log, incidents: Sequence[Incident]) -> None:
        effects = Effects(world.clock, tuple(incidents))
        actual = {
            name: actual_time(world, name, effects.downs[name], effects.slows[name])
            for name in RESOURCES
        }
        super().__init__(world, state, log, effects, actual)
        self.by_id = {incident.incident_id: incident for incident in incidents}

    def run(self, until: float) -> State:
        """Run to minute ``until`` and return the state there."""
        handlers: dict[str, Callable[..., None]] = {
            "order": self.order,
            "confirm": self.confirm,
            "cut": self.cut,
            "plan": self.plan,
            "repromise": self.repromise,
            "supplier_answer": self.supplier_answer,
            "supplier_correct": self.supplier_correct,
            "chatter": self.chatter,
            "chatter_back": self.chatter_back,
            "recount": self.recount,
            "receipt": self.receipt,
            "ship": self.ship,
            "depart": self.depart,
            "pod": self.pod,
            "done": self.done,
            "incident": self.incident,
            "count": self.count,
            "setups": self.setups,
            "down": self.down,
        }
        heap = self.state.heap
        while heap and heap[0][0] <= until:
            at, _, kind, payload = heapq.heappop(heap)
            self.state.now = at
            if kind in ("cut", "plan", "setups"):
                handlers[kind]()
            elif kind != "wake":
                handlers[kind](payload)
            if kind in ("plan", "receipt", "done", "wake", "count"):
                self.dispatch()
        self.state.now = until
        return self.state

    def setups(self) -> None:
        """Note which family each line is set up for."""
        for name in RESOURCES:
            self.log.add("resource", self.state.now, name, self.state.family.get(name, ""))

    def down(self, payload: tuple[str, float, float, str]) -> None:
        """Let planning know of a stop."""
        resource, begin, end, incident_id = payload
        if incident_id not in self.by_id:
            return
        self.state.known_down.setdefault(resource, []).append((begin, end))

    def count(self, item: str) -> None:
        """Count an item: the record is set to what is there."""
        gap = self.state.phantom.pop(item, 0.0)
        self.log.add("move", self.state.now, item, "", -gap, "count")

    def incident(self, incident_id: str) -> None:
        """Let an incident happen that is not a matter of the floor."""
        incident = self.by_id.get(incident_id)
        if incident is None:
            return
        if incident.kind in ("supplier_late", "supplier_short"):
            self._supplier(incident)
        elif incident.kind == "wrong_stock":
            self._loss(incident)
        elif incident.kind == "new_order":
            self._new_order(incident)
        else:
            self._order_change(incident)

    def _new_order(self, incident: Incident) -> None:
        world, now = self.world, self.state.now
        number = int(incident.incident_id[1:])
        line = make_line(
            f"SO9{number:05d}",
            "10",
            world.customers[number % 8],
            world.items[incident.target],
            incident.size,
            world.clock.day(now) + max(1, round(incident.hours / 24)),
            now,
            world.seed,
        )
        line.requested += 7 - line.requested % 7 if line.requested % 7 > 4 else 0
        line.first_day = line.last_day = line.requested
        line.confirm_at = now + 30
        self.order(line)
        self.log_change(line, "new", "", f"{line.qty:g}", "PROMOTION")
        self.log.resolved[incident.incident_id] = ("order_line", line.key)

    def _order_change(self, incident: Incident) -> None:
        line = self._line_for(incident)
        if line is None:
            return
        now, clock = self.state.now, self.world.clock
        if incident.kind == "cancelled_order":
            line.status, line.cancel_reason = "cancelled", "CUSTOMER-STOCK"
            line.cancelled_by, line.cancelled_at = "customer", now
            self.log_change(line, "cancel", f"{line.qty:g}", "0", "CUSTOMER-STOCK")
        elif incident.kind == "resized_order":
            before = line.qty
            wished = round(before * (1 + incident.size / 100) / 10) * 10.0
            line.qty = max(line.delivered + 10, wished)
            self.log_change(line, "qty", f"{before:g}", f"{line.qty:g}", "CAMPAIGN")
        else:
            old_day = line.requested
            wanted = old_day - round(incident.size)
            if incident.unit == WORKING_DAYS:
                wanted = working_days_from(old_day, -round(incident.size))
            wanted = max(wanted, clock.day(now) + 1 + line.transit)
            wanted += 7 - wanted % 7 if wanted % 7 > 4 else 0
            line.requested, line.priority = wanted, 1
            old, new = clock.date(old_day), clock.date(wanted)
            self.log_change(line, "expedite", old, new, "SHELF-EMPTY")
            self.promise(line, min(line.last_day, wanted), "SHELF-EMPTY")
        self.log_line(line, now)
        self.log.resolved[incident.incident_id] = ("order_line", line.key)

    def _line_for(self, incident: Incident) -> Line | None:
        """Return the largest open line of a family that is due late enough to be changed."""
        today = self.world.clock.day(self.state.now)
        least = {"expedited_order": incident.size + 3, "cancelled_order": 2}.get(incident.kind, 4)
        found = [
            line
            for line in self.state.lines.values()
            if line.open_qty > 0
            and line.confirmed
            and line.delivered == 0
            and line.item.startswith(incident.target)
            and least <= line.ship_day - today <= least + 9
            and line.key not in self.state.staged
            and not line.order_id.startswith("SO9")
            and line.key not in self.state.touched
        ]
        return max(found, key=lambda line: (line.qty, line.key)) if found else None

    def _supplier(self, incident: Incident) -> None:
        today = self.world.clock.day(self.state.now)
        found = [
            p
            for p in self.state.purchases
            if p.item == incident.target
            and p.status == "open"
            and p.promised > today
            and p.promised == p.first_promised
            and p.confirmed == p.qty
        ]
        if not found:
            return
        purchase: Purchase = min(found, key=lambda p: (p.promised, p.po))
        if incident.kind == "supplier_late":
            late = purchase.required + round(incident.size)
            if incident.unit == WORKING_DAYS:
                late = working_days_from(purchase.promised, round(incident.size))
            purchase.promised = max(late, purchase.promised)
            self._await(purchase)
        else:
            purchase.confirmed = float(round(purchase.qty * (1 - incident.size / 100)))
        self.log_confirmation(purchase, "mail")
        self.log.resolved[incident.incident_id] = (
            "purchase_order_line",
            f"{purchase.po}/{purchase.line}",
        )

    def _loss(self, incident: Incident) -> None:
        """Stock is not where the record says; nobody knows until it is counted."""
        item = incident.target
        stock = self.state.free.get(item, 0.0)
        lost = min(stock, float(round(stock * incident.size / 100)))
        self.state.free[item] = stock - lost
        self.state.phantom[item] = self.state.phantom.get(item, 0.0) + lost
        self.log.resolved[incident.incident_id] = ("item", item)
        self.push(self.state.now + incident.hours * 60, "count", item)


def first_state(world: World, incidents: Sequence[Incident], weeks: int, log: Log) -> State:
    """Return the plant at minute 0 with its whole agenda to the end of week ``weeks``."""
    state = State()
    clock: Clock = world.clock
    sim = Simulation(world, state, log, incidents)
    for name in RESOURCES:
        state.running[name] = None
        state.queue[name] = []
    state.tools = {
        str(t): int(n)
        for t, n in zip(
            world.plant.tooling["tool_id"], world.plant.tooling["tool_qty"], strict=True
        )
    }
    _stock_up(world, state, log)
    for line in draw_lines(world.plant, clock, world.seed, weeks + 3):
        sim.push(max(line.ordered_at, 0.0), "order", line)
    for week in range(weeks + 1):
        sim.push(clock.at(week * 7, 4), "plan")
        sim.push(clock.at(week * 7, 4.5), "setups")
        sim.push(clock.at(week * 7 + 4, 18), "cut")
    sim.push(1.0, "cut")
    for day in range(weeks * 7):
        sim.push(clock.at(day, 16), "ship", day)
    sim.plan_chatter(weeks)
    for incident in incidents:
        if incident.kind in OFFICE_KINDS:
            sim.push(incident.at, "incident", incident.incident_id)
        elif incident.kind == "breakdown":
            end = incident.at + incident.hours * 60
            sim.push(incident.at, "down", (incident.target, incident.at, end, incident.incident_id))
    return state


def _stock_up(world: World, state: State, log: Log) -> None:
    """Fill the warehouses as a plant that has run before would have them."""
    for item, share in world.shares.items():
        family = world.items[item].family
        weekly = share * expected_cases(family, 0)
        qty = round(weekly * {"A": 1.1, "B": 1.5, "C": 2.2}[world.items[item].abc] / 10) * 10.0
        state.batches[item] = [Batch(f"OPEN-{item}", qty, -2880.0)]
        log.add("move", -1.0, item, f"OPEN-{item}", qty, "opening")
    own = set(world.plant.items["item_id"])
    for component in (name for name in COMPONENTS if name in own):
        qty = float(math.ceil(world.use[component] / 7 * (world.items[component].lead_days + 12)))
        state.free[component] = qty
        log.add("move", -1.0, component, "", qty, "opening")
    for family in (name for name in FAMILIES if f"BULK-{name}" in own):
        state.free[f"BULK-{family}"] = 6000.0
        log.add("move", -1.0, f"BULK-{family}", "", 6000.0, "opening")


def fork(state: State) -> State:
    """Return an independent copy of a state."""
    return copy.deepcopy(state)
