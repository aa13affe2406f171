"""Write the demo plant: run the twin to the demo's Monday and export what its systems know."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from soe_lib.twin.advanced_planning import write_aps
from soe_lib.twin.books import Books, open_books
from soe_lib.twin.clock import Clock
from soe_lib.twin.erp import write_erp
from soe_lib.twin.incidents import Incident
from soe_lib.twin.logistics import write_tms, write_wms
from soe_lib.twin.management_plan import write_sop
from soe_lib.twin.plant import build_plant
from soe_lib.twin.planted import planted as planted_incidents
from soe_lib.twin.shopfloor import write_mes
from soe_lib.twin.simulate import WEEKS_AHEAD, Simulation, first_state
from soe_lib.twin.state import Log, State, World
from soe_lib.twin.world import build_world

DEMO_SEED = 7
DEMO_AS_OF = "2026-11-23T05:00"
"""Wall-clock instant of the demo's Monday."""
ZONE = "Europe/Berlin"
WARM_UP_WEEKS = 4
HISTORY_WEEKS = 8
EXTRACT_AFTER_HOURS = 2.0
"""The extract is taken a little after as_of, so that something in it is later."""


@dataclass(frozen=True)
class Run:
    """A finished run of the twin."""

    world: World
    state: State
    log: Log
    incidents: tuple[Incident, ...]
    as_of: float


def simulate_demo(seed: int, incidents: tuple[Incident, ...] | None = None) -> Run:
    """Run the plant from twelve weeks before the demo's Monday to shortly after it."""
    monday = pd.Timestamp(DEMO_AS_OF[:10]).tz_localize(ZONE)
    weeks = WARM_UP_WEEKS + HISTORY_WEEKS
    origin = (monday - pd.DateOffset(weeks=weeks)).tz_convert("UTC")
    clock = Clock(origin, ZONE)
    world = build_world(build_plant(seed), clock, seed)
    as_of = clock.at(weeks * 7, 5)
    planted = planted_incidents(clock) if incidents is None else incidents
    log = Log()
    state = first_state(world, planted, weeks + WEEKS_AHEAD, log)
    Simulation(world, state, log, planted).run(as_of + EXTRACT_AFTER_HOURS * 60)
    return Run(world, state, log, planted, as_of)


def books_of(run: Run) -> Books:
    """Return the books of a run."""
    until = run.as_of + EXTRACT_AFTER_HOURS * 60
    return open_books(run.world, run.log, run.incidents, run.as_of, until)


def write_demo(folder: str | Path, seed: int = DEMO_SEED) -> None:
    """
    Write the demo plant's extracts.

    Parameters
    ----------
    folder
        Folder of the extracts; what is in its subfolders is replaced.
    seed
        Seed of everything that is drawn.
    """
    root = Path(folder)
    books = books_of(simulate_demo(seed))
    for name in ("erp", "crm", "mes", "aps", "wms", "tms", "sop"):
        shutil.rmtree(root / name, ignore_errors=True)
    write_erp(books, root / "erp")
    write_mes(books, root / "mes")
    write_aps(books, root / "aps")
    write_wms(books, root / "wms")
    write_tms(books, root / "tms")
    write_sop(books, root / "sop")
