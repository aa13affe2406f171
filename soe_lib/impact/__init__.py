"""Step 2: whom it hurts, when, by how much; doing nothing is scenario 0."""

from soe_lib.impact.functions import QUESTIONS as QUESTIONS
from soe_lib.impact.functions import by_function as by_function
from soe_lib.impact.functions import shipments_without_goods as shipments_without_goods
from soe_lib.impact.orders import order_impact as order_impact
from soe_lib.impact.orders import summed_by as summed_by
