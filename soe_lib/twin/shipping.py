"""Goods issue: what is due and there leaves each working day by lane, as far as trucks go."""

from __future__ import annotations

from soe_lib.twin.clock import is_working_day, working_day_after
from soe_lib.twin.demand import Line
from soe_lib.twin.noise import uniform
from soe_lib.twin.office import Office
from soe_lib.twin.state import Outcome
from soe_lib.twin.structure import CARRIERS, LANES, PALLETS_PER_TRUCK, SITES, TRUCKS_PER_LANE_DAY

DEPARTURE_HOUR = 17.0
LEAST_PART = 0.4
"""A part of an order line smaller than this share waits for the rest."""
CASES_PER_PALLET = 80.0


class Shipping(Office):
    """Dock and transport."""

    def ship(self, day: int) -> None:
        """Load what is due; runs at the cut-off of every working day."""
        if not is_working_day(day):
            return
        for site in SITES:
            due = [
                line
                for line in self.state.lines.values()
                if line.open_qty > 0
                and line.site == site
                and line.ship_day <= day
                and line.key not in self.state.staged
                and line.confirmed
            ]
            due.sort(key=lambda line: (line.ship_day, line.priority, line.key))
            room = {f"{site[0]}-{lane}": TRUCKS_PER_LANE_DAY * PALLETS_PER_TRUCK for lane in LANES}
            loads: dict[str, list[tuple[str, float]]] = {}
            for line in due:
                qty = self._available(line, room[line.lane] * CASES_PER_PALLET)
                if qty <= 0:
                    continue
                room[line.lane] -= qty / CASES_PER_PALLET
                loads.setdefault(line.lane, []).append((line.key, qty))
            for lane, load in sorted(loads.items()):
                self._load(lane, day, load)
            loaded = {key for load in loads.values() for key, _ in load}
            self._plan_trucks(site, day, loaded)

    def _available(self, line: Line, room: float) -> float:
        """Pick what can leave: all of it, or a part that is worth a stop; 0 where nothing can."""
        stock = sum(batch.qty for batch in self.state.batches[line.item])
        stock = min(stock, room)
        if stock >= line.open_qty - 1e-6:
            self._pick(line, line.open_qty)
            return line.open_qty
        part = float(int(stock / 10) * 10)
        if line.partial and part >= LEAST_PART * line.open_qty and part >= CASES_PER_PALLET:
            self._pick(line, part)
            return part
        return 0.0

    def _pick(self, line: Line, qty: float) -> None:
        """Take the oldest batches; they stand at the dock until the truck leaves."""
        picked: list[tuple[str, str, float]] = []
        batches, rest = self.state.batches[line.item], qty
        while rest > 1e-6:
            first = batches[0]
            part = min(first.qty, rest)
            picked.append((line.item, first.lot, part))
            first.qty -= part
            rest -= part
            if first.qty <= 1e-6:
                batches.pop(0)
        self.state.staged[line.key] = (line.item, qty, self.state.now, picked)

    def _load(self, lane: str, day: int, load: list[tuple[str, float]]) -> None:
        clock = self.world.clock
        planned = clock.at(day, DEPARTURE_HOUR)
        delay, reason = self.effects.ship_delay(lane, day)
        leaves = planned + 40 * uniform(self.world.seed, "leave", lane, day) - 10
        leaves += self.world.nuisance.delay_minutes(self.world.seed, lane, day)
        if delay:
            leaves = planned + delay
            late_day = clock.day(leaves)
            if not is_working_day(late_day):
                leaves = clock.at(working_day_after(late_day), 9.5)
        shipment = f"SH-{lane}-{clock.date(day).replace('-', '')}"
        if delay:
            for key, qty in load:
                self._log_shipment(
                    shipment, self.state.lines[key], qty, planned, "planned", leaves, reason
                )
        self.push(leaves, "depart", (shipment, lane, planned, load, reason))

    def depart(self, payload: tuple[str, str, float, list[tuple[str, float]], str]) -> None:
        """Issue the goods of a truck."""
        shipment, _, planned, load, reason = payload
        now, clock = self.state.now, self.world.clock
        for key, qty in load:
            line = self.state.lines[key]
            item, _, _, picked = self.state.staged.pop(key)
            for _, batch, part in picked:
                self.log.add("move", now, item, batch, -part, "delivery")
            line.delivered += qty
            line.last_issue = now
            pod = clock.at(clock.day(now) + line.transit, 12) + 300 * uniform(
                self.world.seed, "pod", shipment, key
            )
            if line.delivered >= line.qty - 1e-6:
                line.status = "completed"
                self.state.outcomes[key] = Outcome(
                    line.item, line.site, clock.at(max(line.promised_ship_day, 0), 23), now
                )
            self.log_line(line, now)
            self.log.add("delivery", now, shipment, line.order_id, line.line_id, qty, pod)
            self._log_shipment(shipment, line, qty, planned, "departed", now, reason, pod)
            self.push(pod, "pod", (shipment, line, qty, planned, now, reason))

    def pod(self, payload: tuple[str, Line, float, float, float, str]) -> None:
        """Note the proof of delivery."""
        shipment, line, qty, planned, left, reason = payload
        line.pod_at = self.state.now
        self._log_shipment(
            shipment, line, qty, planned, "arrived", left, reason, self.state.now, self.state.now
        )
        if line.status == "completed" and line.last_issue == left:
            self.log_line(line, self.state.now)
            del self.state.lines[line.key]

    def _log_shipment(
        self,
        shipment: str,
        line: Line,
        qty: float,
        planned: float,
        status: str,
        leaves: float,
        reason: str,
        eta: float = float("nan"),
        arrived: float = float("nan"),
    ) -> None:
        if eta != eta:
            eta = leaves + line.transit * 1440.0 - 300
        left = leaves if status in ("departed", "arrived") else float("nan")
        carrier = CARRIERS[LANES.index(line.lane[2:])]
        self.log.add(
            "shipment",
            self.state.now,
            shipment,
            line.order_id,
            line.line_id,
            qty,
            line.lane,
            planned,
            left,
            eta,
            arrived,
            carrier,
            reason,
            status,
            line.site,
        )

    def _plan_trucks(self, site: str, day: int, loaded: set[str]) -> None:
        """Plan tomorrow's trucks; what was planned for today and is not loaded is cancelled."""
        clock, trucks = self.world.clock, self.state.trucks
        for key, (shipment, planned) in list(trucks.items()):
            line = self.state.lines[key]
            if line.site != site or clock.day(planned) > day:
                continue
            del trucks[key]
            if key not in loaded:
                why = "NO-STOCK" if line.ship_day <= day else "MOVED"
                qty = max(line.open_qty, 0.0)
                self._log_shipment(shipment, line, qty, planned, "cancelled", planned, why)
        tomorrow = working_day_after(day + 1)
        for line in self.state.lines.values():
            if line.open_qty > 0 and line.site == site and day < line.ship_day <= tomorrow:
                shipment = f"SH-{line.lane}-{clock.date(tomorrow).replace('-', '')}"
                planned = clock.at(tomorrow, DEPARTURE_HOUR)
                trucks[line.key] = (shipment, planned)
                self._log_shipment(shipment, line, line.open_qty, planned, "planned", planned, "")
