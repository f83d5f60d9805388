"""One call of the command line: its surroundings, and the console that it opens."""

import getpass
import os
import shlex
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from vestibule.settings.loading import InvalidSettingsError, load
from vestibule.settings.services import ConsoleSettings
from vestibule_operator_console.console import Console, actor_of, open_console
from vestibule_operator_console.problems import Unusable

LOCAL_SETTINGS = Path(".local") / "cli.env"


@dataclass(frozen=True, slots=True)
class Session:
    """Everything that a command may know of the world outside."""

    environment: Mapping[str, str]
    folder: Path
    standard_input: TextIO

    def read(self, file: str, most: int) -> str:
        """The text of a file, `-` for standard input; of a larger one than `most` a little more. Unusable."""
        if file == "-":
            return self.standard_input.read(most + 1)
        try:
            with (self.folder / Path(file)).open(encoding="utf-8") as opened:
                return opened.read(most + 1)
        except (OSError, UnicodeDecodeError) as error:
            raise Unusable(f"the file {file!r} cannot be read.") from error

    @asynccontextmanager
    async def console(self) -> AsyncIterator[Console]:
        """The console on the configured database; Unusable lists every problem of the configuration."""
        try:
            settings = load(ConsoleSettings, self.environment)
        except InvalidSettingsError as invalid:
            problems = "\n".join(f"  {problem.name}: {problem.advice}" for problem in invalid.problems)
            raise Unusable(
                f"the configuration is incomplete:\n{problems}\n",
                "With a gateway of `make up`, call this in its folder: .local/cli.env is read by itself.",
            ) from invalid
        async with open_console(settings, actor_of(self.environment, user_name())) as console:
            yield console


def read_environment(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The environment, or `.local/cli.env` where it names no database; Unusable for a torn file."""
    if environment.get("VESTIBULE_DATABASE_URL"):
        return dict(environment)
    try:
        lines = (folder / LOCAL_SETTINGS).read_text(encoding="utf-8").splitlines()
    except OSError:
        return dict(environment)
    written: dict[str, str] = {}
    for line in lines:
        name, equals, value = line.partition("=")
        if not equals:
            continue
        try:
            written[name.strip()] = "".join(shlex.split(value))
        except ValueError as error:
            raise Unusable(
                f"{LOCAL_SETTINGS} cannot be read ({name}).", "`make up` writes it anew."
            ) from error
    # one gateway, not half of each: what the file says about the gateway wins
    return {**environment, **written}


def user_name() -> str:
    """The operating system's name of who calls, or a number where it has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid-{os.getuid()}"
