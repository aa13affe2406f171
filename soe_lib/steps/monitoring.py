"""Step 5: how did last week go, against plan, target and its own noise?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.kpi.adherence import adherence_kpis, schedule_losses
from soe_lib.kpi.adherence_rows import adherence_operations
from soe_lib.kpi.execution import week_opens_at
from soe_lib.kpi.otif_rows import otif_lines
from soe_lib.kpi.policy import OtifPolicy
from soe_lib.kpi.value import Kpi, Period
from soe_lib.monitoring.adherence import adherence_sentence, by_resource
from soe_lib.monitoring.credible import credible
from soe_lib.monitoring.history import kpi_history
from soe_lib.monitoring.otif_move import move_sentence, otif_move
from soe_lib.monitoring.scorecard import headline, scorecard
from soe_lib.monitoring.shown import BOUNDED, OPENING
from soe_lib.run import Run


@dataclass(frozen=True)
class Watched:
    """
    What step 5 found.

    Attributes
    ----------
    period
        Last complete week of the site.
    kpis
        One row per KPI of that week, opening ones first: columns of ``kpi.value.COLUMNS``,
        ``control.ADDED`` and ``scorecard.LATEST``.
    trend
        The same KPIs over the weeks before, with control limits.
    adherence
        One row per resource: the four dimensions. [%]
    operations
        Plan and execution of the week, operation by operation.
    losses
        Lost hours by cause and resource.
    otif_move
        Why OTIF moved against the week before.
    off
        What is off in this feed, in sentences.
    headline, adherence_sentence, move_sentence
        Sentences computed from the rows above.
    """

    period: Period
    kpis: pd.DataFrame
    trend: pd.DataFrame
    adherence: pd.DataFrame
    operations: pd.DataFrame
    losses: pd.DataFrame
    otif_move: pd.DataFrame
    off: tuple[str, ...]
    headline: str
    adherence_sentence: str
    move_sentence: str


def monitor_execution(run: Run) -> Watched:
    """
    Measure last week as it was known when it ended, and the weeks before it likewise.

    A finished run is read, not computed.

    Parameters
    ----------
    run
        Run whose snapshot is read; its tables ``kpis``, ``kpi_trend``, ``adherence_by_resource``,
        ``adherence_operations``, ``adherence_losses`` and ``otif_move`` are written.

    Returns
    -------
    Watched

    Examples
    --------
    >>> watched = monitor_execution(open_run())  # doctest: +SKIP
    >>> watched.headline  # doctest: +SKIP
    'OTIF (first confirmed) was 88.4 % (412 of 466 lines) against 95 % wanted, ...'
    """
    if run.is_complete:
        return read_monitoring(run)
    tables, params = run.tables, run.params
    zone = run.snapshot.site_time_zone
    before, period = Period.last_weeks(run.as_of, 2, zone)
    kpis, trend = measured_kpis(run)
    freeze_at = week_opens_at(tables, period)
    operations = adherence_operations(tables, period.end_at, period, freeze_at, params.kpi)
    cut: list[Kpi] = adherence_kpis(operations, period.end_at, period, params.kpi, by="resource_id")
    resources = by_resource(cut, operations)
    losses = schedule_losses(tables, period.end_at, period, operations)
    policy = OtifPolicy.from_params(params.otif)
    lines = [otif_lines(tables, week.end_at, policy, zone) for week in (period, before)]
    move = otif_move(lines[0], lines[1], period, before)
    off = _off(run)
    said = headline(kpis)
    watched = Watched(
        period=period,
        kpis=kpis,
        trend=trend,
        adherence=resources,
        operations=operations,
        losses=losses,
        otif_move=move,
        off=off,
        headline=said,
        adherence_sentence=adherence_sentence(kpis, operations, losses, off),
        move_sentence=move_sentence(move),
    )
    run.write(
        kpis=kpis,
        kpi_trend=trend,
        adherence_by_resource=resources,
        adherence_operations=operations,
        adherence_losses=losses,
        otif_move=move,
    )
    run.say("monitoring", _words(watched))
    return watched


def measured_kpis(run: Run) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return KPIs and trend of a run, computed from its snapshot and parameters, nothing else."""
    history = kpi_history(run.tables, run.as_of, run.params, run.snapshot.site_time_zone)
    return scorecard(credible(history), OPENING, bounded=BOUNDED, currency=run.snapshot.currency)


def week_of(run: Run) -> Period:
    """Return the last complete week of a run's site."""
    return Period.last_weeks(run.as_of, 1, run.snapshot.site_time_zone)[0]


def read_monitoring(run: Run) -> Watched:
    """
    Return what a finished run's step 5 found, from its tables.

    Raises
    ------
    soe_lib.run.RunError
        When the run lacks one of them.
    """
    words = run.words("monitoring")
    start = pd.Timestamp(words["week_start"])
    zone = run.snapshot.site_time_zone
    return Watched(
        period=Period(start, start + pd.Timedelta(weeks=1), zone),
        kpis=run.read("kpis"),
        trend=run.read("kpi_trend"),
        adherence=run.read("adherence_by_resource"),
        operations=run.read("adherence_operations"),
        losses=run.read("adherence_losses"),
        otif_move=run.read("otif_move"),
        off=tuple(words["off"]),
        headline=str(words["headline"]),
        adherence_sentence=str(words["adherence"]),
        move_sentence=str(words["otif_move"]),
    )


def _off(run: Run) -> tuple[str, ...]:
    if not run.has("features"):
        return ()
    features = run.read("features")
    own = features[(features["step"] == "monitoring") & ~features["is_on"].astype(bool)]
    return tuple(own["sentence"].astype("str"))


def _words(watched: Watched) -> dict[str, object]:
    opening = watched.kpis[watched.kpis["rank"].notna()]
    figures = {
        str(name): None if np.isnan(value) else value
        for name, value in zip(opening["kpi"], opening["value"].tolist(), strict=True)
    }
    return {
        "headline": watched.headline,
        "adherence": watched.adherence_sentence,
        "otif_move": watched.move_sentence,
        "week_start": watched.period.start_date.date().isoformat(),
        "off": list(watched.off),
        "num_kpis": len(watched.kpis),
        "num_not_evaluable": int(watched.kpis["value"].isna().sum()),
        "values": figures,
    }
