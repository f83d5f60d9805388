"""A second process of ingest beside the first: as many as the machine has cores, as it is deployed."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from infra.local.environment import PYTHON
from infra.local.ports import LOOPBACK, Ports
from infra.local.processes import BackgroundProcess
from infra.local.readiness import await_ready
from infra.local.stack import Stack
from tests.load.surroundings import Measured

READY_SECONDS = 30
STOP_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Replica:
    """Another ingest, where it listens and how many seconds it took to be ready."""

    process: BackgroundProcess
    port: int
    seconds_to_start: float

    def serving(self, customer: Measured) -> Measured:
        """The same customer, whose identity provider is led to this one."""
        base, _, path = customer.base_url.partition("/scim/")
        return replace(customer, base_url=f"{base.rpartition(':')[0]}:{self.port}/scim/{path}")


@contextmanager
def second_ingest(stack: Stack) -> Iterator[Replica]:
    """Start one with the settings of the first, on a port of its own; it is stopped at the end."""
    first = stack.process("ingest").identity()
    assert first is not None
    lines = Path(f"/proc/{first.pid}/environ").read_text(encoding="utf-8").split("\0")
    environ = dict(line.split("=", 1) for line in lines if "=" in line)
    port = Ports(stack.folder / "replica-ports.json").take("ingest-2")
    environ |= {"VESTIBULE_LISTEN": f"{LOOPBACK}:{port}", "VESTIBULE_INSTANCE": "ingest-2"}
    process = BackgroundProcess(
        "ingest-2", stack.folder / "processes" / "ingest-2.json", stack.folder / "logs" / "ingest-2.log"
    )
    began = time.perf_counter()
    process.start((str(PYTHON), "-m", "vestibule_ingest"), environ)
    try:
        await_ready({process.name: (process, port)}, READY_SECONDS, lambda _line: None)
        yield Replica(process, port, time.perf_counter() - began)
    finally:
        process.stop(STOP_SECONDS)
