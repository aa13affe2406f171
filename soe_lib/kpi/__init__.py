"""
Every KPI once: formulas of shared/spec/kpis.md, edge cases and as-of discipline included.

One result
----------
Every function returns ``Kpi`` objects; ``kpi_rows(kpis)`` is their table (``value.COLUMNS``: kpi,
formula, policy, basis, site_id, dimension, member, period_start, period_end, as_of, num, den, n,
n_excluded, excluded, coverage_pct, value, unit, lo, hi, target, higher_is_better, status, reason,
note). Shares are in %. ``status`` is pass, fail or not_evaluable; a number without a target is
not_evaluable with ``reason`` "no target" and keeps its value. Nothing due is NaN with a reason,
never 0 % or 100 %. ``dimension``/``member`` name a cut (``by="customer_id"``), empty = the total.

Common arguments
----------------
``tables``
    Canonical tables by name (a mapping of DataFrames; what a KPI can do without may be missing).
``as_of``
    Instant UTC: only facts true *and* recorded by then count. Last week's ``as_of`` on this
    week's tables gives last week's number.
``period``
    ``Period(start_date, end_date, time_zone)``: site days, end excluded.
    ``Period.last_weeks(as_of, 8, time_zone)`` are the complete weeks before ``as_of``.
``params``
    ``soe_lib.params.KpiParams`` (targets, tolerances, confidence).

What exists, file by file
-------------------------
``value``       Period, Kpi, share, measure, kpi_rows, excluded_counts
``intervals``   wilson, trimmed_mean
``facts``       orders_as_of(tables, as_of, time_zone), deliveries_as_of(tables, as_of, time_zone)
``policy``      OtifPolicy, OtifPolicy.from_params(otif_params), PRESETS, preset(name, on_date)
``otif``        otif(tables, as_of, period, policy, by=None), three_bases(...),
                otif_lines(tables, as_of, policy, time_zone) (drill to rows),
                otif_kpis(lines, as_of, period, policy, by=None),
                perfect_order(lines, quality, as_of, period, policy),
                projected_otif(tables, promises, as_of, period, policy)
``service``     service_panel(tables, as_of, period, bucket="D"), service_level(panel, as_of,
                period, params), service_attainment(...), service_gap_value(...)
``fill``        fill_rates(tables, as_of, period, by=None), order_fulfilment(tables, as_of, period)
``backlog``     backlog_lines(tables, as_of, time_zone, basis), backlog(tables, as_of, period, ...),
                backlog_flow(tables, begin, end, time_zone, basis) (the identity)
``execution``, ``losses``, ``adherence_rows``, ``adherence``, ``work_orders`` (written, stand)
                baseline(schedule_operation, freeze_at), actual_operations(tables, as_of, period),
                adherence_operations(tables, as_of, period, freeze_at, params),
                adherence(tables, as_of, period, freeze_at, params, by=""),
                adherence_kpis(operations, as_of, period, params, by=""),
                schedule_losses(tables, as_of, period, operations),
                work_orders_on_time(tables, as_of, period, params)
``inventory``   turns_and_days(tables, as_of, period, ...), days_of_supply(...), cover_bands(...)
``capacity``    planned_load(...), utilisation(...), iso_ratios(...), demonstrated_capacity(...)
``plan_actual`` plan_accuracy(pairs, as_of, period), plan_at_lag(...), run_rate_forecast(...),
``waterfall``   waterfall(factors, method="shapley")
``stability``   nervousness(previous, current, as_of, period, ...), promise_changes(...)
``oee``         oee(tables, as_of, period, by="resource_id"), repair_times(...)
``catalogue``   all_kpis(tables, as_of, period, params, ...), kpi_history(tables, as_of, weeks, ...)
"""

from soe_lib.kpi.intervals import trimmed_mean as trimmed_mean
from soe_lib.kpi.intervals import wilson as wilson
from soe_lib.kpi.value import Kpi as Kpi
from soe_lib.kpi.value import Period as Period
from soe_lib.kpi.value import kpi_rows as kpi_rows
from soe_lib.kpi.value import measure as measure
from soe_lib.kpi.value import share as share
