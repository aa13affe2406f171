"""Which KPIs open the page of step 5, under which names; all others follow in their own order."""

from __future__ import annotations

from soe_lib.monitoring.scorecard import Shown

OPENING: tuple[Shown, ...] = (
    Shown("otif_line", "OTIF", "lines"),
    Shown("schedule_adherence", "Schedule adherence"),
    Shown("work_orders_on_time", "Work orders on time", "work orders"),
    Shown("past_due_qty", "Past-due backlog"),
    Shown("days_of_supply", "Days of supply"),
    Shown("actual_utilisation", "Bottleneck utilisation"),
    Shown("ufr_first_time", "Unit fill at first time"),
    Shown("oee", "OEE"),
    Shown("supplier_otif_line", "Supplier OTIF", "lines"),
    Shown("demand_accuracy", "Demand plan accuracy", basis="family"),
    Shown("start_on_time", "Starts on time", "operations"),
    Shown("sequence_adherence", "Sequence adherence", "jobs"),
)
"""The most important first; a KPI without a value gives its place to the next."""

BOUNDED = frozenset(
    {
        "otif_line",
        "otif_order",
        "otif_value",
        "schedule_adherence",
        "schedule_adherence_item_week",
        "schedule_adherence_day",
        "mix_attainment",
        "build_to_schedule",
        "unscheduled_work",
        "ufr",
        "ufr_first_time",
        "ufr_secondary",
        "otif_qty",
        "fill_rate",
        "oee",
    }
)
"""KPIs that cannot leave 0 to 100 %, so that their control limits do not either."""
