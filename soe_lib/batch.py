"""
The main job: snapshot, notebooks and report of one cycle, in sequence, strict about parameters.

Sequencing only. A run grows in ``runs/<cycle>/<source>.partial/`` and is renamed to its place when
everything in it is there, so a killed run leaves nothing half-visible and resumes where it stopped.
Papermill's saved notebook can claim success after a dead kernel, a timeout or ``sys.exit``; the
verdict on each notebook is therefore ours and stands in ``run.json``.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from soe_lib.params import Params
from soe_lib.run import RUN_FILE, open_run, run_name
from soe_lib.run_columns import columns_version
from soe_lib.workspace import Workspace

NOTEBOOKS = (
    "0_snapshot",
    "1_divergence",
    "2_impact",
    "3_what_if",
    "4_decision",
    "5_monitoring",
)
PARAMETERS = ("run_dir", "params_file", "as_of", "site")
"""Every notebook declares exactly these, in one cell tagged ``parameters``."""


Step = Callable[[Path, Path, Path, Workspace], dict[str, str]]
"""Executes a step: notebook, where its copy goes, the run's folder, workspace; the verdict."""


class BatchError(RuntimeError):
    """The run stopped; the text names notebook, cell and cause."""


@dataclass(frozen=True)
class Request:
    """What to run."""

    source: str
    as_of: pd.Timestamp
    cycle_id: str
    params: Params
    site: str = ""
    resume: bool = False


@dataclass(frozen=True)
class Outcome:
    """A finished run: its folder, snapshot, first page, blockers, and what history lacks."""

    folder: Path
    snapshot_id: str
    report: Path
    blockers: tuple[str, ...]
    unread: tuple[str, ...] = ()


def run_cycle(
    request: Request,
    workspace: Workspace,
    notebooks_dir: Path,
    *,
    progress: Callable[[int, int, str], None],
    step: Step | None = None,
) -> Outcome:
    """
    Execute all notebooks of a cycle and build its report.

    Parameters
    ----------
    request
        Source, as_of, cycle, parameters; ``resume`` continues the killed or failed run.
    workspace
        Where the run lies; locked against a second run while this one works.
    notebooks_dir
        Folder with the notebooks.
    progress
        Called before each step with (number done, number of steps, name of the step).
    step
        What executes a step, for loops over many cycles that call the rooms directly; there is
        then no report. None = the notebooks through Papermill.

    Returns
    -------
    Outcome

    Raises
    ------
    BatchError
        When a notebook fails, does not declare its parameters, or there is nothing to resume.
    """
    sources = {name: notebooks_dir / f"{name}.ipynb" for name in NOTEBOOKS}
    for path in sources.values():
        check_parameters(path)
    final = run_folder(request, workspace)
    partial = final.with_name(final.name + ".partial")
    with workspace.lock(f"run-{request.cycle_id}-{final.name}"):
        _recover(final)
        state = _start(request, partial)
        total = len(NOTEBOOKS) + 1
        redo = False
        for number, (name, path) in enumerate(sources.items()):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            done = state["steps"].get(name) == {"status": "ok", "sha256": digest}
            redo = redo or not done
            if not redo:
                continue
            progress(number, total, name)
            _forget_after(state, name)
            _save(partial, state, workspace)
            target = partial / "notebooks" / f"{name}.ipynb"
            verdict = (step or execute)(path, target, partial, workspace)
            state["steps"][name] = {**verdict, "sha256": digest}
            _save(partial, state, workspace)
            if verdict["status"] != "ok":
                raise BatchError(
                    f"{name}: {verdict['cell']}: {verdict['cause']}\n"
                    f"The steps after it did not run. Mend the cause, then: soe run --resume "
                    f"(with the same source, as-of and site). Executed notebook: "
                    f"{partial / 'notebooks' / f'{name}.ipynb'}"
                )
        progress(total - 1, total, "report")
        run = open_run(str(partial))
        words = run.words("snapshot")
        unread = tuple(run.words("follow_up").get("unread", ()))
        if step is None:
            from soe_lib.report import build_report

            build_report(run, partial / "report")
        _publish_folder(partial, final)
        workspace.write_json(
            workspace.runs / "latest.json", {"run": str(final.relative_to(workspace.root))}
        )
        progress(total, total, "done")
    index = final / "report" / "index.html"
    return Outcome(final, words["snapshot_id"], index, tuple(words["blockers"]), unread)


def run_folder(request: Request, workspace: Workspace) -> Path:
    """Return the folder where the finished run will stand."""
    return workspace.runs / request.cycle_id / run_name(request.source, request.site)


def check_parameters(path: Path) -> None:
    """
    Refuse a notebook that would silently ignore a parameter.

    Raises
    ------
    BatchError
        When the file is missing, or its ``parameters`` cell is not exactly the four of
        :data:`PARAMETERS`.
    """
    import papermill

    if not path.is_file():
        raise BatchError(f"{path}: notebook not found")
    content = json.loads(path.read_text(encoding="utf-8"))
    tagged = [
        cell
        for cell in content["cells"]
        if "parameters" in cell.get("metadata", {}).get("tags", [])
    ]
    if len(tagged) != 1:
        raise BatchError(f"{path.name}: expected one cell tagged 'parameters', found {len(tagged)}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            declared = set(papermill.inspect_notebook(str(path)))
        except ValueError as error:  # no language in its metadata: papermill cannot read the cell
            raise BatchError(
                f"{path.name}: {error} Open it in JupyterLab with a Python kernel and save it."
            ) from None
    if declared != set(PARAMETERS):
        raise BatchError(
            f"{path.name}: its parameters cell must declare exactly {', '.join(PARAMETERS)}; "
            f"found {', '.join(sorted(declared)) or 'none'}"
        )


def execute(
    source: Path, target: Path, folder: Path, workspace: Workspace, timeout_seconds: int = 3600
) -> dict[str, str]:
    """
    Run one notebook; the verdict is ours, whatever the saved notebook says.

    Returns
    -------
    dict
        ``status`` ok or failed; when failed, ``cell`` and ``cause`` in words.
    """
    import papermill
    from traitlets.config import Config

    from soe_lib.kernel_manager import AskingKernelManager

    target.parent.mkdir(parents=True, exist_ok=True)
    working = target.with_suffix(".tmp.ipynb")
    environment = {
        "SOE_MODE": "report",
        "SOE_WORKSPACE": str(workspace.root),
        "PYTHONHASHSEED": "0",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    saved = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    transport = "tcp" if os.name == "nt" else "ipc"
    # kept in the executed notebook, which may be copied with its workspace
    run_dir = folder.relative_to(workspace.root).as_posix()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            notebook = papermill.execute_notebook(
                str(source),
                str(working),
                parameters={"run_dir": run_dir, "params_file": "", "as_of": "", "site": ""},
                kernel_name="python3",
                progress_bar=False,
                execution_timeout=timeout_seconds,
                store_widget_state=False,
                kernel_manager_class=AskingKernelManager,
                config=Config({"KernelManager": {"transport": transport}}),
            )
        unfinished = [
            number
            for number, cell in enumerate(notebook.cells)
            if cell.cell_type == "code"
            and cell.source.strip()
            and cell.metadata.papermill.status != "completed"
        ]
        if unfinished:
            return {
                "status": "failed",
                "cell": f"cell {_own_number(notebook.cells, unfinished[0])}",
                "cause": "the notebook stopped early (sys.exit?)",
            }
    except Exception as error:  # a dead kernel and a timeout are not papermill's own exceptions
        return {"status": "failed", "cell": _failed_cell(error, working), "cause": _cause(error)}
    finally:
        for name, value in saved.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if working.exists():
            _without_paths(working, source.name, target.name, workspace)
            os.replace(working, target)
    return {"status": "ok"}


def _without_paths(notebook: Path, source: str, target: str, workspace: Workspace) -> None:
    """Let Papermill's notes name the files alone: where they lay is no part of the run."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    content["metadata"].get("papermill", {}).update(input_path=source, output_path=target)
    workspace.write_text(notebook, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _failed_cell(error: Exception, notebook: Path) -> str:
    if not notebook.is_file():
        return "before the first cell"
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    count = getattr(error, "exec_count", None)
    if count is not None:
        source = str(getattr(error, "source", "")).strip().splitlines()
        first = source[0] if source else ""
        return f"cell {_own_number(cells, getattr(error, 'cell_index', 0))} [{first[:80]}]"
    code = [n for n, cell in enumerate(cells) if cell["cell_type"] == "code"]
    started = [n for n in code if cells[n].get("execution_count") is not None]
    return f"in or after cell {_own_number(cells, started[-1] if started else code[0])}"


def _own_number(cells: Sequence[Mapping[str, Any]], index: int) -> int:
    """Return a cell's number, from 1, in the notebook as its author sees it."""
    tags = [cell.get("metadata", {}).get("tags", []) for cell in cells]
    # papermill counts before it puts its own words of the error above cells
    own = [some for some in tags if "papermill-error-cell-tag" not in some]
    return index + 1 - sum("injected-parameters" in some for some in own[:index])


def _cause(error: Exception) -> str:
    name = getattr(error, "ename", type(error).__name__)
    value = str(getattr(error, "evalue", error)).strip()
    return f"{name}: {value[-1500:]}" if value else name


def _start(request: Request, partial: Path) -> dict[str, Any]:
    wanted = {
        "source": request.source,
        "as_of": request.as_of.isoformat(),
        "cycle_id": request.cycle_id,
        "site": request.site,
        "params": request.params.model_dump(mode="json"),
        "columns_version": columns_version(),
    }
    path = partial / RUN_FILE
    if request.resume:
        if not path.is_file():
            raise BatchError(f"nothing to resume at {partial}; run without --resume")
        state: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        differing = [key for key, value in wanted.items() if state.get(key) != value]
        if differing:
            raise BatchError(
                f"cannot resume {partial}: {', '.join(differing)} changed since; "
                "run without --resume"
            )
        return state
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    return {**wanted, "steps": {}}


def _forget_after(state: dict[str, Any], name: str) -> None:
    later = NOTEBOOKS[NOTEBOOKS.index(name) :]
    for step in later:
        state["steps"].pop(step, None)


def _save(partial: Path, state: dict[str, Any], workspace: Workspace) -> None:
    workspace.write_json(partial / RUN_FILE, state)


def _recover(final: Path) -> None:
    """Put back the finished run that a kill between two renames left aside."""
    outgoing = final.with_name(final.name + ".outgoing")
    if outgoing.exists() and not final.exists():
        os.replace(outgoing, final)


def _publish_folder(partial: Path, final: Path) -> None:
    outgoing = final.with_name(final.name + ".outgoing")
    shutil.rmtree(outgoing, ignore_errors=True)
    if final.exists():
        os.replace(final, outgoing)
    os.replace(partial, final)
    shutil.rmtree(outgoing, ignore_errors=True)
