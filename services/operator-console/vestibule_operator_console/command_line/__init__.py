"""The command line `vestibule`: thin over the console's functions.

Exit codes: 0 done, 1 a problem was found, 2 wrong usage or configuration, 3 no such thing or a conflict,
4 the database or a service cannot be reached.
"""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TextIO

import asyncpg
from cyclopts import App, CycloptsError

from vestibule_operator_console.command_line.answers import Answer, complain, open_screen, write
from vestibule_operator_console.command_line.case import CaseCommands
from vestibule_operator_console.command_line.connection import ConnectionCommands
from vestibule_operator_console.command_line.desk import DeskCommands
from vestibule_operator_console.command_line.doctor import DoctorCommand
from vestibule_operator_console.command_line.group import GroupCommands
from vestibule_operator_console.command_line.mapping import MappingCommands
from vestibule_operator_console.command_line.person import PersonCommand
from vestibule_operator_console.command_line.replay import ReplayCommand
from vestibule_operator_console.command_line.schema import SchemaCommands
from vestibule_operator_console.command_line.screens import Screen
from vestibule_operator_console.command_line.session import Session, read_environment
from vestibule_operator_console.command_line.standing import StandingCommand
from vestibule_operator_console.command_line.tenant import TenantCommands
from vestibule_operator_console.command_line.token import TokenCommands
from vestibule_operator_console.console import why_unreachable
from vestibule_operator_console.problems import ConsoleProblem

USAGE, UNREACHABLE, INTERRUPTED = 2, 4, 130

HELP = """Many customers' identity providers, one service desk: set up, watch, decide.

First steps: `vestibule desk create`, `vestibule tenant create`, `vestibule connection create`.
Every command has an example in its `--help`."""

EXIT_CODES = """Exit codes: 0 done; 1 a problem was found; 2 wrong usage or configuration; \
3 no such thing, or it conflicts; 4 the database or a service cannot be reached.

Settings: VESTIBULE_DATABASE_URL (role vestibule_console), VESTIBULE_SEALING_KEY, VESTIBULE_PUBLIC_URL; \
without them `.local/cli.env` of `make up` is read. VESTIBULE_ACTOR is the name in the audit, else your \
user name."""


def build_app(session: Session, screen: Screen, errors: Screen) -> App:
    """Every command, bound to this session."""
    app = App(
        name="vestibule",
        help=HELP,
        help_epilogue=EXIT_CODES,
        help_format="markdown",
        version=version("vestibule"),
        console=screen,
        error_console=errors,
    )
    for commands in (
        DeskCommands(session),
        TenantCommands(session),
        ConnectionCommands(session),
        TokenCommands(session),
        SchemaCommands(session),
        MappingCommands(session),
        StandingCommand(session),
        PersonCommand(session),
        GroupCommands(session),
        CaseCommands(session),
        ReplayCommand(session),
        DoctorCommand(session),
    ):
        commands.register(app)
    return app


def run(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    standard_input: TextIO,
    output: TextIO,
) -> int:
    """One call; the answer goes to `output`, complaints to standard error, the exit code comes back."""
    try:
        session = Session(read_environment(environment, folder), folder, standard_input)
        screen = open_screen(output, environment)
        app = build_app(session, screen, open_screen(sys.stderr, environment))
        answer = app(
            list(arguments),
            exit_on_error=False,
            print_error=True,
            result_action="return_value",
            backend="asyncio",
        )
    except CycloptsError:
        return USAGE  # told by the parser already
    except ConsoleProblem as problem:
        complain(str(problem))
        return problem.exit_code
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        complain(" ".join(why_unreachable(error)))
        return UNREACHABLE
    except (KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED
    if isinstance(answer, Answer):
        write(answer, output, screen)
        return answer.code
    return 0


def main() -> int:
    """The entry of `vestibule`."""
    try:
        return run(sys.argv[1:], os.environ, Path.cwd(), sys.stdin, sys.stdout)
    except BrokenPipeError:
        # the reader went away (`| head`): nothing more to say, and nothing to say it to
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
