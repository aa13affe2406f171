"""Why a row was set aside, in words."""

from __future__ import annotations

import pytest

from soe_lib.rule_words import rule_words, set_aside, table_words
from soe_lib.tables import TABLES


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("ordered_qty_positive", "has an ordered quantity that is not above zero"),
        ("item_id_is_known", "has an item that the master data do not have"),
        ("requested_date_is_date", "has a requested date that is no date"),
        ("released_at_not_after_as_of", "has a released time after the snapshot"),
        ("ordered_at_not_after_received_at", "has an ordered time after its received time"),
    ],
)
def test_endings_of_rules_are_words(rule: str, words: str) -> None:
    """Tests column and reason of the rules that are made from a column's name."""
    assert rule_words(rule) == words


def test_every_rule_of_the_tables_has_words() -> None:
    """Tests that no rule of a canonical table is said by its raw name."""
    names = {rule.name for table in TABLES.values() for rule in table.rules}
    assert names
    assert not [name for name in names if rule_words(name).startswith("breaks the rule")]


def test_names_of_tables_are_words_and_abbreviations_stay_what_they_are() -> None:
    """Tests tables as people name them."""
    assert [table_words(name) for name in ("bom_component", "sop_plan", "sales_order_line")] == [
        "BOM component", "S&OP plan", "Sales order line",
    ]  # fmt: skip


def test_reasons_are_counted() -> None:
    """Tests one row and several rows of a reason."""
    said = set_aside({"duplicate_key": 1, "item_id_is_known": 1200})
    assert said == (
        "one repeats a row that is newer; "
        "1,200 times: one has an item that the master data do not have"
    )
