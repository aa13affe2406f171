"""A simulated plant that executes published schedules and writes the extracts of its systems."""

from soe_lib.twin.demo import DEMO_SEED as DEMO_SEED
from soe_lib.twin.demo import write_demo as write_demo
from soe_lib.twin.truth import TwinError as TwinError
