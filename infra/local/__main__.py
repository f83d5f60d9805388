"""The commands behind `make`: `python3 -m infra.local <command>`.

Only the standard library is imported until the virtual environment exists; then this starts itself anew
in that.
"""

import os
import sys
from collections.abc import Sequence

from infra.local.environment import PYTHON, ensure_environment
from infra.local.places import ROOT, VENV
from infra.local.problems import LocalStackError


def main(arguments: Sequence[str]) -> int:
    """Run one command; a problem is one message on standard error and its exit code."""
    try:
        ensure_environment(os.environ, say)
        if arguments == ["environment"]:
            return 0
        if sys.prefix != str(VENV):
            os.chdir(ROOT)
            os.execv(PYTHON, [str(PYTHON), "-m", "infra.local", *arguments])
        # not before: it imports what only the environment has
        from infra.local.commands import run_command

        return run_command(arguments)
    except LocalStackError as problem:
        sys.stderr.write(f"vestibule: {problem}\n")
        return problem.exit_code
    except KeyboardInterrupt:
        return 130


def say(line: str) -> None:
    """Progress for a person; results go to standard output."""
    sys.stderr.write(f"  {line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
