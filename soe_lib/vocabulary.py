"""
Every column once: name, dtype, unit, meaning.

Tables (``soe_lib.tables``) only list names; whoever wants to know what a name means, in which
unit it is counted or how it is typed looks here. Status words and sign conventions are here too.

Sign conventions
----------------
* A difference is always *actual minus plan*; negative means short.
* ``lateness_days`` is signed (negative = early), ``tardiness_days`` is max(lateness, 0).
* Stock is never negative; a backlog is its own column.
* ``_at`` is an instant, timezone-aware UTC. ``_date`` is a calendar day of the site, without zone.
* Quantities are in the item's stock unit (``uom``); money is in ``currency``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Logical dtype of a column."""

    TEXT = "text"
    NUMBER = "number"
    INTEGER = "integer"
    FLAG = "flag"
    INSTANT = "instant"
    DATE = "date"


PANDAS_DTYPE: dict[Kind, str] = {
    Kind.TEXT: "str",
    Kind.NUMBER: "float64",
    Kind.INTEGER: "Int64",
    Kind.FLAG: "boolean",
    Kind.INSTANT: "datetime64[us, UTC]",
    Kind.DATE: "datetime64[us]",
}


@dataclass(frozen=True)
class Column:
    """A column's contract: name, logical dtype, unit in words and meaning in one sentence."""

    name: str
    kind: Kind
    unit: str
    meaning: str

    @property
    def dtype(self) -> str:
        """Pandas dtype of the column in every canonical table."""
        return PANDAS_DTYPE[self.kind]

    @property
    def label(self) -> str:
        """Human label with unit, e.g. ``Load [h]``: axis titles and table heads use it."""
        words = self.name
        for suffix in _UNIT_SUFFIXES:
            if words.endswith(suffix):
                words = words[: -len(suffix)]
                break
        words = words.replace("_", " ").strip().capitalize() or self.name
        return f"{words} [{self.unit}]" if self.unit else words


_UNIT_SUFFIXES = ("_qty", "_hours", "_days", "_minutes", "_pct", "_at", "_date")

_T, _N, _I, _F, _AT, _D = Kind.TEXT, Kind.NUMBER, Kind.INTEGER, Kind.FLAG, Kind.INSTANT, Kind.DATE

_ROWS: tuple[tuple[str, Kind, str, str], ...] = (
    # who, what, where
    ("site_id", _T, "", "Plant or warehouse."),
    ("item_id", _T, "", "Stock-keeping unit, intermediate or purchased component."),
    ("family_id", _T, "", "Product family of the S&OP plan."),
    ("description", _T, "", "Text for people."),
    ("uom", _T, "", "Stock unit in which all quantities of the item are counted."),
    ("currency", _T, "", "ISO 4217 code of the money columns."),
    ("source_system", _T, "", "Name of the source that supplied the row."),
    ("extracted_at", _AT, "UTC", "When the row left the source system."),
    ("recorded_at", _AT, "UTC", "When the source system learned the fact (not when it was true)."),
    ("record_hash", _T, "", "Hash of the row's content."),
    ("event_id", _T, "", "Identity of an event."),
    ("supersedes_id", _T, "", "Event that this one corrects."),
    ("event_at", _AT, "UTC", "When the event was true."),
    ("event_type", _T, "", "start, progress, complete, pause, resume, setup_start or setup_end."),
    ("reason_code", _T, "", "Why, as coded by the source system."),
    ("user_name", _T, "", "Person who did it."),
    ("status", _T, "", "State word of the object; each table lists its own."),
    # items
    ("supply_type", _T, "", "make or buy."),
    ("item_type", _T, "", "MTS, MTO, ATO, intermediate or component."),
    ("lead_time_days", _N, "days", "Purchase or make lead time in calendar days."),
    ("safety_stock_qty", _N, "uom", "Stock below which a divergence is raised."),
    ("min_cover_days", _N, "days", "Lower bound of the cover band."),
    ("max_cover_days", _N, "days", "Upper bound of the cover band."),
    ("lot_min_qty", _N, "uom", "Smallest lot."),
    ("lot_multiple_qty", _N, "uom", "Lots are multiples of this."),
    ("lot_max_qty", _N, "uom", "Largest lot."),
    ("shelf_life_days", _N, "days", "Days from production to expiry."),
    ("std_cost", _N, "money/uom", "Standard cost of one unit."),
    ("price", _N, "money/uom", "List price of one unit."),
    ("abc_code", _T, "", "A, B or C."),
    ("is_substitutable", _F, "", "False where the customer accepts no substitute."),
    ("weight_kg", _N, "kg", "Gross weight of one unit."),
    ("volume_m3", _N, "m3", "Volume of one unit."),
    ("qty_per_pallet", _N, "uom", "Units on one pallet."),
    ("setup_family", _T, "", "Changeover family: no changeover within one family."),
    # structure
    ("parent_item_id", _T, "", "Item that is made."),
    ("component_item_id", _T, "", "Item that is consumed."),
    ("qty_per", _N, "uom", "Component units for one unit of the parent."),
    ("scrap_pct", _N, "%", "Planned loss of the component."),
    ("valid_from_date", _D, "", "First day of validity."),
    ("valid_to_date", _D, "", "Last day of validity; empty = open."),
    ("alternate_group", _T, "", "Rows of one group replace each other."),
    ("op_no", _I, "", "Operation number within the routing, ascending."),
    ("operation_name", _T, "", "Operation in words."),
    ("run_minutes_per_unit", _N, "min/uom", "Run time of one unit on this resource."),
    ("setup_minutes", _N, "min", "Fixed set-up, or changeover between two families."),
    ("yield_pct", _N, "%", "Good units of 100 started."),
    ("preference", _I, "", "1 = preferred alternate."),
    ("queue_minutes", _N, "min", "Minimum wait before the next operation may start."),
    ("tool_id", _T, "", "Tool that the operation occupies."),
    ("tool_qty", _N, "pieces", "Number of such tools."),
    ("skill_code", _T, "", "Labour skill."),
    ("labour_count", _N, "people", "People that the operation occupies."),
    ("location_id", _T, "", "Storage location or place."),
    ("location", _T, "", "Place in words."),
    ("available_from_at", _AT, "UTC", "From when the tool can be used."),
    # resources
    ("resource_id", _T, "", "Line, machine or work centre."),
    ("resource_group", _T, "", "Resource or group of resources to which a changeover applies."),
    ("resource_type", _T, "", "line, work_centre, tool or labour."),
    ("capacity_parallel", _N, "stations", "Stations that work side by side."),
    ("cost_per_hour", _N, "money/h", "Regular cost of one hour."),
    ("overtime_cost_per_hour", _N, "money/h", "Extra cost of one overtime hour."),
    ("efficiency_pct", _N, "%", "Real speed against routing speed."),
    ("current_setup_family", _T, "", "Family for which the resource is set up now."),
    ("is_bottleneck", _F, "", "True where the meeting looks at utilisation."),
    ("start_at", _AT, "UTC", "Begin of run or of the interval."),
    ("end_at", _AT, "UTC", "End of run or of the interval; empty = still open."),
    ("calendar_kind", _T, "", "shift, overtime, potential_overtime, maintenance, holiday or down."),
    ("capacity", _N, "stations", "Stations open in the interval; empty = all."),
    ("from_setup_family", _T, "", "Family before the changeover."),
    ("to_setup_family", _T, "", "Family after the changeover."),
    ("setup_cost", _N, "money", "Cost of one changeover beside its time."),
    ("setup_scrap_qty", _N, "uom", "Units lost in one changeover."),
    ("rule_id", _T, "", "Rule of the source from which the row was expanded."),
    # customers and money
    ("customer_id", _T, "", "Customer."),
    ("customer_tier", _T, "", "A (best) to D."),
    ("region", _T, "", "Region of the customer."),
    ("otif_basis", _T, "", "requested, first_confirmed or last_confirmed."),
    ("early_days", _N, "working days", "Early tolerance; empty = not evaluated, 0 = none."),
    ("late_days", _N, "working days", "Late tolerance; empty = not evaluated, 0 = none."),
    ("under_pct", _N, "%", "Under-delivery tolerance; empty = not evaluated."),
    ("over_pct", _N, "%", "Over-delivery tolerance; empty = not evaluated."),
    ("penalty_type", _T, "", "none, flat, per_day, step, pct_value or pct_cogs."),
    ("penalty_amount", _N, "money or %", "Amount of the clause, per its type."),
    ("penalty_threshold_days", _N, "days", "Days late that are free."),
    ("penalty_cap", _N, "money", "Largest penalty of one order line."),
    ("penalty_window", _T, "", "Period over which the clause counts, e.g. month."),
    ("notice_days", _N, "days", "Notice within which the customer may cancel freely."),
    ("is_lost_sale", _F, "", "True where unfilled demand is lost, not back-ordered."),
    ("cost_type", _T, "", "What the rate prices (overtime_hour, expedite_freight, holding_pct..)."),
    ("object_id", _T, "", "Object that the rate applies to; '*' = all."),
    ("mode", _T, "", "Mode of transport."),
    ("cost_amount", _N, "money", "Rate per cost_unit."),
    ("cost_unit", _T, "", "Unit of the rate: hour, unit, pallet, pct_per_year, event."),
    # demand
    ("order_id", _T, "", "Sales order."),
    ("line_id", _T, "", "Line of the order."),
    ("schedule_no", _I, "", "Schedule line: date and quantity within the order line."),
    ("ordered_at", _AT, "UTC", "When the order was received."),
    ("ordered_qty", _N, "uom", "Quantity ordered."),
    ("requested_date", _D, "", "Day the customer asked for."),
    ("first_confirmed_date", _D, "", "First promise; empty = never confirmed."),
    ("first_confirmed_qty", _N, "uom", "Quantity of the first promise."),
    ("last_confirmed_date", _D, "", "Promise that holds now; empty = never confirmed."),
    ("last_confirmed_qty", _N, "uom", "Quantity of the promise that holds now."),
    ("due_at", _AT, "UTC", "Instant by which goods must be issued or work finished."),
    ("delivered_qty", _N, "uom", "Quantity delivered so far."),
    ("last_goods_issue_at", _AT, "UTC", "Last goods issue; empty = none yet."),
    ("delivered_at", _AT, "UTC", "Proof of delivery."),
    ("delivered_item_id", _T, "", "Item delivered, where its order may not be known yet."),
    ("order_type", _T, "", "MTO, MTS, sample, return or inter_company."),
    ("cancel_reason", _T, "", "Why the line was cancelled."),
    ("cancelled_by", _T, "", "customer or us."),
    ("cancelled_at", _AT, "UTC", "When the line was cancelled."),
    ("priority", _I, "", "1 = highest."),
    ("is_partial_allowed", _F, "", "True where part of the line may ship."),
    ("min_ship_qty", _N, "uom", "Smallest partial shipment."),
    ("ship_complete_group", _T, "", "Lines that ship together."),
    ("max_lateness_days", _N, "days", "Later than this the customer refuses."),
    ("net_price", _N, "money/uom", "Price of one unit on this line."),
    ("net_value", _N, "money", "Value of the line."),
    ("margin_per_unit", _N, "money/uom", "Contribution margin of one unit."),
    ("incoterm", _T, "", "Incoterm."),
    ("lane_id", _T, "", "Route from site to customer region."),
    ("transit_days", _N, "days", "Transit time that the promise assumes."),
    ("is_customer_pick_up", _F, "", "True where the customer collects."),
    (
        "change_field",
        _T,
        "",
        "qty, requested_date, confirmed_date, cancel, priority, item, new, split or expedite.",
    ),
    ("old_value", _T, "", "Value before the change."),
    ("new_value", _T, "", "Value after the change."),
    ("initiated_by", _T, "", "customer, us or system."),
    ("zone", _T, "", "frozen, slushy or liquid."),
    # stock and purchasing
    ("balance_at", _AT, "UTC", "Instant at which the balance holds."),
    ("lot_id", _T, "", "Stock lot."),
    ("on_hand_qty", _N, "uom", "Physical stock."),
    ("reserved_qty", _N, "uom", "Stock promised elsewhere."),
    ("blocked_qty", _N, "uom", "Stock blocked or in quality inspection."),
    ("in_transit_qty", _N, "uom", "Stock on its way between sites."),
    ("owner", _T, "", "Owner of the stock, or of a plan figure."),
    ("expiry_date", _D, "", "Last day of use."),
    ("unit_std_cost", _N, "money/uom", "Standard cost at which the balance is valued."),
    ("counted_at", _AT, "UTC", "Last physical count."),
    ("po_id", _T, "", "Purchase order."),
    ("supplier_id", _T, "", "Supplier."),
    ("received_qty", _N, "uom", "Quantity received."),
    ("rejected_qty", _N, "uom", "Quantity rejected at receipt."),
    ("received_at", _AT, "UTC", "When goods were received."),
    ("required_date", _D, "", "Day we need the goods; never moved by the supplier."),
    ("promised_date", _D, "", "Supplier's last confirmation."),
    ("first_promised_date", _D, "", "Supplier's first confirmation."),
    ("confirmed_date", _D, "", "Day confirmed by the event."),
    ("confirmed_qty", _N, "uom", "Quantity confirmed."),
    ("channel", _T, "", "How the confirmation came: edi, mail, phone."),
    ("is_expedite_possible", _F, "", "True where the supplier can pull in."),
    ("expedite_cost", _N, "money", "Cost of pulling the line in."),
    ("expedite_days", _N, "days", "Days gained by pulling the line in."),
    ("asn_date", _D, "", "Arrival day of the advance shipping notice."),
    ("unit_cost", _N, "money/uom", "Purchase price of one unit."),
    # production
    ("wo_id", _T, "", "Work order."),
    ("release_at", _AT, "UTC", "Planned release: not before."),
    ("started_at", _AT, "UTC", "Actual start; empty = not started."),
    ("ended_at", _AT, "UTC", "Actual end; empty = still open."),
    ("parent_order_id", _T, "", "Sales order for which the work order was made."),
    ("parent_line_id", _T, "", "Order line for which the work order was made."),
    ("good_qty", _N, "uom", "Good units."),
    ("scrap_qty", _N, "uom", "Scrapped units."),
    ("rework_qty", _N, "uom", "Units sent to rework."),
    ("shift_code", _T, "", "Shift."),
    ("is_planned", _F, "", "True for planned downtime."),
    ("category", _T, "", "Loss category of the downtime."),
    ("expected_end_at", _AT, "UTC", "When the stop is expected to end."),
    ("disposition", _T, "", "What happens to scrapped units."),
    ("labour_date", _D, "", "Working day."),
    ("planned_headcount", _N, "people", "People planned."),
    ("actual_headcount", _N, "people", "People present; empty = not known yet."),
    ("standard_rate_per_hour", _N, "uom/h", "Rate of the routing."),
    ("mean_rate_per_hour", _N, "uom/h", "Mean rate seen."),
    ("p10_rate_per_hour", _N, "uom/h", "Rate exceeded nine times of ten."),
    ("p90_rate_per_hour", _N, "uom/h", "Rate exceeded once in ten."),
    ("num_observations", _I, "", "Observations behind the rate."),
    ("updated_at", _AT, "UTC", "Last update of the rate."),
    # schedule
    ("version_id", _T, "", "Version of the published schedule."),
    ("published_at", _AT, "UTC", "When the version was published."),
    ("split_no", _I, "", "Part of a split lot, 1 = first."),
    ("planned_qty", _N, "uom", "Quantity planned."),
    ("setup_start_at", _AT, "UTC", "Begin of the changeover before the run."),
    ("setup_from", _T, "", "Setup family before."),
    ("setup_to", _T, "", "Setup family after."),
    ("earliest_start_at", _AT, "UTC", "Not before."),
    ("latest_end_at", _AT, "UTC", "Later than this some promise breaks."),
    ("pegged_demand", _T, "", "JSON list of [order_id, line_id, qty] that the lot serves."),
    ("is_frozen", _F, "", "True inside the frozen zone."),
    ("alternates", _T, "", "JSON list of resources that could run it."),
    ("slack_hours", _N, "h", "Time the operation may slip before a promise breaks."),
    ("is_critical", _F, "", "True where slack is nil."),
    ("is_feasible", _F, "", "False where the source's own check failed."),
    ("violated_constraint", _T, "", "Constraint that the source's own check names."),
    ("scope_type", _T, "", "site, resource or family."),
    ("scope_id", _T, "", "Object of the policy; '*' = all."),
    ("frozen_days", _N, "days", "Length of the frozen zone from as_of."),
    ("slushy_days", _N, "days", "Length of the slushy zone after the frozen one."),
    ("allowed_change", _T, "", "Changes that the zone allows."),
    ("change_limit_pct", _N, "%", "Largest volume change in the slushy zone."),
    ("approver_role", _T, "", "Role that may break the fence."),
    # logistics
    ("ship_date", _D, "", "Day of departure."),
    ("capacity_pallets", _N, "pallets", "Pallets that can leave."),
    ("capacity_trucks", _N, "trucks", "Trucks booked."),
    ("capacity_weight_kg", _N, "kg", "Weight that can leave."),
    ("cut_off_at", _AT, "UTC", "Last loading instant."),
    ("cost_per_pallet", _N, "money", "Freight per pallet."),
    ("origin_site_id", _T, "", "Where the lane begins."),
    ("destination_id", _T, "", "Where the lane ends."),
    ("transit_p50_days", _N, "days", "Median transit."),
    ("transit_p90_days", _N, "days", "Transit exceeded once in ten."),
    ("expedite_mode", _T, "", "Faster mode on the same lane."),
    ("shipment_id", _T, "", "Shipment."),
    ("shipped_qty", _N, "uom", "Quantity on the shipment."),
    ("goods_issue_at", _AT, "UTC", "When goods left the site."),
    ("planned_departure_at", _AT, "UTC", "Planned departure."),
    ("actual_departure_at", _AT, "UTC", "Actual departure."),
    ("eta_at", _AT, "UTC", "Expected arrival."),
    ("arrived_at", _AT, "UTC", "Actual arrival."),
    ("carrier_id", _T, "", "Carrier."),
    # S&OP
    ("plan_version", _T, "", "Version of the S&OP plan."),
    ("approved_at", _AT, "UTC", "When the plan was approved."),
    ("plan_month", _D, "", "First day of the month."),
    ("measure", _T, "", "demand, production, inventory, capacity or revenue."),
    ("planned_value", _N, "money", "Planned value."),
    ("assumption_text", _T, "", "Assumption behind the figure."),
    ("lower_qty", _N, "uom", "Lower limit of the figure."),
    ("upper_qty", _N, "uom", "Upper limit of the figure."),
    ("mix_weight", _N, "", "Share of the item in its family; any positive scale."),
    ("mix_basis", _T, "", "history, forecast, planning_bom or manual."),
    ("week_start_date", _D, "", "Monday of the week."),
    ("working_hours", _N, "h", "Working hours of the site in that week and month."),
    # monitoring
    ("planned_start_at", _AT, "UTC", "Start in the schedule in force when the week opened."),
    ("planned_end_at", _AT, "UTC", "End in the schedule in force when the week opened."),
    ("actual_start_at", _AT, "UTC", "First event that MES reported; empty = not started."),
    ("actual_end_at", _AT, "UTC", "Completion that MES reported; empty = not complete."),
    ("actual_resource_id", _T, "", "Resource on which most good units were made."),
    ("week_good_qty", _N, "uom", "Good units made within the week."),
    ("hours_per_unit", _N, "h/uom", "Standard hours of one unit."),
    ("planned_hours", _N, "h", "Standard hours planned."),
    ("made_hours", _N, "h", "Standard hours of the good units made."),
    ("lost_hours", _N, "h", "Standard hours planned and not made."),
    ("main_loss", _T, "", "Cause that took most of the lost hours."),
    ("outcome", _T, "", "What became of the operation, in words."),
    ("num_operations", _I, "", "Operations counted."),
    ("start_deviation_minutes", _N, "min", "Actual start minus planned start."),
    ("finish_deviation_minutes", _N, "min", "Actual end minus planned end."),
    ("adherence_pct", _N, "%", "Hours made to plan, without netting, of hours planned."),
    ("attainment_pct", _N, "%", "Hours made of hours planned; nets, may exceed 100 %."),
    ("mix_pct", _N, "%", "Hours made to plan of the smaller of hours made and planned."),
    ("sequence_pct", _N, "%", "Jobs run in their planned order of jobs run."),
    ("start_on_time_pct", _N, "%", "Operations started within tolerance of those scheduled."),
    ("finish_on_time_pct", _N, "%", "Operations finished within tolerance of those scheduled."),
    ("build_to_schedule_pct", _N, "%", "Volume times mix times sequence."),
    ("unscheduled_pct", _N, "%", "Hours run on work in no plan of all hours run."),
)

COLUMNS: dict[str, Column] = {row[0]: Column(*row) for row in _ROWS}

ZONES = ("frozen", "slushy", "liquid")
DIVERGENCE_STATES = (
    "open",
    "assessed",
    "options",
    "decided",
    "executing",
    "closed",
    "re-opened",
)
FUNCTIONS = (
    "operations",
    "procurement",
    "customer_service",
    "logistics",
    "finance",
    "demand_planning",
)
"""Functions that commit in the meeting; owner roles of divergences are these words."""


def column(name: str) -> Column:
    """
    Look a column up.

    Raises
    ------
    KeyError
        When the vocabulary does not know ``name``.
    """
    try:
        return COLUMNS[name]
    except KeyError:
        raise KeyError(f"vocabulary: unknown column '{name}'") from None
