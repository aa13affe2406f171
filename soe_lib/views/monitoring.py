"""Page of step 5: how last week went, whether that is noise, and what could not be computed."""

from __future__ import annotations

import pandas as pd

from soe_lib.charts import plot_adherence, plot_kpi_trend, plot_losses
from soe_lib.monitoring.scorecard import UNIT_WORDS
from soe_lib.run import Run
from soe_lib.steps.monitoring import Watched
from soe_lib.views.blocks import (
    Block,
    Columns,
    Grid,
    Headline,
    Note,
    Picture,
    Sentences,
    Tile,
    Tiles,
    Tone,
    flatten,
)
from soe_lib.views.facts_of_run import moment
from soe_lib.views.page import Page, blockers

TILES = 6
TREND_PICTURES = 9
MOST_KPIS = 100
LETTERS = (
    "In the formulas D is the date that counts, e and l are the days that may be early and late, q "
    "is the ordered quantity, u and o are the shares that may be missing and too much, and C(t) is "
    "what was delivered by t; a is what was done and p what was planned. As in ISO 22400, A, E and "
    "Q are availability, effectiveness and quality, PRI is the planned run time of a unit, PBT the "
    "planned busy time, and PQ, GQ, SQ and PSQ are the produced, good, scrap and planned scrap "
    "quantities."
)
_RESOURCE_COLUMNS = {
    "resource_id": "resource",
    "num_operations": "operations due",
    "planned_hours": "planned h",
    "lost_hours": "lost h",
    "adherence_pct": "quantity",
    "attainment_pct": "attainment",
    "mix_pct": "mix",
    "sequence_pct": "sequence",
    "start_on_time_pct": "starts",
    "finish_on_time_pct": "finishes",
    "build_to_schedule_pct": "build to schedule",
    "unscheduled_pct": "unscheduled",
    "main_loss": "main loss",
}
_OPERATION_COLUMNS = {
    "wo_id": "work order",
    "op_no": "operation",
    "item_id": "item",
    "resource_id": "planned on",
    "actual_resource_id": "ran on",
    "planned_start_at": "planned start",
    "actual_start_at": "real start",
    "planned_qty": "planned units",
    "good_qty": "good units",
    "outcome": "result",
    "lost_hours": "lost h",
    "main_loss": "main loss",
}


def monitoring_page(run: Run, watched: Watched) -> Page:
    """
    Lay out how last week went.

    Parameters
    ----------
    run
        The run.
    watched
        Result of :func:`soe_lib.monitor_execution`.

    Returns
    -------
    Mapping
        Blocks under ``headline``, ``tiles``, ``trend``, ``adherence``, ``kpis``,
        ``not_evaluable``.

    Examples
    --------
    >>> page = monitoring_page(run, monitor_execution(run))  # doctest: +SKIP
    >>> show(page["headline"])  # doctest: +SKIP
    """
    return {
        "headline": [blockers(run), Headline(watched.headline, _tone(watched)), _week(watched)],
        "tiles": flatten([_tiles(watched), _bases_and_move(watched)]),
        "trend": [_trend(watched)],
        "adherence": _adherence(run, watched),
        "kpis": [_all_kpis(watched), Note(LETTERS)],
        "not_evaluable": _missing(watched),
    }


def _tone(watched: Watched) -> Tone:
    kpis = watched.kpis
    opening = kpis[kpis["rank"].notna() & kpis["value"].notna()]
    if opening.empty:
        return "neutral"
    if (opening["status"].head(2) == "fail").any() or opening["is_alarm"].any():
        return "bad"
    return "good" if (opening["status"].head(2) == "pass").any() else "neutral"


def _week(watched: Watched) -> Note:
    start, end = watched.period.start_date, watched.period.end_date - pd.Timedelta(days=1)
    return Note(
        f"Week of {start:%a %d %b} to {end:%a %d %b %Y}, site time, as it was known when the week "
        "ended; the weeks before it likewise, each as known at its own end."
    )


def _tiles(watched: Watched) -> Tiles:
    kpis = watched.kpis
    opening = kpis[kpis["rank"].notna() & kpis["value"].notna()].head(TILES)
    return Tiles(
        tuple(
            Tile(str(r["label"]), str(r["value_text"]), str(r["brief"]), _as_tone(r["tone"]))
            for r in opening.to_dict("records")
        )
    )


def _as_tone(word: object) -> Tone:
    return word if word in ("good", "bad", "warn") else "neutral"


def _bases_and_move(watched: Watched) -> Block | None:
    kpis = watched.kpis
    bases = kpis[kpis["kpi"].isin(["otif_line", "promise_gap", "repromise_gap"])]
    bases = bases[(bases["dimension"] == "") & bases["value"].notna()]
    if bases.empty:
        return None
    rows = bases.to_dict("records")
    shown = pd.DataFrame(
        {
            "OTIF by line": [
                _BASES.get((r["kpi"], r["basis"])) or _BASES[r["kpi"], ""] for r in rows
            ],
            "last week": [r["value_text"] for r in rows],
            "interval": [
                f"{r['lo']:.1f} to {r['hi']:.1f} %" if pd.notna(r["lo"]) else "" for r in rows
            ],
            "week before": [_before(r["previous_value"], r["unit"]) for r in rows],
        }
    )
    left = Grid(shown, title="OTIF on three dates: what each of them hides", rows=5)
    move = watched.otif_move
    right: tuple[Block, ...] = (
        Grid(
            pd.DataFrame(
                {
                    "lines failed because": move["fail_reason"].str.replace("_", " "),
                    "last week": move["num_lines"].astype(int),
                    "points lost": move["lost_points"].round(1),
                    "week before": move["previous_num_lines"].astype(int),
                    "moved OTIF by": move["otif_change_points"].map("{:+.1f}".format),
                }
            ),
            title="Why OTIF moved (points, they sum to the change)",
            rows=6,
            right=("moved OTIF by",),
            if_none="no line failed, or one of the two weeks has no matured line.",
        ),
        *([Note(watched.move_sentence)] if watched.move_sentence else []),
    )
    return Columns(((left,), right), (1, 1))


_BASES = {
    ("otif_line", "requested"): "requested date (answer to the market)",
    ("otif_line", "first_confirmed"): "first confirmed date (kept promises)",
    ("otif_line", "last_confirmed"): "last confirmed date (execution)",
    ("promise_gap", ""): "gap first confirmed − requested",
    ("repromise_gap", ""): "re-promise gap last − first confirmed",
}


def _base_of(kpi: str, basis: str) -> str:
    return _BASES.get((kpi, basis)) or _BASES[kpi, ""]


def _before(value: float, unit: str) -> str:
    return "–" if pd.isna(value) else f"{value:.1f} {UNIT_WORDS.get(unit, unit)}"


def _trend(watched: Watched) -> Picture:
    trend = watched.trend
    chosen = trend[trend["rank"].notna()].replace({"unit": UNIT_WORDS})
    ids = list(dict.fromkeys(chosen["kpi_id"]))[:TREND_PICTURES]
    title = "Trend by week (dotted: control limits, dashed: target, red: outside the limits)"
    shown = chosen[chosen["kpi_id"].isin(ids)]
    return Picture(plot_kpi_trend(shown, title=title), table="kpi_trend")


def _adherence(run: Run, watched: Watched) -> list[Block]:
    by_resource = watched.adherence
    if by_resource.empty:
        return [Sentences("Schedule adherence", (), if_none=watched.adherence_sentence)]
    target = run.params.kpi.adherence_target_pct
    operations = watched.operations.sort_values("lost_hours", ascending=False, kind="stable")
    lost = operations[operations["lost_hours"] > 0].round({"lost_hours": 1})
    starts = ("planned_start_at", "actual_start_at")
    lost = lost.assign(**{name: [moment(at, run) or "–" for at in lost[name]] for name in starts})
    return [
        Note(watched.adherence_sentence),
        Picture(plot_adherence(by_resource, target_pct=target), table="adherence_by_resource"),
        Grid(
            by_resource.round(1).rename(columns=_RESOURCE_COLUMNS),
            title="Four dimensions by resource: quantity, mix, sequence, time [%]",
            table="adherence_by_resource",
            columns=tuple(_RESOURCE_COLUMNS.values()),
        ),
        Picture(plot_losses(watched.losses), table="adherence_losses"),
        Grid(
            lost.rename(columns=_OPERATION_COLUMNS),
            title="Operations that lost most, in site time",
            table="adherence_operations",
            columns=tuple(_OPERATION_COLUMNS.values()),
            if_none="every operation of the week's plan was done in full.",
        ),
    ]


def _all_kpis(watched: Watched) -> Grid:
    """Every total with a value; cuts (by band, by resource) are in the table's file."""
    kpis = watched.kpis
    known = kpis[kpis["value"].notna() & (kpis["dimension"] == "")]
    rows = known.to_dict("records")
    shown = pd.DataFrame(
        {
            "KPI": known["label"].to_numpy(),
            "last week": known["value_text"].to_numpy(),
            "wanted": [_before(r["target"], r["unit"]) for r in rows],
            "against the week before": [_signed(r["change"], r["unit"]) for r in rows],
            "noise": known["signal"].to_numpy(),
            "counted": known["n"].to_numpy(),
            "left out": known["n_excluded"].to_numpy(),
            "formula": known["formula"].str.replace("_", " ").to_numpy(),
        }
    )
    return Grid(
        shown, title="Every total", table="kpis", rows=MOST_KPIS, if_none="no KPI has a value."
    )


def _signed(value: float, unit: str) -> str:
    if pd.isna(value):
        return "–"
    words = {"%": "points", "money": "", **UNIT_WORDS}.get(unit, unit)
    size = f"{value:+,.0f}" if abs(value) >= 100 else f"{value:+,.1f}"
    return f"{size} {words}".strip() if abs(value) >= 0.05 else "±0"


def _missing(watched: Watched) -> list[Block]:
    kpis = watched.kpis
    none = kpis[kpis["value"].isna()]
    return [
        Sentences(
            "Off in this feed", watched.off, if_none="nothing: every feature has its tables."
        ),
        Grid(
            none.rename(columns={"label": "KPI", "n_excluded": "rows excluded"}),
            title="Not evaluable",
            table="kpis",
            rows=40,
            columns=("KPI", "reason", "rows excluded", "excluded", "formula"),
            if_none="nothing, every KPI has a value.",
        ),
    ]
