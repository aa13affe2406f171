"""
Parameters: ``params/*.yaml`` to frozen, strict, typed objects.

Defaults live here only; ``params/weekly.yaml`` lists them all and a test keeps the two equal. One
section of the file is one class and belongs to one room; a room receives its section, never the
whole tree. The unit is in the name of every parameter.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

PriorityCriterion = Literal["customer_tier", "penalty", "due_date", "margin"]
DispatchRule = Literal["edd", "wspt", "atc", "cr"]


class ParamsError(ValueError):
    """A parameter file cannot be used; the text names file, section, name and remedy."""


class Section(BaseModel):
    """
    Base of every section: unknown names are errors, values cannot be changed afterwards.

    Values are not converted: a number in quotes or yes for a number is an error. What stands below
    a field describes it, in words and with its unit.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )


S = TypeVar("S", bound=Section)


def described(section: type[Section], name: str) -> tuple[str, str]:
    """Return a parameter in words and its unit, e.g. ('Cost of changeover time', 'money/h')."""
    words, _, unit = str(section.model_fields[name].description).partition("[")
    return words.strip().rstrip("."), unit.rstrip().rstrip("]")


class HorizonParams(Section):
    """How far the loop looks."""

    horizon_weeks: int = Field(6, ge=1, le=12)
    """Weeks from as_of that the loop plans and reports. [weeks]"""
    history_weeks: int = Field(8, ge=1, le=104)
    """Weeks before as_of that KPIs and trends look back. [weeks]"""


class FenceParams(Section):
    """Time fences where the source has no ``fence_policy`` row for a resource or family."""

    frozen_days: float = Field(3.0, ge=0)
    """Length of the frozen zone from as_of: changes need a named approver. [days]"""
    slushy_days: float = Field(7.0, ge=0)
    """Length of the slushy zone after it: planner approves. [days]"""


class OtifParams(Section):
    """OTIF policy (spec/kpis.md section 2.1); a null tolerance is not evaluated, 0 allows none."""

    basis: Literal["requested", "first_confirmed", "last_confirmed"] = "first_confirmed"
    early_days: float | None = Field(None, ge=0)
    """Early tolerance. [working days]"""
    late_days: float | None = Field(0.0, ge=0)
    """Late tolerance. [working days]"""
    under_pct: float | None = Field(0.0, ge=0, le=100)
    """Under-delivery tolerance. [%]"""
    over_pct: float | None = Field(None, ge=0)
    """Over-delivery tolerance. [%]"""
    day_count: Literal["working", "calendar"] = "working"
    """Which days tolerances count."""
    target_pct: float = Field(95.0, ge=0, le=100)
    """Target of OTIF by lines. [%]"""


class KpiParams(Section):
    """Tolerances and targets of the other KPIs."""

    start_tolerance_minutes: float = Field(60.0, ge=0)
    """An operation that starts within this of its plan adheres. [min]"""
    service_level_target_pct: float = Field(97.0, ge=0, le=100)
    """Target fill rate of an item-week. [%]"""
    adherence_target_pct: float = Field(90.0, ge=0, le=100)
    """Target of schedule adherence by quantity. [%]"""
    confidence_pct: float = Field(95.0, gt=50, lt=100)
    """Confidence of intervals. [%]"""


class DivergenceParams(Section):
    """Tolerance bands: a deviation inside its band is not reported."""

    demand_pct: float = Field(10.0, ge=0)
    """Demand of a family and week against the S&OP plan. [% of plan]"""
    demand_min_qty: float = Field(1.0, ge=0)
    """Smaller demand deviations are ignored. [uom]"""
    supplier_late_days: float = Field(1.0, ge=0)
    """Supplier confirmation or receipt later than required and possible. [working days]"""
    supplier_short_pct: float = Field(2.0, ge=0)
    """Supplier confirmation short of the order. [% of ordered]"""
    order_late_hours: float = Field(4.0, ge=0)
    """Projected lateness of an order line. [h]"""
    work_order_late_days: float = Field(1.0, ge=0)
    """Work order past its due instant. [days]"""
    load_pct: float = Field(100.0, gt=0)
    """Planned load of a resource and week above which it is overloaded. [% of available hours]"""
    downtime_hours: float = Field(2.0, ge=0)
    """Unplanned downtime of a resource in the last week. [h]"""
    scrap_pct: float = Field(2.0, ge=0)
    """Scrap ratio above planned scrap. [percentage points]"""
    rate_pct: float = Field(10.0, ge=0)
    """Run rate below standard. [% of standard]"""
    labour_pct: float = Field(5.0, ge=0)
    """People missing against planned headcount. [% of planned]"""
    stock_count_pct: float = Field(5.0, ge=0)
    """Stock record against the movement ledger. [% of expected]"""
    excess_cover_days: float = Field(90.0, ge=0)
    """Days of supply above which stock is excess. [days]"""
    safety_stock_pct: float = Field(0.0, ge=0, le=100)
    """Stock below safety stock by more than this. [% of safety stock]"""
    order_change_pct: float = Field(5.0, ge=0)
    """Quantity of an order line changed by the customer. [% of quantity before]"""
    order_change_days: float = Field(1.0, ge=0)
    """Requested date of an order line moved by the customer. [days]"""
    departure_late_hours: float = Field(2.0, ge=0)
    """Departure of a shipment behind its plan. [h]"""
    ship_capacity_pct: float = Field(100.0, gt=0)
    """Pallets that must leave a lane and day. [% of what can leave]"""
    trend_weeks: int = Field(3, ge=2)
    """Weeks in a row above (or below) plan from which on demand may be a trend. [weeks]"""
    alert_budget: int = Field(12, ge=1)
    """Divergences that a role is asked to look at in a week; the others are counted. [rows]"""
    false_alarm_weeks: float = Field(52.0, ge=1)
    """Mean time until a series in control (rate, scrap, people) raises a false alarm. [weeks]"""


class ScheduleParams(Section):
    """The APS engine. Iterations and seed decide the result; the time limit only stops it."""

    seed: int = Field(1, ge=0)
    """Seed of the search."""
    iterations: int = Field(200_000, ge=0)
    """Moves that the local search tries. [moves]"""
    time_limit_seconds: float = Field(60.0, gt=0)
    """Hard stop; a result that it cut short says so. [s]"""
    chains: int = Field(1, ge=1, le=64)
    """Searches from the same start, each with all moves and random numbers of its own; the cheapest
    answer is kept. [searches]"""
    workers: int = Field(1, ge=1, le=64)
    """Searches that run at once; changes nothing but the time it takes. [threads]"""
    dispatch_rule: DispatchRule = "atc"
    """Priority rule of the warm start."""


class MoneyParams(Section):
    """Prices where the source has no ``cost_rate`` row; each is named where it is used."""

    holding_pct_per_year: float = Field(12.0, ge=0)
    """Cost of holding stock. [% of standard cost per year]"""
    overtime_cost_per_hour: float = Field(90.0, ge=0)
    """Overtime of one resource. [money/h]"""
    changeover_cost_per_hour: float = Field(60.0, ge=0)
    """Cost of changeover time. [money/h]"""
    late_cost_pct_per_day: float = Field(1.0, ge=0)
    """Cost of lateness where the customer has no penalty clause. [% of line value per day]"""
    late_cost_cap_pct: float = Field(30.0, ge=0)
    """Cap of that cost. [% of line value]"""
    lost_sale_pct: float = Field(100.0, ge=0, le=100)
    """Share of the margin lost when a line is never delivered. [% of margin]"""
    change_cost_frozen: float = Field(150.0, ge=0)
    """Cost of moving one operation that starts in the frozen zone. [money/operation]"""
    change_cost_slushy: float = Field(30.0, ge=0)
    """Cost of moving one operation that starts in the slushy zone. [money/operation]"""
    change_cost_liquid: float = Field(2.0, ge=0)
    """Cost of moving one operation that starts in the liquid zone. [money/operation]"""


class ImpactParams(Section):
    """How lateness is attributed and how sure a promise is."""

    exact_up_to: int = Field(12, ge=0, le=16)
    """Disruptions that matter to a line up to which shares are exact. [disruptions]"""
    drawn_orders: int = Field(24, ge=2)
    """Orders of arrival drawn where more matter, each with its reverse. [orders]"""
    replications: int = Field(1000, ge=0)
    """Monte Carlo replications of every promise; 0 switches it off. [replications]"""
    confidence_pct: float = Field(90.0, gt=50, lt=100)
    """Confidence of the date that can be promised. [%]"""
    least_outcomes: int = Field(100, ge=1)
    """Forecasts with known outcome below which a probability is not calibrated yet. [forecasts]"""
    seed: int = 1
    """Seed of all draws."""


class ScenarioParams(Section):
    """The standard set of what-if scenarios and how they are ranked."""

    names: tuple[str, ...] = (
        "do_nothing",
        "edd_dispatch",
        "resequence",
        "alternate_line",
        "overtime",
        "expedite",
        "split",
        "delay_low_priority",
        "minimal_change",
        "best_of_all",
    )
    """Scenarios of the batch; do_nothing is always scenario 0, each builds on those before it."""
    overtime_hours_per_week: float = Field(8.0, ge=0)
    """Overtime that may be booked on a resource and week. [h]"""
    replications: int = Field(200, ge=0)
    """Monte Carlo replications of the pressure test. [replications]"""
    meeting_iterations: int = Field(100_000, ge=0)
    """Moves that a lever pulled in the meeting tries, no more than the batch's. [moves]"""


class MonitoringParams(Section):
    """Step 5: how many false alarms warnings may raise, how much is shown at once."""

    false_alarm_pct: float = Field(10.0, ge=1, le=50)
    """Good weeks of a line, or kept promises of suppliers, that may be warned of. [%]"""
    proposals_shown: int = Field(10, ge=1, le=200)
    """Proposals for master data that the page shows; the others are one click away. [rows]"""


class Params(Section):
    """All parameters of a cycle."""

    horizon: HorizonParams = HorizonParams()
    order_priority: tuple[PriorityCriterion, ...] = (
        "customer_tier",
        "penalty",
        "due_date",
        "margin",
    )
    """Ordered policy that dispatch and every allocation of scarce material use."""

    @field_validator("order_priority")
    @classmethod
    def _each_criterion_once(cls, policy: tuple[str, ...]) -> tuple[str, ...]:
        if not policy or len(set(policy)) < len(policy):
            raise ValueError("name at least one criterion, each once")
        return policy

    fences: FenceParams = FenceParams()
    otif: OtifParams = OtifParams()
    kpi: KpiParams = KpiParams()
    divergence: DivergenceParams = DivergenceParams()
    schedule: ScheduleParams = ScheduleParams()
    money: MoneyParams = MoneyParams()
    impact: ImpactParams = ImpactParams()
    scenario: ScenarioParams = ScenarioParams()
    monitoring: MonitoringParams = MonitoringParams()


def load_params(path: str | Path) -> Params:
    """
    Read a parameter file.

    Parameters
    ----------
    path
        YAML file; sections and names as in :class:`Params`, all optional.

    Returns
    -------
    Params
        Frozen; what the file leaves out has its default.

    Raises
    ------
    ParamsError
        When the file is missing, is not YAML or holds an unknown name or an impossible value.

    Examples
    --------
    >>> params = load_params("params/weekly.yaml")
    >>> params.horizon.horizon_weeks
    6
    """
    return _read(Path(path), Params)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping safely; empty files are empty mappings. Raises :class:`ParamsError`."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(f"{path}: file not found") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path}: not readable as YAML: {error}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ParamsError(f"{path}: expected 'name: value' lines, found {type(content).__name__}")
    return content


def _read(path: Path, model: type[S]) -> S:
    return parse_section(read_yaml(path), model, str(path))


def parse_section(content: dict[str, Any], model: type[S], where: str) -> S:
    """Build a section from a mapping; errors name ``where``, the parameter and the remedy."""
    try:
        return model.model_validate(_frozen(content))
    except ValidationError as error:
        raise ParamsError("\n".join(_sentence(e, model, where) for e in error.errors())) from None


def _frozen(content: Any) -> Any:
    """Lists of a file as tuples, which is what sections hold."""
    if isinstance(content, dict):
        return {key: _frozen(value) for key, value in content.items()}
    if isinstance(content, list):
        return tuple(_frozen(value) for value in content)
    return content


def _sentence(error: Any, model: type[Section], where: str) -> str:
    *parents, name = [str(part) for part in error["loc"]] or [""]
    place = ":".join([where, *parents])
    if error["type"] != "extra_forbidden":
        return f"{place}: '{name}': {error['msg']} (found {error['input']!r})"
    section: Any = model
    for part in parents:
        known = getattr(section, "model_fields", {}).get(part)
        section = known.annotation if known is not None else None
    names = list(getattr(section, "model_fields", {}))
    close = difflib.get_close_matches(name, names, n=1)
    hint = f" Did you mean '{close[0]}'?" if close else f" Known: {', '.join(names)}."
    return f"{place}: unknown parameter '{name}'.{hint}"
