"""The office: order desk and the Monday planning run, with what each writes down."""

from __future__ import annotations

import json
import math

from soe_lib.twin.clock import FOREVER, working_day_after
from soe_lib.twin.demand import Line
from soe_lib.twin.noise import uniform
from soe_lib.twin.planner import Plan, Planner
from soe_lib.twin.purchasing import Purchasing
from soe_lib.twin.state import Op
from soe_lib.twin.structure import RESOURCES

FROZEN_MINUTES, SLUSHY_MINUTES = 3 * 1440.0, 10 * 1440.0
REPROMISE_SHARE = 0.75
LONG_NOTICE_DAYS = 11
"""Orders with more notice than this are noted in the change log where a plant notes them."""
RELEASE_MINUTES = 5 * 1440.0
"""A work order is released when it is to begin within this; its due instant is then fixed."""


class Office(Purchasing):
    """Order desk and planning."""

    # orders

    def order(self, line: Line) -> None:
        """Take an order line."""
        self.state.lines[line.key] = line
        self.log_line(line, line.ordered_at if line.ordered_at < 0 else self.state.now)
        self.push(max(line.confirm_at, self.state.now), "confirm", line.key)
        notice = line.requested - self.world.clock.day(self.state.now)
        if self.world.nuisance.changes and line.ordered_at > 0 and notice > LONG_NOTICE_DAYS:
            self.log_change(line, "new", "", f"{line.qty:g}", "ORDER")

    def confirm(self, key: str) -> None:
        """Promise a date for the first time."""
        line = self.state.lines[key]
        if line.status == "open":
            line.confirmed = True
            line.first_qty = line.qty
            self.log_line(line, self.state.now)

    def log_line(self, line: Line, at: float) -> None:
        """Keep a version of an order line."""
        if not self.log.is_on:
            return
        due = self.world.clock.at(line.ship_day, 16) if line.ship_day >= 0 else math.nan
        first = float(line.first_day) if line.confirmed else math.nan
        last = float(line.last_day) if line.confirmed else math.nan
        self.log.add(
            "line",
            at,
            line.order_id,
            line.line_id,
            line.customer,
            line.item,
            line.site,
            line.ordered_at,
            line.qty,
            float(line.requested),
            first,
            last,
            due,
            line.delivered,
            line.last_issue,
            line.pod_at,
            line.status,
            line.order_type,
            line.cancel_reason,
            line.cancelled_by,
            line.cancelled_at,
            line.priority,
            line.partial,
            line.price,
            line.margin,
            line.lane,
            line.transit,
            line.first_qty,
        )

    def log_change(
        self, line: Line, field: str, old: str, new: str, reason: str, by: str = "customer"
    ) -> None:
        """Keep a change document of an order line."""
        number = self.state.counters.get("change", 0) + 1
        self.state.counters["change"] = number
        ahead = self.world.clock.at(max(line.ship_day, 0), 16) - self.state.now
        zone = "frozen" if ahead < FROZEN_MINUTES else "slushy" if ahead < SLUSHY_MINUTES else ""
        self.log.add(
            "change",
            self.state.now,
            f"CD{number:05d}",
            line.order_id,
            line.line_id,
            field,
            old,
            new,
            by,
            reason,
            zone or "liquid",
        )

    # Monday

    def cut(self) -> None:
        """Freeze what the planning run will know: orders, promises and stops of Friday evening."""
        state, clock = self.state, self.world.clock
        state.cut_lines = [
            (line.key, line.item, line.open_qty, clock.at(max(line.ship_day, 0), 12))
            for line in state.lines.values()
            if line.open_qty > 0 and line.key not in state.staged
        ]
        state.cut_down = {name: list(stops) for name, stops in state.known_down.items()}
        state.cut_promises = {
            p.po + p.line: (p.promised, p.confirmed) for p in state.purchases if p.status == "open"
        }

    def plan(self) -> None:
        """Plan, publish, release and buy."""
        state = self.state
        found = Planner(self.world, state).run()
        for op in found.ops:
            lot = op.lot
            if op is not lot.ops[-1]:
                continue
            begins = min(part.setup_at for part in lot.ops if part.state != "done")
            before = (lot.due_at, lot.status)
            if lot.status == "planned":
                lot.due_at = max(lot.due, op.end_at)
                if begins < state.now + RELEASE_MINUTES:
                    lot.status = "released"
            if before != (lot.due_at, lot.status):
                self.log_lot(lot, state.now)
        self.line_up([op for op in found.ops if op.state == "open"])
        self._publish(found)
        self.buy(found.bookings)
        self.push(self.state.now + 600, "repromise", found.served)

    def line_up(self, waiting: list[Op]) -> None:
        """Give the shop floor its sequence: that of the plan."""
        for resource in RESOURCES:
            own = [op for op in waiting if op.resource == resource]
            self.state.queue[resource] = sorted(own, key=lambda op: (op.setup_at, op.lot.wo))

    def _publish(self, found: Plan) -> None:
        if not self.log.is_on:
            return
        now, clock = self.state.now, self.world.clock
        version = f"APS-{clock.date(clock.day(now)).replace('-', '')}"
        for op in found.ops:
            pegs = [[*key.split("/"), qty] for key, qty in op.lot.pegs]
            slack = (op.lot.due_at - op.lot.ops[-1].end_at) / 60
            self.log.add(
                "schedule",
                version,
                now,
                op.lot.wo,
                op.no,
                op.lot.item,
                op.lot.site,
                op.qty,
                op.resource,
                op.setup_at,
                op.start_at,
                op.end_at,
                op.setup_from,
                op.lot.family,
                op.setup_at < now + FROZEN_MINUTES,
                op.lot.release,
                op.lot.due_at,
                slack,
                json.dumps(pegs, separators=(",", ":")),
                self._tool(op),
                json.dumps([r for r, _, _ in self.world.routes[(op.lot.item, op.no)]]),
            )

    def repromise(self, served: dict[str, float]) -> None:
        """Tell customers a new date where the plan is a day late or more; some are not told."""
        clock = self.world.clock
        for key, at in sorted(served.items()):
            line = self.state.lines[key]
            if at >= FOREVER or line.open_qty <= 0 or not line.confirmed:
                continue
            day = clock.day(at)
            ship = working_day_after(day if at <= clock.at(day, 15) else day + 1)
            arrives = working_day_after(ship + line.transit)
            if ship > line.ship_day and arrives > line.last_day:
                if uniform(self.world.seed, "tell", key, line.last_day) > REPROMISE_SHARE:
                    continue
                self.promise(line, arrives, "CAPACITY")
                self.log_line(line, self.state.now)

    def promise(self, line: Line, day: int, reason: str) -> None:
        """Give an order line a new date; the first promise stays on record."""
        clock = self.world.clock
        old, new = clock.date(line.last_day), clock.date(day)
        line.last_day = day
        if old != new and line.confirmed:
            self.log_change(line, "confirmed_date", old, new, reason, by="us")
