"""Purchasing: what the plan takes and nothing covers is ordered, confirmed, received."""

from __future__ import annotations

import math

from soe_lib.twin.clock import working_day_after, working_day_before
from soe_lib.twin.floor import Floor
from soe_lib.twin.noise import uniform
from soe_lib.twin.state import Purchase
from soe_lib.twin.supply import stock_on_record

COVER_DAYS = 7
SAFETY_DAYS = 3.0
PLANNED_DAYS = 20
"""Days for which the plan says what is taken; beyond it the mean use counts."""
ARRIVE_DAYS_BEFORE = 2


class Purchasing(Floor):
    """Component purchasing."""

    def buy(self, bookings: dict[str, list[tuple[float, float]]]) -> None:
        """Order components, as late as the lead time allows."""
        state, clock = self.state, self.world.clock
        today = clock.day(state.now)
        for component, weekly in sorted(self.world.use.items()):
            record = self.world.items[component]
            lead = record.lead_days
            rate = weekly / 7
            last = today + lead + ARRIVE_DAYS_BEFORE + 8
            needs = [0.0] * (last - today + COVER_DAYS + 1)
            for at, qty in bookings.get(component, []):
                place = clock.day(at) - today
                if place < min(PLANNED_DAYS, len(needs)):
                    needs[max(place, 0)] += qty
            for place in range(PLANNED_DAYS, len(needs)):
                needs[place] = rate
            coming = [0.0] * len(needs)
            for p in state.purchases:
                if p.item == component and p.status == "open":
                    place = min(max(p.promised - today, 0), len(coming) - 1)
                    coming[place] += p.confirmed - p.received
            left = stock_on_record(state, component)
            for place in range(last - today + 1):
                left += coming[place] - needs[place]
                if left + sum(coming[place + 1 : place + 4]) >= SAFETY_DAYS * rate:
                    continue
                ahead = sum(needs[place + 1 : place + 1 + COVER_DAYS])
                ahead -= sum(coming[place + 1 : place + 1 + COVER_DAYS])
                wanted = SAFETY_DAYS * rate - left + max(ahead, rate * 3)
                wanted = max(1.0, math.ceil(wanted / record.lot_multiple)) * record.lot_multiple
                self._order_purchase(component, wanted, today + place)
                left += wanted

    def _order_purchase(self, component: str, qty: float, needed: int) -> None:
        state, clock, record = self.state, self.world.clock, self.world.items[component]
        number = state.counters.get("po", 45_000) + 1
        state.counters["po"] = number
        today = clock.day(state.now)
        lead = record.lead_days
        required = working_day_before(max(needed - ARRIVE_DAYS_BEFORE, today + 1))
        promised = working_day_after(max(required, today + lead))
        purchase = Purchase(
            po=f"PO{number}",
            line="10",
            item=component,
            supplier=record.supplier,
            qty=qty,
            ordered_at=state.now,
            required=required,
            first_promised=promised,
            promised=promised,
            confirmed=qty,
            unit_cost=record.cost,
            expedite_days=lead // 3 if uniform(self.world.seed, "expedite", number) < 0.6 else 0,
        )
        state.purchases.append(purchase)
        self.log_purchase(purchase)
        self.push(state.now + 1440 + 120, "supplier_answer", purchase)
        self._await(purchase)

    def _await(self, purchase: Purchase) -> None:
        part = uniform(self.world.seed, "truck", purchase.item, purchase.promised)
        slip = 1 if uniform(self.world.seed, "slip", purchase.item, purchase.promised) < 0.03 else 0
        if self.world.nuisance.late_share and purchase.promised > purchase.first_promised:
            slip = 0  # one more day would leave the tolerance
        day = working_day_after(purchase.promised + slip)
        at = self.world.clock.at(day, 8 + 4 * part)
        self.push(max(at, self.state.now + 1), "receipt", (purchase, purchase.promised))

    def supplier_answer(self, purchase: Purchase) -> None:
        """Keep the supplier's first confirmation."""
        if purchase.status == "open":
            self.before_answer(purchase)
            self.log_confirmation(purchase, "edi")

    def before_answer(self, purchase: Purchase) -> None:
        """Let the supplier confirm a little else than was asked for, inside tolerance."""
        noise, seed = self.world.nuisance, self.world.seed
        is_asked = (purchase.promised, purchase.confirmed) == (
            purchase.first_promised,
            purchase.qty,
        )
        chance = uniform(seed, "answer", purchase.po)
        if not is_asked or chance > noise.late_share + noise.short_share + noise.typo_share:
            return
        if chance < noise.late_share:
            purchase.promised = working_day_after(purchase.promised + 1)
            self._await(purchase)
        elif chance < noise.late_share + noise.short_share:
            missing = 0.003 + 0.012 * uniform(seed, "answer short", purchase.po)
            purchase.confirmed = float(round(purchase.qty * (1 - missing)))
        else:
            typed = working_day_after(purchase.promised + 3 + int(8 * uniform(seed, purchase.po)))
            self.push(self.state.now + 1440, "supplier_correct", (purchase, purchase.promised))
            purchase.promised = typed

    def supplier_correct(self, payload: tuple[Purchase, int]) -> None:
        """Take back a day that was typed wrong."""
        purchase, promised = payload
        purchase.promised = promised
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
