"""The contracts: vocabulary and canonical tables."""

from __future__ import annotations

import pytest

from soe_lib.tables import TABLES, table
from soe_lib.vocabulary import COLUMNS, Kind, column

SUFFIX_KINDS = {"_at": Kind.INSTANT, "_date": Kind.DATE, "_qty": Kind.NUMBER, "_pct": Kind.NUMBER}


def test_every_column_is_in_the_vocabulary() -> None:
    """Tests that tables list only known names and that keys and nullables are columns."""
    for contract in TABLES.values():
        assert set(contract.columns) <= set(COLUMNS), contract.name
        assert set(contract.key) <= set(contract.columns), contract.name
        assert set(contract.nullable) <= set(contract.minimal), contract.name
        assert len(set(contract.columns)) == len(contract.columns), contract.name


def test_references_point_backwards() -> None:
    """Tests that a referenced table stands before the table that refers to it."""
    order = list(TABLES)
    for contract in TABLES.values():
        for name, key in contract.references.values():
            assert key in TABLES[name].columns
            assert order.index(name) < order.index(contract.name)


def test_empty_tables_satisfy_their_schema() -> None:
    """Tests that the typed empty table of each contract passes its pandera schema."""
    for contract in TABLES.values():
        assert contract.schema().validate(contract.empty()).empty


def test_names_promise_their_kind() -> None:
    """Tests that a name's ending and its dtype agree."""
    for known in COLUMNS.values():
        for suffix, kind in SUFFIX_KINDS.items():
            if known.name.endswith(suffix):
                assert known.kind is kind, known.name


def test_labels_carry_the_unit() -> None:
    """Tests that a label names the quantity and its unit once."""
    assert column("lead_time_days").label == "Lead time [days]"
    assert column("customer_id").label == "Customer id"


def test_unknown_names_are_errors() -> None:
    """Tests that look-ups of unknown names say so."""
    with pytest.raises(KeyError, match="unknown column"):
        column("df")
    with pytest.raises(KeyError, match="no canonical table"):
        table("orders")
