"""The standard scenarios: names, titles and the levers that each of them pulls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LEVERS = (
    "resequence",
    "overtime",
    "alternate routing",
    "expedite",
    "split",
    "delay low priority",
    "few moves",
    "allocation",
    "premium freight",
    "subcontract",
    "rush order",
)


@dataclass(frozen=True)
class Scenario:
    """A named delta on the snapshot: which levers are pulled."""

    name: str
    title: str
    levers: tuple[str, ...]
    description: str

    def __post_init__(self) -> None:
        unknown = [lever for lever in self.levers if lever not in LEVERS]
        if unknown:
            raise ValueError(
                f"scenario {self.name}: unknown lever {', '.join(unknown)}; "
                f"known: {', '.join(LEVERS)}"
            )


_STANDARD = (
    Scenario(
        "do_nothing",
        "Do nothing",
        (),
        "The published schedule, shifted right by what has happened; nobody intervenes.",
    ),
    Scenario(
        "edd_dispatch",
        "Dispatch by due date",
        ("resequence", "alternate routing"),
        "The simple rule: every line runs the job that must start first, on its preferred line.",
    ),
    Scenario(
        "resequence",
        "Resequence",
        ("resequence",),
        "Search for a better sequence outside the frozen zone, resources as preferred.",
    ),
    Scenario(
        "overtime",
        "Overtime",
        ("overtime",),
        "Overtime on resources that run late orders; the sequence stays as published.",
    ),
    Scenario(
        "alternate_line",
        "Alternate lines",
        ("resequence", "alternate routing"),
        "Resequence, and move work to alternate resources outside the frozen zone.",
    ),
    Scenario(
        "overtime_and_alternate",
        "Overtime and alternate lines",
        ("resequence", "overtime", "alternate routing"),
        "Both levers together.",
    ),
    Scenario(
        "expedite",
        "Expedite purchases",
        ("expedite",),
        "Pull in purchase orders that hold up late work; the sequence stays as published.",
    ),
    Scenario(
        "split",
        "Split batches",
        ("resequence", "alternate routing", "split"),
        "Split the largest lots of late orders in two, so that a part ships in time.",
    ),
    Scenario(
        "delay_low_priority",
        "Delay low priority",
        ("resequence", "delay low priority"),
        "Serve customers of the best tiers first; the others wait, at their own price.",
    ),
    Scenario(
        "minimal_change",
        "Minimal change",
        ("resequence", "few moves"),
        "Late orders one after the other brought forward, where each saves three times its moves.",
    ),
    Scenario(
        "best_of_all",
        "All levers",
        ("resequence", "overtime", "alternate routing", "expedite", "split"),
        "Sequence, alternate lines, overtime, expedites and split lots together.",
    ),
)

CATALOGUE: dict[str, Scenario] = {scenario.name: scenario for scenario in _STANDARD}
"""Scenarios by name."""


def scenarios(names: Sequence[str]) -> tuple[Scenario, ...]:
    """Return scenarios by name, do nothing first. Raises ``ValueError`` for an unknown name."""
    unknown = [name for name in names if name not in CATALOGUE]
    if unknown:
        raise ValueError(f"unknown scenarios {', '.join(unknown)}; known: {', '.join(CATALOGUE)}")
    wanted = ["do_nothing", *(name for name in names if name != "do_nothing")]
    return tuple(CATALOGUE[name] for name in dict.fromkeys(wanted))
