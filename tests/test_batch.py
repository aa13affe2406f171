"""The runner: strict about parameters, owner of the verdict, resumable."""

from __future__ import annotations

from pathlib import Path

import nbformat
import psutil
import pytest

from soe_lib.batch import PARAMETERS, BatchError, check_parameters, execute
from soe_lib.workspace import Workspace

DECLARED = "\n".join(f'{name} = ""' for name in PARAMETERS)


def _notebook(path: Path, *cells: str, parameters: str = DECLARED, tagged: int = 1) -> Path:
    book = nbformat.v4.new_notebook()
    book.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    for _ in range(tagged):
        cell = nbformat.v4.new_code_cell(parameters)
        cell.metadata["tags"] = ["parameters"]
        book.cells.append(cell)
    book.cells += [nbformat.v4.new_code_cell(source) for source in cells]
    nbformat.write(book, path)
    return path


def test_notebook_without_a_language_is_said(tmp_path: Path) -> None:
    """Tests that a notebook whose metadata names no language is an error in words."""
    path = _notebook(tmp_path / "n.ipynb", "a = 1")
    book = nbformat.read(path, 4)
    del book.metadata["kernelspec"]["language"]
    nbformat.write(book, path)
    with pytest.raises(BatchError, match="JupyterLab with a Python kernel"):
        check_parameters(path)


@pytest.mark.parametrize(
    ("parameters", "tagged", "said"),
    [
        (DECLARED, 0, "found 0"),  # tag lost: injected values would be overwritten
        (DECLARED, 2, "found 2"),  # two cells: which one wins?
        ('run_dir = ""', 1, "must declare exactly"),  # papermill would only warn
        (DECLARED + '\nhorizon = "4"', 1, "must declare exactly"),  # a fifth parameter
    ],
)
def test_parameter_cell_is_checked(tmp_path: Path, parameters: str, tagged: int, said: str) -> None:
    """Tests that a notebook that would ignore a parameter is refused before it runs."""
    path = _notebook(tmp_path / "n.ipynb", parameters=parameters, tagged=tagged)
    with pytest.raises(BatchError, match=said):
        check_parameters(path)


def test_missing_notebook_is_named(tmp_path: Path) -> None:
    """Tests that a missing notebook is a sentence."""
    with pytest.raises(BatchError, match="notebook not found"):
        check_parameters(tmp_path / "9_none.ipynb")


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("raise ValueError('no beer')", "ValueError: no beer"),
        ("import os; os._exit(1)", "DeadKernelError"),  # papermill's file would say 'completed'
        ("import sys; sys.exit(0)", "stopped early"),  # papermill would return success
    ],
)
def test_verdict_is_ours(tmp_path: Path, source: str, cause: str) -> None:
    """Tests that a failure of any kind is seen, with its cell and cause."""
    path = _notebook(tmp_path / "n.ipynb", "a = 1", source, "b = 2")
    workspace = Workspace(tmp_path / "workspace")
    folder = workspace.runs / "2026-W48" / "demo.partial"
    verdict = execute(path, tmp_path / "out" / "n.ipynb", folder, workspace)
    assert verdict["status"] == "failed"
    assert cause in verdict["cause"]
    assert "cell 3" in verdict["cell"] or "after cell" in verdict["cell"]


def test_good_notebook_is_ok_and_saved(tmp_path: Path) -> None:
    """Tests a notebook that runs through: saved alone, and it keeps no path of this machine."""
    path = _notebook(tmp_path / "n.ipynb", "assert run_dir == 'runs/2026-W48/demo.partial'")
    workspace = Workspace(tmp_path / "workspace")
    folder = workspace.runs / "2026-W48" / "demo.partial"
    verdict = execute(path, tmp_path / "out" / "n.ipynb", folder, workspace)
    assert verdict == {"status": "ok"}
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["n.ipynb"]
    saved = (tmp_path / "out" / "n.ipynb").read_text()
    assert '"input_path": "n.ipynb"' in saved
    assert str(tmp_path) not in saved


def test_the_end_of_a_notebook_is_no_interrupt(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Tests a kernel that still tidies up after its last answer: nothing is printed as an error."""
    slow = """
import time
handlers = get_ipython().kernel.shell_handlers
answer = handlers["kernel_info_request"]
async def answer_and_tidy_up(*about):
    await answer(*about)
    time.sleep(0.5)
handlers["kernel_info_request"] = answer_and_tidy_up
"""
    workspace = Workspace(tmp_path / "workspace")
    path = _notebook(tmp_path / "n.ipynb", slow)
    folder = workspace.runs / "2026-W48" / "demo.partial"
    assert execute(path, tmp_path / "out" / "n.ipynb", folder, workspace) == {"status": "ok"}
    assert "KeyboardInterrupt" not in capfd.readouterr().err


def test_a_notebook_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    """Tests that a cell without an end is told as such, and its kernel does not live on."""
    path = _notebook(tmp_path / "n.ipynb", "import os", "while True: pass")
    workspace = Workspace(tmp_path / "workspace")
    folder = workspace.runs / "2026-W48" / "demo.partial"
    verdict = execute(path, tmp_path / "out" / "n.ipynb", folder, workspace, timeout_seconds=2)
    assert verdict["status"] == "failed"
    assert "CellTimeoutError" in verdict["cause"]
    assert not [
        child for child in psutil.Process().children() if "ipykernel" in str(child.cmdline())
    ]
