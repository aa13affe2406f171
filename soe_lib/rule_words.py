"""Names of rules in words: why a row of the feed was set aside, as one says it."""

from __future__ import annotations

_EXACT = {
    "duplicate_key": "repeats a row that is newer",
    "component_is_not_its_parent": "names an item as its own component",
    "yield_pct_in_0_100": "has a yield that is not between 0 and 100 %",
    "plan_month_is_first_day": "has a month that does not begin on its first day",
    "week_starts_on_monday": "has a week that does not begin on a Monday",
    "start_at_before_end_at": "ends before it starts",
    "line_too_many_columns": "has too many columns in its line",
    "line_missing_columns": "has too few columns in its line",
    "line_quote_not_closed": "has a quotation mark that is never closed",
    "line_malformed": "is a line that cannot be read",
    "line_too_long": "is a line that is too long to be read",
    "line_has_nul": "has control characters in its line",
    "line_encoding": "has characters that cannot be read",
}
_ENDINGS = (
    ("_not_after_as_of", "has a {} after the snapshot"),
    ("_not_negative", "has a {} below zero"),
    ("_is_known_word", "has a {} that is not in the vocabulary"),
    ("_is_known", "has a {} that the master data do not have"),
    ("_is_missing", "has no {}"),
    ("_positive", "has a {} that is not above zero"),
    ("_is_date", "has a {} that is no date"),
    ("_is_instant", "has a {} that is no date and time"),
    ("_is_number", "has a {} that is no number"),
    ("_is_integer", "has a {} that is no whole number"),
    ("_is_flag", "has a {} that is neither yes nor no"),
    ("_is_text", "has a {} that cannot be read"),
)
_ABBREVIATIONS = {"bom": "BOM", "sop": "S&OP"}
_SHORT = {"qty": "quantity", "pct": "percentage", "no": "number", "wo": "work order"}


def rule_words(rule: str) -> str:
    """
    Return why a row was set aside, to be read after the row.

    Examples
    --------
    >>> rule_words("ordered_qty_positive")
    'has an ordered quantity that is not above zero'
    """
    if rule in _EXACT:
        return _EXACT[rule]
    for ending, words in _ENDINGS:
        if rule.endswith(ending):
            return _with_article(words, _column(rule.removesuffix(ending)))
    before, found, after = rule.partition("_not_after_")
    if found:
        return _with_article(f"has a {{}} after its {_column(after)}", _column(before))
    return f"breaks the rule '{rule.replace('_', ' ')}'"


def table_words(table: str) -> str:
    """Return the name of a table in words, e.g. ``Sales order line``."""
    first, _, rest = table.partition("_")
    name = _ABBREVIATIONS.get(first, first.capitalize())
    return f"{name} {rest.replace('_', ' ')}".strip()


def set_aside(counts: dict[str, int]) -> str:
    """Return why rows were set aside, each reason with its count where it is not one."""
    return "; ".join(
        f"one {rule_words(rule)}" if count == 1 else f"{count:,} times: one {rule_words(rule)}"
        for rule, count in counts.items()
    )


def _column(name: str) -> str:
    parts = name.removesuffix("_id").removesuffix("_at").split("_")
    said = " ".join(_SHORT.get(part, part) for part in parts)
    return f"{said} time" if name.endswith("_at") else said


def _with_article(words: str, noun: str) -> str:
    said = words.format(noun)
    return said.replace("has a ", "has an ", 1) if noun[:1] in "aeiou" else said
