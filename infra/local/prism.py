"""Prism, the proxy that holds both sides of a conversation against an API's description."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from infra.local.debian_packages import last_line
from infra.local.places import cache_folder, locked
from infra.local.problems import LocalStackError, MissingPrerequisite

VERSION = "5.14.2"
INSTALL_SECONDS = 300


def ensure_prism(environ: Mapping[str, str] | None = None) -> Path:
    """The path of Prism's program, installed into the cache once and whole; raises if Node is missing."""
    given = os.environ if environ is None else environ
    if (
        shutil.which("node", path=given.get("PATH")) is None
        or shutil.which("npm", path=given.get("PATH")) is None
    ):
        raise MissingPrerequisite("Prism needs Node.js with npm: apt-get install nodejs npm")
    cache = cache_folder(given)
    folder = cache / f"prism-{VERSION}"
    program = folder / "node_modules" / ".bin" / "prism"
    with locked(cache / f"prism-{VERSION}.lock"):
        if not program.exists():
            install(folder, given)
    return program


def install(folder: Path, environ: Mapping[str, str]) -> None:
    """Install beside the final place, then move it there."""
    making = Path(tempfile.mkdtemp(prefix=".making-", dir=folder.parent))
    try:
        argv = ["npm", "install", "--prefix", str(making), "--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run(
            [*argv, f"@stoplight/prism-cli@{VERSION}"],
            cwd=making,
            env=dict(environ),
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise LocalStackError(f"npm cannot install Prism: {last_line(done.stderr)}")
        shutil.rmtree(folder, ignore_errors=True)
        making.rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)
