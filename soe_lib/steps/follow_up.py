"""Step 5, second half: what became of decisions, what was learned, what is coming, how mature."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.decision.governance import load_governance
from soe_lib.divergence.facts import facts_of
from soe_lib.monitoring.attainment import WARNING_COLUMNS, Warnings, warn
from soe_lib.monitoring.drift import DRIFT_COLUMNS, drift, drift_sentence, foreign_versions
from soe_lib.monitoring.kept import KEPT_COLUMNS, commitment_states, kept_sentence
from soe_lib.monitoring.maturity import WEEKS, level_of, maturity, maturity_sentence
from soe_lib.monitoring.month_kept import judge_months, kept_months_sentence
from soe_lib.monitoring.month_plan import MonthPlan, month_plan
from soe_lib.monitoring.restarts import restarts, restarts_sentence
from soe_lib.monitoring.slip_rules import SLIP_RULE_COLUMNS
from soe_lib.monitoring.slip_warning import SLIP_COLUMNS, SlipWarnings, warn_slips
from soe_lib.monitoring.warning_rules import RULE_COLUMNS
from soe_lib.run import Run, RunError, project_root
from soe_lib.run_columns import run_columns
from soe_lib.steps.learning import Lessons, lessons_of
from soe_lib.steps.live import live_run
from soe_lib.steps.outcome import Outcomes, judge_decisions, run_of
from soe_lib.steps.past import Unread
from soe_lib.steps.records import (
    WORDS,
    facts_of_runs,
    last_weeks,
    ledger_of,
    month_forecasts,
    of_source,
)

TABLES = (
    "outcome_decisions",
    "outcome_lines",
    "outcome_options",
    "proposals",
    "learning_units",
    "corrections",
    "warnings",
    "warning_rules",
    "supplier_warnings",
    "supplier_rules",
    "month_plan",
    "month_plan_lines",
    "month_plan_components",
    "month_plan_kept",
    "commitment_states",
    "drift",
    "restarts",
    "maturity",
    "maturity_rows",
)
"""Tables that the step writes, in the order of its page."""


@dataclass(frozen=True)
class FollowUp:
    """
    What step 5 found beside the KPIs.

    Attributes
    ----------
    outcomes
        Decisions against what happened, with regret.
    lessons
        Proposals for master data.
    warnings
        Lines that may miss the week, and how good such warnings were.
    suppliers
        Open purchase lines that may slip, and how good such warnings were.
    month
        Chances of the month plan and the least change that restores it.
    months
        What earlier cycles said of months that have ended, and what came of it.
    commitments, drift, restarts
        Commitments and how they stand; facts that APS, ERP and MES no longer hold as published;
        variances that start the five steps again.
    maturity, maturity_rows
        Criteria with their scores, and the records behind them.
    sentences
        One sentence for each: ``outcomes``, ``lessons``, ``warnings``, ``suppliers``, ``month``,
        ``months``, ``commitments``, ``drift``, ``restarts``, ``maturity``.
    level
        Level of maturity, 0 to 4.
    unread
        Sentences on earlier cycles that could not be read, each with its remedy.
    """

    outcomes: Outcomes
    lessons: Lessons
    warnings: Warnings
    suppliers: SlipWarnings
    month: MonthPlan
    months: pd.DataFrame
    commitments: pd.DataFrame
    drift: pd.DataFrame
    restarts: pd.DataFrame
    maturity: pd.DataFrame
    maturity_rows: pd.DataFrame
    sentences: dict[str, str]
    level: int
    unread: tuple[str, ...] = ()


def follow_up(run: Run) -> FollowUp:
    """
    Judge decisions, learn, warn and score; a finished run is read, not computed.

    Parameters
    ----------
    run
        Run whose steps 0 to 3 are done; the ledger and earlier runs of the workspace are read.
        Written are the tables of :data:`TABLES`.

    Returns
    -------
    FollowUp

    Examples
    --------
    >>> followed = follow_up(open_run())  # doctest: +SKIP
    >>> followed.sentences["outcomes"]  # doctest: +SKIP
    """
    if run.is_complete:
        return read_follow_up(run)
    zone = run.snapshot.site_time_zone
    facts = facts_of(run.tables, run.as_of, run.params, time_zone=zone)
    entries = of_source(ledger_of(run), run.source_name)
    unread = Unread()
    outcomes = judge_decisions(run, unread)
    lessons = lessons_of(run)
    warned = warn(facts, run.params.horizon.history_weeks, run.params.kpi.adherence_target_pct)
    slips = warn_slips(facts)
    month = month_plan(facts)
    months = judge_months(month_forecasts(run, unread), facts)
    commitments, drifted, foreign, drift_said = _since_publication(run, entries, unread)
    divergences = run.read("divergences")
    again = restarts(divergences, entries, run.cycle_id, run.source_name)
    weeks = last_weeks(run, WEEKS)
    signers = load_governance(project_root() / "params" / "governance.yaml").signatures
    known_facts = facts_of_runs(run, weeks, unread)
    scored, evidence = maturity(entries, known_facts, weeks, len(signers))
    known = [week for week in weeks if (entries["cycle_id"].str.slice(0, 8) == week).any()]
    sentences = {
        "outcomes": outcomes.sentence,
        "lessons": lessons.sentence,
        "warnings": warned.sentence,
        "suppliers": slips.sentence,
        "month": month.sentence,
        "months": kept_months_sentence(months),
        "commitments": kept_sentence(commitments),
        "drift": drift_said,
        "restarts": restarts_sentence(again),
        "maturity": maturity_sentence(scored, len(known)),
    }
    found = FollowUp(
        outcomes, lessons, warned, slips, month, months, commitments, drifted, again, scored,
        evidence, sentences, level_of(scored), unread.sentences,
    )  # fmt: skip
    run.write(**_tables(found))
    figures = _facts(run, found, entries, foreign)
    run.say(
        WORDS,
        {
            "sentences": sentences,
            "level": found.level,
            "month_off": month.off,
            "is_forecast_shipped": warned.is_shipped,
            "supplier_rule": slips.rule,
            "limits": list(outcomes.limits),
            "unread": list(found.unread),
            "facts": figures,
        },
    )
    return found


def read_follow_up(run: Run) -> FollowUp:
    """
    Return what a finished run found, from its tables.

    Raises
    ------
    soe_lib.run.RunError
        When the run lacks one of them.
    """
    words = run.words(WORDS)
    tables = {name: run.read(name) for name in TABLES}
    said = {str(name): str(text) for name, text in words["sentences"].items()}
    return FollowUp(
        outcomes=Outcomes(
            tables["outcome_decisions"],
            tables["outcome_lines"],
            tables["outcome_options"],
            said["outcomes"],
            tuple(words["limits"]),
        ),
        lessons=Lessons(
            tables["proposals"], tables["learning_units"], tables["corrections"], said["lessons"]
        ),
        warnings=Warnings(
            tables["warnings"],
            tables["warning_rules"],
            bool(words["is_forecast_shipped"]),
            said["warnings"],
        ),
        suppliers=SlipWarnings(
            tables["supplier_warnings"],
            tables["supplier_rules"],
            str(words["supplier_rule"]),
            said["suppliers"],
        ),
        month=MonthPlan(
            tables["month_plan"],
            tables["month_plan_lines"],
            tables["month_plan_components"],
            said["month"],
            words["month_off"],
        ),
        months=tables["month_plan_kept"],
        commitments=tables["commitment_states"],
        drift=tables["drift"],
        restarts=tables["restarts"],
        maturity=tables["maturity"],
        maturity_rows=tables["maturity_rows"],
        sentences=said,
        level=int(words["level"]),
        unread=tuple(words.get("unread", ())),
    )


def _tables(found: FollowUp) -> dict[str, pd.DataFrame]:
    return {
        "outcome_decisions": found.outcomes.decisions,
        "outcome_lines": found.outcomes.lines,
        "outcome_options": found.outcomes.options,
        "proposals": found.lessons.proposals,
        "learning_units": found.lessons.units,
        "corrections": found.lessons.in_force,
        "warnings": found.warnings.lines.reindex(columns=list(WARNING_COLUMNS)),
        "warning_rules": found.warnings.rules.reindex(columns=list(RULE_COLUMNS)),
        "supplier_warnings": found.suppliers.lines.reindex(columns=list(SLIP_COLUMNS)),
        "supplier_rules": found.suppliers.rules.reindex(columns=list(SLIP_RULE_COLUMNS)),
        "month_plan": found.month.families,
        "month_plan_lines": found.month.lines,
        "month_plan_components": found.month.components,
        "month_plan_kept": found.months,
        "commitment_states": found.commitments,
        "drift": found.drift,
        "restarts": found.restarts,
        "maturity": found.maturity,
        "maturity_rows": found.maturity_rows,
    }


def _since_publication(
    run: Run, entries: pd.DataFrame, unread: Unread
) -> tuple[pd.DataFrame, pd.DataFrame, float, str]:
    """Return commitments, drift and the number of foreign versions since the last publication."""
    none = pd.DataFrame(columns=list(KEPT_COLUMNS)), pd.DataFrame(columns=list(DRIFT_COLUMNS))
    rows = entries[entries["kind"] == "publication"]
    content = [json.loads(text) for text in rows["content"]]
    at = [pd.Timestamp(entry["published_at"]) for entry in content]
    before = [place for place, instant in enumerate(at) if instant <= run.as_of]
    nothing = "Nothing has been published before this cycle, so nothing can have drifted."
    if not before:
        return *none, np.nan, nothing
    place = max(before, key=lambda k: at[k])
    entry, cycle = content[place], str(rows["cycle_id"].iloc[place])
    name = str(entry["publication_id"])
    outbox = run.workspace.root / "outbox" / name
    if not (outbox / "manifest.json").is_file():
        return *none, np.nan, f"The files of '{name}' are not in the outbox any more."
    try:
        past = live_run(run_of(run, cycle), str(entry["scenario"]))
    except RunError:
        gone = f"The run of {cycle}, from which '{name}' was published, is not in the workspace any"
        return *none, np.nan, f"{gone} more."
    published = {
        "aps_schedule": _instants(outbox / "aps" / "schedule.csv", ("start_at", "end_at")),
        "erp_confirmations": _instants(outbox / "erp" / "confirmations.csv", ()),
        "erp_purchases": _instants(outbox / "erp" / "purchases.csv", ("new_receipt_at",)),
    }
    drifted = drift(published, run.tables, at[place], run.as_of, name)
    foreign = float(len(foreign_versions(run.tables, at[place], name)))
    said = entries[(entries["kind"] == "commitment") & (entries["cycle_id"] == cycle)]
    people = {
        str(object_id): str(json.loads(text)["state"])
        for object_id, text in zip(said["object_id"], said["content"], strict=True)
    }
    commitments = unread.read(past, "commitments", run_columns()["commitments"])
    if commitments is None:
        return none[0], drifted, foreign, drift_sentence(drifted, name)
    kept = commitment_states(
        commitments, cycle, published["aps_schedule"], run.tables, at[place],
        run.as_of, {key.split("/")[0]: word for key, word in people.items()},
    )  # fmt: skip
    return kept, drifted, foreign, drift_sentence(drifted, name)


def _instants(path: object, names: tuple[str, ...]) -> pd.DataFrame:
    keys = dict.fromkeys(("wo_id", "po_id", "line_id", "order_id", "item_id"), "str")
    rows = pd.read_csv(str(path), dtype=keys)
    for name in names:
        rows[name] = pd.to_datetime(rows[name], utc=True).astype("datetime64[us, UTC]")
    return rows


def _facts(
    run: Run, found: FollowUp, entries: pd.DataFrame, foreign: float
) -> dict[str, float | None]:
    """Return what later cycles' maturity reads of this run; None = unknown."""
    divergences = run.read("divergences")
    owned = divergences["owner_role"].fillna("") != ""
    decisions = found.outcomes.decisions
    last = decisions.tail(1)
    answered = set(entries.loc[entries["kind"] == "parameter", "object_id"])
    proposed = found.lessons.proposals["proposal_id"]
    due = found.commitments["state"].isin(["kept", "broken", "overdue"])
    outcomes = run.words("impact").get("num_outcomes")
    least = run.params.impact.least_outcomes
    kept = found.commitments["state"] == "kept"
    return {
        "owner_pct": 100 * float(owned.mean()) if len(owned) else 100.0,
        "foreign_versions": None if np.isnan(foreign) else foreign,
        "outcomes_judged": float((last["num_lines"] > 0).sum()) if len(last) else None,
        "regret_known": float(last["regret"].notna().sum()) if len(last) else None,
        "outcomes_enough": None if outcomes is None else float(outcomes >= least),
        "proposals_answered_pct": 100 * float(proposed.isin(answered).mean())
        if len(proposed)
        else (100.0 if len(found.lessons.units) else None),
        "commitments_kept_pct": 100 * float(kept[due].mean()) if due.any() else None,
    }
