"""
One run of the loop: its folder, its parameters, its snapshot, the tables and words it produced.

A notebook opens a run, reads what earlier notebooks wrote and writes its own tables; the report
is made from the same folder. Nothing here knows what the tables mean.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from soe_lib import overrides
from soe_lib.params import Params, ParamsError, load_params, parse_section
from soe_lib.run_columns import columns_version, lacking_columns, remedy
from soe_lib.snapshot import Snapshot, load_snapshot
from soe_lib.workspace import Workspace

RUN_FILE = "run.json"


class RunError(RuntimeError):
    """A run cannot be opened; the text says which and what to do."""

    def _render_traceback_(self) -> list[str]:
        """Return what Jupyter shows of the error: the sentence alone, for planners."""
        return [str(self)]


def project_root() -> Path:
    """Return the folder that holds ``notebooks/`` and ``params/``: the checkout, or the cwd."""
    checkout = Path(__file__).resolve().parents[1]
    return checkout if (checkout / "notebooks").is_dir() else Path.cwd()


@dataclass(frozen=True)
class Run:
    """
    A run's folder with typed access to what it holds.

    Attributes
    ----------
    folder
        Folder of the run: ``run.json``, ``tables/``, ``words/``, ``notebooks/``, ``report/``.
    source_name
        Source of the snapshot.
    cycle_id
        Cycle, e.g. ``2026-W48``.
    as_of
        Instant UTC; nothing later is known.
    site
        Site that the run is restricted to; empty = all.
    params
        Parameters of the cycle.
    workspace
        Where snapshots and runs lie.
    is_past
        Whether it is read as history, where its tables may lack what the code writes today.
    """

    folder: Path
    source_name: str
    cycle_id: str
    as_of: pd.Timestamp
    site: str
    params: Params
    workspace: Workspace
    is_past: bool = False

    @cached_property
    def snapshot(self) -> Snapshot:
        """The frozen facts; raises :class:`RunError` before notebook 0 has taken them."""
        words = self.words("snapshot")
        if "snapshot_id" not in words:
            raise RunError(f"{self.folder}: no snapshot yet; run notebook 0_snapshot first")
        return load_snapshot(self.workspace.snapshots / words["snapshot_id"])

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Canonical tables of the snapshot with accepted corrections, for the run's site."""
        found = {}
        corrected: Mapping[str, pd.DataFrame] = self.snapshot.tables
        if self.has(overrides.TABLE):
            corrected, _ = overrides.applied(corrected, self.read(overrides.TABLE))
        for name, rows in corrected.items():
            if self.site and "site_id" in rows and rows["site_id"].notna().any():
                rows = rows[rows["site_id"].isna() | (rows["site_id"] == self.site)]
            found[name] = rows.reset_index(drop=True)
        return found

    @property
    def is_complete(self) -> bool:
        """Whether the batch finished this run: its tables are then read, not computed again."""
        if self.folder.name.endswith(".partial"):
            return False
        steps = self._about().get("steps", {})
        return bool(steps) and all(step.get("status") == "ok" for step in steps.values())

    def table_path(self, name: str) -> Path:
        """Path of a table that the run wrote."""
        return self.folder / "tables" / f"{name}.parquet"

    def has(self, name: str) -> bool:
        """Whether the run wrote that table."""
        return self.table_path(name).is_file()

    def read(self, name: str) -> pd.DataFrame:
        """
        Read a table that an earlier step wrote.

        Raises
        ------
        RunError
            When no step of this run wrote it, or an older version of the suite did without all
            columns of today.
        """
        if not self.has(name):
            if self._is_of_other_version:
                raise RunError(self.lacks(f"has no table '{name}'"))
            raise RunError(f"{self.folder}: no table '{name}'; run the notebooks in their order")
        rows = pd.read_parquet(self.table_path(name))
        if self._is_older and (lacking := lacking_columns(name, rows.columns)):
            raise RunError(self.lacks(f"has no {', '.join(lacking)} in its table '{name}'"))
        return rows

    def read_needed(self, name: str, columns: Sequence[str]) -> pd.DataFrame:
        """
        Read a table as :meth:`read` does, of which these columns are needed, also in history.

        A table without rows lacks nothing; it comes back with the columns.

        Raises
        ------
        RunError
            When the table or one of the columns is not there.
        """
        if not self.has(name):
            raise RunError(self.lacks(f"has no table '{name}'"))
        rows = self.read(name)
        stored = pq.read_schema(self.table_path(name)).names
        lacking = [column for column in columns if column not in stored]
        if lacking and len(rows):
            raise RunError(self.lacks(f"has no {', '.join(lacking)} in its table '{name}'"))
        return rows.reindex(columns=list(dict.fromkeys([*rows.columns, *columns])))

    def write(self, **tables: pd.DataFrame) -> None:
        """Write tables of a step, each atomically, under the names given."""
        for name, rows in tables.items():
            self.workspace.write_parquet(self.table_path(name), rows.reset_index(drop=True))

    def table_names(self) -> list[str]:
        """Names of the tables that the run wrote, sorted."""
        return sorted(path.stem for path in (self.folder / "tables").glob("*.parquet"))

    def words(self, step: str) -> dict[str, Any]:
        """Sentences and figures that a step said; empty when it has not run."""
        path = self.folder / "words" / f"{step}.json"
        if not path.is_file():
            return {}
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return _OlderWords(self, step, content) if self._is_older else content

    def say(self, step: str, words: Mapping[str, Any]) -> None:
        """Record what a step says: its headline and the figures of its sentences."""
        self.workspace.write_json(self.folder / "words" / f"{step}.json", dict(words))

    def _about(self) -> dict[str, Any]:
        """Return what the run keeps about itself; nothing where it was not begun by the batch."""
        path = self.folder / RUN_FILE
        if not path.is_file():
            return {}
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return content

    @cached_property
    def _is_of_other_version(self) -> bool:
        """Whether it is finished and another version of the suite wrote its tables."""
        return self.is_complete and self._about().get("columns_version") != columns_version()

    @property
    def _is_older(self) -> bool:
        """Whether it is of another version and not read as history, so that it must be whole."""
        return self._is_of_other_version and not self.is_past

    def lacks(self, what: str) -> str:
        """Return the sentence that names the run, what stands against reading it, the remedy."""
        version = "was made by another version of the suite and " * self._is_of_other_version
        about = {"source": self.source_name, "as_of": self.as_of.isoformat()}
        about |= {"site": self.site, "cycle_id": self.cycle_id}
        return f"The run {self.folder} {version}{what}. {remedy(about)}"


class _OlderWords(dict[str, Any]):
    """Words of a run of another version: what it did not say yet is told, not a key error."""

    def __init__(self, run: Run, step: str, content: Mapping[str, Any]) -> None:
        super().__init__(content)
        self._run, self._step = run, step

    def __missing__(self, name: str) -> Any:
        raise RunError(self._run.lacks(f"does not say '{name}' in its step '{self._step}'"))


def open_run(run_dir: str = "", params_file: str = "", as_of: str = "", site: str = "") -> Run:
    """
    Open a run; the four arguments are the parameters of every notebook.

    Parameters
    ----------
    run_dir
        Folder of the run, also relative to the workspace; empty = the latest complete run of the
        workspace. The run belongs to the workspace that it lies in.
    params_file
        Parameter file that replaces the run's own; empty = the parameters of the run.
    as_of
        Instant that the run must have been taken at; empty = whatever it is.
    site
        Site to restrict to; empty = the run's own.

    Raises
    ------
    RunError
        When there is no such run, or it was taken at another instant.

    Examples
    --------
    >>> run = open_run()  # doctest: +SKIP
    >>> run.cycle_id  # doctest: +SKIP
    '2026-W48'
    """
    workspace = Workspace.default()
    folder = _folder_of(run_dir, workspace) if run_dir else latest_run(workspace)
    path = folder / RUN_FILE
    content = json.loads(path.read_text(encoding="utf-8"))
    if as_of and pd.Timestamp(as_of).tz_convert("UTC") != pd.Timestamp(content["as_of"]):
        raise RunError(f"{folder} was taken as of {content['as_of']}, not {as_of}")
    own = parse_section(content["params"], Params, str(path))
    params = load_params(params_file) if params_file else own
    run = Run(
        folder=folder,
        source_name=content["source"],
        cycle_id=content["cycle_id"],
        as_of=pd.Timestamp(content["as_of"]),
        site=site or content["site"],
        params=params,
        workspace=Workspace.around(folder),
    )
    is_other = run.site != content["site"] or params != own
    return _beside(run) if is_other and run.is_complete else run


def open_past(folder: Path) -> Run:
    """
    Open a run as history: it is read as far as it goes, whatever version of the suite wrote it.

    What needs certain columns of it asks for them by :meth:`Run.read_needed`.

    Raises
    ------
    RunError
        When there is no such run, or this version does not understand its parameters.
    """
    try:
        return replace(open_run(str(folder)), is_past=True)
    except ParamsError as error:
        about = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
        raise RunError(
            f"The run {folder} was made with parameters that this version of the suite does not "
            f"take ({error}). {remedy(about)}"
        ) from None


def _beside(run: Run) -> Run:
    """
    Return the run with other parameters or another site, in a folder of its own.

    A finished run is immutable: what an analyst tries lies in ``lab/``, starting from the same
    snapshot.
    """
    content = {
        "source": run.source_name,
        "as_of": run.as_of.isoformat(),
        "cycle_id": run.cycle_id,
        "site": run.site,
        "params": run.params.model_dump(mode="json"),
        "steps": {},
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
    folder = run.workspace.root / "lab" / f"{run.cycle_id}-{run.folder.name}-{digest}"
    other = replace(run, folder=folder)
    run.workspace.write_json(folder / RUN_FILE, content)
    past = replace(run, is_past=True)
    other.say("snapshot", past.words("snapshot"))
    kept = [name for name in ("check", "features", overrides.TABLE) if past.has(name)]
    other.write(**{name: past.read(name) for name in kept})
    return other


def latest_run(workspace: Workspace) -> Path:
    """Return the folder of the latest complete run. Raises :class:`RunError` when there is none."""
    pointer = workspace.runs / "latest.json"
    if not pointer.is_file():
        raise RunError(f"no complete run in {workspace.root} yet; run `make week`")
    return _folder_of(json.loads(pointer.read_text(encoding="utf-8"))["run"], workspace)


def run_name(source_name: str, site: str) -> str:
    """Return the name that the folder of a source's (and site's) finished run has in any cycle."""
    return source_name + (f"-{site}" if site else "")


def _folder_of(run_dir: str, workspace: Workspace) -> Path:
    """
    Return the folder of a run that is named by its path, whole or relative to the workspace.

    A path that an executed notebook kept may name the run while it was under way, or a workspace
    that was copied or moved since: then the same run of this workspace is meant.
    """
    given = Path(run_dir)
    seen = {path.resolve() for path in (workspace.root / given, given.absolute()) if _is_run(path)}
    if len(seen) > 1:
        both = " and ".join(str(path) for path in sorted(seen))
        raise RunError(f"'{run_dir}' can mean {both}; give the whole path")
    candidates = [workspace.root / given, given.absolute()]
    for name in ("runs", "lab"):
        if name in given.parts:
            last = len(given.parts) - 1 - given.parts[::-1].index(name)
            candidates.append(workspace.root.joinpath(*given.parts[last:]))
    if given.suffix == ".partial":
        candidates += [path.with_suffix("") for path in candidates]
    for path in candidates:
        if _is_run(path):
            return path
    raise RunError(
        f"{given} is not a run (no {RUN_FILE}), nor does the workspace {workspace.root} hold it; "
        "run `make week` first, or name the workspace in SOE_WORKSPACE"
    )


def _is_run(folder: Path) -> bool:
    return (folder / RUN_FILE).is_file()
