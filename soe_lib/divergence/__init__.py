"""Step 1: what diverged. Detectors by subject, each from contracted tables to rows."""

from soe_lib.divergence.capacity import constrained_resources as constrained_resources
from soe_lib.divergence.demand import demand_vs_plan as demand_vs_plan
from soe_lib.divergence.detect import Baseline as Baseline
from soe_lib.divergence.detect import detect as detect
from soe_lib.divergence.detect import problem_statement as problem_statement
from soe_lib.divergence.rows import evidence as evidence
from soe_lib.divergence.supply import material_shortages as material_shortages
