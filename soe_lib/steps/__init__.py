"""One file per step of the loop: call the rooms in order, write their tables, say the sentence."""

from soe_lib.steps.decision import prepare_decision as prepare_decision
from soe_lib.steps.divergence import find_divergences as find_divergences
from soe_lib.steps.impact import assess_impact as assess_impact
from soe_lib.steps.monitoring import monitor_execution as monitor_execution
from soe_lib.steps.snapshot import take_data as take_data
from soe_lib.steps.what_if import explore_scenarios as explore_scenarios
