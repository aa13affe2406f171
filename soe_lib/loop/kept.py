"""Finished campaigns, kept one by one: an experiment that broke off goes on where it was."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd

import soe_lib
from soe_lib.loop.campaign import SOURCE, Outcome, Task
from soe_lib.workspace import Workspace


@dataclass(frozen=True)
class Kept:
    """
    Outcomes of campaigns as files.

    Attributes
    ----------
    workspace, folder
        One JSON file per campaign lies in ``folder``.
    is_read
        Whether outcomes of before are taken; else they are written only.
    """

    workspace: Workspace
    folder: Path
    is_read: bool

    def find(self, task: Task) -> Outcome | None:
        """Return the outcome of a campaign; None where there is none of this program and task."""
        path = self._path(task)
        if not self.is_read or not path.is_file():
            return None
        content = json.loads(path.read_text(encoding="utf-8"))
        return content["score"], pd.DataFrame(content["published"])

    def put(self, task: Task, outcome: Outcome) -> None:
        """Keep the outcome of a campaign."""
        score, published = outcome
        content = {"score": score, "published": published.to_dict("list")}
        self.workspace.write_json(self._path(task), content)

    def _path(self, task: Task) -> Path:
        return self.folder / f"{task.seed}-{task.policy}-{fingerprint(task)}.json"


def fingerprint(task: Task) -> str:
    """Return a digest of all that decides an outcome: task, parameters, program and mapping."""
    digest = hashlib.sha256(f"{task.seed} {task.weeks} {task.policy}".encode())
    digest.update(task.params.model_dump_json().encode())
    digest.update(_program(task.sources_dir).encode())
    return digest.hexdigest()[:16]


@cache
def _program(sources_dir: Path) -> str:
    digest = hashlib.sha256()
    program = sorted(Path(soe_lib.__file__).parent.rglob("*.py"))
    for path in [*program, *sorted((sources_dir / SOURCE).glob("*"))]:
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
