"""The commands behind `make`: `python3 -m infra.local <command>`.

Only the standard library is imported until the virtual environment exists; then this starts itself anew
in that.
"""

import os
import sys
from collections.abc import Callable, Sequence

from infra.local.environment import PYTHON, ensure_environment
from infra.local.places import ROOT, VENV
from infra.local.problems import LocalStackError


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    return answered(lambda: command(arguments))


def answered(work: Callable[[], int | None]) -> int:
    """Do the work; a problem becomes one message on standard error and its exit code."""
    try:
        return work() or 0
    except LocalStackError as problem:
        sys.stderr.write(f"vestibule: {problem}\n")
        return problem.exit_code
    except KeyboardInterrupt:
        return 130


def command(arguments: Sequence[str]) -> int:
    """Have the environment, then run the command in it."""
    ensure_environment(os.environ, say)
    if arguments == ["environment"]:
        return 0
    if sys.prefix != str(VENV):
        os.chdir(ROOT)
        os.execv(PYTHON, [str(PYTHON), "-m", "infra.local", *arguments])
    # not before: it imports what only the environment has
    from infra.local.commands import run_command

    return run_command(arguments)


def say(line: str) -> None:
    """Progress for a person; results go to standard output."""
    sys.stderr.write(f"  {line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
