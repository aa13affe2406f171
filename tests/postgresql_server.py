"""A PostgreSQL server of the tests' own, on 127.0.0.1, gone when they end."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

USER = "soe"


def programs() -> Path | None:
    """Return the folder of the newest ``initdb`` on this machine, None where there is none."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])
    )
    if found:
        return found[-1].parent
    named = shutil.which("initdb")
    return Path(named).parent if named else None


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """
    Start a server from a folder of PostgreSQL's programs and yield its URL for SQLAlchemy.

    PostgreSQL refuses to run as root; root starts it as the user that Debian's package makes.
    """
    as_owner = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    password = secrets.token_hex(12)
    root = Path(tempfile.mkdtemp(prefix="soe-pg-"))
    secret = root / "password"
    secret.write_text(password)
    if as_owner:
        shutil.chown(root, "postgres")
        shutil.chown(secret, "postgres")
    data = root / "data"

    def run(*command: str) -> None:
        done = subprocess.run(
            [*as_owner, *command], cwd=root, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{command[0]}: {done.stderr or done.stdout}")

    try:
        run(
            str(folder / "initdb"),
            *("-D", str(data), "-U", USER, "--auth=scram-sha-256", "--no-sync"),
            f"--pwfile={secret}",
        )
        run(
            str(folder / "pg_ctl"),
            *("-D", str(data), "-w", "-l", str(root / "log"), "start", "-o"),
            f"-c listen_addresses=127.0.0.1 -p {port} -k {root} -c fsync=off",
        )
        try:
            yield f"postgresql+psycopg://{USER}:{password}@127.0.0.1:{port}/postgres"
        finally:
            run(str(folder / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")
    finally:
        shutil.rmtree(root, ignore_errors=True)
