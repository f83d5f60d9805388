"""The virtual environment, made from the lock with hashes. Runs on a bare Python: standard library only."""

import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from infra.local.debian_packages import Bundle, last_line, unpacked
from infra.local.places import LOCAL, ROOT, VENV, locked, write_whole
from infra.local.problems import LocalStackError, MissingPrerequisite

PYTHON = VENV / "bin" / "python"
STAMP = VENV / "vestibule-stamp"
INSTALL_SECONDS = 900
PIP_WHEEL = Bundle(("python3-pip-whl",), "pip-wheel", "install the package python3-venv")
Say = Callable[[str], None]


def ensure_environment(environ: Mapping[str, str], say: Say) -> Path:
    """The environment's Python, with exactly what the lock names installed; costs nothing when it is.

    Several calls at once wait for one another. The stamp is written last, so an interrupted set-up is redone.
    """
    with locked(LOCAL / "environment.lock"):
        if not is_current():
            say("virtual environment: installing what requirements.lock names into .venv")
            create(environ)
            install(environ)
            write_whole(STAMP, fingerprint())
    return PYTHON


def is_current() -> bool:
    """Whether the environment was made from this lock, for this place, by this Python."""
    try:
        return STAMP.read_text(encoding="ascii") == fingerprint() and PYTHON.exists()
    except FileNotFoundError:
        return False


def fingerprint() -> str:
    """What the environment depends on: the lock, the project's own metadata, the place, the Python."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    parts = {
        "lock": (ROOT / "requirements.lock").read_text(encoding="utf-8"),
        "project": project["project"],
        "packages": project["tool"]["hatch"],
        "place": str(ROOT),
        "python": sys.version_info[:2],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def create(environ: Mapping[str, str]) -> None:
    """Make the bare environment with pip in it, also where Debian's python3-venv is not installed."""
    if has_pip(environ):
        return
    shutil.rmtree(VENV, ignore_errors=True)
    if importlib.util.find_spec("venv") is None:
        raise MissingPrerequisite("this Python has no venv module: apt-get install python3-venv")
    if importlib.util.find_spec("ensurepip") is not None:
        run([sys.executable, "-m", "venv", str(VENV)], environ, "python -m venv")
        return
    wheels = unpacked(PIP_WHEEL, environ, lambda _making, _final: None)
    wheel = max(wheels.glob("usr/share/python-wheels/pip-*.whl"))
    run([sys.executable, "-m", "venv", "--without-pip", str(VENV)], environ, "python -m venv")
    run([str(PYTHON), f"{wheel}/pip", "install", "--quiet", "--no-index", str(wheel)], environ, "pip")


def has_pip(environ: Mapping[str, str]) -> bool:
    """Whether the environment exists, its Python is the one that runs us, and pip works in it."""
    if not PYTHON.exists():
        return False
    question = f"import sys, pip; sys.exit(sys.version_info[:2] != {sys.version_info[:2]!r})"
    asked = subprocess.run([str(PYTHON), "-c", question], env=dict(environ), capture_output=True, check=False)
    return asked.returncode == 0


def install(environ: Mapping[str, str]) -> None:
    """Install the locked packages, each checked by its hash, then the project itself in place."""
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    run([*pip, "--require-hashes", "-r", str(ROOT / "requirements.lock")], environ, "pip install")
    # the build backend is in the lock too: no second, unchecked download for the project itself
    project = [*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
    run(project, environ, "pip install of the project")


def run(argv: Sequence[str], environ: Mapping[str, str], what: str) -> None:
    """Run one step; its own complaint goes into the error."""
    done = subprocess.run(
        argv,
        cwd=ROOT,
        env=dict(environ),
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise LocalStackError(f"{what} failed: {last_line(done.stderr or done.stdout)}")
