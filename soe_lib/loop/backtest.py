"""``soe backtest``: read a source's history, replay it, write what was found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from soe_lib.backtest.choice import LEAST_CHOICE_DAYS, can_choose, choose_settings
from soe_lib.backtest.flows import BacktestError, Flows, daily_flows, missing_for_flows
from soe_lib.backtest.mix import Settings
from soe_lib.backtest.replay import (
    LEARNING_DAYS,
    Replay,
    broken_limits,
    company_replay,
    day_rows,
    mix_rows,
    policy_replay,
    service,
)
from soe_lib.backtest.risk import LEARNING_WEEKS
from soe_lib.backtest.warning import replay_warnings
from soe_lib.params import Params
from soe_lib.publish.files import harmless
from soe_lib.snapshot import take_snapshot
from soe_lib.sources import Source
from soe_lib.workspace import Workspace

Progress = Callable[[int, int, str], None]
LONGEST_ORDER_WEEKS = 9
"""Work orders are followed for so many weeks before they fall due."""


@dataclass(frozen=True)
class Backtest:
    """
    A finished backtest.

    Attributes
    ----------
    sentences
        What was found, what it rests on and what could not be replayed, line by line.
    tables
        The tables behind it by name, as written.
    summary
        The figures, as in ``summary.json``.
    folder
        Where the files lie.
    """

    sentences: tuple[str, ...]
    tables: dict[str, pd.DataFrame]
    summary: dict[str, Any]
    folder: Path


def backtest(
    source: Source,
    first_day: pd.Timestamp,
    last_day: pd.Timestamp,
    params: Params,
    workspace: Workspace,
    *,
    progress: Progress = lambda done, total, text: None,
) -> Backtest:
    """
    Replay a window of a source's history with everything that its tables allow.

    Parameters
    ----------
    source
        Where the history is.
    first_day, last_day
        Calendar days of the site, without zone, both included.
    params
        Tolerances of the detectors.
    workspace
        Files go to ``backtest/<source>/<first>_<last>/``.
    progress
        Called with (number done, number in all, what is done).

    Raises
    ------
    BacktestError
        When the window is no window, or the feed allows none of the replays.
    """
    if last_day < first_day:
        raise BacktestError(f"--to {last_day:%Y-%m-%d} is before --from {first_day:%Y-%m-%d}")
    first = _midnight(first_day, source)
    last = _midnight(last_day + pd.Timedelta(days=1), source)
    weeks = int((last - first) / pd.Timedelta(weeks=1)) + LEARNING_WEEKS + LONGEST_ORDER_WEEKS + 1
    long = replace(
        source,
        config=source.config.model_copy(
            update={"history_weeks": max(weeks, source.config.history_weeks)}
        ),
    )
    progress(0, 1, "reading")
    tables = take_snapshot(long, last, workspace).tables
    lacking = missing_for_flows(tables)
    has_orders = not tables.get("work_order", pd.DataFrame()).empty
    if lacking and not has_orders:
        raise BacktestError(
            f"{source.name}: nothing to replay. Production mix: {'; '.join(lacking)}. "
            "Early warning: no work_order"
        )
    told: list[str] = []
    found: dict[str, pd.DataFrame] = {}
    summary: dict[str, Any] = {
        "source": source.name,
        "from": f"{first_day:%Y-%m-%d}",
        "to": f"{last_day:%Y-%m-%d}",
    }
    if lacking:
        told.append(f"Production mix: not replayed, {'; '.join(lacking)}.")
    else:
        before = take_snapshot(long, first, workspace).tables
        history = None if missing_for_flows(before) else daily_flows(before)
        _mix(daily_flows(tables), history, (first_day, last_day), found, summary, told, progress)
    if has_orders:
        _warnings(tables, (first, last), params, source, found, summary, told, progress)
    else:
        told.append("Early warning of late work orders: not replayed, the feed has no work_order.")
    folder = workspace.root / "backtest" / source.name / f"{first_day:%Y-%m-%d}_{last_day:%Y-%m-%d}"
    _write(folder, found, summary, workspace)
    return Backtest(tuple(told), found, summary, folder)


def _midnight(day: pd.Timestamp, source: Source) -> pd.Timestamp:
    local = day.normalize().tz_localize(
        source.site_time_zone, ambiguous=True, nonexistent="shift_forward"
    )
    return local.tz_convert("UTC")


def _mix(
    flows: Flows,
    history: Flows | None,
    window: tuple[pd.Timestamp, pd.Timestamp],
    found: dict[str, pd.DataFrame],
    summary: dict[str, Any],
    told: list[str],
    progress: Progress,
) -> None:
    first, last = (flows.position(day) for day in window)
    settings = Settings()
    rows: list[dict[str, object]] = []
    if history is not None and can_choose(history):
        settings, tried = choose_settings(
            history, progress=lambda done, total: progress(done, total, "choosing settings")
        )
        found["settings"] = tried
        days = history.days
        told.append(
            f"Settings chosen on {days[LEARNING_DAYS]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}, with what "
            f"was known at their end, among {len(tried)}: {_named(settings)}."
        )
        chosen = _policies(history, LEARNING_DAYS, len(days) - 1, settings)
        rows += _service_rows("chosen on", history, chosen, LEARNING_DAYS, len(days) - 1)
    else:
        told.append(
            f"Fewer than {LEARNING_DAYS + LEAST_CHOICE_DAYS} days lie before the window, too few "
            f"to choose settings on; the defaults are used: {_named(settings)}."
        )
    if first < LEARNING_DAYS:
        told.append(
            f"The first {LEARNING_DAYS - first} days run the company's own mix: the policy knows "
            "too little yet."
        )
    replays = _policies(flows, first, last, settings)
    rows += _service_rows("reported", flows, replays, first, last)
    table = pd.DataFrame(rows)
    found |= {
        "service": table,
        "days": day_rows(flows, replays),
        "mix": mix_rows(flows, replays),
    }
    reported = table[(table["part"] == "reported") & (table["months"] == "all")].iloc[0]
    summary["production_mix"] = {
        "settings": asdict(settings),
        **reported.drop(["part", "months"]).to_dict(),
    }
    told.append(
        f"Same-day fill {reported['soe_fill']:.3f} against {reported['company_fill']:.3f} of the "
        f"company's own mix ({reported['fill_points']:+.1f} points), mean backlog "
        f"{reported['soe_backlog_qty']:,.0f} against {reported['company_backlog_qty']:,.0f} units "
        f"({reported['backlog_pct']:+.1f} %), within the day's total, its number of products and "
        "each product's largest day before."
    )


def _named(settings: Settings) -> str:
    return ", ".join(f"{name}={value:g}" for name, value in asdict(settings).items())


def _policies(flows: Flows, first: int, last: int, settings: Settings) -> dict[str, Replay]:
    replays = {
        "company": company_replay(flows, first, last),
        "soe": policy_replay(flows, first, last, settings),
    }
    for name, replay in replays.items():
        broken = broken_limits(flows, replay)
        if broken:
            raise BacktestError(f"the mix of {name} breaks the limits: {broken[0]}")
    return replays


def _service_rows(
    part: str, flows: Flows, replays: dict[str, Replay], first: int, last: int
) -> list[dict[str, object]]:
    """Fill and backlog of both, of the whole window and of each month in it."""
    months = [f"{day:%Y-%m}" for day in flows.days[first : last + 1]]
    spans = [("all", first, last)]
    for month in dict.fromkeys(months) if len(set(months)) > 1 else ():
        begin = first + months.index(month)
        spans.append((month, begin, begin + months.count(month) - 1))
    rows: list[dict[str, object]] = []
    for label, begin, end in spans:
        own = service(flows, replays["company"], begin, end)
        soe = service(flows, replays["soe"], begin, end)
        cut = 100 * (soe.backlog_qty / own.backlog_qty - 1) if own.backlog_qty else float("nan")
        rows.append(
            {
                "part": part,
                "months": label,
                "first_date": f"{flows.days[begin]:%Y-%m-%d}",
                "last_date": f"{flows.days[end]:%Y-%m-%d}",
                "company_fill": own.fill,
                "soe_fill": soe.fill,
                "fill_points": 100 * (soe.fill - own.fill),
                "company_backlog_qty": own.backlog_qty,
                "soe_backlog_qty": soe.backlog_qty,
                "backlog_pct": cut,
            }
        )
    return rows


def _warnings(
    tables: dict[str, pd.DataFrame],
    window: tuple[pd.Timestamp, pd.Timestamp],
    params: Params,
    source: Source,
    found: dict[str, pd.DataFrame],
    summary: dict[str, Any],
    told: list[str],
    progress: Progress,
) -> None:
    warned = replay_warnings(
        tables,
        *window,
        params,
        time_zone=source.site_time_zone,
        progress=lambda done, total: progress(done, total, "looking at each day"),
    )
    found |= {"warning_rules": warned.rules, "warning_orders": warned.orders}
    summary["early_warning"] = warned.rules.set_index("rule").to_dict(orient="index")
    detector, learned = warned.rules.to_dict(orient="records")[:2]
    told.append(
        f"{learned['num_orders']:,} work orders fell due, {learned['num_late']:,} "
        f"({learned['base_pct']:.1f} %) ended late. The detector of step 1 flags "
        f"{detector['recall_pct']:.1f} % of these, all of them after the due date; the risk "
        f"learned from past orders flags {learned['recall_pct']:.1f} %, half of them at least "
        f"{learned['median_warning_days']:.0f} days before it, and {learned['precision_pct']:.1f} "
        f"% of its flags are right ({learned['num_false_alarms']:,} false alarms, "
        f"{learned['false_alarms_per_week']:.0f} a week)."
    )


def _write(
    folder: Path, tables: dict[str, pd.DataFrame], summary: dict[str, Any], workspace: Workspace
) -> None:
    for name, rows in tables.items():
        text = rows.copy()
        for column in text.columns:
            if text[column].dtype == "str":
                text[column] = text[column].map(harmless, na_action="ignore")
        content = text.to_csv(index=False, lineterminator="\n", float_format="%.6f")
        workspace.write_text(folder / f"{name}.csv", content)
    workspace.write_json(folder / "summary.json", summary)
