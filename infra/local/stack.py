"""A whole gateway in one folder: up, down, status. Safe to repeat, and after a crash of anything."""

import hashlib
import json
import os
import shlex
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.local.credentials import load_or_make
from infra.local.places import LOCAL, ROOT, locked, write_whole
from infra.local.ports import Ports
from infra.local.preparation import prepare_database
from infra.local.processes import BackgroundProcess
from infra.local.readiness import await_ready, is_ready
from infra.local.servers import Addresses, Servers
from infra.local.services import (
    NAMES,
    Service,
    Surroundings,
    console_environ,
    service_table,
    without_login,
)

READY_SECONDS = 60
STOP_SECONDS = 15
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class State:
    """One line of `status`: what it is, whether it runs and is ready, and where."""

    name: str
    state: str
    pid: int | None
    where: str


class Stack:
    """The servers and services of one folder; `environ` may give servers and developer's settings."""

    def __init__(self, folder: Path = LOCAL, environ: Mapping[str, str] | None = None) -> None:
        self.folder = folder.resolve()
        self._environ = dict(os.environ if environ is None else environ)
        self.servers = Servers(self.folder, self._environ)
        self._ports = Ports(self.folder / "ports.json")

    def up(self, say: Say, only: tuple[str, ...] = NAMES) -> dict[str, str]:
        """Have the named services ready, and the servers under them; returns what `run.json` holds.

        What fails is stopped again, so that nothing half-started stays behind.
        """
        with locked(self.folder / "stack.lock"):
            try:
                return self._up(say, only)
            except BaseException:
                self._down(lambda _line: None)
                raise

    def down(self, say: Say) -> None:
        """Stop the services, then our servers; processes of others are never touched."""
        with locked(self.folder / "stack.lock"):
            self._down(say)

    def remove(self, say: Say) -> None:
        """Stop everything and delete the instance with its data."""
        self.down(say)
        self.servers.remove()
        if self.folder != LOCAL:
            shutil.rmtree(self.folder, ignore_errors=True)

    def process(self, name: str) -> BackgroundProcess:
        """One service's process, to look at its log or to kill it in a crash test."""
        return BackgroundProcess(
            name, self.folder / "processes" / f"{name}.json", self.folder / "logs" / f"{name}.log"
        )

    def console_environ(self) -> dict[str, str]:
        """What the command line and the demonstration need to work on this instance."""
        lines = (self.folder / "cli.env").read_text(encoding="utf-8").splitlines()
        return {name: shlex.split(value)[0] for name, _, value in (line.partition("=") for line in lines)}

    def states(self) -> list[State]:
        """What runs now."""
        ports, found = self._ports.known(), []
        postgres, broker = self.servers.postgres.running(), self.servers.rabbitmq.pid
        if postgres is not None:
            found.append(State("database", "running", postgres.pid, f"127.0.0.1:{postgres.port}"))
        if broker is not None:
            found.append(State("amqp", "running", broker, f"127.0.0.1:{self.servers.rabbitmq.port}"))
        for name in NAMES:
            identity = self.process(name).identity()
            if identity is not None:
                state = "ready" if is_ready(ports[name]) else "not ready"
                found.append(State(name, state, identity.pid, f"http://127.0.0.1:{ports[name]}"))
        return found

    def logs(self) -> list[Path]:
        """Every log file there is, servers' included."""
        return sorted(
            path
            for folder in ("logs", "postgres", "rabbitmq/log")
            for path in (self.folder / folder).glob("*.log")
        )

    def _up(self, say: Say, only: tuple[str, ...]) -> dict[str, str]:
        addresses = self.servers.start()
        say(f"database: {without_login(addresses.database)}")
        say(f"amqp: {without_login(addresses.amqp)}")
        credentials = load_or_make(self._credentials_file(addresses))
        prepare_database(addresses.database, credentials.roles)
        say("database: migrated")
        around = Surroundings(self.folder, addresses, credentials, self._take_ports(), self._environ)
        services = [service for service in service_table(around) if service.name in only]
        for service in services:
            self._start(service)
        waiting = {service.name: (self.process(service.name), service.port) for service in services}
        await_ready(waiting, READY_SECONDS, say)
        urls = {service.name: service.url for service in services}
        urls["database"] = without_login(addresses.database)
        urls["amqp"] = without_login(addresses.amqp)
        write_whole(self.folder / "run.json", json.dumps(urls, indent=1, sort_keys=True) + "\n")
        settings = console_environ(around) | {"VESTIBULE_RUN": str(self.folder / "run.json")}
        lines = [f"{name}={shlex.quote(value)}" for name, value in settings.items()]
        write_whole(self.folder / "cli.env", "\n".join(lines) + "\n", mode=0o600)
        return urls

    def _credentials_file(self, addresses: Addresses) -> Path:
        """Beside the data they belong to; those for a given database serve every instance that uses it."""
        if not self.servers.uses_given_database:
            return self.folder / "credentials.json"
        name = hashlib.sha256(without_login(addresses.database).encode()).hexdigest()[:16]
        return LOCAL / "given" / f"{name}.json"

    def _take_ports(self) -> dict[str, int]:
        """A port for every service: a running one keeps its own."""
        known = self._ports.known()
        return {
            name: known[name] if self.process(name).identity() is not None else self._ports.take(name)
            for name in NAMES
        }

    def _start(self, service: Service) -> None:
        """Start it; one that runs with other settings than it should have now is restarted."""
        process = self.process(service.name)
        told = json.dumps([service.argv, sorted(service.environ.items())])
        digest, remembered = (
            hashlib.sha256(told.encode()).hexdigest(),
            process.record.with_suffix(".settings"),
        )
        if process.identity() is not None and (
            not remembered.exists() or remembered.read_text(encoding="ascii") != digest
        ):
            process.stop(STOP_SECONDS)
        write_whole(remembered, digest)
        process.start(service.argv, service.environ)

    def _down(self, say: Say) -> None:
        for name in reversed(NAMES):
            process = self.process(name)
            if process.identity() is not None:
                gone = process.stop(STOP_SECONDS)
                say(f"{name}: stopped" if gone else f"{name}: killed after {STOP_SECONDS} s")
        if self.servers.rabbitmq.pid is not None or self.servers.postgres.running() is not None:
            self.servers.stop()
            say("servers: stopped")
        else:
            self.servers.stop()
        (self.folder / "run.json").unlink(missing_ok=True)


def stacks_within(folder: Path) -> list[Stack]:
    """Every instance in this folder and two levels below that may have something running."""
    marks = ("stack.lock", "postgres/server.json", "rabbitmq/broker.json")
    found = {
        path.parent if mark == "stack.lock" else path.parent.parent
        for depth in ("", "*/", "*/*/")
        for mark in marks
        for path in folder.glob(f"{depth}{mark}")
    }
    return [Stack(path) for path in sorted(found)]


def shown(path: Path) -> str:
    """A path as a person in the checkout would type it."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
