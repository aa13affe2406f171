"""When each firm lot is needed and what a day of its delay costs, through the bill of materials."""

from __future__ import annotations

import numpy as np

from soe_lib.schedule.dispatch import lot_weights
from soe_lib.schedule.expand import expand
from soe_lib.schedule.problem import NEVER, Problem


def with_urgency(problem: Problem) -> Problem:
    """
    Return the problem with ``lot_due`` and ``lot_weight`` derived from the open order lines.

    A lot is due when the first order line or consumer that netting pegs to it is, at the cost per
    day of all of them. A lot that serves nothing keeps the due instant of its work order, at no
    cost.
    """
    if not problem.num_operations:
        return problem
    field, state, _, jobs = expand(problem)
    lots = len(problem.lot_ids)
    return problem.replace(
        lot_due=np.minimum(np.array(jobs.lot_due[:lots]), NEVER),
        lot_weight=lot_weights(problem, field, state)[:lots],
    )
