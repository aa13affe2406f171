"""
Every canonical table: its columns, key, grain, references and named rules.

A rule's name is the reason that a rejected row carries. Dtypes, units and meanings of the columns
are in ``soe_lib.vocabulary``; what is minimal and what is full follows shared/spec/data_contract.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import pandas as pd

from soe_lib.vocabulary import COLUMNS, Column

if TYPE_CHECKING:
    import pandera.pandas as pa

AUDIT_COLUMNS = ("source_system", "extracted_at", "recorded_at", "record_hash", "site_id")
"""Columns that every table may carry beside its own."""


@dataclass(frozen=True)
class Rule:
    """A named row rule; ``holds`` returns one boolean per row, True = the row is fine."""

    name: str
    holds: Callable[[pd.DataFrame], pd.Series]


@dataclass(frozen=True)
class Table:
    """
    Contract of one canonical table.

    ``minimal`` columns must be supplied and (unless listed in ``nullable``) filled; ``full`` ones
    may be absent and are then empty. ``references`` maps a column to the table whose key column
    of the given name must contain it. ``happened_at`` names the instant from which a row is a
    fact: rows later than as_of are left out of a snapshot. ``facts`` are further instants that
    cannot lie after as_of: a row that claims so is quarantined.
    """

    name: str
    grain: str
    key: tuple[str, ...]
    minimal: tuple[str, ...]
    full: tuple[str, ...] = ()
    nullable: tuple[str, ...] = ()
    references: dict[str, tuple[str, str]] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    happened_at: str = ""
    facts: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """All column names, minimal first, audit columns last."""
        own = (*self.minimal, *self.full)
        return (*own, *(name for name in AUDIT_COLUMNS if name not in own))

    @property
    def contracts(self) -> tuple[Column, ...]:
        """Vocabulary entries of all columns."""
        return tuple(COLUMNS[name] for name in self.columns)

    @property
    def required(self) -> tuple[str, ...]:
        """Columns that must be filled in every row."""
        return tuple(name for name in self.minimal if name not in self.nullable)

    def empty(self) -> pd.DataFrame:
        """Return the table without rows, all columns typed."""
        return _empty(self.name).copy()

    def schema(self) -> pa.DataFrameSchema:
        """Return the pandera schema that a loaded table satisfies (types, nulls, key, rules)."""
        return _schema(self.name)


def _not_negative(*names: str) -> tuple[Rule, ...]:
    def rule(name: str) -> Rule:
        return Rule(f"{name}_not_negative", lambda t: t[name].isna() | (t[name] >= 0))

    return tuple(rule(name) for name in names)


def _positive(*names: str) -> tuple[Rule, ...]:
    def rule(name: str) -> Rule:
        return Rule(f"{name}_positive", lambda t: t[name].isna() | (t[name] > 0))

    return tuple(rule(name) for name in names)


def _one_of(name: str, *words: str) -> Rule:
    return Rule(f"{name}_is_known_word", lambda t: t[name].isna() | t[name].isin(words))


def _ordered(first: str, second: str) -> Rule:
    return Rule(
        f"{first}_not_after_{second}",
        lambda t: t[first].isna() | t[second].isna() | (t[first] <= t[second]),
    )


_ITEM = {"item_id": ("item", "item_id")}
_RESOURCE = {"resource_id": ("resource", "resource_id")}

_DEFINITIONS: tuple[Table, ...] = (
    Table(
        name="item",
        grain="One row per (item_id).",
        key=("item_id",),
        minimal=("item_id", "family_id", "uom", "supply_type"),
        full=(
            "description",
            "item_type",
            "lead_time_days",
            "safety_stock_qty",
            "min_cover_days",
            "max_cover_days",
            "lot_min_qty",
            "lot_multiple_qty",
            "lot_max_qty",
            "shelf_life_days",
            "std_cost",
            "price",
            "currency",
            "abc_code",
            "is_substitutable",
            "weight_kg",
            "volume_m3",
            "qty_per_pallet",
            "setup_family",
            "supplier_id",
        ),
        rules=(
            _one_of("supply_type", "make", "buy"),
            *_not_negative("lead_time_days", "safety_stock_qty", "lot_min_qty", "std_cost"),
            *_positive("lot_multiple_qty", "lot_max_qty", "shelf_life_days", "qty_per_pallet"),
            _ordered("lot_min_qty", "lot_max_qty"),
        ),
    ),
    Table(
        name="bom_component",
        grain="One row per (parent_item_id, component_item_id, op_no, valid_from_date).",
        key=("parent_item_id", "component_item_id", "op_no", "valid_from_date"),
        minimal=("parent_item_id", "component_item_id", "qty_per"),
        full=("scrap_pct", "valid_from_date", "valid_to_date", "alternate_group", "op_no"),
        references={
            "parent_item_id": ("item", "item_id"),
            "component_item_id": ("item", "item_id"),
        },
        rules=(
            *_positive("qty_per"),
            *_not_negative("scrap_pct"),
            Rule(
                "component_is_not_its_parent",
                lambda t: t["parent_item_id"] != t["component_item_id"],
            ),
        ),
    ),
    Table(
        name="resource",
        grain="One row per (resource_id).",
        key=("resource_id",),
        minimal=("resource_id", "site_id"),
        full=(
            "description",
            "resource_type",
            "capacity_parallel",
            "cost_per_hour",
            "overtime_cost_per_hour",
            "efficiency_pct",
            "location",
            "current_setup_family",
            "is_bottleneck",
            "alternate_group",
            "resource_group",
            "skill_code",
        ),
        rules=(
            *_positive("capacity_parallel", "efficiency_pct"),
            *_not_negative("cost_per_hour", "overtime_cost_per_hour"),
        ),
    ),
    Table(
        name="routing_alternate",
        grain="One row per (item_id, op_no, resource_id).",
        key=("item_id", "op_no", "resource_id"),
        minimal=("item_id", "op_no", "resource_id", "run_minutes_per_unit"),
        full=(
            "operation_name",
            "setup_minutes",
            "yield_pct",
            "preference",
            "queue_minutes",
            "tool_id",
            "skill_code",
            "labour_count",
            "setup_family",
            "valid_from_date",
            "valid_to_date",
        ),
        references={**_ITEM, **_RESOURCE},
        rules=(
            *_not_negative("run_minutes_per_unit", "setup_minutes", "queue_minutes"),
            Rule(
                "yield_pct_in_0_100",
                lambda t: t["yield_pct"].isna() | t["yield_pct"].between(1e-9, 100),
            ),
        ),
    ),
    Table(
        name="resource_calendar",
        grain="One row per (resource_id, start_at, calendar_kind).",
        key=("resource_id", "start_at", "calendar_kind"),
        minimal=("resource_id", "start_at", "end_at", "calendar_kind"),
        full=("capacity", "shift_code"),
        references=_RESOURCE,
        rules=(
            _one_of(
                "calendar_kind",
                "shift",
                "overtime",
                "potential_overtime",
                "maintenance",
                "holiday",
                "down",
            ),
            Rule("start_at_before_end_at", lambda t: t["start_at"] < t["end_at"]),
            *_not_negative("capacity"),
        ),
    ),
    Table(
        name="setup_matrix",
        grain="One row per (resource_group, from_setup_family, to_setup_family).",
        key=("resource_group", "from_setup_family", "to_setup_family"),
        minimal=("resource_group", "from_setup_family", "to_setup_family", "setup_minutes"),
        full=("setup_cost", "setup_scrap_qty", "rule_id"),
        rules=_not_negative("setup_minutes", "setup_cost", "setup_scrap_qty"),
    ),
    Table(
        name="tooling",
        grain="One row per (tool_id).",
        key=("tool_id",),
        minimal=("tool_id", "tool_qty"),
        full=("description", "setup_family", "status", "location", "available_from_at"),
        rules=_not_negative("tool_qty"),
    ),
    Table(
        name="customer_terms",
        grain="One row per (customer_id).",
        key=("customer_id",),
        minimal=("customer_id", "customer_tier", "penalty_type"),
        full=(
            "description",
            "region",
            "otif_basis",
            "early_days",
            "late_days",
            "under_pct",
            "over_pct",
            "penalty_amount",
            "penalty_threshold_days",
            "penalty_cap",
            "penalty_window",
            "notice_days",
            "is_lost_sale",
            "currency",
        ),
        rules=(
            _one_of("penalty_type", "none", "flat", "per_day", "step", "pct_value", "pct_cogs"),
            *_not_negative("penalty_amount", "penalty_threshold_days", "penalty_cap"),
        ),
    ),
    Table(
        name="cost_rate",
        grain="One row per (cost_type, object_id, mode).",
        key=("cost_type", "object_id", "mode"),
        minimal=("cost_type", "cost_amount"),
        full=("object_id", "mode", "cost_unit", "currency"),
        rules=_not_negative("cost_amount"),
    ),
    Table(
        name="sales_order_line",
        grain="One row per (order_id, line_id, schedule_no).",
        key=("order_id", "line_id", "schedule_no"),
        happened_at="ordered_at",
        facts=("last_goods_issue_at", "delivered_at", "cancelled_at"),
        minimal=(
            "order_id",
            "line_id",
            "customer_id",
            "item_id",
            "site_id",
            "ordered_at",
            "ordered_qty",
            "uom",
            "requested_date",
            "first_confirmed_date",
            "last_confirmed_date",
            "delivered_qty",
            "last_goods_issue_at",
            "status",
            "order_type",
        ),
        full=(
            "schedule_no",
            "first_confirmed_qty",
            "last_confirmed_qty",
            "due_at",
            "delivered_at",
            "cancel_reason",
            "cancelled_by",
            "cancelled_at",
            "priority",
            "is_partial_allowed",
            "min_ship_qty",
            "ship_complete_group",
            "max_lateness_days",
            "early_days",
            "late_days",
            "under_pct",
            "over_pct",
            "net_price",
            "net_value",
            "margin_per_unit",
            "currency",
            "incoterm",
            "lane_id",
            "transit_days",
            "is_customer_pick_up",
        ),
        nullable=("first_confirmed_date", "last_confirmed_date", "last_goods_issue_at"),
        references=_ITEM,
        rules=(
            *_positive("ordered_qty"),
            *_not_negative("delivered_qty", "net_price", "net_value"),
            _one_of("status", "open", "completed", "cancelled"),
            _one_of("order_type", "MTO", "MTS", "sample", "return", "inter_company"),
            _one_of("cancelled_by", "customer", "us"),
        ),
    ),
    Table(
        name="order_change_event",
        grain="One row per (event_id).",
        key=("event_id",),
        happened_at="event_at",
        minimal=(
            "event_id",
            "event_at",
            "order_id",
            "line_id",
            "change_field",
            "initiated_by",
        ),
        full=("old_value", "new_value", "user_name", "reason_code", "zone", "supersedes_id"),
        rules=(
            _one_of(
                "change_field",
                "qty",
                "requested_date",
                "confirmed_date",
                "cancel",
                "priority",
                "item",
                "new",
                "split",
                "expedite",
            ),
            _one_of("initiated_by", "customer", "us", "system"),
        ),
    ),
    Table(
        name="delivery_event",
        grain="One row per (shipment_id, order_id, line_id).",
        key=("shipment_id", "order_id", "line_id"),
        happened_at="goods_issue_at",
        minimal=("shipment_id", "order_id", "line_id", "delivered_qty", "goods_issue_at"),
        full=("delivered_at", "delivered_item_id"),
        rules=_not_negative("delivered_qty"),
    ),
    Table(
        name="inventory_balance",
        grain="One row per (item_id, location_id, lot_id, balance_at).",
        key=("item_id", "location_id", "lot_id", "balance_at"),
        happened_at="balance_at",
        minimal=("item_id", "location_id", "balance_at", "on_hand_qty"),
        full=(
            "lot_id",
            "reserved_qty",
            "blocked_qty",
            "in_transit_qty",
            "owner",
            "expiry_date",
            "unit_std_cost",
            "currency",
            "counted_at",
        ),
        references=_ITEM,
        rules=_not_negative("on_hand_qty", "reserved_qty", "blocked_qty", "in_transit_qty"),
    ),
    Table(
        name="purchase_order_line",
        grain="One row per (po_id, line_id, schedule_no).",
        key=("po_id", "line_id", "schedule_no"),
        happened_at="ordered_at",
        minimal=(
            "po_id",
            "line_id",
            "supplier_id",
            "item_id",
            "ordered_qty",
            "received_qty",
            "required_date",
            "promised_date",
            "status",
        ),
        full=(
            "schedule_no",
            "ordered_at",
            "first_promised_date",
            "confirmed_qty",
            "is_expedite_possible",
            "expedite_cost",
            "expedite_days",
            "asn_date",
            "eta_at",
            "unit_cost",
            "currency",
        ),
        nullable=("promised_date",),
        references=_ITEM,
        rules=(
            *_positive("ordered_qty"),
            *_not_negative("received_qty", "confirmed_qty", "expedite_cost", "unit_cost"),
            _one_of("status", "open", "completed", "cancelled"),
        ),
    ),
    Table(
        name="supplier_confirmation_event",
        grain="One row per (po_id, line_id, event_at).",
        key=("po_id", "line_id", "event_at"),
        happened_at="event_at",
        minimal=("po_id", "line_id", "event_at", "confirmed_date", "confirmed_qty"),
        full=("channel",),
        rules=_not_negative("confirmed_qty"),
    ),
    Table(
        name="goods_receipt_event",
        grain="One row per (po_id, line_id, received_at).",
        key=("po_id", "line_id", "received_at"),
        happened_at="received_at",
        minimal=("po_id", "line_id", "received_at", "received_qty", "rejected_qty"),
        rules=_not_negative("received_qty", "rejected_qty"),
    ),
    Table(
        name="work_order",
        grain="One row per (wo_id).",
        key=("wo_id",),
        facts=("started_at", "ended_at"),
        minimal=("wo_id", "item_id", "ordered_qty", "release_at", "due_at", "status"),
        full=(
            "good_qty",
            "scrap_qty",
            "started_at",
            "ended_at",
            "parent_order_id",
            "parent_line_id",
            "priority",
            "reason_code",
        ),
        references=_ITEM,
        rules=(
            *_positive("ordered_qty"),
            *_not_negative("good_qty", "scrap_qty"),
            _one_of("status", "planned", "released", "started", "completed", "cancelled"),
            _ordered("started_at", "ended_at"),
        ),
    ),
    Table(
        name="work_order_progress_event",
        grain="One row per (event_id).",
        key=("event_id",),
        happened_at="event_at",
        minimal=(
            "event_id",
            "event_at",
            "wo_id",
            "op_no",
            "resource_id",
            "event_type",
            "good_qty",
            "scrap_qty",
        ),
        full=(
            "split_no",
            "rework_qty",
            "labour_count",
            "reason_code",
            "shift_code",
            "supersedes_id",
        ),
        references={"wo_id": ("work_order", "wo_id"), **_RESOURCE},
        rules=(
            _one_of(
                "event_type",
                "start",
                "progress",
                "complete",
                "pause",
                "resume",
                "setup_start",
                "setup_end",
            ),
            *_not_negative("scrap_qty", "rework_qty"),
        ),
    ),
    Table(
        name="downtime_event",
        grain="One row per (resource_id, start_at, reason_code).",
        key=("resource_id", "start_at", "reason_code"),
        minimal=("resource_id", "start_at", "end_at", "is_planned", "reason_code"),
        full=("event_id", "category", "wo_id", "expected_end_at"),
        nullable=("end_at",),
        references=_RESOURCE,
        rules=(_ordered("start_at", "end_at"),),
    ),
    Table(
        name="scrap_event",
        grain="One row per (event_id).",
        key=("event_id",),
        happened_at="event_at",
        minimal=("event_id", "event_at", "wo_id", "item_id", "scrap_qty", "reason_code"),
        full=("op_no", "resource_id", "disposition"),
        references=_ITEM,
        rules=_not_negative("scrap_qty"),
    ),
    Table(
        name="labour_availability",
        grain="One row per (site_id, labour_date, shift_code, skill_code).",
        key=("site_id", "labour_date", "shift_code", "skill_code"),
        minimal=(
            "site_id",
            "labour_date",
            "shift_code",
            "skill_code",
            "planned_headcount",
            "actual_headcount",
        ),
        full=("start_at", "end_at"),
        nullable=("actual_headcount",),
        rules=_not_negative("planned_headcount", "actual_headcount"),
    ),
    Table(
        name="run_rate",
        grain="One row per (item_id, resource_id, op_no).",
        key=("item_id", "resource_id", "op_no"),
        minimal=("item_id", "resource_id", "standard_rate_per_hour"),
        full=(
            "op_no",
            "mean_rate_per_hour",
            "p10_rate_per_hour",
            "p90_rate_per_hour",
            "num_observations",
            "updated_at",
        ),
        references={**_ITEM, **_RESOURCE},
        rules=_positive("standard_rate_per_hour", "mean_rate_per_hour"),
    ),
    Table(
        name="schedule_operation",
        grain="One row per (version_id, wo_id, op_no, split_no).",
        key=("version_id", "wo_id", "op_no", "split_no"),
        happened_at="published_at",
        minimal=(
            "version_id",
            "published_at",
            "status",
            "wo_id",
            "op_no",
            "split_no",
            "item_id",
            "planned_qty",
            "resource_id",
            "setup_start_at",
            "start_at",
            "end_at",
            "is_frozen",
        ),
        full=(
            "tool_id",
            "labour_count",
            "setup_from",
            "setup_to",
            "earliest_start_at",
            "latest_end_at",
            "pegged_demand",
            "zone",
            "alternates",
            "slack_hours",
            "is_critical",
            "is_feasible",
            "violated_constraint",
        ),
        references={**_ITEM, **_RESOURCE},
        rules=(
            _one_of("status", "draft", "published", "superseded"),
            *_positive("planned_qty"),
            _ordered("setup_start_at", "start_at"),
            _ordered("start_at", "end_at"),
        ),
    ),
    Table(
        name="fence_policy",
        grain="One row per (scope_type, scope_id).",
        key=("scope_type", "scope_id"),
        minimal=("scope_type", "scope_id", "frozen_days", "slushy_days"),
        full=("allowed_change", "change_limit_pct", "approver_role"),
        rules=(
            _one_of("scope_type", "site", "resource", "family"),
            *_not_negative("frozen_days", "slushy_days"),
        ),
    ),
    Table(
        name="ship_capacity",
        grain="One row per (ship_date, site_id, lane_id, mode).",
        key=("ship_date", "site_id", "lane_id", "mode"),
        minimal=("ship_date", "site_id", "lane_id", "mode", "capacity_pallets"),
        full=("capacity_trucks", "capacity_weight_kg", "cut_off_at", "cost_per_pallet", "status"),
        rules=_not_negative("capacity_pallets", "cost_per_pallet"),
    ),
    Table(
        name="lane_lead_time",
        grain="One row per (lane_id, mode).",
        key=("lane_id", "mode"),
        minimal=("lane_id", "origin_site_id", "destination_id", "mode", "transit_p50_days"),
        full=("transit_p90_days", "cost_per_pallet", "expedite_mode"),
        rules=_not_negative("transit_p50_days", "transit_p90_days"),
    ),
    Table(
        name="shipment",
        grain="One row per (shipment_id, order_id, line_id).",
        key=("shipment_id", "order_id", "line_id"),
        facts=("actual_departure_at", "arrived_at"),
        minimal=("shipment_id", "order_id", "line_id", "planned_departure_at", "status"),
        full=(
            "shipped_qty",
            "lane_id",
            "mode",
            "actual_departure_at",
            "eta_at",
            "arrived_at",
            "carrier_id",
            "reason_code",
        ),
        rules=(_one_of("status", "planned", "departed", "arrived", "cancelled"),),
    ),
    Table(
        name="sop_plan",
        grain="One row per (plan_version, family_id, site_id, plan_month, measure).",
        key=("plan_version", "family_id", "site_id", "plan_month", "measure"),
        happened_at="approved_at",
        minimal=(
            "plan_version",
            "approved_at",
            "family_id",
            "site_id",
            "plan_month",
            "measure",
            "planned_qty",
        ),
        full=(
            "planned_value",
            "currency",
            "assumption_text",
            "owner",
            "lower_qty",
            "upper_qty",
        ),
        rules=(
            _one_of("measure", "demand", "production", "inventory", "capacity", "revenue"),
            Rule(
                "plan_month_is_first_day",
                lambda t: t["plan_month"].isna() | (t["plan_month"].dt.day == 1),
            ),
        ),
    ),
    Table(
        name="family_mix",
        grain="One row per (family_id, item_id, site_id, valid_from_date).",
        key=("family_id", "item_id", "site_id", "valid_from_date"),
        minimal=("family_id", "item_id", "mix_weight"),
        full=("mix_basis", "valid_from_date"),
        references=_ITEM,
        rules=_not_negative("mix_weight"),
    ),
    Table(
        name="plan_calendar",
        grain="One row per (plan_month, week_start_date, site_id).",
        key=("plan_month", "week_start_date", "site_id"),
        minimal=("plan_month", "week_start_date", "site_id", "working_hours"),
        rules=(
            *_not_negative("working_hours"),
            Rule(
                "week_starts_on_monday",
                lambda t: t["week_start_date"].isna() | (t["week_start_date"].dt.day_of_week == 0),
            ),
        ),
    ),
)

TABLES: dict[str, Table] = {table.name: table for table in _DEFINITIONS}
"""All canonical tables, referenced tables before those that refer to them."""


def table(name: str) -> Table:
    """
    Look a canonical table up.

    Raises
    ------
    KeyError
        When no canonical table has that name.
    """
    try:
        return TABLES[name]
    except KeyError:
        raise KeyError(f"no canonical table '{name}'; known: {', '.join(TABLES)}") from None


@cache
def _empty(name: str) -> pd.DataFrame:
    return pd.DataFrame({c.name: pd.Series(dtype=c.dtype) for c in TABLES[name].contracts})


@cache
def _schema(name: str) -> pa.DataFrameSchema:
    import pandera.pandas as pa

    contract = TABLES[name]
    return pa.DataFrameSchema(
        {
            c.name: pa.Column(c.dtype, nullable=c.name not in contract.required, required=True)
            for c in contract.contracts
        },
        checks=[pa.Check(rule.holds, name=rule.name, error=rule.name) for rule in contract.rules],
        unique=list(contract.key),
        strict=True,
        name=name,
    )
