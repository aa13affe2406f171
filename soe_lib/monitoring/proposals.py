"""Proposals for master data: what would change, by how much, from how many outcomes, worth what."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import numpy as np
import pandas as pd

from soe_lib.divergence.facts import Facts
from soe_lib.monitoring.learning import CAUTION, Caution, learn
from soe_lib.monitoring.observed import IS_RATIO, cell_keys
from soe_lib.monitoring.worth import Worth, chosen

PROPOSAL_COLUMNS = (
    "proposal_id",
    "kind",
    "unit",
    "owner_role",
    "n",
    "num_weeks",
    "old_value",
    "new_value",
    "low",
    "high",
    "value_unit",
    "error_before",
    "error_after",
    "gain_pct",
    "uses",
    "effect",
    "effect_unit",
    "money_per_week",
    "num_values",
    "changes",
    "sentence",
)
_NUMBERS = ("old_value", "new_value", "low", "high", "error_before", "error_after")
OWNERS = {
    "rate": "operations",
    "scrap": "operations",
    "changeover": "operations",
    "supplier_lead_time": "procurement",
    "internal_lead_time": "operations",
}
UNITS = {
    "rate": "% of standard time",
    "scrap": "% scrap",
    "changeover": "% of matrix time",
    "supplier_lead_time": "days",
    "internal_lead_time": "days",
}
_WORDS = {
    "rate": "run time of {unit}",
    "scrap": "scrap of {unit}",
    "changeover": "changeover of {unit}",
    "supplier_lead_time": "lead time of supplier {unit}",
    "internal_lead_time": "internal lead time of {unit}",
}


def proposals(
    facts: Facts, observed: Mapping[str, pd.DataFrame], caution: Caution = CAUTION
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """
    Return proposals and everything that was looked at.

    Parameters
    ----------
    facts
        Snapshot with the values that planning uses now.
    observed
        Result of :func:`soe_lib.monitoring.observed.observations`.
    caution
        When a value is proposed.

    Returns
    -------
    (proposals, units)
        ``proposals``: one row per proposal, worth most first: :data:`PROPOSAL_COLUMNS`. Values are
        what planning would multiply by, in % of today's (ratios), or the mean value (others);
        worth is money, then the effect in the horizon (see ``worth.Worth``), then the gain;
        ``changes`` is JSON: the values of master data that would be replaced. ``units``: rows of
        ``learning.learn`` with ``kind``, proposed or not.
    """
    parts, rows = [], []
    worth = Worth(facts)
    for kind, own in observed.items():
        units = learn(own, caution)
        parts.append(units.assign(kind=kind))
        for unit in units[units["is_proposed"].astype(bool)].to_dict("records"):
            row = _proposal(worth, kind, {str(k): v for k, v in unit.items()}, own)
            if row is not None:
                rows.append(row)
    table = pd.DataFrame(rows, columns=list(PROPOSAL_COLUMNS))
    dtypes = dict.fromkeys(PROPOSAL_COLUMNS, "str") | dict.fromkeys(
        (*_NUMBERS, "gain_pct", "uses", "effect", "money_per_week"), "float64"
    )
    dtypes |= dict.fromkeys(("n", "num_weeks", "num_values"), "int64")
    table = table.astype(dtypes)
    order = pd.DataFrame(
        {
            "size": -table["money_per_week"].abs().fillna(0.0),
            "effect": -table["effect"].abs().fillna(0.0),
            "gain": -table["gain_pct"],
            "id": table["proposal_id"],
        }
    ).sort_values(["size", "effect", "gain", "id"])
    units_all = pd.concat(parts, ignore_index=True) if parts else learn(pd.DataFrame())
    return table.loc[order.index].reset_index(drop=True), units_all


def _proposal(
    worth: Worth, kind: str, unit: dict[str, object], observed: pd.DataFrame
) -> tuple[object, ...] | None:
    facts = worth.facts
    deviation, low, high = (float(str(unit[name])) for name in ("deviation", "low", "high"))
    keys = cell_keys(str(unit["unit"]))
    changes = _changes(facts, kind, keys, deviation)
    if not changes:
        return None
    old, new, lo, hi = _values(facts, kind, keys, (0.0, deviation, low, high))
    before, after = float(str(unit["error_before"])), float(str(unit["error_after"]))
    name = _WORDS[kind].format(unit=" ".join(keys))
    shown = UNITS[kind]
    count = int(str(unit["n"]))
    said = (
        f"{name}: plan with {new:.1f} instead of {old:.1f} {shown} ({count} outcomes in "
        f"{unit['num_weeks']} weeks, {lo:.1f} to {hi:.1f}; the error on later weeks falls by "
        f"{100 * (1 - after / before):.0f} %)"
    )
    return (
        proposal_id(kind, str(unit["unit"])),
        kind,
        str(unit["unit"]),
        OWNERS[kind],
        count,
        unit["num_weeks"],
        old,
        new,
        lo,
        hi,
        shown,
        before,
        after,
        100 * (1 - after / before),
        *worth.of(kind, keys, deviation, observed),
        len(changes),
        json.dumps(changes, sort_keys=True),
        said[:1].upper() + said[1:],
    )


def proposal_id(kind: str, unit: str) -> str:
    """Return the name under which a value is proposed in every cycle."""
    return "P-" + hashlib.sha256(f"{kind}\x1f{unit}".encode()).hexdigest()[:8]


def _values(facts: Facts, kind: str, keys: list[str], deviations: tuple[float, ...]) -> list[float]:
    """Return the present, the new value and the bounds, as people read them."""
    if IS_RATIO[kind]:
        return [100 * float(np.exp(d)) for d in deviations]
    if kind == "scrap":
        planned = 100 - float(_routing(facts, keys)["yield_pct"].astype(float).mean())
        return [max(planned + 100 * d, 0.0) for d in deviations]
    own = _bought(facts, keys) if kind == "supplier_lead_time" else _made(facts, keys)
    lead = float(own["lead_time_days"].astype(float).mean())
    return [max(lead + d, 0.0) for d in deviations]


def _changes(facts: Facts, kind: str, keys: list[str], deviation: float) -> list[dict]:
    """Return the values of master data that the proposal replaces."""
    if kind == "rate":
        factor = float(np.exp(deviation))
        rates = facts.tables["run_rate"]
        own = chosen(rates, ("resource_id", "item_id"), keys)
        return [
            *_rows("run_rate", own, "standard_rate_per_hour", lambda v: v / factor),
            *_rows(
                "routing_alternate",
                _routing(facts, keys),
                "run_minutes_per_unit",
                lambda v: v * factor,
            ),
        ]
    if kind == "scrap":
        return _rows(
            "routing_alternate",
            _routing(facts, keys),
            "yield_pct",
            lambda v: float(np.clip(v - 100 * deviation, 1.0, 100.0)),
        )
    if kind == "changeover":
        matrix = facts.tables["setup_matrix"]
        names = ("resource_group", "from_setup_family", "to_setup_family")
        own = chosen(matrix, names, keys)
        return _rows("setup_matrix", own, "setup_minutes", lambda v: v * float(np.exp(deviation)))
    if kind == "supplier_lead_time":
        return _rows(
            "item", _bought(facts, keys), "lead_time_days", lambda v: max(v + deviation, 0.0)
        )
    return _rows("item", _made(facts, keys), "lead_time_days", lambda v: max(v + deviation, 0.0))


_KEYS = {
    "run_rate": ("item_id", "resource_id", "op_no"),
    "routing_alternate": ("item_id", "op_no", "resource_id"),
    "setup_matrix": ("resource_group", "from_setup_family", "to_setup_family"),
    "item": ("item_id",),
}


def _rows(table: str, rows: pd.DataFrame, column: str, new: object) -> list[dict]:
    assert callable(new)
    kept = rows[rows[column].notna()]
    names = [name for name in _KEYS[table] if kept[name].notna().all()]
    return [
        {
            "table": table,
            "key": {name: str(row[name]) for name in names},
            "column": column,
            "old_value": float(row[column]),
            "new_value": round(float(new(float(row[column]))), 6),
        }
        for row in kept.to_dict("records")
        if float(row[column]) > 0
    ]


def _routing(facts: Facts, keys: list[str]) -> pd.DataFrame:
    return chosen(facts.tables["routing_alternate"], ("resource_id", "item_id", "op_no"), keys)


def _bought(facts: Facts, keys: list[str]) -> pd.DataFrame:
    rows = chosen(facts.tables["item"], ("supplier_id", "item_id"), keys)
    return rows[(rows["supply_type"] == "buy") & rows["lead_time_days"].notna()]


def _made(facts: Facts, keys: list[str]) -> pd.DataFrame:
    rows = chosen(facts.tables["item"], ("family_id", "item_id"), keys)
    return rows[(rows["supply_type"] == "make") & rows["lead_time_days"].notna()]
