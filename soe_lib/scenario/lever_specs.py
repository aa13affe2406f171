"""Levers as text and back: what a published schedule was computed with can be computed again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import MISSING, asdict, fields

import pandas as pd

from soe_lib.scenario.levers import (
    Allocation,
    DelayLowPriority,
    Expedite,
    FewMoves,
    Lever,
    Overtime,
    PremiumFreight,
    RushOrder,
    Split,
    Subcontract,
)

_KINDS: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        Overtime,
        Expedite,
        Split,
        DelayLowPriority,
        FewMoves,
        RushOrder,
        Subcontract,
        PremiumFreight,
        Allocation,
    )
}
_INSTANTS = (
    "start_at",
    "end_at",
    "act_by_at",
    "old_date",
    "new_date",
    "wanted_date",
    "back_date",
)


def spec_of(lever: Lever) -> str:
    """Return a lever as canonical JSON."""
    content = {
        name: value.isoformat() if isinstance(value, pd.Timestamp) else value
        for name, value in asdict(lever).items()
    }
    return json.dumps({"kind": type(lever).__name__, **content}, sort_keys=True)


def lever_of(spec: str) -> Lever:
    """
    Return the lever of a text.

    Raises
    ------
    ValueError
        When the text is no lever.
    """
    content = json.loads(spec)
    kind = _KINDS.get(content.pop("kind", ""))
    names = {field.name for field in fields(kind)} if kind is not None else set()
    needed = {f.name for f in fields(kind) if f.default is MISSING} if kind is not None else set()
    if kind is None or not needed <= set(content) <= names:
        raise ValueError(f"not a lever: {spec[:80]}")
    for name, value in content.items():
        if name in _INSTANTS:
            content[name] = pd.Timestamp(value)
        elif isinstance(value, list):
            content[name] = tuple(value)
    lever: Lever = kind(**content)
    return lever


def specs_of(levers: Sequence[Lever]) -> pd.DataFrame:
    """Return one row per lever: ``spec``."""
    return pd.DataFrame({"spec": pd.Series([spec_of(lever) for lever in levers], dtype="str")})
