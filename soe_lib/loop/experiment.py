"""``soe twin``: policies on many plants, what each came to, and who beats whom by how much."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from soe_lib.loop.campaign import CampaignError, Task, run_campaigns, tables_of
from soe_lib.loop.kept import Kept
from soe_lib.loop.score import paired, table_of
from soe_lib.params import Params
from soe_lib.workspace import Workspace

OPPONENTS = ("none", "edd")
"""Whom ``soe`` is compared with in the last line."""
LONGEST_WEEKS = 14


@dataclass(frozen=True)
class Experiment:
    """
    A finished experiment.

    Attributes
    ----------
    table
        One row per policy, means and 95 % intervals over seeds (``score.table_of``).
    scores
        One row per seed and policy.
    last_line
        The paired comparison in one line; empty where ``soe`` or its opponents did not run.
    folder
        Where ``table.csv``, ``scores.csv``, ``weeks.csv`` and ``summary.json`` lie.
    """

    table: pd.DataFrame
    scores: pd.DataFrame
    last_line: str
    folder: Path


def experiment(
    seeds: Sequence[int],
    weeks: int,
    policies: Sequence[str],
    params: Params,
    sources_dir: Path,
    workspace: Workspace,
    *,
    jobs: int = 1,
    is_resumed: bool = False,
    progress: Callable[[int, int, str], None] = lambda done, total, text: None,
) -> Experiment:
    """
    Run every policy on every seed and compare.

    Parameters
    ----------
    seeds, weeks, policies
        What to run; all policies have the same plants and the same luck.
    params
        Parameters of the suite (``campaign.campaign_params``).
    sources_dir
        Folder of the mappings.
    workspace
        Files go to ``twin/<weeks>w_<first seed>-<last seed>/``.
    jobs, progress
        See :func:`soe_lib.loop.campaign.run_campaigns`.
    is_resumed
        Whether campaigns that this program has finished before with these parameters are taken
        as they are; each is kept in ``done/`` as soon as it ends.

    Raises
    ------
    CampaignError
        When there are too many weeks, or a campaign breaks off.
    """
    if weeks > LONGEST_WEEKS:
        raise CampaignError(f"{weeks} weeks: the twin's calendars allow {LONGEST_WEEKS}")
    folder = workspace.root / "twin" / f"{weeks}w_{min(seeds)}-{max(seeds)}"
    names = list(dict.fromkeys(policies))
    tasks = [
        Task(seed, weeks, name, params, sources_dir, folder / "work" / f"{seed}-{name}")
        for seed in seeds
        for name in names
    ]
    kept = Kept(workspace, folder / "done", is_resumed)
    known = [kept.find(task) for task in tasks]
    before = [outcome for outcome in known if outcome is not None]
    left = [task for task, outcome in zip(tasks, known, strict=True) if outcome is None]
    found = run_campaigns(left, jobs=jobs, progress=progress, finished=kept.put)
    scores, published = tables_of([*before, *found])
    table = table_of(scores)
    line, figures = _compared(scores)
    for name, rows in (("table", table), ("scores", scores), ("weeks", published)):
        text = rows.to_csv(index=False, lineterminator="\n", float_format="%.4f")
        workspace.write_text(folder / f"{name}.csv", text)
    workspace.write_json(
        folder / "summary.json",
        {
            "weeks": weeks,
            "seeds": list(seeds),
            "policies": names,
            "iterations": params.schedule.iterations,
            "scenarios": list(params.scenario.names),
            "paired": figures,
        },
    )
    return Experiment(table, scores, line, folder)


_BRIEF = {
    "otif_pct": "OTIF [%]",
    "late_cost": "penalties",
    "overtime_cost": "overtime",
    "total_cost": "total cost",
    "stock_value": "stock value",
    "nervousness_pct": "changed [%]",
}


def brief(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table as text for a terminal: means, and the interval where there is one."""
    found = table[["policy", "num_seeds"]].rename(columns={"num_seeds": "seeds"})
    for name, label in _BRIEF.items():
        digits = 1 if name.endswith("_pct") else 0
        found[label] = [
            f"{mean:,.{digits}f}"
            + ("" if pd.isna(lo) else f" ({lo:,.{digits}f} to {hi:,.{digits}f})")
            for mean, lo, hi in zip(
                table[name], table[f"{name}_lo"], table[f"{name}_hi"], strict=True
            )
        ]
    return found


def _compared(scores: pd.DataFrame) -> tuple[str, dict[str, dict[str, float]]]:
    ran = set(scores["policy"])
    parts, figures = [], {}
    for opponent in OPPONENTS:
        if not {"soe", opponent} <= ran:
            continue
        points, cost = paired(scores, "soe", opponent)
        figures[f"soe-{opponent}"] = {**asdict(points), "cost_pct": cost}
        parts.append(
            f"soe-{opponent} otif_pts={points.mean:.2f} lo={points.lo:.2f} cost_pct={cost:.2f}"
        )
    return " ".join(parts), figures
