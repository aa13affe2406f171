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
    week's tables gives last week's number. ``sales_order_line`` is set back by the old values of
    later ``order_change_event`` rows (qty, requested_date, confirmed_date, cancel).
``period``
    ``Period(start_date, end_date, time_zone)``: site days, end excluded.
    ``Period.last_weeks(as_of, 8, time_zone)`` are the complete weeks before ``as_of``.
``params``
    ``soe_lib.params.KpiParams`` (targets, tolerances, confidence).
``facts``, ``lines``, ``times``
    Optional: what the caller has read already (``order_facts``, ``otif_lines``, ``work_times``).

What exists, file by file
-------------------------
``catalogue``
    all_kpis(tables, as_of, period, params, policy, targets=, stability=, max_cover_days=): every
    KPI that the tables allow; actual_demand(tables, as_of, period)
``value``, ``intervals``
    Period, Kpi, share, measure, kpi_rows, cuts, excluded_counts; wilson, trimmed_mean
``facts``, ``allocation``
    order_facts(tables, as_of, time_zone) -> OrderFacts(lines, changes, deliveries);
    allocate(...), allocate_claims(...): deliveries to schedule lines
``policy``, ``references``
    OtifPolicy, OtifPolicy.from_params(otif_params), PRESETS, preset(name, on_date); tolerances,
    quantities and reference dates by customer and line
``otif_rows``, ``otif``, ``perfect_order``, ``projected``
    otif_lines(tables, as_of, policy, time_zone): the rows behind the number;
    otif(tables, as_of, period, policy, by=), otif_kpis(lines, as_of, period, policy, by=),
    three_bases(tables, as_of, period, policy) with promise_gap and repromise_gap;
    perfect_order(lines, quality, as_of, period, policy);
    projected_otif(tables, promises, as_of, period, policy)
``fill``
    fill_rates(tables, as_of, period, policy, by=, substitution_counts=), order_fulfilment(...)
``backlog``, ``backlog_flow``
    backlog_lines(tables, as_of, time_zone, basis), backlog(tables, as_of, period, basis, by=,
    weekly_bottleneck_hours=); backlog_flow(tables, begin, end, time_zone, basis): the identity
``service_panel``, ``service``
    service_panel(tables, as_of, period, bucket="D"); service_level(panel, as_of, period, params),
    service_attainment(panel, ...), make_to_order_service(tables, as_of, period, policy)
``suppliers``
    supplier_otif(tables, as_of, period, policy, by=), supplier_quality(...), supplier_book(tables)
``execution``, ``adherence_rows``, ``adherence``, ``losses``, ``work_orders``, ``yields``
    baseline(schedule_operation, freeze_at), week_opens_at(tables, period);
    adherence_operations(tables, as_of, period, freeze_at, params);
    adherence(tables, as_of, period, freeze_at, params, by=""), adherence_kpis(operations, ...);
    schedule_losses(tables, as_of, period, operations);
    work_orders_on_time(tables, as_of, period, params); work_order_yield(tables, as_of, period)
``versions``, ``stability``, ``promises``
    StabilityParams, compared_operations(previous, current, as_of, tables, params);
    nervousness(previous, current, as_of, period, tables, params), avoidable_nervousness(...);
    promise_changes(tables, as_of, period), freeze_breaks(previous, current, as_of, tables, ...),
    freeze_kpi(breaks, as_of, period), promise_versions(before, after, time_zone)
``open_time``, ``work_times``, ``capacity``, ``demonstrated``, ``oee``
    open_time(tables), available_hours(open, start_at, end_at);
    work_times(tables, as_of, period): PBT, APT, AUST, AUPT, ADET, AUBT by resource;
    planned_load(operations, tables, as_of, period, by=), utilisation(tables, as_of, period, by=),
    demonstrated_capacity(tables, as_of, weeks), required_vs_demonstrated(...);
    oee(tables, as_of, period, by=), repair_times(tables, as_of, period, by=)
``stock``, ``inventory``, ``cover``
    InventoryPolicy, stock_lines(tables, as_of); turns_and_days(tables, as_of, period, by=);
    days_of_supply(stock, forecast, today), cover_bands(tables, forecast, as_of, time_zone),
    cover_kpis(cover, forecast, as_of, period)
``plan_actual``, ``waterfall``
    plan_at_lag(versions, keys, bucket, lag), matched(plan, actual, keys),
    plan_accuracy(pairs, as_of, period, measured="demand", by=), run_rate_forecast(history, ...);
    waterfall(rows, steps, method="shapley"), production_waterfall(rows)
"""

from soe_lib.kpi.intervals import trimmed_mean as trimmed_mean
from soe_lib.kpi.intervals import wilson as wilson
from soe_lib.kpi.value import Kpi as Kpi
from soe_lib.kpi.value import Period as Period
from soe_lib.kpi.value import kpi_rows as kpi_rows
from soe_lib.kpi.value import measure as measure
from soe_lib.kpi.value import share as share
