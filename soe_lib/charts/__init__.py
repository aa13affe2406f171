"""Table to plotly figure, one function per picture; no arithmetic beyond position and colour."""

from soe_lib.charts.bars import plot_adherence as plot_adherence
from soe_lib.charts.bars import plot_counts as plot_counts
from soe_lib.charts.bars import plot_demand_against_plan as plot_demand_against_plan
from soe_lib.charts.bars import plot_losses as plot_losses
from soe_lib.charts.bars import plot_scenario_costs as plot_scenario_costs
from soe_lib.charts.dots import plot_orders_in_jeopardy as plot_orders_in_jeopardy
from soe_lib.charts.follow_up import plot_month_plan as plot_month_plan
from soe_lib.charts.follow_up import plot_promise_outcome as plot_promise_outcome
from soe_lib.charts.frontier import plot_repair_frontier as plot_repair_frontier
from soe_lib.charts.frontier import plot_stock_by_scenario as plot_stock_by_scenario
from soe_lib.charts.gantt import plot_gantt as plot_gantt
from soe_lib.charts.heat import plot_deviation_heat_map as plot_deviation_heat_map
from soe_lib.charts.heat import plot_load_heat_map as plot_load_heat_map
from soe_lib.charts.lines import plot_kpi_trend as plot_kpi_trend
from soe_lib.charts.lines import plot_projected_stock as plot_projected_stock
