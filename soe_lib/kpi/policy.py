"""OTIF as a policy object: reference date, tolerances, how days count, where it is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np
import pandas as pd

from soe_lib.params import OtifParams

Basis = Literal["requested", "first_confirmed", "last_confirmed"]
MeasuredAt = Literal["goods_issue", "delivery", "ready"]
BASES: tuple[Basis, ...] = get_args(Basis)
DATE_OF_BASIS: dict[str, str] = {name: f"{name}_date" for name in BASES}


@dataclass(frozen=True)
class OtifPolicy:
    """
    What "on time in full" means for somebody.

    A tolerance that is None is not evaluated, 0 allows none. Tolerances of the customer's terms
    and of the order line override those of the policy (see ``references.tolerances``).

    Attributes
    ----------
    name
        Printed beside every number.
    basis
        Reference date: requested, first_confirmed or last_confirmed.
    early_days, late_days
        Days before and after the reference date that still count. [days]
    under_pct, over_pct
        Quantity tolerance. [% of ordered]
    day_count
        Whether tolerances count working days (Monday to Friday less ``holidays``) or calendar days.
    measured_at
        *goods_issue*: day of goods issue against reference date less transit days; *delivery*:
        proof of delivery against the date itself; *ready*: day of goods issue against the date
        itself. Lines that the customer collects are always measured as *ready*.
    excluded_order_types
        Order types that do not count; each is listed among the exclusions.
    use_customer_terms, use_line_terms
        Whether ``customer_terms`` and the order line override tolerances.
    use_customer_basis
        Whether ``customer_terms.otif_basis`` overrides ``basis``.
    first_resets_on_customer_change
        Whether a date that the customer moved resets the first promise.
    targets
        Target by KPI name, e.g. ``{"otif_line": 95.0}``. [%]
    valid_from_date, valid_to_date
        Days between which a preset was in force (end excluded).
    fine_pct_cogs
        Fine of the policy. [% of cost of non-compliant goods]
    source
        Where a preset comes from.
    """

    name: str
    basis: Basis = "first_confirmed"
    early_days: float | None = None
    late_days: float | None = 0.0
    under_pct: float | None = 0.0
    over_pct: float | None = None
    day_count: Literal["working", "calendar"] = "working"
    measured_at: MeasuredAt = "goods_issue"
    excluded_order_types: tuple[str, ...] = ("sample", "return", "inter_company")
    use_customer_terms: bool = True
    use_line_terms: bool = True
    use_customer_basis: bool = False
    first_resets_on_customer_change: bool = True
    holidays: tuple[str, ...] = ()
    targets: Mapping[str, float] = field(default_factory=dict)
    valid_from_date: pd.Timestamp | None = None
    valid_to_date: pd.Timestamp | None = None
    fine_pct_cogs: float | None = None
    source: str = ""

    def __post_init__(self) -> None:
        if self.basis not in BASES:
            raise ValueError(f"OTIF policy '{self.name}': unknown basis '{self.basis}'")
        for name in ("early_days", "late_days", "under_pct", "over_pct"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ValueError(f"OTIF policy '{self.name}': {name} is {value}, must be >= 0")

    @classmethod
    def from_params(cls, params: OtifParams, name: str = "house policy") -> OtifPolicy:
        """Build the policy of ``params/weekly.yaml``."""
        return cls(
            name=name,
            basis=params.basis,
            early_days=params.early_days,
            late_days=params.late_days,
            under_pct=params.under_pct,
            over_pct=params.over_pct,
            day_count=params.day_count,
            targets={"otif_line": params.target_pct},
        )

    def on(self, basis: Basis) -> OtifPolicy:
        """Return the same policy measured against another reference date."""
        return replace(self, basis=basis, use_customer_basis=False)

    def target(self, kpi: str) -> float:
        """Return the target of a KPI in %, NaN where the policy has none."""
        return float(self.targets.get(kpi, np.nan))

    @property
    def words(self) -> str:
        """Tolerances in words, e.g. ``early any, late 0, under 0 %, over any, working days``."""

        def text(value: float | None, unit: str) -> str:
            return "any" if value is None else f"{value:g}{unit}"

        return (
            f"early {text(self.early_days, '')}, late {text(self.late_days, '')}, "
            f"under {text(self.under_pct, ' %')}, over {text(self.over_pct, ' %')}, "
            f"{self.day_count} days, measured at {self.measured_at.replace('_', ' ')}"
        )


_WALMART_2024 = pd.Timestamp("2024-02-01")
_WALMART_2020 = pd.Timestamp("2020-09-15")
_WALMART_SOURCE = "supplierwiki.supplypike.com/articles/walmart-otif-metrics, read 2026"

PRESETS: tuple[OtifPolicy, ...] = (
    OtifPolicy(
        name="walmart prepaid",
        basis="requested",
        early_days=0.0,
        late_days=0.0,
        under_pct=0.0,
        day_count="calendar",
        measured_at="delivery",
        use_customer_terms=False,
        targets={"on_time_qty": 98.0, "in_full_qty": 98.0},
        valid_from_date=_WALMART_2020,
        valid_to_date=_WALMART_2024,
        fine_pct_cogs=3.0,
        source=_WALMART_SOURCE,
    ),
    OtifPolicy(
        name="walmart prepaid",
        basis="requested",
        early_days=0.0,
        late_days=0.0,
        under_pct=0.0,
        day_count="calendar",
        measured_at="delivery",
        use_customer_terms=False,
        targets={"on_time_qty": 90.0, "in_full_qty": 95.0},
        valid_from_date=_WALMART_2024,
        fine_pct_cogs=3.0,
        source=_WALMART_SOURCE,
    ),
    OtifPolicy(
        name="walmart collect",
        basis="requested",
        early_days=None,
        late_days=0.0,
        under_pct=0.0,
        day_count="calendar",
        measured_at="ready",
        use_customer_terms=False,
        targets={"on_time_qty": 98.0, "in_full_qty": 95.0},
        valid_from_date=_WALMART_2024,
        fine_pct_cogs=3.0,
        source=_WALMART_SOURCE,
    ),
)
"""
Policies of customers, with the days between which they held: they change, history keeps its own.

Each target must be met separately; cases that come early fail as late ones do; overage is ignored.
The window of a prepaid order is its arrival day here: widen ``early_days`` to the window printed on
the order (per-line terms do that).
"""


def preset(name: str, on_date: pd.Timestamp) -> OtifPolicy:
    """
    Return the preset policy that was in force on a day.

    Raises
    ------
    KeyError
        When no preset of that name was in force; the text lists what there is.

    Examples
    --------
    >>> preset("walmart prepaid", pd.Timestamp("2023-06-01")).targets["on_time_qty"]
    98.0
    >>> preset("walmart prepaid", pd.Timestamp("2024-06-01")).targets["on_time_qty"]
    90.0
    """
    for policy in PRESETS:
        begins = policy.valid_from_date is None or policy.valid_from_date <= on_date
        ends = policy.valid_to_date is not None and policy.valid_to_date <= on_date
        if policy.name == name and begins and not ends:
            return policy
    known = "; ".join(
        f"{p.name} from {'ever' if p.valid_from_date is None else p.valid_from_date.date()}"
        for p in PRESETS
    )
    raise KeyError(f"no OTIF preset '{name}' in force on {on_date.date()}; known: {known}")
