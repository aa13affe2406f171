"""
The shop floor: lines run the published sequence with rates, stops, scrap and missing people.

An operation starts when its predecessor has ended, its components are physically there and its
line is free and open; who is blocked for two hours is skipped.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_right

from soe_lib.twin.clock import FOREVER, WorkTime
from soe_lib.twin.incidents import Effects
from soe_lib.twin.noise import lognormal, uniform
from soe_lib.twin.records import Batch
from soe_lib.twin.state import Log, Lot, Op, State, World
from soe_lib.twin.structure import RESOURCES, kind_of

EARLY_MINUTES = 4 * 60.0
SKIP_AFTER_MINUTES = 2 * 60.0
REPORT_EVERY_MINUTES = 120.0
BASE_SCRAP = {"mixing": 0.003, "filling": 0.006, "packing": 0.0015}
RATE_SIGMA = 0.04
SLOWER_THAN_STANDARD = 1.02
"""Runs take a little longer than the routing says."""


class Floor:
    """Runs operations on a state; every fact goes to the log."""

    def __init__(
        self,
        world: World,
        state: State,
        log: Log,
        effects: Effects,
        actual: dict[str, WorkTime],
    ) -> None:
        self.world = world
        self.state = state
        self.log = log
        self.effects = effects
        self.actual = actual

    def push(self, at: float, kind: str, payload: object = None) -> None:
        """Put an event on the agenda."""
        self.state.ticket += 1
        heapq.heappush(self.state.heap, (at, self.state.ticket, kind, payload))

    def dispatch(self) -> None:
        """Start whatever can start now on lines that are free."""
        for resource in RESOURCES:
            if self.state.running[resource] is None and self.state.queue.get(resource):
                self._try(resource)

    def _wake(self, resource: str, at: float) -> None:
        if at < FOREVER and not self.state.now < self.state.wakes.get(resource, -1.0) <= at:
            self.state.wakes[resource] = at
            self.push(at, "wake")

    def _try(self, resource: str) -> None:
        now, queue = self.state.now, self.state.queue[resource]
        opens = self.actual[resource].opens(now)
        if opens > now + 1e-6:
            self._wake(resource, opens)
            return
        head = queue[0]
        early = EARLY_MINUTES
        for place, op in enumerate(queue[:10]):
            if op.setup_at - early > now + 1e-6:
                self._wake(resource, op.setup_at - early)
                return
            if self._is_ready(op):
                queue.pop(place)
                self._start(op)
                return
            if place == 0:
                skip_at = head.setup_at + SKIP_AFTER_MINUTES
                if now < skip_at - 1e-6:
                    self._wake(resource, skip_at)
                    return
                early = 30 * 60.0

    def _is_ready(self, op: Op) -> bool:
        if op.no == 20 and op.lot.ops[0].state != "done":
            return False
        tool = self._tool(op)
        if tool and self.state.tools[tool] < 1:
            return False
        qty = op.lot.ops[0].good if op.no == 20 else op.qty
        for component, per in self.world.needs.get((op.lot.item, op.no), []):
            slack = 0.97 if component.startswith("BULK") else 1.0
            if self.state.free.get(component, 0.0) < per * qty * slack - 1e-6:
                return False
        return True

    def _tool(self, op: Op) -> str:
        for name, _, tool in self.world.routes[(op.lot.item, op.no)]:
            if name == op.resource:
                return tool
        return ""

    def _start(self, op: Op) -> None:
        world, state, now = self.world, self.state, self.state.now
        lot, resource, seed = op.lot, op.resource, self.world.seed
        kind = kind_of(resource)
        if op.no == 20:
            op.qty = lot.ops[0].good
        for component, per in world.needs.get((lot.item, op.no), []):
            if component.startswith("BULK"):
                op.qty = min(op.qty, math.floor(state.free.get(component, 0.0) / per + 1e-6))
        for component, per in world.needs.get((lot.item, op.no), []):
            used = per * op.qty
            if not component.startswith("BULK"):
                there = state.free.get(component, 0.0)
                factor = world.nuisance.use_factor(seed, component, lot.item, lot.ordinal)
                used = max(min(used * factor, there), used if factor == 1.0 else 0.0)
            op.taken[component] = used
            state.free[component] = state.free.get(component, 0.0) - used
        tool = self._tool(op)
        if tool:
            state.tools[tool] -= 1
        before = state.family.get(resource, "")
        key = (lot.item, lot.ordinal, op.no)
        setup = world.setup_minutes(kind, before, lot.family) * lognormal(0.1, seed, "setup", *key)
        per_unit = next(m for r, m, _ in world.routes[(lot.item, op.no)] if r == resource)
        minutes = op.qty * per_unit * SLOWER_THAN_STANDARD
        minutes *= lognormal(RATE_SIGMA, seed, "rate", *key)
        same = (seed, resource, lot.item, lot.ordinal)
        minutes *= world.nuisance.run_factor(*same)
        time = self.actual[resource]
        op.setup_from = before
        op.began = now
        op.started = time.opens(time.finish(now, setup)) if setup > 0 else now
        op.ended = time.finish(op.started, minutes)
        share = BASE_SCRAP[kind] * lognormal(0.4, seed, "scrap", *key)
        share *= world.nuisance.scrap_factor(*same)
        extra, reason = self.effects.scrap_share(lot.item, resource, op.started)
        op.scrap = float(min(round(op.qty * (share + extra)), op.qty))
        op.good = op.qty - op.scrap
        op.state = "run"
        state.running[resource] = op
        state.family[resource] = lot.family
        if lot.status in ("planned", "released"):
            lot.status = "started"
            lot.started = now
            self.log_lot(lot, now)
        if self.log.is_on:
            self._report(op, setup > 0, minutes, reason)
        if op.ended < FOREVER:
            self.push(op.ended, "done", op)

    def _report(self, op: Op, has_setup: bool, minutes: float, reason: str) -> None:
        """Write the MES events of a run: set-up, start, progress, pauses, completion."""
        time = self.actual[op.resource]
        moments: list[tuple[float, str, str]] = []
        if has_setup:
            moments += [(op.began, "setup_start", ""), (op.started, "setup_end", "")]
        moments.append((op.started, "start", ""))
        for begin, end in time.pauses(op.began, op.ended):
            why = self.effects.stop_reason(op.resource, begin, end)
            moments += [(begin, "pause", why), (end, "resume", "")]
        at = op.started + REPORT_EVERY_MINUTES
        while at < op.ended - 30:
            if time.opens(at) <= at + 1e-6:
                moments.append((at, "progress", ""))
            at += REPORT_EVERY_MINUTES
        moments.append((op.ended, "complete", ""))
        moments.sort(key=lambda m: (m[0], m[1] == "complete"))
        begun = time.worked(op.started)
        good = scrap = 0.0
        for at, kind, why in moments:
            new_good = new_scrap = 0.0
            if kind in ("progress", "complete"):
                part = min((time.worked(at) - begun) / minutes, 1.0) if minutes else 1.0
                part = 1.0 if kind == "complete" else part
                new_good = math.floor(op.good * part + 1e-6) - good
                new_scrap = math.floor(op.scrap * part + 1e-6) - scrap
                good, scrap = good + new_good, scrap + new_scrap
            self.log.add("event", at, op.lot.wo, op.no, op.resource, kind, new_good, new_scrap, why)
            if new_scrap > 0:
                self.log.add(
                    "scrap",
                    at,
                    op.lot.wo,
                    op.lot.item,
                    op.no,
                    op.resource,
                    new_scrap,
                    reason or _usual_scrap(self.world.seed, op, at),
                )
            if new_good + new_scrap > 0:
                for component, qty in op.taken.items():
                    used = qty / op.qty * (new_good + new_scrap)
                    self.log.add("move", at, component, "", -used, "issue")

    def done(self, op: Op) -> None:
        """End an operation; the last one brings the lot into stock."""
        state, lot = self.state, op.lot
        op.state = "done"
        state.running[op.resource] = None
        tool = self._tool(op)
        if tool:
            state.tools[tool] += 1
        lot.scrap += op.scrap
        if op is not lot.ops[-1]:
            return
        lot.good, lot.status, lot.ended = op.good, "completed", op.ended
        if lot.item in state.batches:
            state.batches[lot.item].append(Batch(lot.wo, op.good, op.ended))
        else:
            state.free[lot.item] = state.free.get(lot.item, 0.0) + op.good
        batch = lot.wo if lot.item in state.batches else ""
        self.log.add("move", op.ended, lot.item, batch, op.good, "receipt")
        self.log_lot(lot, op.ended)
        state.lots.pop(lot.wo)

    def log_lot(self, lot: Lot, at: float) -> None:
        """Keep a version of a work order."""
        ended = lot.status == "completed"
        self.log.add(
            "lot",
            at,
            lot.wo,
            lot.item,
            lot.site,
            lot.qty,
            lot.release,
            lot.due_at,
            lot.status,
            lot.good if ended else math.nan,
            lot.scrap if ended else math.nan,
            lot.started,
            lot.ended,
            lot.created,
        )


def _usual_scrap(seed: int, op: Op, at: float) -> str:
    reasons = ("START-UP", "LEAK", "LABEL", "FILL-LEVEL")
    edges = (0.45, 0.65, 0.85)
    return reasons[bisect_right(edges, uniform(seed, "why", op.lot.wo, op.no, round(at)))]
