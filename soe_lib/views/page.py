"""A page of a step: named lists of blocks, in the order of the notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from soe_lib.run import Run
from soe_lib.views.blocks import Block, Sentences

Page = Mapping[str, Sequence[Block]]


def blockers(run: Run) -> Sentences:
    """Return what stands against trusting the run; it is shown before any answer."""
    found = tuple(run.words("snapshot").get("blockers", ()))
    return Sentences("Before you trust this page", found, tone="warn")


def currency_of(run: Run) -> str:
    """Return the currency of the run's money."""
    return str(run.words("snapshot").get("currency", ""))
