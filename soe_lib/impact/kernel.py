# mypy: disable-error-code="attr-defined"
"""How this room's kernels are compiled: cached beside those of ``schedule``, by the text of all."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numba

from soe_lib.schedule import kernel as engine

KERNELS = (
    "kernel.py", "leave_kernel.py", "people_kernel.py", "promise_kernel.py", "replay_kernel.py",
    "replay_state.py",
)  # fmt: skip
"""Files with kernels or with the constants that they compile in."""


def _compiler(**options: Any) -> Any:
    """Return a decorator that compiles into a folder named after all kernels that are called."""
    here = Path(__file__).parent
    text = b"".join((here / name).read_bytes() for name in KERNELS)
    base = engine._cache_folder()
    folder = Path(base) / f"impact-{hashlib.sha256(text).hexdigest()[:16]}" if base else None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)

    settings: dict[str, Any] = {"cache": True, "_nrt": False, **options}

    def decorate(function: Any) -> Any:
        before = numba.config.CACHE_DIR
        numba.config.CACHE_DIR = str(folder) if folder is not None else before
        try:
            return numba.njit(**settings)(function)
        finally:
            numba.config.CACHE_DIR = before

    return decorate


kernel: Any = _compiler()
unlocked: Any = _compiler(nogil=True)
