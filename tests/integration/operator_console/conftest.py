"""A console on a database of the test's own, and the same through the command line."""

import io
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.stack import Database
from vestibule.sealing import KeyPair, new_key_pair
from vestibule.settings.loading import load
from vestibule.settings.services import ConsoleSettings
from vestibule_operator_console.command_line import run
from vestibule_operator_console.console import Console, open_console

PUBLIC_URL = "https://scim.desk.example"
DESK_TOKEN = "desk-token-never-stored-in-the-clear"  # noqa: S105 - made up


@dataclass(frozen=True, slots=True)
class Said:
    """What a call of the command line left: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


class CommandLine:
    """`vestibule` in this process; a thread of its own, since it brings its own event loop."""

    def __init__(
        self, environment: Mapping[str, str], folder: Path, capture: pytest.CaptureFixture[str]
    ) -> None:
        self.environment = dict(environment)
        self.folder = folder
        self.capture = capture

    def __call__(self, *arguments: str, given: str = "", **more: str) -> Said:
        output = io.StringIO()
        self.capture.readouterr()
        code = run(arguments, {**self.environment, **more}, self.folder, io.StringIO(given), output)
        return Said(code, output.getvalue(), self.capture.readouterr().err)

    def json(self, *arguments: str, given: str = "") -> Any:
        """The document of a call that went well."""
        said = self(*arguments, "--json", given=given)
        assert said.code == 0, said.err
        return said.document


@pytest.fixture(scope="session")
def keys() -> KeyPair:
    """The writer's key pair; the console has the public half."""
    return new_key_pair("k1")


@pytest.fixture
def environment(database: Database, keys: KeyPair) -> dict[str, str]:
    """The console's settings."""
    return {
        "VESTIBULE_DATABASE_URL": database.url("vestibule_console"),
        "VESTIBULE_SEALING_KEY": keys.public,
        "VESTIBULE_PUBLIC_URL": PUBLIC_URL,
        "VESTIBULE_ACTOR": "olga",
    }


@pytest.fixture
async def console(environment: Mapping[str, str]) -> AsyncIterator[Console]:
    """The console's functions, called directly."""
    async with open_console(load(ConsoleSettings, environment), "olga") as opened:
        yield opened


@pytest.fixture
def vestibule(
    environment: Mapping[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    """The command line."""
    return CommandLine(environment, tmp_path, capsys)


def jira(*more: str) -> Sequence[str]:
    """Arguments that make a desk."""
    return ("desk", "create", "main", "--base-url", "https://acme.example", "--service-desk-id", "1", *more)
