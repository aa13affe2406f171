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
from pathlib import Path

from soe_lib.workspace import Workspace

MEETING_HOURS = 8


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


def voila_command(folder: Path, ip: str, port: int, *, browser: bool, token: bool) -> list[str]:
    """Return the command line of the meeting server; the token itself is never in it."""
    command = [
        sys.executable,
        "-m",
        "voila",
        str(folder),
        f"--Voila.ip={ip}",
        f"--port={port}",
        "--Voila.port_retries=0",
        "--VoilaConfiguration.strip_sources=True",
        "--VoilaConfiguration.show_tracebacks=False",
        "--VoilaConfiguration.allow_template_override=NO",
        "--VoilaConfiguration.allow_theme_override=NO",
        f"--MappingKernelManager.cull_idle_timeout={MEETING_HOURS * 3600}",
        "--MappingKernelManager.cull_interval=300",
        "--MappingKernelManager.cull_connected=True",
    ]
    if not browser:
        command.append("--no-browser")
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
    }
    if token:
        secret = os.environ.get("JUPYTER_TOKEN") or secrets.token_urlsafe(24)
        environment["JUPYTER_TOKEN"] = secret
        print(f"meeting: http://{ip}:{port}/?token={secret}", flush=True)
    else:
        environment.pop("JUPYTER_TOKEN", None)
        print(f"meeting: http://{ip}:{port}/ (no token, loopback only)", flush=True)
    command = voila_command(notebooks_dir, ip, port, browser=browser, token=token)
    return _serve(command, environment, notebooks_dir.parent)


def lab(notebooks_dir: Path, workspace: Workspace, *, browser: bool = True) -> int:
    """Start JupyterLab on the notebooks (its own token and loopback bind hold)."""
    command = [
        sys.executable,
        "-m",
        "jupyter",
        "lab",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.root_dir={notebooks_dir.parent}",
        "--LabApp.default_url=/lab/tree/notebooks/1_divergence.ipynb",
    ]
    if not browser:
        command.append("--no-browser")
    environment = {**os.environ, "SOE_MODE": "lab", "SOE_WORKSPACE": str(workspace.root)}
    return _serve(command, environment, notebooks_dir.parent)


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
