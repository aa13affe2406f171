"""
The blocks a page is made of, and ``show``, which draws one.

A block carries data and words, never widgets. All text from outside is escaped here, once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go

from soe_lib.vocabulary import COLUMNS

Tone = Literal["good", "bad", "warn", "neutral"]

LONG_VALUE = 11  # characters of a tile's value that fit in its large type
LONGEST_CODE = 16  # characters of a name without a space that does not break over two lines


@dataclass(frozen=True)
class Headline:
    """The one computed sentence that opens a page."""

    text: str
    tone: Tone = "neutral"


@dataclass(frozen=True)
class Note:
    """A sentence of explanation, smaller than the headline."""

    text: str


@dataclass(frozen=True)
class Sentences:
    """A short list under a title: blockers, assumptions, questions."""

    title: str
    items: tuple[str, ...]
    tone: Tone = "neutral"
    if_none: str = ""
    folded: bool = False


@dataclass(frozen=True)
class Tile:
    """One big number."""

    label: str
    value: str
    note: str = ""
    tone: Tone = "neutral"


@dataclass(frozen=True)
class Tiles:
    """A row of big numbers, the most important first."""

    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class Picture:
    """A plotly figure and the name of the table in the run that it draws."""

    figure: go.Figure
    table: str = ""


@dataclass(frozen=True)
class Grid:
    """
    A table for reading: the first ``rows`` rows; ``table`` names the whole in the run.

    ``row_tones`` colours rows, in their order; ``right`` names text columns that stand at the
    right like numbers.
    """

    frame: pd.DataFrame
    title: str = ""
    table: str = ""
    rows: int = 12
    columns: tuple[str, ...] = ()
    if_none: str = "No rows."
    row_tones: tuple[Tone, ...] = ()
    right: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """Label and sentence, one pair per line: what each step says, what is due when."""

    title: str
    rows: tuple[tuple[str, str], ...]
    if_none: str = ""
    tone: Tone = "neutral"


@dataclass(frozen=True)
class Spark:
    """A small number with its past as a line: ``points`` in time order, NaN = not evaluable."""

    label: str
    value: str
    note: str = ""
    tone: Tone = "neutral"
    points: tuple[float, ...] = ()


@dataclass(frozen=True)
class Strip:
    """Small numbers side by side, each with its trend."""

    sparks: tuple[Spark, ...]
    title: str = ""
    if_none: str = ""


@dataclass(frozen=True)
class Columns:
    """Blocks side by side (no pictures); ``widths`` are relative."""

    columns: tuple[tuple[Block, ...], ...]
    widths: tuple[int, ...] = ()


@dataclass(frozen=True)
class Folded:
    """Blocks behind one click (no pictures, nothing live)."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Live:
    """A widget for meeting and JupyterLab; in the report ``instead`` stands in its place."""

    build: Callable[[], Any]
    instead: str = ""


Block = (
    Headline | Note | Sentences | Tiles | Picture | Grid | Facts | Strip | Columns | Folded | Live
)


def as_html(block: Block) -> str:
    """Return a block as safe HTML; pictures are not HTML and raise ``TypeError``."""
    if isinstance(block, Headline):
        return f'<p class="soe-headline soe-{block.tone}">{escape(block.text)}</p>'
    if isinstance(block, Note):
        return f'<p class="soe-note">{escape(block.text)}</p>'
    if isinstance(block, Live):
        return f'<p class="soe-note">{escape(block.instead)}</p>' if block.instead else ""
    if isinstance(block, Sentences):
        return _sentences(block)
    if isinstance(block, Tiles):
        return f'<div class="soe-tiles">{"".join(_tile(tile) for tile in block.tiles)}</div>'
    if isinstance(block, Grid):
        return _grid(block)
    if isinstance(block, Facts):
        return _facts(block)
    if isinstance(block, Strip):
        return _strip(block)
    if isinstance(block, Columns):
        return _columns(block)
    if isinstance(block, Folded):
        inner = "".join(as_html(one) for one in block.blocks)
        title = escape(block.title)
        return f'<details class="soe-list"><summary>{title}</summary>{inner}</details>'
    raise TypeError(f"{type(block).__name__} is drawn by plotly, not by HTML")


def _sentences(block: Sentences) -> str:
    if not block.items:
        if not block.if_none:
            return ""
        return f'<p class="soe-none"><b>{escape(block.title)}:</b> {escape(block.if_none)}</p>'
    items = "".join(f"<li>{escape(item)}</li>" for item in block.items)
    title = f"{escape(block.title)} ({len(block.items)})" if block.folded else escape(block.title)
    body = f"<ul>{items}</ul>"
    if block.folded:
        return f'<details class="soe-list"><summary>{title}</summary>{body}</details>'
    return f'<div class="soe-list soe-{block.tone}"><b>{title}</b>{body}</div>'


def _tile(tile: Tile) -> str:
    long = " soe-long" if len(tile.value) > LONG_VALUE else ""
    return (
        f'<div class="soe-tile soe-{tile.tone}"><div class="soe-label">{escape(tile.label)}</div>'
        f'<div class="soe-value{long}">{escape(tile.value)}</div>'
        f'<div class="soe-sub">{escape(tile.note)}</div></div>'
    )


def _grid(block: Grid) -> str:
    title = f"<caption>{escape(block.title)}</caption>" if block.title else ""
    if block.frame.empty:
        heading = f"<b>{escape(block.title)}:</b> " if block.title else ""
        return f'<p class="soe-none">{heading}{escape(block.if_none)}</p>'
    names = [name for name in (block.columns or block.frame.columns) if name in block.frame]
    shown = block.frame.loc[:, names].head(block.rows)
    numeric = {name for name in names if pd.api.types.is_numeric_dtype(shown[name].dtype)}
    numeric |= set(block.right)
    head = "".join(
        f"<th{' class=soe-num' if name in numeric else ''}>{escape(label_of(name))}</th>"
        for name in names
    )
    tones = [f' class="soe-{tone}"' for tone in block.row_tones[: len(shown)]]
    tones += [""] * (len(shown) - len(tones))
    columns = [
        [_cell(text, name in numeric) for text in _column_texts(shown[name])] for name in names
    ]
    rows = zip(tones, zip(*columns, strict=True), strict=True)
    body = "".join(f"<tr{tone}>{''.join(row)}</tr>" for tone, row in rows)
    more = len(block.frame) - len(shown)
    foot = f'<p class="soe-more">{more:,} more rows in the table\'s file</p>' if more else ""
    table = f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="soe-grid">{table}{foot}</div>'


def _column_texts(values: pd.Series) -> list[str]:
    """Return a column as people read it down: all its numbers with as many decimals."""
    if not pd.api.types.is_float_dtype(values.dtype):
        return [format_value(value) for value in values]
    sizes = values[values.abs() < math.inf].abs()
    most = 2 if not len(sizes) or sizes.max() < 10 else 1 if sizes.max() < 1000 else 0
    needed = (d for d in range(most) if ((sizes - sizes.round(d)).abs() < 1e-9).all())
    decimals = next(needed, most)
    return ["–" if pd.isna(value) else format_number(float(value), decimals) for value in values]


def _cell(text: str, is_number: bool) -> str:
    is_code = len(text) <= LONGEST_CODE and " " not in text
    kind = " class=soe-num" if is_number else " class=soe-code" * is_code
    return f"<td{kind}>{escape(text)}</td>"


def _facts(block: Facts) -> str:
    if not block.rows:
        return as_html(Sentences(block.title, (), if_none=block.if_none))
    rows = "".join(f"<dt>{escape(label)}</dt><dd>{escape(text)}</dd>" for label, text in block.rows)
    title = f"<b>{escape(block.title)}</b>" if block.title else ""
    return f'<div class="soe-facts soe-{block.tone}">{title}<dl>{rows}</dl></div>'


def _strip(block: Strip) -> str:
    if not block.sparks:
        return as_html(Sentences(block.title, (), if_none=block.if_none))
    title = f"<b>{escape(block.title)}</b>" if block.title else ""
    cells = "".join(
        f'<div class="soe-spark soe-{spark.tone}">'
        f'<div class="soe-label">{escape(spark.label)}</div>'
        f'<div><span class="soe-small">{escape(spark.value)}</span>{_sparkline(spark)}</div>'
        f'<div class="soe-sub">{escape(spark.note)}</div></div>'
        for spark in block.sparks
    )
    return f'<div class="soe-strip-box">{title}<div class="soe-strip">{cells}</div></div>'


def _sparkline(spark: Spark) -> str:
    """Return the past as an inline drawing: numbers only, nothing from outside gets into it."""
    known = [(n, v) for n, v in enumerate(spark.points) if math.isfinite(v)]
    if len(known) < 2:
        return ""
    low, high = min(v for _, v in known), max(v for _, v in known)
    reach = (high - low) or 1.0
    wide = max(1, len(spark.points) - 1)
    places = [(2 + 60 * n / wide, 20 - 16 * (v - low) / reach) for n, v in known]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    x, y = places[-1]
    return (
        '<svg width="66" height="24" viewBox="0 0 66 24" aria-hidden="true">'
        f'<polyline points="{path}" fill="none" stroke="#7b8794" stroke-width="1.5"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.4"/></svg>'
    )


def _columns(block: Columns) -> str:
    widths = block.widths or (1,) * len(block.columns)
    template = " ".join(f"minmax(0,{int(width)}fr)" for width in widths)
    cells = "".join(
        f"<div>{''.join(as_html(inner) for inner in column)}</div>" for column in block.columns
    )
    return f'<div class="soe-columns" style="grid-template-columns:{template}">{cells}</div>'


def label_of(name: str) -> str:
    """Return a column's heading: the vocabulary's label, or the name in words."""
    known = COLUMNS.get(name)
    return known.label if known else name.replace("_", " ")


def format_value(value: Any) -> str:
    """Return a value as people read it: no nanoseconds, no trailing zeros, an em dash for none."""
    if value is None or value is pd.NA or value is pd.NaT:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, pd.Timestamp):
        has_time = value.tzinfo is not None or value != value.normalize()
        return value.strftime("%Y-%m-%d %H:%M") if has_time else value.strftime("%Y-%m-%d")
    if isinstance(value, float):
        return "–" if math.isnan(value) else format_number(value)
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


def format_number(value: float, decimals: int | None = None) -> str:
    """Return a number with so many decimals, or with as many as its size deserves."""
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    magnitude = abs(value)
    if decimals is None:
        decimals = 0 if magnitude >= 100 or value == round(value) else 1 if magnitude >= 10 else 2
    text = f"{value:,.{decimals}f}"
    return "0" if text.strip("-0.,") == "" else text


def money(value: float, currency: str) -> str:
    """Return an amount with its currency, without cents from 100 on."""
    return f"{format_number(value)} {currency}".strip()


def tiles(*rows: Tile | None) -> Tiles:
    """Collect tiles, leaving out those that could not be computed."""
    return Tiles(tuple(tile for tile in rows if tile is not None))


def flatten(blocks: Iterable[Block | Sequence[Block] | None]) -> list[Block]:
    """Return blocks in order, without the missing ones."""
    found: list[Block] = []
    for block in blocks:
        if block is None:
            continue
        if isinstance(block, Block):
            found.append(block)
        else:
            found.extend(block)
    return found
