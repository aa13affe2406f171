"""Changes and counts that mean nothing: inside tolerance, or taken back before Monday."""

from __future__ import annotations

from soe_lib.twin.clock import is_working_day
from soe_lib.twin.demand import Line
from soe_lib.twin.noise import uniform
from soe_lib.twin.shipping import Shipping
from soe_lib.twin.structure import COMPONENTS

LEAST_CASES = 300.0
"""Smaller order lines cannot change by a few percent in steps of ten cases."""
KINDS = ("qty", "typo", "day", "day_back", "expedite_back")


class Chatter(Shipping):
    """Nuisance of the order desk and the warehouse."""

    def plan_chatter(self, weeks: int) -> None:
        """Put the changes and counts of all weeks on the agenda."""
        noise, seed, clock = self.world.nuisance, self.world.seed, self.world.clock
        for week in range(weeks):
            for k in range(noise.changes):
                day = week * 7 + int(4 * uniform(seed, "chat day", week, k))
                at = clock.at(day, 8 + 8 * uniform(seed, "chat hour", week, k))
                self.push(at, "chatter", (KINDS[k % len(KINDS)], week, k))
            for item in COMPONENTS:
                if uniform(seed, "count?", week, item) < noise.count_share:
                    day = week * 7 + int(5 * uniform(seed, "count day", week, item))
                    share = noise.count_pct / 100 * (2 * uniform(seed, "gap", week, item) - 1)
                    self.push(clock.at(day, 13), "recount", (item, share))

    def chatter(self, payload: tuple[str, int, int]) -> None:
        """Change an order line a little, or for a day only."""
        kind, week, k = payload
        line = self._some_line(week, k)
        if line is None:
            return
        seed, clock = self.world.seed, self.world.clock
        self.state.touched.add(line.key)
        share = uniform(seed, "chat size", week, k)
        if kind == "qty":
            qty = round(line.qty * (1 + 0.08 * (share - 0.5)) / 10) * 10.0
            self.log_change(line, "qty", f"{line.qty:g}", f"{qty:g}", "PALLET")
            line.qty = qty
        elif kind == "typo":
            wrong = f"{line.qty * 10:g}"
            self.log_change(line, "qty", f"{line.qty:g}", wrong, "TYPO")
            back = (line.key, "qty", wrong, f"{line.qty:g}")
            self.push(self.state.now + 30 + 600 * share, "chatter_back", back)
        elif kind == "day":
            day = line.requested + (1 if share < 0.5 else -1)
            if is_working_day(day):
                old, new = clock.date(line.requested), clock.date(day)
                self.log_change(line, "requested_date", old, new, "DOCK-SLOT")
                line.requested = day
        else:
            field = "expedite" if kind == "expedite_back" else "requested_date"
            shift = -3 if field == "expedite" else 4
            old, new = clock.date(line.requested), clock.date(line.requested + shift)
            self.log_change(line, field, old, new, "REQUEST")
            self.push(self.state.now + 1440, "chatter_back", (line.key, field, new, old))
        self.log_line(line, self.state.now)

    def chatter_back(self, payload: tuple[str, str, str, str]) -> None:
        """Take a change back."""
        key, field, old, new = payload
        if key in self.state.lines:
            self.log_change(self.state.lines[key], field, old, new, "WITHDRAWN")

    def recount(self, payload: tuple[str, float]) -> None:
        """Count a component: a small difference is booked."""
        item, share = payload
        lost = float(round(self.state.free.get(item, 0.0) * share))
        if item in self.state.phantom or not lost:
            return
        self.state.free[item] -= lost
        self.log.add("move", self.state.now, item, "", -lost, "count")

    def _some_line(self, week: int, k: int) -> Line | None:
        today = self.world.clock.day(self.state.now)
        taken = {object_id for _, object_id in self.log.resolved.values()}
        found = sorted(
            line.key
            for line in self.state.lines.values()
            if line.open_qty >= LEAST_CASES
            and line.confirmed
            and line.delivered == 0
            and today + 6 <= line.ship_day <= today + 14
            and line.key not in self.state.staged
            and line.key not in self.state.touched
            and line.key not in taken
        )
        if not found:
            return None
        return self.state.lines[found[int(len(found) * uniform(self.world.seed, "who", week, k))]]
