"""The settings of each service."""

import os
import socket
from dataclasses import dataclass
from typing import Annotated

from vestibule.scim.limits import KIB, Limits
from vestibule.settings import limits, values
from vestibule.settings.loading import Problem, Several, Variable
from vestibule.settings.values import Listen, NamedKey, Secret

_POSTGRESQL = "write postgresql://role:password@host:port/database"
_AMQP = "write amqp://user:password@host:port/vhost"
_PUBLIC = "write the URL that customers reach, without /scim/v2"


def _host_and_pid() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


def _ten() -> int:
    return 10


def _two_hundred() -> int:
    return 200


def _fifteen() -> float:
    return 15.0


def _thirty() -> float:
    return 30.0


def _ten_seconds() -> float:
    return 10.0


def _info() -> str:
    return "info"


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSettings:
    """What everything that touches the database needs."""

    database_url: Annotated[Secret[str], Variable("VESTIBULE_DATABASE_URL", values.database_url, _POSTGRESQL)]
    log_level: Annotated[str, Variable("VESTIBULE_LOG_LEVEL", values.log_level, default=_info)]
    instance: Annotated[str, Variable("VESTIBULE_INSTANCE", values.instance, default=_host_and_pid)]
    pool_size: Annotated[int, Variable("VESTIBULE_POOL_SIZE", values.whole(1, 200), default=_ten)]
    otlp_endpoint: Annotated[
        str | None, Variable("OTEL_EXPORTER_OTLP_ENDPOINT", values.http_url, default=_nothing)
    ]

    def contradictions(self) -> tuple[Problem, ...]:
        """Why values do not go together although each is right alone."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings(DatabaseSettings):
    """What every long-running service needs."""

    listen: Annotated[
        Listen, Variable("VESTIBULE_LISTEN", values.listen, "write host:port, for example 127.0.0.1:8080")
    ]
    drain_seconds: Annotated[
        float, Variable("VESTIBULE_DRAIN_SECONDS", values.seconds(0, 600), default=_fifteen)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSettings(ServiceSettings):
    """`vestibule_ingest`."""

    public_url: Annotated[str, Variable("VESTIBULE_PUBLIC_URL", values.http_url, _PUBLIC)]
    probes_listen: Annotated[  # apart from the customers' listener, or on it
        Listen | None, Variable("VESTIBULE_PROBES_LISTEN", values.listen, default=_nothing)
    ]
    request_rate: Annotated[  # requests per second of one connection, at least what Entra's gallery asks for
        int, Variable("VESTIBULE_REQUEST_RATE", values.whole(25, 100_000), default=_two_hundred)
    ]
    burst_seconds: Annotated[  # of its rate a connection may have at once after a rest
        float, Variable("VESTIBULE_BURST_SECONDS", values.seconds(1, 60), default=lambda: 2.0)
    ]
    requests_at_once: Annotated[  # of one connection
        int, Variable("VESTIBULE_REQUESTS_AT_ONCE", values.whole(4, 1_000), default=lambda: 32)
    ]
    body_memory: Annotated[  # bytes of all bodies in hand; one connection may have half of them
        int, Variable("VESTIBULE_BODY_MEMORY", values.whole(1024 * KIB, 1 << 34), default=lambda: 48 << 20)
    ]
    limits: Annotated[Limits, Several(Limits, limits.VARIABLES)]
    fingerprint_seconds: Annotated[  # how much of the fingerprints a crash may lose
        float, Variable("VESTIBULE_FINGERPRINT_SECONDS", values.seconds(0.1, 300), default=_ten_seconds)
    ]

    def contradictions(self) -> tuple[Problem, ...]:
        """The same: limits that cannot both be kept."""
        found = []
        if self.limits.page_size > self.limits.most_page_size:
            found.append(Problem("VESTIBULE_PAGE_SIZE", "must not be greater than VESTIBULE_MOST_PAGE_SIZE"))
        largest = max(self.limits.user_bytes, self.limits.group_bytes, self.limits.bulk_bytes)
        if 2 * largest > self.body_memory:
            found.append(
                Problem("VESTIBULE_BODY_MEMORY", f"must be at least {2 * largest}: twice the largest body")
            )
        if self.limits.bulk_seconds >= self.drain_seconds:
            found.append(
                Problem(
                    "VESTIBULE_BULK_SECONDS",
                    "must be less than VESTIBULE_DRAIN_SECONDS: a Bulk under way is still answered",
                )
            )
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings(ServiceSettings):
    """What every service on the broker needs."""

    amqp_url: Annotated[Secret[str], Variable("VESTIBULE_AMQP_URL", values.amqp_url, _AMQP)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySettings(BrokerSettings):
    """`vestibule.broker`: a window is throughput times wanted latency, a lease a message's time to live."""

    router_window: Annotated[
        int, Variable("VESTIBULE_ROUTER_WINDOW", values.whole(1, 10_000), default=lambda: 300)
    ]
    writer_window: Annotated[
        int, Variable("VESTIBULE_WRITER_WINDOW", values.whole(1, 10_000), default=lambda: 150)
    ]
    lease_seconds: Annotated[
        float, Variable("VESTIBULE_LEASE_SECONDS", values.seconds(1, 600), default=lambda: 15.0)
    ]
    urgent_lease_seconds: Annotated[
        float, Variable("VESTIBULE_URGENT_LEASE_SECONDS", values.seconds(1, 600), default=lambda: 5.0)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterSettings(BrokerSettings):
    """`vestibule_tenant_router`."""

    email_key: Annotated[
        Secret[bytes],
        Variable(
            "VESTIBULE_EMAIL_KEY",
            values.hexadecimal_key,
            "make one with `openssl rand -hex 32` and keep it for ever: e-mail claims are hashed with it",
        ),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterSettings(BrokerSettings):
    """`vestibule_directory_writer`."""

    unsealing_keys: Annotated[
        tuple[NamedKey, ...],
        Variable(
            "VESTIBULE_UNSEALING_KEYS",
            values.named_keys,
            "write keyid:base64 of the X25519 private key, several with commas while keys are rotated",
        ),
    ]
    call_seconds: Annotated[
        float, Variable("VESTIBULE_CALL_SECONDS", values.seconds(0.1, 120), default=_ten_seconds)
    ]
    claim_seconds: Annotated[
        float, Variable("VESTIBULE_CLAIM_SECONDS", values.seconds(1, 600), default=_thirty)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSettings(DatabaseSettings):
    """`vestibule_operator_console` and the CLI."""

    sealing_key: Annotated[
        NamedKey,
        Variable(
            "VESTIBULE_SEALING_KEY", values.named_key, "write keyid:base64 of the writer's X25519 public key"
        ),
    ]
    public_url: Annotated[str, Variable("VESTIBULE_PUBLIC_URL", values.http_url, _PUBLIC)]
