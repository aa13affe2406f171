"""The office: order desk, purchasing and the Monday planning run, with what each writes down."""

from __future__ import annotations

import json
import math

from soe_lib.twin.clock import FOREVER, working_day_after, working_day_before
from soe_lib.twin.demand import Line
from soe_lib.twin.floor import Floor
from soe_lib.twin.noise import uniform
from soe_lib.twin.planner import Plan, Planner, stock_on_record
from soe_lib.twin.state import Op, Purchase
from soe_lib.twin.structure import RESOURCES

FROZEN_MINUTES, SLUSHY_MINUTES = 3 * 1440.0, 10 * 1440.0
PURCHASE_COVER_DAYS = 7.0
PURCHASE_SAFETY_DAYS = 6.0
PLAN_HORIZON_DAYS = 26.0
REPROMISE_SHARE = 0.75


class Office(Floor):
    """Order desk, purchasing, planning."""

    # orders

    def order(self, line: Line) -> None:
        """Take an order line."""
        self.state.lines[line.key] = line
        self.log_line(line, line.ordered_at if line.ordered_at < 0 else self.state.now)
        self.push(max(line.confirm_at, self.state.now), "confirm", line.key)

    def confirm(self, key: str) -> None:
        """Promise a date for the first time."""
        line = self.state.lines[key]
        if line.status == "open":
            line.confirmed = True
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
        )

    def log_change(self, line: Line, field: str, old: object, new: object, reason: str) -> None:
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
            str(old),
            str(new),
            "customer",
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
            if math.isnan(op.lot.due_at):
                op.lot.due_at = max(op.lot.due, op.lot.ops[-1].end_at)
                self.log_lot(op.lot, state.now)
            if op.lot.status == "planned" and op.setup_at < state.now + SLUSHY_MINUTES:
                op.lot.status = "released"
                self.log_lot(op.lot, state.now)
        waiting = [op for op in found.ops if op.state == "open"]
        for resource in RESOURCES:
            own = [op for op in waiting if op.resource == resource]
            state.queue[resource] = sorted(own, key=lambda op: (op.setup_at, op.lot.wo))
        self._publish(found)
        self._buy(found)
        self.push(self.state.now + 600, "repromise", found.served)

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
                line.last_day = arrives
                self.log_line(line, self.state.now)

    # purchasing

    def _buy(self, found: Plan) -> None:
        """Order components that the plan takes and nothing covers."""
        state, clock = self.state, self.world.clock
        for component, takes in sorted(found.bookings.items()):
            takes.sort()
            record = self.world.items[component]
            rate = sum(qty for _, qty in takes) / PLAN_HORIZON_DAYS
            safety = PURCHASE_SAFETY_DAYS * rate
            arriving = sorted(
                (clock.at(p.promised, 14), p.confirmed - p.received)
                for p in state.purchases
                if p.item == component and p.status == "open"
            )
            left = stock_on_record(state, component)
            coming = 0
            for place, (at, qty) in enumerate(takes):
                while coming < len(arriving) and arriving[coming][0] <= at:
                    left += arriving[coming][1]
                    coming += 1
                left -= qty
                if left >= safety or left + sum(a[1] for a in arriving[coming:]) < -1e15:
                    continue
                later = sum(a[1] for a in arriving[coming:] if a[0] <= at + 3 * 1440)
                if left + later >= safety:
                    continue
                ahead = sum(
                    t[1] for t in takes[place + 1 :] if t[0] <= at + PURCHASE_COVER_DAYS * 1440
                )
                step = float(record["lot_multiple_qty"])  # type: ignore[arg-type]
                wanted = math.ceil((safety - left - later + ahead) / step) * step
                self._order_purchase(component, wanted, at)
                left += wanted

    def _order_purchase(self, component: str, qty: float, needed_at: float) -> None:
        state, clock, record = self.state, self.world.clock, self.world.items[component]
        number = state.counters.get("po", 45_000) + 1
        state.counters["po"] = number
        today = clock.day(state.now)
        lead = int(float(record["lead_time_days"]))  # type: ignore[arg-type]
        required = working_day_before(max(clock.day(needed_at) - 2, today + 1))
        promised = working_day_after(max(required, today + lead))
        required = max(required, promised) if promised - required <= 2 else required
        purchase = Purchase(
            po=f"PO{number}",
            line="10",
            item=component,
            supplier=str(record["supplier_id"]),
            qty=qty,
            ordered_at=state.now,
            required=required,
            first_promised=promised,
            promised=promised,
            confirmed=qty,
            unit_cost=float(record["std_cost"]),  # type: ignore[arg-type]
            expedite_days=lead // 3 if uniform(self.world.seed, "expedite", number) < 0.6 else 0,
        )
        state.purchases.append(purchase)
        self.log_purchase(purchase)
        self.push(state.now + 1440 + 120, "supplier_answer", purchase)
        self._await(purchase)

    def _await(self, purchase: Purchase) -> None:
        part = uniform(self.world.seed, "truck", purchase.item, purchase.promised)
        slip = 1 if uniform(self.world.seed, "slip", purchase.item, purchase.promised) < 0.03 else 0
        day = working_day_after(purchase.promised + slip)
        at = self.world.clock.at(day, 8 + 4 * part)
        self.push(max(at, self.state.now + 1), "receipt", (purchase, purchase.promised))

    def supplier_answer(self, purchase: Purchase) -> None:
        """Keep the supplier's first confirmation."""
        if purchase.status == "open":
            self.log_confirmation(purchase, "edi")

    def log_confirmation(self, purchase: Purchase, channel: str) -> None:
        """Keep a confirmation and the version of the line that it makes."""
        self.log.add(
            "confirmation",
            self.state.now,
            purchase.po,
            purchase.line,
            float(purchase.promised),
            purchase.confirmed,
            channel,
        )
        self.log_purchase(purchase)

    def log_purchase(self, p: Purchase) -> None:
        """Keep a version of a purchase order line."""
        self.log.add(
            "purchase",
            self.state.now,
            p.po,
            p.line,
            p.supplier,
            p.item,
            p.qty,
            p.received,
            float(p.required),
            float(p.promised),
            float(p.first_promised),
            p.confirmed,
            p.status,
            p.ordered_at,
            p.unit_cost,
            p.expedite_days,
        )

    def receipt(self, payload: tuple[Purchase, int]) -> None:
        """Bring a delivery into stock; what the supplier does not confirm never comes."""
        purchase, promised = payload
        if purchase.status != "open" or purchase.promised != promised:
            return
        seed = self.world.seed
        qty = purchase.confirmed - purchase.received
        bad = uniform(seed, "reject", purchase.item, promised)
        rejected = float(round(qty * 0.004 * bad)) if bad > 0.9 else 0.0
        purchase.received += qty
        purchase.rejected += rejected
        purchase.status = "completed"
        item = purchase.item
        self.state.free[item] = self.state.free.get(item, 0.0) + qty - rejected
        self.log.add("goods_receipt", self.state.now, purchase.po, purchase.line, qty, rejected)
        self.log.add("move", self.state.now, item, "", qty - rejected, "purchase")
        self.log_purchase(purchase)
        self.state.purchases.remove(purchase)

    def queued(self, resource: str) -> list[Op]:
        """Return what waits on a line."""
        return self.state.queue.get(resource, [])
