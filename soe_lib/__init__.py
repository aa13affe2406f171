"""
Sales & Operations Execution: the weekly loop that keeps a plant's plan executable.

What a notebook may import stands here; everything else is depth behind this door. Each name is
loaded when it is first asked for, so that ``soe --help`` does not wait for plotly and numba.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soe_lib.run import open_run as open_run
    from soe_lib.steps.decision import prepare_decision as prepare_decision
    from soe_lib.steps.divergence import find_divergences as find_divergences
    from soe_lib.steps.follow_up import follow_up as follow_up
    from soe_lib.steps.impact import assess_impact as assess_impact
    from soe_lib.steps.monitoring import monitor_execution as monitor_execution
    from soe_lib.steps.snapshot import take_data as take_data
    from soe_lib.steps.what_if import explore_scenarios as explore_scenarios
    from soe_lib.views.data import data_page as data_page
    from soe_lib.views.decision import decision_page as decision_page
    from soe_lib.views.divergence import divergence_page as divergence_page
    from soe_lib.views.follow_up import follow_up_page as follow_up_page
    from soe_lib.views.impact import impact_page as impact_page
    from soe_lib.views.meeting_home import meeting_page as meeting_page
    from soe_lib.views.monitoring import monitoring_page as monitoring_page
    from soe_lib.views.show import show as show
    from soe_lib.views.what_if import what_if_page as what_if_page

_HOMES = {
    "open_run": "soe_lib.run",
    "take_data": "soe_lib.steps.snapshot",
    "find_divergences": "soe_lib.steps.divergence",
    "assess_impact": "soe_lib.steps.impact",
    "explore_scenarios": "soe_lib.steps.what_if",
    "prepare_decision": "soe_lib.steps.decision",
    "monitor_execution": "soe_lib.steps.monitoring",
    "data_page": "soe_lib.views.data",
    "divergence_page": "soe_lib.views.divergence",
    "impact_page": "soe_lib.views.impact",
    "what_if_page": "soe_lib.views.what_if",
    "decision_page": "soe_lib.views.decision",
    "meeting_page": "soe_lib.views.meeting_home",
    "monitoring_page": "soe_lib.views.monitoring",
    "follow_up": "soe_lib.steps.follow_up",
    "follow_up_page": "soe_lib.views.follow_up",
    "show": "soe_lib.views.show",
}

__all__ = [
    "assess_impact",
    "data_page",
    "decision_page",
    "divergence_page",
    "explore_scenarios",
    "find_divergences",
    "follow_up",
    "follow_up_page",
    "impact_page",
    "meeting_page",
    "monitor_execution",
    "monitoring_page",
    "open_run",
    "prepare_decision",
    "show",
    "take_data",
    "what_if_page",
]


def __getattr__(name: str) -> Any:
    """Load a name of the door when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'soe_lib' has no attribute '{name}'")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
