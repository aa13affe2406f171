"""The APS engine: ``Problem`` → ``solve`` → ``Schedule``, and ``verify`` beside it."""

from soe_lib.schedule.build import build_problem as build_problem
from soe_lib.schedule.component_needs import component_needs as component_needs
from soe_lib.schedule.overtime import overtime_used as overtime_used
from soe_lib.schedule.overtime import with_overtime as with_overtime
from soe_lib.schedule.problem import Problem as Problem
from soe_lib.schedule.problem import ProblemError as ProblemError
from soe_lib.schedule.schedule import Schedule as Schedule
from soe_lib.schedule.solve import dispatch as dispatch
from soe_lib.schedule.solve import right_shift as right_shift
from soe_lib.schedule.solve import solve as solve
from soe_lib.schedule.verify import verify as verify
