"""What the child process of the what-if page does: load the run once, compute what is asked."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from soe_lib.run import open_run
from soe_lib.scenario.custom import Choice
from soe_lib.steps.live import Ground, compute, ground_of

Job = tuple[str, Choice]


def load(folder: str) -> Ground:
    """Load what all scenarios of a run share."""
    return ground_of(open_run(folder))


def work(
    ground: Ground, job: Job, progress: Callable[[float, str], None]
) -> dict[str, pd.DataFrame]:
    """Compute one scenario; returns its tables."""
    name, choice = job
    return compute(ground, name, choice, progress)
