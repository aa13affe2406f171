"""Step 1: what diverged. Detectors by subject, each from contracted tables to rows."""

from soe_lib.divergence.capacity import constrained_resources as constrained_resources
from soe_lib.divergence.demand import demand_vs_plan as demand_vs_plan
from soe_lib.divergence.detect import Baseline as Baseline
from soe_lib.divergence.detect import detect as detect
from soe_lib.divergence.facts import Facts as Facts
from soe_lib.divergence.facts import facts_of as facts_of
from soe_lib.divergence.links import link as link
from soe_lib.divergence.material import material_shortages as material_shortages
from soe_lib.divergence.material import stock_curve as stock_curve
from soe_lib.divergence.orders import late_lines as late_lines
from soe_lib.divergence.orders import past_due as past_due
from soe_lib.divergence.prices import priced_lines as priced_lines
from soe_lib.divergence.projection import Projection as Projection
from soe_lib.divergence.projection import project as project
from soe_lib.divergence.rows import evidence as evidence
from soe_lib.divergence.statement import problem_statement as problem_statement
