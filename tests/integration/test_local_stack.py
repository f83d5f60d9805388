"""The local stack itself: both PostgreSQL sources, private brokers, records that survive crashes."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from asyncio.subprocess import DEVNULL
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import aio_pika
import asyncpg
import pytest

from infra.local.occupancy import is_occupied, private_servers
from infra.local.places import LOCAL, ROOT
from infra.local.ports import LOOPBACK, Ports, is_free
from infra.local.postgres import PostgresServer
from infra.local.postgres_programs import system_programs
from infra.local.problems import InvalidSetting, LocalStackError, MissingPrerequisite
from infra.local.processes import BackgroundProcess, identify, send
from infra.local.rabbitmq import RabbitServer
from infra.local.readiness import await_ready
from infra.local.servers import Servers
from infra.local.services import with_login, without_login
from infra.local.stack import Stack
from tests.waiting import until

SLEEPER = (sys.executable, "-c", "import signal; signal.pause()")
STUBBORN = (
    sys.executable,
    "-c",
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()",
)
SOURCES = ["wheel", *(["system"] if system_programs() is not None else [])]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that a server's account can reach, unlike pytest's own."""
    made = Path(tempfile.mkdtemp(prefix="vestibule-test-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def process(folder: Path) -> Iterator[BackgroundProcess]:
    """A background process that does not outlive the test."""
    made = BackgroundProcess("sleeper", folder / "sleeper.json", folder / "sleeper.log")
    yield made
    made.kill_hard()


def environ_with(**settings: str) -> dict[str, str]:
    """Our environment without given servers, and with these settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VESTIBULE_")}
    if cache := os.environ.get("VESTIBULE_CACHE"):
        kept["VESTIBULE_CACHE"] = cache
    return kept | settings


async def ask(url: str, question: str) -> object:
    """One value from a database."""
    connection = await asyncpg.connect(url, timeout=10)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


@pytest.mark.parametrize("source", SOURCES)
async def test_postgres_keeps_what_was_committed_through_every_way_to_end(folder: Path, source: str) -> None:
    server = PostgresServer(folder / "pg", environ_with(VESTIBULE_POSTGRES=source))
    try:
        server.start()
        assert await ask(server.url, "show fsync") == "on"
        await ask(server.url, "create table kept (n int)")
        await ask(server.url, "insert into kept values (1)")
        port, running = server.port, server.running()
        assert json.loads((folder / "pg" / "ports.json").read_text("utf-8")) == {"postgres": port}
        server.start()
        assert server.running() == running
        server.kill_hard()
        assert server.running() is None
        server.start()
        assert await ask(server.url, "select n from kept") == 1
        server.stop()
        server.stop()
        server.start()
        assert server.port == port
        assert await ask(server.url, "select n from kept") == 1
    finally:
        server.remove()
    assert not (folder / "pg").exists()


async def test_postgres_recovers_from_a_killed_postmaster_and_a_lock_file_with_a_foreign_pid(
    folder: Path,
) -> None:
    server = PostgresServer(folder / "pg", environ_with())
    try:
        server.start()
        running = server.running()
        assert running is not None
        killed = identify(running.pid)
        assert killed is not None
        assert send(killed, signal.SIGKILL, 10)
        lock = Path(running.data) / "postmaster.pid"
        _, _, rest = lock.read_text("ascii").partition("\n")
        lock.write_text(f"{os.getpid()}\n{rest}", "ascii")
        assert server.running() is None
        server.start()
        assert await ask(server.url, "select 1") == 1
    finally:
        server.remove()


async def test_two_instances_run_side_by_side_and_one_ends_alone(folder: Path) -> None:
    left, right = (Servers(folder / name, environ_with()) for name in ("left", "right"))
    try:
        (left_at, right_at) = await asyncio.gather(
            asyncio.to_thread(left.start), asyncio.to_thread(right.start)
        )
        assert left_at != right_at
        await asyncio.to_thread(left.stop)
        assert await ask(right.postgres.url, "select 1") == 1
        connection = await aio_pika.connect(right.rabbitmq.url, timeout=10)
        await connection.close()
        assert left.postgres.running() is None
        assert left.rabbitmq.pid is None
    finally:
        await asyncio.gather(asyncio.to_thread(left.remove), asyncio.to_thread(right.remove))


async def test_rabbitmq_keeps_its_messages_and_its_port_through_a_kill(folder: Path) -> None:
    server = RabbitServer(folder / "mq", environ_with())
    try:
        await asyncio.to_thread(server.start)
        await declare(server.url, "kept")
        # RabbitMQ 3.10 forgets a quorum queue's leader if it is killed within seconds of the declaration
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(server.start)
        await publish(server.url, "kept", b"1")
        port, pid = server.port, server.pid
        server.kill_hard()
        assert server.pid is None
        await asyncio.to_thread(server.start)
        assert server.port == port
        assert server.pid != pid
        assert await receive(server.url, "kept") == b"1"
        names = Ports(folder / "mq" / "ports.json").known()["epmd"]
        await asyncio.to_thread(server.stop)
        assert is_free(names)
    finally:
        await asyncio.to_thread(server.remove)


async def test_rabbitmq_takes_another_port_where_somebody_was_quicker(folder: Path) -> None:
    server = RabbitServer(folder / "mq", environ_with())
    try:
        server.begin()
        with socket.create_server((LOOPBACK, server.port)) as quicker:
            await asyncio.to_thread(server.wait)
            assert server.port != quicker.getsockname()[1]
        connection = await aio_pika.connect(server.url, timeout=10)
        await connection.close()
    finally:
        await asyncio.to_thread(server.remove)


async def declare(url: str, name: str) -> None:
    """A durable quorum queue."""
    async with await aio_pika.connect(url, timeout=10) as connection:
        channel = await connection.channel()
        await channel.declare_queue(name, durable=True, arguments={"x-queue-type": "quorum"}, timeout=10)


async def publish(url: str, name: str, body: bytes) -> None:
    """One persistent message, confirmed."""
    async with await aio_pika.connect(url, timeout=10) as connection:
        message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        channel = await connection.channel()
        await channel.default_exchange.publish(message, routing_key=name, timeout=10)


async def receive(url: str, name: str) -> bytes:
    """The first message of a queue."""
    async with await aio_pika.connect(url, timeout=10) as connection:
        queue = await (await connection.channel()).get_queue(name)
        return (await queue.get(no_ack=True, timeout=20)).body


def test_a_process_that_runs_is_found_again_and_ends_when_asked(process: BackgroundProcess) -> None:
    identity = process.start(SLEEPER, os.environ)
    assert process.start(SLEEPER, os.environ) == identity
    assert BackgroundProcess(process.name, process.record, process.log).identity() == identity
    assert process.stop(10)
    assert process.identity() is None
    assert not process.record.exists()
    assert process.stop(10)


def test_a_process_that_does_not_listen_is_killed_after_the_bound(process: BackgroundProcess) -> None:
    identity = process.start(STUBBORN, os.environ)
    read_until(process.log, "deaf")
    assert not process.stop(0.2)
    assert identify(identity.pid) is None


def test_a_recycled_pid_is_neither_taken_for_ours_nor_killed(
    process: BackgroundProcess, folder: Path
) -> None:
    stranger = BackgroundProcess("stranger", folder / "stranger.json", folder / "stranger.log")
    living = stranger.start(SLEEPER, os.environ)
    try:
        for stale in (replace(living, started=living.started - 1), replace(living, boot="an earlier boot")):
            process.record.write_text(json.dumps(asdict(stale)), "utf-8")
            assert process.identity() is None
            assert process.stop(0)
            process.record.write_text(json.dumps(asdict(stale)), "utf-8")
            process.kill_hard()
            assert send(stale, signal.SIGKILL, 0)
        assert identify(living.pid) == living
    finally:
        stranger.kill_hard()


@pytest.mark.parametrize(
    "left_behind", ["", "{", '{"pid": 1}', '{"pid": 999999999, "started": 1, "boot": "x"}']
)
def test_a_broken_or_stale_record_does_not_hinder_a_start(
    process: BackgroundProcess, left_behind: str
) -> None:
    process.record.write_text(left_behind, "utf-8")
    assert process.identity() is None
    identity = process.start(SLEEPER, os.environ)
    assert process.identity() == identity


def test_a_port_is_written_down_kept_and_changed_only_when_taken(folder: Path) -> None:
    ports = Ports(folder / "ports.json", patience=0.1)
    port = ports.take("ingest")
    assert ports.take("ingest") == port
    assert ports.known() == {"ingest": port}
    with socket.socket() as other:
        other.bind((LOOPBACK, port))
        other.listen()
        assert ports.take("ingest") != port


def test_a_service_that_ends_while_starting_is_told_with_its_last_lines(process: BackgroundProcess) -> None:
    process.start((sys.executable, "-c", "raise SystemExit('VESTIBULE_LISTEN is missing')"), os.environ)
    with pytest.raises(LocalStackError, match="VESTIBULE_LISTEN is missing"):
        await_ready({"ingest": (process, Ports(process.record.parent / "p.json").take("x"))}, 20, print)


def test_a_service_that_never_gets_ready_is_told_after_the_bound(process: BackgroundProcess) -> None:
    process.start(STUBBORN, os.environ)
    read_until(process.log, "deaf")
    with pytest.raises(LocalStackError, match=r"not ready after 0 s: ingest(.|\n)*deaf"):
        await_ready({"ingest": (process, Ports(process.record.parent / "p.json").take("x"))}, 0.2, print)


async def test_up_is_safe_to_repeat_heals_what_died_and_down_leaves_nothing(folder: Path) -> None:
    stack, told = Stack(folder, environ_with()), [""]
    try:
        urls = await asyncio.to_thread(stack.up, told.append, only=("desk",))
        assert json.loads((folder / "run.json").read_text("utf-8")) == urls
        assert (folder / "cli.env").stat().st_mode & 0o777 == 0o600
        assert (folder / "credentials.json").stat().st_mode & 0o777 == 0o600
        settings = stack.console_environ()
        assert settings["SANDBOX_DESK_URL"] == urls["desk"]
        secrets = json.loads((folder / "credentials.json").read_text("utf-8"))["roles"].values()
        assert not [line for line in told for secret in secrets if secret in line]
        before = stack.states()
        assert [state.name for state in before] == ["database", "amqp", "desk"]
        assert await asyncio.to_thread(stack.up, told.append, only=("desk",)) == urls
        assert stack.states() == before
        in_that_shell = Stack(folder, environ_with(**settings))
        assert await asyncio.to_thread(in_that_shell.up, told.append, only=("desk",)) == urls
        assert in_that_shell.states() == before

        stack.process("desk").kill_hard()
        stack.servers.postgres.kill_hard()
        stack.servers.rabbitmq.kill_hard()
        assert await asyncio.to_thread(stack.up, told.append, only=("desk",)) == urls
        assert {state.pid for state in stack.states()}.isdisjoint(state.pid for state in before)
    finally:
        await asyncio.to_thread(stack.down, told.append)
    assert stack.states() == []
    assert not (folder / "run.json").exists()
    await asyncio.to_thread(stack.remove, told.append)


async def test_a_failing_service_stops_what_was_started_with_it(folder: Path) -> None:
    stack = Stack(folder, environ_with(VESTIBULE_LOG_LEVEL="deafening"))
    try:
        with pytest.raises(LocalStackError, match=r"relay ended while starting(.|\n)*VESTIBULE_LOG_LEVEL"):
            await asyncio.to_thread(stack.up, print, only=("desk", "relay"))
        assert stack.states() == []
    finally:
        await asyncio.to_thread(stack.remove, print)


def test_given_servers_are_used_and_nothing_is_started(folder: Path) -> None:
    given = environ_with(
        VESTIBULE_DATABASE_URL="postgresql://admin:secret@db.example:5432/gateway?sslmode=require",
        VESTIBULE_AMQP_URL="amqps://admin:secret@mq.example/",
    )
    servers = Servers(folder, given)
    addresses = servers.start()
    assert addresses.database == given["VESTIBULE_DATABASE_URL"]
    assert addresses.amqp == given["VESTIBULE_AMQP_URL"]
    servers.stop()
    assert list(folder.iterdir()) == []
    role = with_login(addresses.database, "vestibule_ingest", "p/w")
    assert role == "postgresql://vestibule_ingest:p%2Fw@db.example:5432/gateway?sslmode=require"
    assert without_login(addresses.amqp) == "amqps://mq.example/"


def test_a_shell_that_has_read_the_command_lines_settings_gives_no_servers(folder: Path) -> None:
    own = environ_with(VESTIBULE_DATABASE_URL="postgresql://vestibule_console:pw@127.0.0.1:1/vestibule")
    assert not Servers(folder, own).uses_given_database


async def test_a_signal_lets_the_program_tidy_up_before_the_command_ends(folder: Path) -> None:
    began, tidy = folder / "began", folder / "tidy"
    program = (
        "import pathlib, signal\n"
        f"try: pathlib.Path({str(began)!r}).touch(); signal.pause()\n"
        f"finally: pathlib.Path({str(tidy)!r}).touch()\n"
    )
    command = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"  # as in the background of a script
        f"from infra.local.commands import program; program(['-c', {program!r}], {{}})"
    )
    running = await asyncio.create_subprocess_exec(sys.executable, "-c", command, cwd=ROOT, stderr=DEVNULL)

    async def has_begun() -> bool:
        return began.exists()

    try:
        await until(has_begun, 20, "the program has begun")
        running.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(running.wait(), 20) == 128 + signal.SIGTERM
    finally:
        if running.returncode is None:
            running.kill()
    assert tidy.exists()


def test_what_a_run_uses_is_occupied_and_what_a_killed_run_left_is_removed() -> None:
    given = environ_with(
        VESTIBULE_DATABASE_URL="postgresql://db.example/x", VESTIBULE_AMQP_URL="amqp://mq.example/"
    )
    kind = LOCAL / f"occupancy-{os.getpid()}"
    left = kind / "1"
    left.mkdir(parents=True)
    (left / "stack.lock").touch()
    try:
        with private_servers(kind.name, given):
            used = kind / str(os.getpid())
            assert is_occupied(used / "crash")
            assert not is_occupied(left)
            assert not left.exists()
        assert not is_occupied(used)
        assert list(kind.iterdir()) == []
    finally:
        shutil.rmtree(kind)


def test_a_wrong_setting_is_told_with_what_it_takes(folder: Path) -> None:
    with pytest.raises(
        InvalidSetting, match="VESTIBULE_POSTGRES is 'mysql'; it takes one of: auto, system, wheel"
    ):
        PostgresServer(folder, environ_with(VESTIBULE_POSTGRES="mysql")).start()
    with pytest.raises(InvalidSetting, match="VESTIBULE_AMQP_URL does not start with amqp://"):
        Servers(folder, environ_with(VESTIBULE_AMQP_URL="localhost"))


def test_without_apt_one_line_says_what_to_do_and_the_exit_code_is_two(folder: Path) -> None:
    empty = folder / "bin"
    empty.mkdir()
    environ = environ_with(VESTIBULE_CACHE=str(folder / "cache"), PATH=str(empty))
    program = (
        "import os, sys\n"
        "from infra.local.__main__ import answered\n"
        "from infra.local.debian_packages import unpacked\n"
        "from infra.local.rabbitmq import PACKAGES, repoint\n"
        "sys.exit(answered(lambda: unpacked(PACKAGES, os.environ, repoint) and None))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == MissingPrerequisite.exit_code == 2
    assert len(done.stderr.splitlines()) == 1
    assert "rabbitmq-server is not installed and there is no apt-get" in done.stderr
    assert "VESTIBULE_AMQP_URL" in done.stderr


def read_until(log: Path, text: str, seconds: float = 20) -> None:
    """Wait until the log holds the text, by what `tail` sends us; never longer than the bound."""
    argv = ["timeout", str(seconds), "tail", "-n", "+1", "-F", "--sleep-interval=0.05", str(log)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as tail:
        assert tail.stdout is not None
        seen = any(text in line for line in tail.stdout)
        tail.terminate()
    assert seen
