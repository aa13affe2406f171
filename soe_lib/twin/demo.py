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
from soe_lib.twin.files import write_csv
from soe_lib.twin.incidents import Incident
from soe_lib.twin.logistics import write_tms, write_wms
from soe_lib.twin.management_plan import write_sop
from soe_lib.twin.nuisance import QUIET, Nuisance
from soe_lib.twin.plant import build_plant
from soe_lib.twin.planted import planted as planted_incidents
from soe_lib.twin.shopfloor import write_mes
from soe_lib.twin.simulate import WEEKS_AHEAD, Simulation, first_state, fork
from soe_lib.twin.state import Log, State, World
from soe_lib.twin.truth import Checkpoint, ground_truth
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
    """
    A finished run of the twin.

    Attributes
    ----------
    world, log, incidents
        The plant, everything that it wrote down, and what went wrong on purpose.
    at_as_of, final
        State when the extract is taken, and weeks later if nothing is decided.
    checkpoints
        State at the beginning of each week of the history.
    as_of, until
        Minute of the demo's Monday 05:00 and of the extract, a little later.
    """

    world: World
    log: Log
    incidents: tuple[Incident, ...]
    at_as_of: State
    final: State
    checkpoints: tuple[Checkpoint, ...]
    as_of: float
    until: float

    @property
    def books(self) -> Books:
        """What the plant's systems know."""
        return open_books(self.world, self.log, self.incidents, self.as_of, self.until)

    @property
    def truth(self) -> pd.DataFrame:
        """Whom each incident truly hurt."""
        end = self.final.now
        return ground_truth(
            self.world, self.incidents, self.checkpoints, self.final, self.log.resolved, end
        )


def demo_clock() -> Clock:
    """Return the clock of the demo plant: minute 0 is twelve weeks before its Monday."""
    monday = pd.Timestamp(DEMO_AS_OF[:10]).tz_localize(ZONE)
    weeks = WARM_UP_WEEKS + HISTORY_WEEKS
    return Clock((monday - pd.DateOffset(weeks=weeks)).tz_convert("UTC"), ZONE)


def simulate_demo(
    seed: int = DEMO_SEED,
    incidents: tuple[Incident, ...] | None = None,
    nuisance: Nuisance = QUIET,
    *,
    look_ahead: bool = True,
) -> Run:
    """
    Run the plant from twelve weeks before the demo's Monday to five weeks after it.

    Parameters
    ----------
    seed
        Seed of everything that is drawn.
    incidents
        What goes wrong on purpose; None = the demo's own list.
    nuisance
        Variation without incident.
    look_ahead
        Run on after the extract, and keep the states in between, as the ground truth of who was
        hurt needs; without it ``final`` is the state of the extract.
    """
    weeks = WARM_UP_WEEKS + HISTORY_WEEKS
    clock = demo_clock()
    world = build_world(build_plant(seed), clock, seed, nuisance)
    planted = planted_incidents(clock) if incidents is None else incidents
    log = Log()
    state = first_state(world, planted, weeks + WEEKS_AHEAD, log)
    plant = Simulation(world, state, log, planted)
    checkpoints = []
    for week in range(WARM_UP_WEEKS, weeks if look_ahead else 0):
        minute = clock.at(week * 7, 0)
        checkpoints.append(Checkpoint(minute, fork(plant.run(minute))))
    as_of = clock.at(weeks * 7, 5)
    until = as_of + EXTRACT_AFTER_HOURS * 60
    if not look_ahead:
        state = plant.run(until)
        return Run(world, log, planted, state, state, (), as_of, until)
    at_as_of = fork(plant.run(until))
    log.is_on = False
    final = plant.run(clock.at((weeks + WEEKS_AHEAD) * 7, 0))
    return Run(world, log, planted, at_as_of, final, tuple(checkpoints), as_of, until)


def write_demo(folder: str | Path, seed: int = DEMO_SEED) -> None:
    """
    Write the demo plant's extracts, and the ground truth that only tests read.

    Parameters
    ----------
    folder
        Folder of the extracts; what is in its subfolders is replaced.
    seed
        Seed of everything that is drawn.

    Raises
    ------
    TwinError
        When an incident of the list finds nothing to hit under this seed; nothing is written then.
    """
    root = Path(folder)
    run = simulate_demo(seed)
    truth = run.truth
    write_extracts(run.books, root)
    write_csv(root / "ground_truth.csv", truth)


def write_extracts(books: Books, root: Path) -> None:
    """Write the files of all systems."""
    for name in ("erp", "crm", "mes", "aps", "wms", "tms", "sop"):
        shutil.rmtree(root / name, ignore_errors=True)
    write_erp(books, root / "erp")
    write_mes(books, root / "mes")
    write_aps(books, root / "aps")
    write_wms(books, root / "wms")
    write_tms(books, root / "tms")
    write_sop(books, root / "sop")
