"""The table of processes that make up a running gateway, in the order they start."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from infra.local.credentials import Credentials
from infra.local.environment import PYTHON
from infra.local.places import ROOT
from infra.local.ports import LOOPBACK
from infra.local.servers import Addresses

NAMES = ("desk", "writer", "router", "relay", "ingest")
# what a developer may set for every service of a run; everything else comes from the table below
PASSED_ON = (
    "VESTIBULE_LOG_LEVEL",
    "VESTIBULE_POOL_SIZE",
    "VESTIBULE_DRAIN_SECONDS",
    "VESTIBULE_REQUEST_RATE",
    "VESTIBULE_BURST_SECONDS",
    "VESTIBULE_REQUESTS_AT_ONCE",
    "VESTIBULE_BODY_MEMORY",
    "VESTIBULE_USER_BYTES",
    "VESTIBULE_GROUP_BYTES",
    "VESTIBULE_SEARCH_BYTES",
    "VESTIBULE_BULK_BYTES",
    "VESTIBULE_JSON_DEPTH",
    "VESTIBULE_JSON_PARTS",
    "VESTIBULE_URL_LENGTH",
    "VESTIBULE_FILTER_LENGTH",
    "VESTIBULE_FILTER_TERMS",
    "VESTIBULE_USER_PATCH_OPERATIONS",
    "VESTIBULE_GROUP_PATCH_OPERATIONS",
    "VESTIBULE_BULK_OPERATIONS",
    "VESTIBULE_BULK_SECONDS",
    "VESTIBULE_PAGE_SIZE",
    "VESTIBULE_MOST_PAGE_SIZE",
    "VESTIBULE_CURSOR_SECONDS",
    "VESTIBULE_FINGERPRINT_SECONDS",
    "VESTIBULE_ROUTER_WINDOW",
    "VESTIBULE_WRITER_WINDOW",
    "VESTIBULE_LEASE_SECONDS",
    "VESTIBULE_URGENT_LEASE_SECONDS",
    "VESTIBULE_CALL_SECONDS",
    "VESTIBULE_CLAIM_SECONDS",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
)


@dataclass(frozen=True, slots=True)
class Service:
    """One process: its name, how it is started, and the port it answers `/readyz` on."""

    name: str
    argv: tuple[str, ...]
    environ: Mapping[str, str]
    port: int

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://{LOOPBACK}:{self.port}"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the services of one instance need to know of each other."""

    folder: Path
    addresses: Addresses
    credentials: Credentials
    ports: Mapping[str, int]
    environ: Mapping[str, str]

    def listen(self, name: str) -> str:
        """Where one service listens, as host:port."""
        return f"{LOOPBACK}:{self.ports[name]}"

    def database_as(self, role: str) -> str:
        """The gateway's database with one service's own login role."""
        return with_login(self.addresses.database, role, self.credentials.roles[role])


def service_table(around: Surroundings) -> tuple[Service, ...]:
    """Every service of an instance; a new one is a new entry here and a name in NAMES."""
    keys = around.credentials
    amqp = {"VESTIBULE_AMQP_URL": around.addresses.amqp}
    return (
        Service(
            name="desk",
            argv=module("sandbox_desk"),
            environ={
                **plain_environ(around),
                "PYTHONPATH": str(ROOT / "infra" / "sandbox-desk"),
                "SANDBOX_DESK_LISTEN": around.listen("desk"),
                "SANDBOX_DESK_STATE": str(around.folder / "desk"),
                "SANDBOX_DESK_USER": keys.desk_user,
                "SANDBOX_DESK_TOKEN": keys.desk_token,
            },
            port=around.ports["desk"],
        ),
        of_ours(
            around,
            "writer",
            "vestibule_directory_writer",
            amqp | {"VESTIBULE_UNSEALING_KEYS": keys.unsealing_keys},
        ),
        of_ours(around, "router", "vestibule_tenant_router", amqp | {"VESTIBULE_EMAIL_KEY": keys.email_key}),
        of_ours(around, "relay", "vestibule.broker", amqp),
        of_ours(around, "ingest", "vestibule_ingest", {"VESTIBULE_PUBLIC_URL": public_url(around)}),
    )


def of_ours(around: Surroundings, name: str, package: str, more: Mapping[str, str]) -> Service:
    """A service of the gateway: its own login role, its own listener, and what it alone needs."""
    environ = {
        **plain_environ(around),
        "VESTIBULE_DATABASE_URL": around.database_as(f"vestibule_{name}"),
        "VESTIBULE_LISTEN": around.listen(name),
        "VESTIBULE_INSTANCE": f"{name}-1",
        **more,
    }
    return Service(name, module(package), environ, around.ports[name])


def console_environ(around: Surroundings) -> dict[str, str]:
    """What the command line needs to work on this instance."""
    keys = around.credentials
    return {
        "VESTIBULE_DATABASE_URL": around.database_as("vestibule_console"),
        "VESTIBULE_PUBLIC_URL": public_url(around),
        "VESTIBULE_SEALING_KEY": keys.sealing_key,
        "SANDBOX_DESK_URL": f"http://{around.listen('desk')}",
        "SANDBOX_DESK_USER": keys.desk_user,
        "SANDBOX_DESK_TOKEN": keys.desk_token,
    }


def public_url(around: Surroundings) -> str:
    """The base that identity providers are given."""
    return f"http://{around.listen('ingest')}"


def plain_environ(around: Surroundings) -> dict[str, str]:
    """A service's surroundings without anything that happens to be set in the caller's shell."""
    passed = {name: around.environ[name] for name in PASSED_ON if around.environ.get(name)}
    return {
        "PATH": os.defpath,
        "LC_ALL": "C.UTF-8",
        "HOME": str(around.folder),
        "PYTHONUNBUFFERED": "1",
        **passed,
    }


def module(name: str) -> tuple[str, ...]:
    """How a Python module is started in the environment."""
    return (str(PYTHON), "-m", name)


def with_login(url: str, user: str, password: str) -> str:
    """The same URL with another user and password."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{host}"))


def without_login(url: str) -> str:
    """The same URL without user and password, fit to be shown."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
