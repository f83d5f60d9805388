"""PostgreSQL and RabbitMQ of one instance: ours under its folder, or those that the settings give."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from infra.local.credentials import ROLES
from infra.local.postgres import PostgresServer
from infra.local.problems import InvalidSetting
from infra.local.rabbitmq import RabbitServer

DATABASE = "vestibule"
GIVEN = {
    "VESTIBULE_DATABASE_URL": ("postgresql://", "postgres://"),
    "VESTIBULE_AMQP_URL": ("amqp://", "amqps://"),
}


@dataclass(frozen=True, slots=True)
class Addresses:
    """Administrators' URLs, passwords included; the database URL names the gateway's own database."""

    database: str
    amqp: str


class Servers:
    """The two servers of one folder; a given one is used and never started, stopped or configured."""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None) -> None:
        self._environ = dict(os.environ if environ is None else environ)
        self._given_database = given(self._environ, "VESTIBULE_DATABASE_URL")
        self._given_amqp = given(self._environ, "VESTIBULE_AMQP_URL")
        self.postgres = PostgresServer(folder / "postgres", self._environ)
        self.rabbitmq = RabbitServer(folder / "rabbitmq", self._environ)

    @property
    def uses_given_database(self) -> bool:
        """Whether the database outlives the folder, because somebody else runs it."""
        return self._given_database is not None

    def start(self) -> Addresses:
        """Have both running, started side by side; returns their addresses."""
        with ThreadPoolExecutor(2) as both:
            starts = []
            if self._given_database is None:
                starts.append(both.submit(self.postgres.start))
            if self._given_amqp is None:
                starts.append(both.submit(self.rabbitmq.start))
            for started in starts:
                started.result()
        return self.addresses()

    def addresses(self) -> Addresses:
        """Where both are; raises LocalStackError if ours do not run."""
        return Addresses(
            database=self._given_database or self.postgres.url_of(DATABASE),
            amqp=self._given_amqp or self.rabbitmq.url,
        )

    def stop(self) -> None:
        """Stop ours; safe when they do not run."""
        with ThreadPoolExecutor(2) as both:
            for stopped in [both.submit(self.rabbitmq.stop), both.submit(self.postgres.stop)]:
                stopped.result()

    def remove(self) -> None:
        """Stop ours and delete their data."""
        self.rabbitmq.remove()
        self.postgres.remove()


def given(environ: Mapping[str, str], name: str) -> str | None:
    """A given server's URL, or None to run our own.

    A shell that has read `cli.env` holds the command line's own URL: a service's role administers nothing.
    """
    url = environ.get(name)
    if not url:
        return None
    if not url.startswith(GIVEN[name]):
        raise InvalidSetting(f"{name} does not start with {' or '.join(GIVEN[name])}")
    return None if urlsplit(url).username in ROLES else url
