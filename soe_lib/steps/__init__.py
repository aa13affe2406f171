"""
One file per step of the loop: call the rooms in order, write their tables, say the sentence.

The steps are imported when they are asked for, so that opening one page does not load all rooms.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_STEPS = {
    "take_data": "snapshot",
    "find_divergences": "divergence",
    "assess_impact": "impact",
    "explore_scenarios": "what_if",
    "prepare_decision": "decision",
    "monitor_execution": "monitoring",
}


def __getattr__(name: str) -> Any:
    """Return a step's function; raises ``AttributeError`` for other names."""
    if name not in _STEPS:
        raise AttributeError(f"soe_lib.steps has no step '{name}'")
    return getattr(import_module(f"soe_lib.steps.{_STEPS[name]}"), name)
