# mypy: disable-error-code="attr-defined"
"""
How the engine's kernels are compiled: cached on disk, by the text of all of them.

Numba looks only at a function's own file to see whether its compiled code is still good; a kernel
that calls another file's kernel would go on running the old one. The cache is therefore kept in a
folder named after the text of all files of this room.

Kernels of the search allocate nothing and are compiled without reference counting: counting the
references of some eighty arrays at every call costs ten times what the calls themselves do.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

import numba


def _cache_folder() -> str:
    """Return the folder for compiled kernels of exactly these sources, made if it is not there."""
    here = Path(__file__).parent
    text = b"".join(path.read_bytes() for path in sorted(here.glob("*.py")) if path.name in KERNELS)
    name = f"kernels-{hashlib.sha256(text).hexdigest()[:16]}"
    for base in (numba.config.CACHE_DIR, here / "__pycache__", Path(tempfile.gettempdir())):
        if not base:
            continue
        folder = Path(base) / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return str(folder)
    return ""


KERNELS = (
    "anneal.py", "backward.py", "clock.py", "components.py", "dispatch.py", "evaluate.py",
    "exchange.py", "jit.py", "kernel.py", "labour.py", "lateness.py", "line.py", "line_tables.py",
    "moves.py", "proposals.py", "scratch.py", "targets.py", "tidy.py", "timing.py", "work.py",
)  # fmt: skip
"""Files with kernels or with the constants that they compile in."""


def _compiler(**options: Any) -> Any:
    """Return a decorator that compiles into this room's cache folder and leaves numba's alone."""

    def decorate(function: Any) -> Any:
        before = numba.config.CACHE_DIR
        numba.config.CACHE_DIR = _FOLDER or before
        try:
            return numba.njit(**{"cache": True, **options})(function)
        finally:
            numba.config.CACHE_DIR = before

    return decorate


_FOLDER = _cache_folder()
_INNER = {"cache": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
entry: Any = _compiler(_nrt=False, nogil=True)
"""A kernel of the search that Python calls; several threads may, each with a state of its own."""
kernel: Any = _compiler(_nrt=False, **_INNER)
"""A kernel that only kernels call: compiled into them, without a door for Python or a file."""
inlined: Any = _compiler(_nrt=False, inline="always", **_INNER)
allocating: Any = _compiler()
allocating_inner: Any = _compiler(**_INNER)
