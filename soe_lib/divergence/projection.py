"""Do nothing: the published schedule replayed from the actual state, once per run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from soe_lib.divergence.names import at_least
from soe_lib.params import Params
from soe_lib.schedule import Problem, Schedule, build_problem, component_needs, right_shift
from soe_lib.tables import TABLES

NEEDED = ("schedule_operation", "resource", "resource_calendar", "sales_order_line")
_OPERATION_TEXT = ("wo_id", "item_id", "resource_id", "setup_from", "setup_to")
_OPERATION_INSTANTS = (
    "setup_start_at",
    "start_at",
    "end_at",
    "published_start_at",
    "published_end_at",
    "due_by_at",
)
_OPERATION_NUMBERS = ("planned_qty", "run_minutes", "setup_minutes", "required_minutes")


@dataclass(frozen=True)
class Projection:
    """
    What happens to the published schedule and to each open order line if nothing is done.

    Attributes
    ----------
    schedule
        The right-shifted schedule; None where the feed has no schedule.
    operations
        Its operations with ``published_end_at``, ``required_minutes`` (run and changeover) and
        ``due_by_at``: the instant by which the published schedule wanted the operation done (its
        projected end where it was never published).
    promises, purchases
        Tables of the schedule.
    pegging
        Its pegging with ``is_new``: True where nobody has planned or ordered the supply yet (the
        engine counts a new order at its lead time).
    needs
        One row per component need: ``item_id``, ``wo_id``, ``qty`` [uom], ``at`` (projected) and
        ``wanted_at`` (published start, not before ``as_of``): when the plan wants the component.
    planned_pegging
        ``order_id``, ``line_id``, ``planned_at``: what the published schedule itself pegged, and
        when it ends there; empty where the feed does not say.
    notes
        What the problem leaves out, in sentences.
    missing
        Tables whose absence keeps the projection off.
    """

    schedule: Schedule | None
    operations: pd.DataFrame
    promises: pd.DataFrame
    purchases: pd.DataFrame
    pegging: pd.DataFrame
    needs: pd.DataFrame
    planned_pegging: pd.DataFrame
    notes: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def is_on(self) -> bool:
        """Whether the feed allows a projection."""
        return self.schedule is not None


def project(
    tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp, params: Params, time_zone: str
) -> Projection:
    """
    Replay the published schedule from the actual state without any repair.

    Parameters
    ----------
    tables
        Canonical tables. Without ``work_order`` each published operation stands for its own order
        (feed level L1); without a schedule, resources, calendar or orders the projection is off.
    as_of
        Instant of the snapshot.
    params
        Horizon, order priority, fences and prices of the run.
    time_zone
        Zone of the site, in which a due day ends.

    Returns
    -------
    Projection

    Raises
    ------
    soe_lib.schedule.ProblemError
        When the tables contradict each other.
    """
    missing = tuple(name for name in NEEDED if not len(tables.get(name, ())))
    if missing:
        return _off(missing)
    notes: list[str] = []
    if not len(tables.get("work_order", ())):
        notes.append("no work_order: the published operations stand for the open orders")
    problem = projected_problem(tables, as_of, params, time_zone)
    schedule = right_shift(problem)
    operations = _with_plan(schedule.operations, tables, as_of)
    needs = component_needs(problem, schedule)
    return Projection(
        schedule=schedule,
        operations=operations,
        promises=schedule.promises,
        purchases=schedule.purchases,
        pegging=schedule.pegging.assign(is_new=_is_new(schedule)),
        needs=_wanted(needs, operations, as_of),
        planned_pegging=_planned_pegging(tables["schedule_operation"], as_of),
        notes=(*notes, *problem.notes),
        missing=(),
    )


def projected_problem(
    tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp, params: Params, time_zone: str
) -> Problem:
    """
    Return the problem that is projected; see :func:`project`.

    Raises
    ------
    soe_lib.schedule.ProblemError
        When the tables contradict each other.
    """
    known = dict(tables)
    if not len(tables.get("work_order", ())):
        known["work_order"] = _orders_of(tables["schedule_operation"], as_of)
    return build_problem(
        known,
        as_of,
        site_time_zone=time_zone,
        order_priority=params.order_priority,
        money=params.money,
        fences=params.fences,
        horizon_weeks=params.horizon.horizon_weeks,
    )


def published_version(schedule: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """
    Return the operations of the version that was published last by ``as_of``.

    A feed whose versions have one name but many publication instants (each order published when it
    starts) counts as one version.
    """
    known = schedule[(schedule["published_at"] <= as_of) & (schedule["status"] != "draft")]
    if known.empty or known["version_id"].nunique() == 1:
        return known
    newest = known.sort_values(["published_at", "version_id"])["version_id"].iloc[-1]
    return known[known["version_id"] == newest]


def _with_plan(
    operations: pd.DataFrame, tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp
) -> pd.DataFrame:
    keys = ["wo_id", "op_no", "split_no"]
    plan = published_version(tables["schedule_operation"], as_of)
    plan = plan[[*keys, "end_at"]].drop_duplicates(keys)
    plan = plan.rename(columns={"end_at": "published_end_at"})
    plan["op_no"] = plan["op_no"].astype("int64")
    plan["split_no"] = plan["split_no"].astype("int64")
    found = operations.merge(plan, on=keys, how="left")
    matrix = tables.get("setup_matrix")
    longest = float(matrix["setup_minutes"].max()) if matrix is not None and len(matrix) else 0.0
    # Begin to begin of the run includes the hours in which the resource is closed: cap it.
    setup = found["setup_minutes"].clip(upper=longest)
    return found.assign(
        required_minutes=found["run_minutes"] + setup,
        due_by_at=found["published_end_at"].fillna(found["end_at"]),
    )


def _wanted(needs: pd.DataFrame, operations: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    if needs.empty:
        return needs.assign(wanted_at=pd.Series(dtype="datetime64[us, UTC]"))
    placed = operations[["wo_id", "setup_start_at", "published_start_at"]]
    placed = placed.dropna(subset=["setup_start_at"])
    start = placed.drop_duplicates(["wo_id", "setup_start_at"])
    found = needs.merge(
        start.rename(columns={"setup_start_at": "at"}), on=["wo_id", "at"], how="left"
    )
    wanted = at_least(found["published_start_at"].fillna(found["at"]), as_of)
    return found.drop(columns=["published_start_at"]).assign(wanted_at=wanted)


def _is_new(schedule: Schedule) -> pd.Series:
    operations, pegging = schedule.operations, schedule.pegging
    own = operations[operations["is_planned"].astype(bool)]
    names = own["wo_id"] + "/" + own["split_no"].astype("str")
    return (pegging["supply_type"] == "purchase") | pegging["supply_id"].isin(names.unique())


def _planned_pegging(schedule: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    plan = published_version(schedule, as_of)
    plan = plan[plan["pegged_demand"].notna() & (plan["pegged_demand"] != "[]")]
    rows = [
        (str(order_id), str(line_id), end)
        for text, end in zip(plan["pegged_demand"], plan["end_at"], strict=True)
        for order_id, line_id, *_ in json.loads(text)
    ]
    found = pd.DataFrame(rows, columns=["order_id", "line_id", "planned_at"])
    kinds = {"order_id": "str", "line_id": "str", "planned_at": "datetime64[us, UTC]"}
    return found.astype(kinds)


def _orders_of(schedule: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Return an order per published work order whose end is still to come."""
    grouped = (
        published_version(schedule, as_of)
        .groupby("wo_id")
        .agg(
            item_id=("item_id", "last"),
            ordered_qty=("planned_qty", "max"),
            release_at=("setup_start_at", "min"),
            due_at=("end_at", "max"),
        )
    )
    orders = grouped[grouped["due_at"] > as_of].reset_index().assign(status="released")
    empty = TABLES["work_order"].empty()
    return orders.reindex(columns=list(empty.columns)).astype(empty.dtypes.to_dict())


def _off(missing: tuple[str, ...]) -> Projection:
    operations = pd.DataFrame(
        {
            **{name: pd.Series(dtype="str") for name in _OPERATION_TEXT},
            **{name: pd.Series(dtype="int64") for name in ("op_no", "split_no", "sequence_no")},
            **{name: pd.Series(dtype="datetime64[us, UTC]") for name in _OPERATION_INSTANTS},
            **{name: pd.Series(dtype=float) for name in _OPERATION_NUMBERS},
            "is_frozen": pd.Series(dtype=bool),
        }
    )
    promises = pd.DataFrame(
        {
            **{name: pd.Series(dtype="str") for name in ("order_id", "line_id", "item_id")},
            "open_qty": pd.Series(dtype=float),
            "due_at": pd.Series(dtype="datetime64[us, UTC]"),
            "promised_qty": pd.Series(dtype=float),
            "promised_at": pd.Series(dtype="datetime64[us, UTC]"),
            "ready_at": pd.Series(dtype="datetime64[us, UTC]"),
            "is_covered": pd.Series(dtype=bool),
            "lateness_days": pd.Series(dtype=float),
            "late_cost": pd.Series(dtype=float),
        }
    )
    pegging = pd.DataFrame(
        {
            **{
                name: pd.Series(dtype="str")
                for name in ("order_id", "line_id", "supply_type", "supply_id")
            },
            "qty": pd.Series(dtype=float),
            "available_at": pd.Series(dtype="datetime64[us, UTC]"),
            "is_new": pd.Series(dtype=bool),
        }
    )
    needs = pd.DataFrame(
        {
            **{name: pd.Series(dtype="str") for name in ("item_id", "wo_id")},
            "qty": pd.Series(dtype=float),
            "at": pd.Series(dtype="datetime64[us, UTC]"),
            "wanted_at": pd.Series(dtype="datetime64[us, UTC]"),
        }
    )
    planned = promises[["order_id", "line_id"]].assign(planned_at=promises["due_at"])
    purchases = pd.DataFrame(
        {
            **{name: pd.Series(dtype="str") for name in ("item_id", "wo_id")},
            "qty": pd.Series(dtype=float),
            **{name: pd.Series(dtype="datetime64[us, UTC]") for name in ("order_at", "receipt_at")},
        }
    )
    return Projection(
        schedule=None,
        operations=operations,
        promises=promises,
        purchases=purchases,
        pegging=pegging,
        needs=needs,
        planned_pegging=planned,
        notes=(),
        missing=missing,
    )
