"""How sure each promise of a run is, and how right earlier runs were."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from soe_lib.divergence.facts import facts_of
from soe_lib.impact.calibration import fit_calibration
from soe_lib.impact.late_supply import supply_lines
from soe_lib.impact.noise import Noise, fit_noise
from soe_lib.impact.outcomes import promise_outcomes
from soe_lib.impact.promise import PROMISE_COLUMNS, Luck, draw_luck, promise_odds
from soe_lib.impact.reliability import Reliability, reliability
from soe_lib.impact.replay import Replay
from soe_lib.run import RUN_FILE, Run
from soe_lib.tables import TABLES

TABLE = "order_promises"


@dataclass(frozen=True)
class Odds:
    """
    How sure promises are.

    Attributes
    ----------
    promises
        Rows of ``PROMISE_COLUMNS`` with ``p_calibrated`` (put right by the outcomes of earlier
        runs, empty = not calibrated yet) and ``is_on_time_by_date`` (what the projected date says).
    reliability
        Score of the forecasts of earlier runs as they were shown then.
    sentence
        Whether the probabilities may be believed, in words.
    """

    promises: pd.DataFrame
    reliability: Reliability
    sentence: str


def no_promises() -> pd.DataFrame:
    """Return the table without a row."""
    columns = {name: pd.Series(dtype=kind) for name, kind in PROMISE_COLUMNS.items()}
    calibrated = pd.Series(dtype=float)
    return pd.DataFrame(
        {**columns, "p_calibrated": calibrated, "is_on_time_by_date": pd.Series(dtype=bool)}
    )


def shown_chance(promises: pd.DataFrame) -> pd.Series:
    """
    Return the probability that a page shows: put right where that was possible.

    A run of a version that did not put probabilities right shows them as they were replayed.
    """
    if "p_calibrated" not in promises:
        return promises["p_on_time"]
    return promises["p_calibrated"].fillna(promises["p_on_time"])


def noise_of(run: Run, known_at: pd.Timestamp | None = None) -> Noise:
    """Learn how the site of a run varies, from what was known at an instant (None = ``as_of``)."""
    zone = run.snapshot.site_time_zone
    return fit_noise(facts_of(run.tables, known_at or run.as_of, run.params, time_zone=zone))


def suppliers_of(run: Run, projection: Replay) -> list[str]:
    """Return the supplier of each dated receipt of a projection."""
    rows = {name: run.tables.get(name, contract.empty()) for name, contract in TABLES.items()}
    lines = supply_lines(projection.problem, rows)
    return [str(name) for name in lines["supplier_id"].fillna("")]


def luck_of(run: Run, projection: Replay, noise: Noise) -> Luck:
    """Draw luck for a schedule of a run; two schedules of one run meet the same luck."""
    params, suppliers = run.params.impact, suppliers_of(run, projection)
    return draw_luck(projection, noise, suppliers, params.replications, params.seed)


def odds_of(run: Run, projection: Replay | None) -> Odds:
    """Return how sure the promises of a run are."""
    params = run.params.impact
    earlier = earlier_outcomes(run)
    score = _scored(earlier, shown_chance(earlier))
    if projection is None or not params.replications:
        return Odds(no_promises(), score, "")
    noise = noise_of(run)
    found = promise_odds(projection, luck_of(run, projection, noise), params.confidence_pct)
    calibration = fit_calibration(
        earlier["p_on_time"], earlier["is_on_time"], params.least_outcomes, earlier["as_of"]
    )
    found["p_calibrated"] = calibration.of(found["p_on_time"]) if calibration else np.nan
    found["is_on_time_by_date"] = projection.lateness() <= 1e-6 * 1440
    raw = _scored(earlier, earlier["p_on_time"])
    return Odds(found, score, _sentence(found, noise, score, raw, params.least_outcomes))


def earlier_outcomes(run: Run) -> pd.DataFrame:
    """
    Return what earlier complete runs of this source and site forecast, and what came of it.

    Returns
    -------
    pandas.DataFrame
        ``p_on_time``, ``p_calibrated`` (empty where it was not calibrated then),
        ``is_on_time_by_date``, ``is_on_time`` (missing = not known yet), ``as_of`` of the run.
    """
    parts = []
    for path in sorted(run.workspace.runs.glob(f"*/*/tables/{TABLE}.parquet")):
        folder = path.parents[1]
        about = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
        is_other = about.get("source") != run.source_name or about.get("site", "") != run.site
        if folder == run.folder or is_other:
            continue
        if pd.Timestamp(about["as_of"]) < run.as_of:
            found = promise_outcomes(pd.read_parquet(path), run.tables, run.as_of)
            parts.append(found.assign(as_of=pd.Timestamp(about["as_of"])))
    kinds: dict[str, Any] = {
        "p_on_time": float,
        "p_calibrated": float,
        "is_on_time_by_date": bool,
        "is_on_time": "boolean",
        "as_of": "datetime64[us, UTC]",
    }
    if not parts:
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})
    rows = [part.reindex(columns=list(kinds)).astype(kinds) for part in parts]
    return pd.concat(rows, ignore_index=True)


def _scored(earlier: pd.DataFrame, chance: pd.Series) -> Reliability:
    return reliability(chance, earlier["is_on_time"], earlier["is_on_time_by_date"])


def _sentence(
    promises: pd.DataFrame, noise: Noise, score: Reliability, raw: Reliability, least: int
) -> str:
    chance = shown_chance(promises)
    expected = float((1 - chance).sum())
    unsure = int(((chance < 0.8) & promises["is_on_time_by_date"]).sum())
    text = (
        f"{expected:,.0f} of {len(promises):,} order lines will be late on average; "
        f"{unsure:,} that the projected date keeps have less than 80 % to be kept"
    )
    learnt = "; ".join(noise.sentences())
    if score.num_outcomes < least:
        state = (
            f"not calibrated yet: the outcome of {score.num_outcomes:,} earlier forecasts is "
            f"known, {least:,} are needed"
        )
    elif score.skill > 0:
        state = (
            f"of {score.num_outcomes:,} earlier forecasts the Brier score is {score.brier:.3f} as "
            f"shown then ({raw.brier:.3f} as replayed, before outcomes put them right), "
            f"{score.brier_of_base_rate:.3f} for always saying the base rate"
        )
    else:
        state = (
            f"do not rely on it: of {score.num_outcomes:,} earlier forecasts the Brier score is "
            f"{score.brier:.3f}, worse than {score.brier_of_base_rate:.3f} for the base rate"
        )
    return f"{text}. Probabilities: {state}. Learnt: {learnt}."
