"""
Start JupyterLab or the meeting pages.

Only the standalone Voila server is used: as a Jupyter server extension a viewer could run code.
It binds to the loopback address and asks for a token; any other address without one is refused.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
import socket
import subprocess
import sys
import threading
import webbrowser
from importlib import resources
from pathlib import Path

from soe_lib.workspace import Workspace

MEETING_HOURS = 8
SECONDS_TO_START = 3.0
HOME_NOTEBOOK = "meeting.ipynb"


class MeetingError(RuntimeError):
    """The server may not or cannot start as asked."""


def check_bind(ip: str, *, has_token: bool) -> None:
    """
    Refuse to serve without a token on anything but a loopback address.

    Raises
    ------
    MeetingError
        When ``ip`` is no address, or is not loopback and there is no token.
    """
    try:
        address = ipaddress.ip_address("127.0.0.1" if ip == "localhost" else ip)
    except ValueError:
        raise MeetingError(f"--ip {ip}: not an IP address") from None
    if not address.is_loopback and not has_token:
        raise MeetingError(f"--no-token is refused on {ip}: only a loopback address may go without")


def meeting_folder(notebooks_dir: Path, workspace: Workspace) -> Path:
    """
    Lay out what the meeting serves: its first page and the notebooks of the steps, nothing else.

    Returns
    -------
    Path
        ``<workspace>/meeting``; the server lists and renders what lies there.
    """
    folder = workspace.root / "meeting"
    home = resources.files("soe_lib.views").joinpath(HOME_NOTEBOOK).read_bytes()
    wanted = {HOME_NOTEBOOK: home}
    for path in sorted(notebooks_dir.glob("[0-9]_*.ipynb")):
        wanted[path.name] = path.read_bytes()
    for name, content in wanted.items():
        workspace.write_bytes(folder / name, content)
    for stale in folder.glob("*.ipynb"):
        if stale.name not in wanted:
            stale.unlink()
    return folder


def voila_command(folder: Path, ip: str, port: int, *, token: bool) -> list[str]:
    """Return the command line of the meeting server; the token itself is never in it."""
    command = [
        sys.executable,
        "-m",
        "voila",
        str(folder),
        f"--Voila.ip={ip}",
        f"--port={port}",
        "--Voila.port_retries=0",
        "--template=soe",
        "--no-browser",
        "--VoilaConfiguration.strip_sources=True",
        "--VoilaConfiguration.show_tracebacks=False",
        "--VoilaConfiguration.allow_template_override=NO",
        "--VoilaConfiguration.allow_theme_override=NO",
        f"--MappingKernelManager.cull_idle_timeout={MEETING_HOURS * 3600}",
        "--MappingKernelManager.cull_interval=300",
        "--MappingKernelManager.cull_connected=True",
    ]
    if token:
        command.append("--token")
    return command


def meet(
    notebooks_dir: Path,
    workspace: Workspace,
    *,
    ip: str = "127.0.0.1",
    port: int = 8866,
    browser: bool = True,
    token: bool = True,
) -> int:
    """Serve the meeting notebooks until interrupted; returns the server's exit code."""
    check_bind(ip, has_token=token)
    _check_port(ip, port)
    environment = {
        **os.environ,
        "SOE_MODE": "meeting",
        "SOE_WORKSPACE": str(workspace.root),
        "JUPYTER_PATH": os.pathsep.join(
            filter(None, [_templates(), os.environ.get("JUPYTER_PATH")])
        ),
    }
    page = f"http://{ip}:{port}/voila/render/{HOME_NOTEBOOK}"
    if token:
        secret = os.environ.get("JUPYTER_TOKEN") or secrets.token_urlsafe(24)
        environment["JUPYTER_TOKEN"] = secret
        print(f"meeting: {page}?token={secret}", flush=True)
    else:
        environment.pop("JUPYTER_TOKEN", None)
        print(f"meeting: {page} (no token, loopback only)", flush=True)
    folder = meeting_folder(notebooks_dir, workspace)
    if browser:
        address = f"{page}?token={environment['JUPYTER_TOKEN']}" if token else page
        threading.Timer(SECONDS_TO_START, webbrowser.open, (address,)).start()
    command = voila_command(folder, ip, port, token=token)
    return _serve(command, environment, notebooks_dir.parent)


def lab_command(root: Path) -> list[str]:
    """Return the command line of JupyterLab on a folder; its own token holds."""
    return [
        sys.executable,
        "-m",
        "jupyter",
        "lab",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.root_dir={root}",
        "--LabApp.default_url=/lab/tree/notebooks/1_divergence.ipynb",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]


def lab(notebooks_dir: Path, workspace: Workspace, *, browser: bool = True) -> int:
    """Start JupyterLab on the notebooks (its own token and loopback bind hold)."""
    command = lab_command(notebooks_dir.parent)
    if not browser:
        command.append("--no-browser")
    environment = {**os.environ, "SOE_MODE": "lab", "SOE_WORKSPACE": str(workspace.root)}
    return _serve(command, environment, notebooks_dir.parent)


def _templates() -> str:
    return str(resources.files("soe_lib.views").joinpath("jupyter"))


def _serve(command: list[str], environment: dict[str, str], folder: Path) -> int:
    try:
        return subprocess.run(command, env=environment, cwd=folder, check=False).returncode
    except KeyboardInterrupt:
        return 0


def _check_port(ip: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ip, port))
        except OSError as error:
            raise MeetingError(
                f"{ip}:{port} cannot be used: {error.strerror}; try --port"
            ) from None
