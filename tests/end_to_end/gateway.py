"""A whole gateway of real processes in a folder of its own; all that they say passes through proxies."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from infra.local.credentials import Credentials, load_or_make
from infra.local.occupancy import abandoned, lock_of, occupied
from infra.local.places import LOCAL
from infra.local.ports import LOOPBACK, Ports, free_port
from infra.local.processes import BackgroundProcess
from infra.local.servers import Addresses
from infra.local.services import NAMES, Service, Surroundings, service_table
from infra.local.stack import Stack
from tests.contract.sandbox_process import SandboxProcess
from tests.end_to_end.tcp_proxy import Direction, TcpProxy
from tests.waiting import until

HOME = LOCAL / "e2e"
READY_SECONDS = 40.0
STOP_SECONDS = 15.0
CALL_SECONDS = 2.0
CLAIM_SECONDS = 5.0
# Short clocks, in the order that they must have: call < claim, leavers' lease < lease.
CLOCKS = {
    "VESTIBULE_CALL_SECONDS": str(CALL_SECONDS),
    "VESTIBULE_CLAIM_SECONDS": str(CLAIM_SECONDS),
    "VESTIBULE_LEASE_SECONDS": "4",
    "VESTIBULE_URGENT_LEASE_SECONDS": "2",
    "VESTIBULE_DRAIN_SECONDS": "8",
    "VESTIBULE_BULK_SECONDS": "5",
    "OTEL_BSP_SCHEDULE_DELAY": "200",
}
GIVEN = ("VESTIBULE_DATABASE_URL", "VESTIBULE_AMQP_URL")  # a test that kills servers brings its own


class Far(Enum):
    """What a service talks to."""

    DATABASE = auto()
    BROKER = auto()
    DESK = auto()


@dataclass(slots=True)
class Gateway:
    """The processes of one gateway, and the faults that a test does to them."""

    stack: Stack
    http: aiohttp.ClientSession
    addresses: Addresses
    credentials: Credentials
    services: dict[str, Service]
    links: dict[tuple[str, Far], TcpProxy] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)

    def link(self, service: str, far: Far) -> TcpProxy:
        """The proxy that a service reaches something through; all writers share the one to the desk."""
        return self.links["writer" if far is Far.DESK else service, far]

    @property
    def sandbox(self) -> SandboxProcess:
        """The desk's admin, not through a proxy."""
        return SandboxProcess(self.http, None, self.services["desk"].port)

    def process(self, name: str) -> BackgroundProcess:
        """One service's process."""
        return self.stack.process(name)

    def runs(self, name: str) -> bool:
        """Whether the service's process is there."""
        return self.process(name).identity() is not None

    async def start(self, *names: str, wait: bool = True) -> None:
        """Start services that do not run, and wait until they are ready."""
        for name in names:
            service = self.services[name]
            environ = await self._through_proxies(service)
            await asyncio.to_thread(self.process(name).start, service.argv, environ)
        if wait:
            await self.ready(*names)

    async def ready(self, *names: str) -> None:
        """Return when these services answer /readyz; fails with the last words of one that has ended."""

        async def answered() -> bool:
            for name in names:
                assert self.runs(name), f"{name} has ended: {self.process(name).last_lines(12)}"
                if await self.probe(name, "/readyz") != 200:
                    return False
            return True

        await until(answered, READY_SECONDS, f"{', '.join(names)} ready")

    async def probe(self, name: str, path: str) -> int:
        """The status of a probe now; 0 where nobody answers."""
        try:
            async with self.http.get(f"{self.services[name].url}{path}") as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    async def kill(self, *names: str) -> None:
        """SIGKILL; connections end, and bytes that a proxy held are lost."""
        for name in names:
            await asyncio.to_thread(self.process(name).kill_hard)
            for far in Far:
                if (name, far) in self.links:
                    self.links[name, far].cut()

    async def kill_only(self, name: str) -> None:
        """SIGKILL, but what a proxy holds stays on its way: a network delivers what the dead have sent."""
        await asyncio.to_thread(self.process(name).kill_hard)

    async def stop(self, *names: str) -> None:
        """SIGTERM, and wait for the end; fails where it took longer than a drain may."""
        for name in names:
            assert await asyncio.to_thread(self.process(name).stop, STOP_SECONDS), f"{name} did not drain"

    async def add_replica(self, of: str) -> str:
        """A second process of a service, with proxies of its own; returns its name."""
        name = f"{of}-2"
        port = free_port()
        environ = {
            **self.services[of].environ,
            "VESTIBULE_INSTANCE": name,
            "VESTIBULE_LISTEN": f"{LOOPBACK}:{port}",
        }
        self.services[name] = replace(self.services[of], name=name, port=port, environ=environ)
        await self.start(name)
        return name

    async def start_servers(self) -> None:
        """Have PostgreSQL and RabbitMQ running, under the addresses that everybody knows."""
        await asyncio.to_thread(self.stack.servers.start)
        assert self.stack.servers.addresses() == self.addresses, "a server came back at another place"
        for proxy in self.links.values():
            await proxy.listen()

    async def kill_broker(self) -> None:
        """SIGKILL to RabbitMQ; whoever connects is refused."""
        await asyncio.to_thread(self.stack.servers.rabbitmq.kill_hard)
        self._refuse(Far.BROKER)

    async def kill_database(self) -> None:
        """An immediate stop of PostgreSQL, as if the power failed; whoever connects is refused."""
        await asyncio.to_thread(self.stack.servers.postgres.kill_hard)
        self._refuse(Far.DATABASE)

    async def kill_desk(self) -> None:
        """SIGKILL to the desk; whoever connects is refused."""
        await self.kill("desk")
        self._refuse(Far.DESK)

    async def mend(self) -> None:
        """Everything there and well-behaved, whatever the last test did."""
        for name in [name for name in self.services if name not in NAMES]:
            await self.kill(name)
            del self.services[name]
        for proxy in self.links.values():
            for direction in Direction:
                proxy.let_go(direction)
        await self.start_servers()
        await self.start(*NAMES)
        await self.sandbox.admin("DELETE", "faults")

    def _refuse(self, chosen: Far) -> None:
        for (_, far), proxy in self.links.items():
            if far is chosen:
                proxy.refuse()

    async def close(self) -> None:
        """End everything that was started."""
        for name in reversed(list(self.services)):
            await asyncio.to_thread(self.process(name).stop, STOP_SECONDS)
        for proxy in self.links.values():
            await proxy.close()

    async def _through_proxies(self, service: Service) -> dict[str, str]:
        environ = {**service.environ, **CLOCKS, **self.environ}
        for far, variable in ((Far.DATABASE, GIVEN[0]), (Far.BROKER, GIVEN[1])):
            if variable in environ:
                proxy = await self._proxy(service.name, far, urlsplit(environ[variable]).port)
                environ[variable] = _at_port(environ[variable], proxy.listening)
        return environ

    async def _proxy(self, service: str, far: Far, port: int | None) -> TcpProxy:
        assert port is not None
        proxy = self.links.setdefault((service, far), TcpProxy(port))
        await proxy.listen()
        return proxy

    async def desk_url(self) -> str:
        """The desk's base URL as the writers know it."""
        proxy = await self._proxy("writer", Far.DESK, self.services["desk"].port)
        return f"http://{LOOPBACK}:{proxy.listening}"


def _at_port(url: str, port: int) -> str:
    parts = urlsplit(url)
    login = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{login}@{LOOPBACK}:{port}"))


@asynccontextmanager
async def running_gateway(name: str, environ: Mapping[str, str] | None = None) -> AsyncIterator[Gateway]:
    """A fresh gateway, everything ready; stopped and deleted afterwards. `environ` is for every service."""
    await asyncio.to_thread(remove_what_killed_runs_left)
    folder = HOME / f"{name}-{os.getpid()}"
    ours = {key: value for key, value in os.environ.items() if key not in GIVEN}
    stack = Stack(folder, ours)
    with occupied(folder):
        try:
            await asyncio.to_thread(stack.up, _say_nothing, ())
            timeout = aiohttp.ClientTimeout(total=10)
            async with aiohttp.ClientSession(timeout=timeout) as http:
                gateway = _gateway(stack, folder, ours, http, environ or {})
                try:
                    await gateway.start(*NAMES)
                    yield gateway
                finally:
                    await gateway.close()
        finally:
            await asyncio.to_thread(stack.remove, _say_nothing)
            lock_of(folder).unlink(missing_ok=True)


def remove_what_killed_runs_left() -> None:
    """Gateways of runs that did not live to stop them, replicas included."""
    for stack in abandoned(HOME):
        for record in (stack.folder / "processes").glob("*.json"):
            stack.process(record.stem).stop(STOP_SECONDS)
        stack.remove(_say_nothing)
        lock_of(stack.folder).unlink(missing_ok=True)


def _gateway(
    stack: Stack, folder: Path, ours: dict[str, str], http: aiohttp.ClientSession, environ: Mapping[str, str]
) -> Gateway:
    addresses = stack.servers.addresses()
    credentials = load_or_make(folder / "credentials.json")
    around = Surroundings(folder, addresses, credentials, Ports(folder / "ports.json").known(), ours)
    services = {service.name: service for service in service_table(around)}
    return Gateway(stack, http, addresses, credentials, services, environ=environ)


def _say_nothing(_line: str) -> None:
    return None
