"""The child process of the live pages: progress, cancel, late results, a child that dies."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import pytest

from soe_lib.views.live.worker import Report, Worker


def prepare(where: str) -> str:
    """Load what all jobs share."""
    if where == "broken":
        raise RuntimeError("no run here")
    return where


def work(shared: str, job: Any, progress: Callable[[float, str], None]) -> str:
    """Do one job of the tests."""
    if job == "sleep":
        progress(0.5, "half way")
        time.sleep(60)
    if job == "die":
        os._exit(1)
    if job == "refuse":
        raise ValueError("choose at least one lever")
    return f"{shared}:{job}"


def _wait(worker: Worker, kind: str, seconds: float = 20.0) -> Report:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for report in worker.reports():
            if report.kind == kind:
                return report
        time.sleep(0.02)
    raise AssertionError(f"no report '{kind}' within {seconds} s")


@pytest.fixture
def worker() -> Any:
    """A worker that is ended after the test."""
    made = Worker(prepare, work, "run")
    yield made
    made.cancel()


def test_jobs_share_what_was_loaded(worker: Worker) -> None:
    """Tests that a second job is answered by the same child."""
    worker.submit("a")
    assert _wait(worker, "done").result == "run:a"
    worker.submit("b")
    assert _wait(worker, "done").result == "run:b"


def test_cancel_is_quick_and_late_results_are_dropped(worker: Worker) -> None:
    """Tests that a job of a minute does not hold up the next and that only that one is heard."""
    worker.submit("sleep")
    assert _wait(worker, "progress").text == "half way"
    number = worker.submit("a")
    report = _wait(worker, "done")
    assert (report.number, report.result) == (number, "run:a")


def test_error_of_a_job_is_a_sentence(worker: Worker) -> None:
    """Tests that what a job refuses is said and the child lives on."""
    worker.submit("refuse")
    assert _wait(worker, "failed").text == "choose at least one lever"
    worker.submit("a")
    assert _wait(worker, "done").result == "run:a"


def test_child_that_dies_is_noticed(worker: Worker) -> None:
    """Tests that a killed child is said instead of waiting for ever, and is replaced."""
    worker.submit("die")
    assert "ended without a result" in _wait(worker, "failed").text
    assert not worker.is_busy
    worker.submit("a")
    assert _wait(worker, "done").result == "run:a"


def test_run_that_cannot_be_loaded_is_said() -> None:
    """Tests that a failure while loading reaches the page."""
    worker = Worker(prepare, work, "broken")
    worker.start()
    assert "no run here" in _wait(worker, "failed").text
