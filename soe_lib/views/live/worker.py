"""
A child process that solves while the page stays alive: progress, cancel, late results dropped.

The child keeps what is expensive to load (the run's problem) and takes one job after the other.
A cancelled job ends its child at once; the next job starts a new one.
"""

from __future__ import annotations

import multiprocessing
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

Prepare = Callable[[str], Any]
Work = Callable[[Any, Any, Callable[[float, str], None]], Any]


@dataclass(frozen=True)
class Report:
    """
    What the child says of a job.

    Attributes
    ----------
    number
        Number of the job.
    kind
        ready, progress, done or failed.
    share
        Share done, 0 to 1.
    text
        What is being done, or what went wrong.
    result
        Result of a job that is done.
    """

    number: int
    kind: str
    share: float = 0.0
    text: str = ""
    result: Any = None


class Worker:
    """
    One child process and the jobs it is given.

    Parameters
    ----------
    prepare
        Importable function that loads what all jobs share from a text (the run's folder).
    work
        Importable function of (what was prepared, job, progress) that returns the result.
    where
        Argument of ``prepare``.
    """

    def __init__(self, prepare: Prepare, work: Work, where: str) -> None:
        self._arguments = (prepare, work, where)
        self._context = multiprocessing.get_context("spawn")
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._number = 0
        self._busy = False

    @property
    def is_busy(self) -> bool:
        """Whether a job is under way."""
        return self._busy

    def start(self) -> None:
        """Start the child so that it has loaded its data before the first job."""
        if self._process is not None and self._process.is_alive():
            return
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_serve, args=(theirs, *self._arguments), daemon=True, name="soe-what-if"
        )
        process.start()
        theirs.close()
        self._process, self._connection = process, ours

    def submit(self, job: Any) -> int:
        """Give the child a job; a job under way is cancelled. Returns the job's number."""
        if self._busy:
            self.cancel()
        self.start()
        assert self._connection is not None
        self._number += 1
        self._busy = True
        self._connection.send((self._number, job))
        return self._number

    def reports(self) -> list[Report]:
        """Return what the child has said since; reports of cancelled jobs are dropped."""
        found: list[Report] = []
        connection = self._connection
        while connection is not None:
            try:
                if not connection.poll():
                    break
                report: Report = connection.recv()
            except (EOFError, OSError):
                self._forget()
                if self._busy:
                    self._busy = False
                    text = "the solving process ended without a result"
                    found.append(Report(self._number, "failed", text=text))
                break
            if report.kind != "ready" and report.number != self._number:
                continue
            if report.kind in ("done", "failed"):
                self._busy = False
            found.append(report)
        return found

    def cancel(self) -> None:
        """End the job under way and its child."""
        process = self._process
        self._forget()
        if process is not None:
            process.terminate()
            process.join(5)
        self._busy = False
        self._number += 1

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._process, self._connection = None, None


def _serve(connection: Connection, prepare: Prepare, work: Work, where: str) -> None:
    """Loop of the child: load once, then one job after the other."""
    try:
        shared = prepare(where)
    except Exception as error:
        connection.send(Report(0, "failed", text=f"{type(error).__name__}: {error}"))
        return
    connection.send(Report(0, "ready"))
    while True:
        try:
            number, job = connection.recv()
        except (EOFError, OSError):
            return

        def progress(share: float, text: str, number: int = number) -> None:
            connection.send(Report(number, "progress", share, text))

        try:
            connection.send(Report(number, "done", 1.0, result=work(shared, job, progress)))
        except (ValueError, RuntimeError) as error:
            connection.send(Report(number, "failed", text=str(error)))
        except Exception as error:
            traceback.print_exc()
            connection.send(Report(number, "failed", text=f"{type(error).__name__}: {error}"))
