"""How the kernel of a notebook is stopped when all its cells are done."""

from __future__ import annotations

from jupyter_client.manager import AsyncKernelManager


class AskingKernelManager(AsyncKernelManager):
    """
    Stops a kernel by asking it, without an interrupt before.

    Papermill asks the kernel for its version last and stops it as soon as the answer is there,
    while the kernel still tidies up after that answer. Jupyter's interrupt meets it there, and
    the kernel prints an error that is none. A kernel that does not stop when it is asked is
    terminated, then killed, as ever.
    """

    async def _async_interrupt_kernel(self) -> None:
        if not self.shutting_down:
            await super()._async_interrupt_kernel()
