"""Where things lie: the checkout, its `.local/`, the download cache; and files written whole or not."""

import fcntl
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from infra.local.problems import LocalStackError

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / ".local"
VENV = ROOT / ".venv"


def cache_folder(environ: Mapping[str, str]) -> Path:
    """The folder for what is downloaded once per machine and shared between clones."""
    if chosen := environ.get("VESTIBULE_CACHE"):
        return Path(chosen).resolve()
    if xdg := environ.get("XDG_CACHE_HOME"):
        return Path(xdg).resolve() / "vestibule"
    home = Path(environ.get("HOME") or "/nonexistent")
    if os.access(home, os.W_OK):
        return home.resolve() / ".cache" / "vestibule"
    return LOCAL / "cache"


def write_whole(path: Path, text: str, mode: int = 0o644) -> None:
    """Replace the file in one step, so that no reader sees half of it; `mode` holds from the first byte."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        os.fchmod(handle, mode)
        file.write(text)
        file.flush()
        os.fsync(handle)
    Path(name).replace(path)


@contextmanager
def locked(path: Path, *, wait: bool = True, busy: str = "") -> Iterator[None]:
    """Hold an exclusive lock between processes; it ends with the process, so no stale lock is possible.

    Raises LocalStackError(busy) when `wait` is false and another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise LocalStackError(busy) from error
        yield


def is_locked(path: Path) -> bool:
    """Whether another process holds this lock now."""
    if not path.exists():
        return False
    try:
        with locked(path, wait=False):
            return False
    except LocalStackError:
        return True
