"""What each `make` target does, once the environment is there."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from infra.local.chromium import browser_settings
from infra.local.environment import PYTHON, ensure_environment
from infra.local.occupancy import abandoned, is_occupied, occupied, private_servers
from infra.local.places import LOCAL, ROOT
from infra.local.preparation import create_database
from infra.local.problems import InvalidSetting, MissingPrerequisite
from infra.local.services import NAMES
from infra.local.stack import Stack, shown, stacks_within

CHECKS = (
    ("ruff", "check"),
    ("ruff", "format", "--check"),
    ("mypy",),
    ("lint-imports", "--no-logo"),
)
UV = "uv==0.13.9"
ENDING_SECONDS = 60  # servers, brokers and services that a test run has started end one after the other
LOCKING = (
    "pip compile pyproject.toml --group dev --universal --generate-hashes --no-emit-index-url --no-header"
)


def run_command(arguments: Sequence[str]) -> int:
    """Run the named command and return its exit code."""
    name, rest = (arguments[0], list(arguments[1:])) if arguments else ("", [])
    match name:
        case "up":
            return up()
        case "down":
            return down()
        case "status":
            return status()
        case "logs":
            return logs()
        case "check":
            return check()
        case "test":
            return test(rest)
        case "demo":
            return demo(rest)
        case "bench":
            with occupied(LOCAL / "bench"):
                options = options_of(os.environ, ("ROUNDS",))
                return program(["-m", "tests.load.bench", *options, *rest], {})
        case "directory":
            with occupied(LOCAL / "directory"):
                options = options_of(os.environ, ("USERS", "GROUPS"))
                return program(["-m", "tests.load.large_directory", *options, *rest], {})
        case "load":
            return load(rest)
        case "lock":
            return lock()
        case "remove":
            return remove()
        case _:
            raise InvalidSetting(f"there is no command {name!r}; `make help` lists the targets")


def up() -> int:
    """Everything ready in the background, and where it is."""
    with ended_by_signal():
        urls = Stack().up(say)
    print_table([(name, url) for name, url in urls.items()])
    print(f"\nwritten to {shown(LOCAL / 'run.json')}; `.venv/bin/vestibule` reads {shown(LOCAL / 'cli.env')}")
    return 0


def down() -> int:
    """Everything of this checkout stopped, also what a kept demo or a killed run left; not a running test."""
    for stack in abandoned(LOCAL):
        stack.down(say)
    return 0


def status() -> int:
    """What runs, of every instance."""
    rows = [
        (shown(stack.folder), state.name, state.state, str(state.pid), state.where)
        for stack in stacks_within(LOCAL)
        for state in stack.states()
    ]
    if rows:
        print_table([("instance", "name", "state", "pid", "where"), *rows])
    else:
        print("nothing runs; `make up` starts everything")
    return 0


def logs() -> int:
    """The end of every log, or of one service's; with FOLLOW=1 what comes, until interrupted."""
    wanted = os.environ.get("SERVICE")
    if wanted and wanted not in NAMES:
        raise InvalidSetting(f"SERVICE is {wanted!r}; it takes one of: {', '.join(NAMES)}")
    files = [
        str(path)
        for stack in stacks_within(LOCAL)
        for path in stack.logs()
        if not wanted or path.stem == wanted
    ]
    if not files:
        print("no logs yet")
        return 0
    follow = ["-F"] if os.environ.get("FOLLOW") == "1" else []
    return subprocess.run(["tail", "-n", "40", *follow, *files], check=False).returncode


def check() -> int:
    """Every check, also after one has failed."""
    failed = []
    for argv in CHECKS:
        print(f"$ {' '.join(argv)}", flush=True)
        if subprocess.run([PYTHON.with_name(argv[0]), *argv[1:]], cwd=ROOT, check=False).returncode != 0:
            failed.append(" ".join(argv))
    print(f"failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


def test(arguments: Sequence[str]) -> int:
    """The test suite against fresh private servers (or given ones), which are gone afterwards."""
    browser = browser_if_any()
    with ended_by_signal(), private_servers("test") as addresses:
        create_database(addresses.database)
        urls = {"VESTIBULE_DATABASE_URL": addresses.database, "VESTIBULE_AMQP_URL": addresses.amqp}
        return program(["-m", "pytest", *arguments], urls | browser)


def browser_if_any() -> dict[str, str]:
    """The settings that give the tests a browser; where none can be had, the other tests run all the same."""
    try:
        return browser_settings(os.environ, say)
    except MissingPrerequisite as problem:
        say(f"the browser test will fail: {problem}")
        return {}


def demo(arguments: Sequence[str]) -> int:
    """The demonstration on a fresh instance of its own; it stays with KEEP=1, whatever comes out."""
    stack = Stack(LOCAL / "demo")
    if is_occupied(stack.folder):
        raise InvalidSetting("another `make demo` runs in this checkout; wait for it, or use a second clone")
    with ended_by_signal(), occupied(stack.folder):
        stack.remove(lambda _line: None)
        try:
            stack.up(say)
            return program(["-m", "infra.local.demo", *arguments], stack.console_environ())
        finally:
            if os.environ.get("KEEP") == "1":
                settings = shown(stack.folder / "cli.env")
                say(f"kept running, see {shown(stack.folder / 'run.json')}; `make down` ends it")
                say(f"its command line: (set -a; . {settings}; .venv/bin/vestibule standing)")
            else:
                stack.down(lambda _line: None)


def load(arguments: Sequence[str]) -> int:
    """Many identity providers at once; an interrupt is for the program, which ends well and reports."""
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        with occupied(LOCAL / "load"):
            options = options_of(os.environ, ("IDPS", "PEOPLE", "MINUTES", "SEED", "TARGET"))
            return program(["-m", "tests.load.many_idps", *options, *arguments], {})
    finally:
        signal.signal(signal.SIGINT, before)


def options_of(environ: Mapping[str, str], names: Sequence[str]) -> list[str]:
    """What `make load IDPS=50 PEOPLE=500` means to the program."""
    return [f"--{name.lower()}={environ[name]}" for name in names if environ.get(name)]


def lock() -> int:
    """requirements.lock anew from pyproject.toml, and the environment brought in step."""
    tool = LOCAL / "uv"
    pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(tool), UV]
    if not (tool / "bin" / "uv").exists() and (code := program(pip, {})) != 0:
        return code
    argv = [str(tool / "bin" / "uv"), *LOCKING.split(), "--quiet", "-o", "requirements.lock"]
    code = subprocess.run(argv, cwd=ROOT, check=False).returncode
    if code == 0:
        ensure_environment(os.environ, say)
    return code


def remove() -> int:
    """Every instance stopped and deleted."""
    for stack in stacks_within(LOCAL):
        stack.remove(say)
    return 0


def program(argv: Sequence[str], more: Mapping[str, str]) -> int:
    """Run the environment's Python in the foreground, in the checkout; it ends before us if a signal ends us.

    Killed at once, tests and measurements would leave behind what they started.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # begun in the background of a script: the program would be deaf, too
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with ended_by_signal():
        child = subprocess.Popen([PYTHON, *argv], cwd=ROOT, env={**os.environ, **more})
        try:
            return child.wait()
        except BaseException as reason:
            if not (isinstance(reason, KeyboardInterrupt) and is_in_front()):  # else it was told, too
                child.send_signal(signal.SIGINT)
            end(child)
            raise


def is_in_front() -> bool:
    """Whether a terminal gives its interrupts to us, and to what we have started."""
    try:
        with Path("/dev/tty").open("rb") as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False


def end(child: subprocess.Popen[bytes]) -> None:
    """Wait for a program that was asked to end; whoever cannot wait, and asks again, has it killed."""
    try:
        child.wait(ENDING_SECONDS)
    except BaseException as reason:
        child.kill()
        child.wait()
        if not isinstance(reason, subprocess.TimeoutExpired):
            raise


@contextmanager
def ended_by_signal() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into an exception, so that what was started is stopped on the way out."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Columns, aligned."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def say(line: str) -> None:
    """Progress for a person; results go to standard output."""
    sys.stderr.write(f"  {line}\n")
