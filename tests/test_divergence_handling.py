"""What people do with divergences: remembered, back for a reason, states that only advance."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soe_lib.divergence.memory import with_standing
from soe_lib.handling import ACTIONS, handle, handlings, legal_moves, move
from soe_lib.ledger import Ledger, LedgerError
from soe_lib.notify import digests
from soe_lib.params import Params
from soe_lib.run import Run
from soe_lib.steps.signals import advance, handle_divergence, record_states, standing_of
from soe_lib.vocabulary import DIVERGENCE_STATES
from soe_lib.workspace import Workspace

FIRST = pd.Timestamp("2026-11-23T05:00Z")
WEEK = pd.Timedelta(days=7)
SAID = {"cycle_id": "2026-W48", "said_at": FIRST, "person": "coordinator"}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


def rows_of(*names: str, severity: float = 2.0, seen: pd.Timestamp = FIRST) -> pd.DataFrame:
    """Return divergences with what the acts and the digest look at."""
    return pd.DataFrame(
        {
            "divergence_id": list(names),
            "owner_role": "operations",
            "sentence": [f"{name} stood for hours" for name in names],
            "first_seen_at": seen,
            "act_by_at": seen,
            "severity": severity,
            "num_orders": 0.0,
        }
    )


def run_of(folder: Path, rows: pd.DataFrame, week: int = 48, **tables: pd.DataFrame) -> Run:
    """Return a finished run that found these rows."""
    as_of = FIRST + (week - 48) * WEEK
    run = Run(folder / str(week), "demo", f"2026-W{week}", as_of, "", Params(), Workspace(folder))
    run.write(divergences=rows, consequences=rows.iloc[:0], **tables)
    return run


def dismissed(ledger: Ledger, name: str = "d1", severity: float = 2.0) -> None:
    handle(ledger, name, severity, "dismiss", known_at=FIRST, reason="a test run", **SAID)


def standing(
    ledger: Ledger, rows: pd.DataFrame, as_of: pd.Timestamp, budget: int = 9
) -> pd.DataFrame:
    return with_standing(rows, handlings(ledger), as_of, budget, "Europe/Berlin")


def test_states_only_advance_and_reopen(ledger: Ledger) -> None:
    """Tests the way of a divergence, and that a step back is refused with what is allowed."""
    for state in ("open", "assessed", "decided", "executing", "closed", "re-opened", "options"):
        move(ledger, "d1", state, **SAID)
    with pytest.raises(LedgerError, match="may become decided, executing, closed"):
        move(ledger, "d1", "assessed", **SAID)
    with pytest.raises(LedgerError, match="not recorded"):
        move(ledger, "d2", "executing", **SAID)
    assert ledger.verify() == []


@settings(max_examples=25)
@given(path=st.lists(st.sampled_from(DIVERGENCE_STATES), max_size=12))
def test_every_path_keeps_to_the_machine(path: list[str]) -> None:
    """Tests that any sequence of wishes leaves a legal history: the illegal ones are refused."""
    with Ledger("sqlite://") as memory:
        now = ""
        for wish in path:
            if wish in legal_moves(now):
                move(memory, "d1", wish, **SAID)
                now = wish
            else:
                with pytest.raises(LedgerError):
                    move(memory, "d1", wish, **SAID)
        states = memory.states()
        assert (states["state"].tolist() or [""]) == [now]


def test_an_act_needs_its_reason_and_its_end(ledger: Ledger) -> None:
    """Tests that dismissing without reason, snoozing without end and unknown acts are refused."""
    with pytest.raises(LedgerError, match="--reason"):
        handle(ledger, "d1", 2.0, "dismiss", known_at=FIRST, reason=" ", **SAID)
    with pytest.raises(LedgerError, match="--until"):
        handle(ledger, "d1", 2.0, "snooze", known_at=FIRST, reason="x", **SAID)
    with pytest.raises(LedgerError, match="acknowledge, snooze, dismiss"):
        handle(ledger, "d1", 2.0, "forget", known_at=FIRST, reason="x", **SAID)
    assert handlings(ledger).empty


def test_acts_move_the_state(ledger: Ledger) -> None:
    """Tests that acknowledging assesses, dismissing closes and snoozing leaves a state alone."""
    for name, action in zip(("d1", "d2", "d3"), ACTIONS, strict=True):
        handle(ledger, name, 2.0, action, known_at=FIRST, reason="checked",
               until_at=FIRST + WEEK, **SAID)  # fmt: skip
    states = ledger.states().set_index("divergence_id")["state"].to_dict()
    assert states == {"d1": "assessed", "d2": "open", "d3": "closed"}


def test_a_snooze_comes_back_at_its_time(ledger: Ledger) -> None:
    """Tests that it is quiet before its end and says at its end who laid it aside and why."""
    until = FIRST + WEEK
    handle(ledger, "d1", 2.0, "snooze", known_at=FIRST, reason="spare part due", until_at=until,
           **SAID)  # fmt: skip
    before = standing(ledger, rows_of("d1"), FIRST + WEEK / 2)
    assert before["standing"].tolist() == ["laid aside"]
    after = standing(ledger, rows_of("d1"), until)
    assert after["standing"].tolist() == ["back"]
    assert after["why"].iloc[0] == (
        "came back: its time is up (snoozed by coordinator on 23 Nov until 30 Nov: spare part due)"
    )


def test_what_was_dismissed_comes_back_worse_or_again(ledger: Ledger) -> None:
    """Tests that the same thing stays away, that worse and happened again do not."""
    dismissed(ledger)
    later = FIRST + WEEK
    same = standing(ledger, rows_of("d1", "d2", severity=2.9), later)
    assert same["standing"].tolist() == ["laid aside", "new"]
    worse = standing(ledger, rows_of("d1", severity=3.1), later)
    assert worse["why"].iloc[0].startswith("came back: 3.1 times its tolerance, 2.0 then")
    again = standing(ledger, rows_of("d1", seen=FIRST + WEEK / 2), later)
    assert again["why"].iloc[0].startswith("came back: it happened again on 26 Nov")
    # A detector that sees things anew at every run does not tell two occurrences apart.
    anew = standing(ledger, rows_of("d1", seen=later), later)
    assert anew["standing"].tolist() == ["laid aside"]


def test_an_older_run_is_not_judged_by_later_acts(ledger: Ledger) -> None:
    """Tests that what was dismissed on Monday was new the week before."""
    dismissed(ledger)
    assert standing(ledger, rows_of("d1"), FIRST - WEEK)["standing"].tolist() == ["new"]


def test_the_budget_marks_and_never_drops(ledger: Ledger) -> None:
    """Tests that of four new rows the first two are asked for; quiet ones do not use it up."""
    dismissed(ledger, "a")
    found = standing(ledger, rows_of("a", "b", "c", "d", "e"), FIRST, budget=2)
    assert found["is_over_budget"].tolist() == [False, False, False, True, True]
    assert len(found) == 5


def test_the_batch_moves_states_once(tmp_path: Path, ledger: Ledger) -> None:
    """Tests opening, options where orders wait, closing what is gone, and that twice is once."""
    rows = rows_of("d1", "d2").assign(num_orders=[3.0, 0.0])
    done = {"order_impact": rows, "scenarios": rows}
    run = run_of(tmp_path, rows, **done)
    moved = record_states(run, ledger, FIRST)
    assert (moved.opened, moved.advanced, moved.closed) == (2, 2, 0)
    number = ledger.newest_number()
    record_states(run, ledger, FIRST)
    assert ledger.newest_number() == number
    assert advance(run, ledger, "decided", FIRST, "soe_lead") == 1
    assert advance(run, ledger, "executing", FIRST, "soe_lead") == 1
    next_week = run_of(tmp_path, rows_of("d2", seen=FIRST + WEEK), 49)
    assert record_states(next_week, ledger, FIRST + WEEK).closed == 1
    states = ledger.states().set_index("divergence_id")["state"].to_dict()
    assert states == {"d1": "closed", "d2": "open"}
    third = run_of(tmp_path, rows_of("d1"), 50)
    assert record_states(third, ledger, FIRST + 2 * WEEK).reopened == 1
    assert ledger.states().set_index("divergence_id")["reason"]["d1"] == "seen again"
    assert ledger.verify() == []


def test_what_is_laid_aside_is_not_reopened_by_the_batch(tmp_path: Path, ledger: Ledger) -> None:
    """Tests that a dismissed row stays closed while it is the same, and is re-opened when worse."""
    run = run_of(tmp_path, rows_of("d1"))
    record_states(run, ledger, FIRST)
    handle_divergence(run, ledger, "d", "dismiss", person="coordinator", said_at=FIRST, reason="ok")
    second = run_of(tmp_path, rows_of("d1"), 49)
    assert record_states(second, ledger, FIRST + WEEK).reopened == 0
    third = run_of(tmp_path, rows_of("d1", severity=5.0), 50)
    assert record_states(third, ledger, FIRST + 2 * WEEK).reopened == 1
    assert "came back" in ledger.states()["reason"].iloc[0]


def test_an_identity_must_tell_one_apart(tmp_path: Path, ledger: Ledger) -> None:
    """Tests that a prefix of two divergences, or of none, is refused."""
    run = run_of(tmp_path, rows_of("d1", "d2"))
    for name in ("d", "x"):
        with pytest.raises(LedgerError, match="soe divergence list"):
            handle_divergence(run, ledger, name, "acknowledge", person="coordinator", said_at=FIRST)


def test_reading_makes_no_ledger(tmp_path: Path) -> None:
    """Tests that a page of a workspace without ledger shows all rows as new and writes nothing."""
    run = run_of(tmp_path, rows_of("d1"))
    assert standing_of(run)["standing"].tolist() == ["new"]
    assert not (tmp_path / "ledger.sqlite").exists()


def test_a_digest_leaves_out_what_is_known_and_counts_the_rest(
    tmp_path: Path, ledger: Ledger
) -> None:
    """Tests that acknowledged rows are not told, and that the week's budget is shared by cycles."""
    names = [f"d{n:02d}" for n in range(15)]
    run = run_of(tmp_path, rows_of(*names))
    handle_divergence(run, ledger, "d00", "acknowledge", person="operations", said_at=FIRST)
    digest = digests(run, ledger)[0]
    assert len(digest.keys) == 14
    assert digest.num_shown == 12
    assert "d00" not in digest.text
    assert "and 2 more beyond the 12 a week, all in" in digest.text
    content = {"status": "sent", "keys": list(digest.keys), "num_shown": digest.num_shown}
    ledger.append("alert", "2026-W48/operations", content, **SAID)
    daily = Run(tmp_path / "daily", "demo", "2026-W48-3", FIRST + WEEK / 2, "", Params(),
                Workspace(tmp_path))  # fmt: skip
    daily.write(divergences=rows_of("e1"))
    assert digests(daily, ledger)[0].num_shown == 0
