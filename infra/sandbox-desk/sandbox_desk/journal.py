"""The desk's memory: one file of effects, a line each, that outlives a killed process.

A line is handed to the kernel before the answer is given, so `kill -9` loses nothing that was answered; a
power cut may. A compacted file begins with a line that tells up to which number its restated effects reach.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import orjson

from sandbox_desk.directory import Effect

NAME = "desk.jsonl"


class JournalUnusable(Exception):
    """The file belongs to another running desk, or is damaged before its end."""


class Journal:
    """The file in a folder. Only one process may hold it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / NAME
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise JournalUnusable(f"another sandbox desk is running on {folder}") from None
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)

    def load(self) -> Iterator[Effect]:
        """Every effect in order. Half a line at the end, left by a crash, is cut off."""
        content = self._path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.ftruncate(self._file, whole)
        for number, line in enumerate(content[:whole].splitlines(), start=1):
            try:
                yield orjson.loads(line)
            except orjson.JSONDecodeError:
                raise JournalUnusable(f"{self._path}, line {number}: not JSON") from None

    def append(self, effect: Effect) -> None:
        """Keep one effect."""
        os.write(self._file, orjson.dumps(effect) + b"\n")

    def replace(self, effects: Iterable[Effect]) -> None:
        """Put these effects in place of all others, in one step."""
        fresh = self._path.with_suffix(".new")
        with fresh.open("wb") as file:
            for effect in effects:
                file.write(orjson.dumps(effect) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        os.close(self._file)
        self._file = os.open(self._path, os.O_RDWR | os.O_APPEND)

    def close(self) -> None:
        """Let another process have the file."""
        os.close(self._file)
        os.close(self._lock)
