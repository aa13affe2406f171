"""What tests in headless Chromium share: a server on a free port, a page that stays local."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import ROOT, skip_or_fail


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(
    command: Sequence[str], port: int, environment: Mapping[str, str], log: Path
) -> Iterator[str]:
    """Run a server while the block runs; yields its address."""
    with log.open("w") as out:
        server = subprocess.Popen(
            list(command),
            cwd=ROOT,
            env=dict(environment),
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait_for(port, server, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(20)


def _wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 180
    while time.monotonic() < end and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(f"the server did not start: {log.read_text()[-2000:]}")


@contextmanager
def local_page(milliseconds: int) -> Iterator[Any]:
    """A browser page that may speak to this machine only; no page error is tolerated."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
    if not found:
        skip_or_fail("Chromium is not installed")
    from playwright.sync_api import sync_playwright

    errors: list[str] = []
    foreign: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(found), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1920, "height": 1080}, accept_downloads=True)
        page.set_default_timeout(milliseconds)
        page.on("pageerror", lambda error: errors.append(str(error)))

        def only_local(route: Any) -> None:
            url = route.request.url
            if url.startswith(("http://127.0.0.1", "data:", "blob:")):
                route.continue_()
            else:
                foreign.append(url)
                route.abort()

        page.route("**/*", only_local)
        yield page
        browser.close()
    assert foreign == []
    assert errors == []
