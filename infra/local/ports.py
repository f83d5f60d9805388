"""Free loopback ports, written down so that a restarted server comes back under the same address."""

import json
import random
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from infra.local.places import write_whole
from infra.local.problems import LocalStackError

LOOPBACK = "127.0.0.1"
LOWEST, HIGHEST = 10_000, 32_700
# Below the range that Linux takes outgoing connections' ports from (32768 up): while a killed server is
# down, no client of ours can happen to sit on its port.


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def free_port(taken: Iterable[int] = ()) -> int:
    """A port that is free now and not in `taken`, by chance so that two clones seldom want the same."""
    refused = set(taken)
    for _ in range(200):
        port = random.randint(LOWEST, HIGHEST)  # noqa: S311 - spreads load, guards nothing
        if port not in refused and is_free(port):
            return port
    raise LocalStackError(f"no free port between {LOWEST} and {HIGHEST} on {LOOPBACK}")


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of one instance, by name, in a JSON file.

    A killed server's port can stay taken for a moment while its connections end: `patience`, in seconds, is
    how long we wait for it before we give it up for another.
    """

    file: Path
    patience: float = 5.0

    def known(self) -> dict[str, int]:
        """What is written down."""
        try:
            return {str(name): int(port) for name, port in json.loads(self.file.read_text("utf-8")).items()}
        except (FileNotFoundError, ValueError):
            return {}

    def take(self, name: str) -> int:
        """The port written down for `name` if it is free, else a new one; for a server about to start."""
        known = self.known()
        port = known.get(name)
        if port is not None and self._becomes_free(port):
            return port
        known[name] = free_port(known.values())
        write_whole(self.file, json.dumps(known, indent=1, sort_keys=True))
        return known[name]

    def _becomes_free(self, port: int) -> bool:
        deadline = time.monotonic() + self.patience
        while not is_free(port):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True
