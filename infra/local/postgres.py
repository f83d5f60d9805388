"""A private PostgreSQL server: own data folder, own port, loopback only, durable like the real one."""

import hashlib
import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from infra.local.places import write_whole
from infra.local.ports import LOOPBACK, Ports, is_free
from infra.local.postgres_programs import (
    Account,
    Programs,
    chosen_source,
    find_programs,
    reachable_folder,
    server_account,
)
from infra.local.problems import LocalStackError
from infra.local.processes import identify

ADMINISTRATOR = "vestibule"
START_SECONDS = 60
STOP_SECONDS = 30

# Durability stays as PostgreSQL ships it (fsync, full_page_writes, synchronous_commit): crash tests and
# benchmarks against a server that forgets would prove nothing.
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "password_encryption": "scram-sha-256",
    "log_min_messages": "warning",
    "timezone": "UTC",
}


@dataclass(frozen=True, slots=True)
class Running:
    """The server that runs for a folder: which programs, which data, which port, which postmaster."""

    programs: str
    data: str
    port: int
    pid: int


class PostgresServer:
    """The PostgreSQL of one folder. Every call is safe to repeat, also after a crash of anything."""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None) -> None:
        self._folder = folder.resolve()
        self._environ = os.environ if environ is None else environ
        self._record = self._folder / "server.json"
        self._ports = Ports(self._folder / "ports.json")

    @property
    def port(self) -> int:
        """The port of the running server."""
        return self._require_running().port

    @property
    def url(self) -> str:
        """The administrator's URL, password included, at the maintenance database."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """The administrator's URL at one database."""
        return f"postgresql://{ADMINISTRATOR}:{quote(self._password())}@{LOOPBACK}:{self.port}/{database}"

    def running(self) -> Running | None:
        """What runs for this folder now, recognised by the postmaster's own command line."""
        try:
            record = Running(**{"pid": 0, **json.loads(self._record.read_text(encoding="utf-8"))})
        except (FileNotFoundError, ValueError, TypeError):
            return None
        pid = postmaster_of(Path(record.data))
        return None if pid is None else Running(record.programs, record.data, record.port, pid)

    def start(self) -> None:
        """Have the server running and accepting connections, with the source that the settings name."""
        account = server_account()
        programs = find_programs(chosen_source(self._environ), account)
        running = self.running()
        if running is not None and running.programs == str(programs.folder):
            return
        if running is not None:
            self.stop()
        data = self._home(account) / f"data-{programs.major}"
        if not data.exists():
            self._initialise(programs, account, data)
        remove_stale_lock(data)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            port = self._ports.take("postgres")
            record = {"programs": str(programs.folder), "data": str(data), "port": port}
            write_whole(self._record, json.dumps(record))
            if self._launch(programs, account, data, port):
                return
            if is_free(port) and not waits_for_orphans(data):
                break
            time.sleep(0.1)
        raise LocalStackError(f"PostgreSQL does not start; the end of {log_of(data)}:\n{tail(log_of(data))}")

    def stop(self) -> None:
        """Let open transactions roll back, write everything down, and end."""
        self._stop("fast")

    def kill_hard(self) -> None:
        """End at once, as if the power failed; the next start recovers from the log."""
        self._stop("immediate")

    def remove(self) -> None:
        """Stop, and delete the data and everything else of this folder, wherever it lies."""
        self.stop()
        shutil.rmtree(self._home(server_account()), ignore_errors=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _require_running(self) -> Running:
        if (running := self.running()) is None:
            raise LocalStackError(f"no PostgreSQL runs for {self._folder}")
        return running

    def _home(self, account: Account) -> Path:
        """Where data can lie: in our folder, unless the server's account could not walk there."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if account.may_reach(self._folder):
            return self._folder
        name = hashlib.sha256(str(self._folder).encode()).hexdigest()[:16]
        return reachable_folder(f"postgres-{name}")

    def _password(self) -> str:
        return (self._folder / "password").read_text(encoding="ascii").strip()

    def _initialise(self, programs: Programs, account: Account, data: Path) -> None:
        """Make the cluster beside its final place, then move it: a half-made one is never used."""
        if not (self._folder / "password").exists():
            write_whole(self._folder / "password", secrets.token_urlsafe(24), mode=0o600)
        data.parent.mkdir(parents=True, exist_ok=True)
        making, password = data.with_suffix(".making"), data.with_suffix(".password")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(mode=0o700)
        write_whole(password, self._password(), mode=0o600)
        for path in (making, password):
            os.chown(path, account.uid, account.gid)
        try:
            options = ["-U", ADMINISTRATOR, "-E", "UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256"]
            argv = [programs.path("initdb"), "-D", str(making), *options, f"--pwfile={password}", "--no-sync"]
            done = run_as(account, argv, timeout=START_SECONDS)
            if done.returncode != 0:
                raise LocalStackError(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")
            making.rename(data)
        finally:
            password.unlink()

    def _launch(self, programs: Programs, account: Account, data: Path, port: int) -> bool:
        log = log_of(data)
        log.touch(mode=0o600)
        os.chown(log, account.uid, account.gid)
        settings = " ".join(f"-c {name}='{value}'" for name, value in {**SETTINGS, "port": port}.items())
        argv = [programs.path("pg_ctl"), "-D", str(data), "-w", "-t", str(START_SECONDS), "-l", str(log)]
        return run_as(account, [*argv, "-o", settings, "start"], timeout=START_SECONDS + 10).returncode == 0

    def _stop(self, mode: str) -> None:
        if (running := self.running()) is None:
            return
        pg_ctl = str(Path(running.programs) / "pg_ctl")
        argv = [pg_ctl, "-D", running.data, "-m", mode, "-w", "-t", str(STOP_SECONDS), "stop"]
        done = run_as(server_account(), argv, timeout=STOP_SECONDS + 10)
        if done.returncode != 0 and self.running() is not None:
            raise LocalStackError(f"PostgreSQL (process {running.pid}) does not stop: {done.stderr.strip()}")


def run_as(account: Account, argv: Sequence[str], timeout: float) -> subprocess.CompletedProcess[str]:
    """Run one of PostgreSQL's programs as the server's account, with an environment of its own."""
    environ = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    other = account.is_other
    return subprocess.run(
        argv,
        cwd="/",
        env=environ,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        user=account.uid if other else None,
        group=account.gid if other else None,
        extra_groups=[] if other else None,
    )


def log_of(data: Path) -> Path:
    """The server's log beside its data."""
    return data.with_suffix(".log")


def tail(log: Path, lines: int = 10) -> str:
    """The last lines of the server's log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def postmaster_of(data: Path) -> int | None:
    """The process that serves this data folder, told by its command line and not by a lock file alone."""
    try:
        pid = int((data / "postmaster.pid").read_text(encoding="ascii").split("\n", 1)[0])
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    serves = Path(os.fsdecode(command[0])).name == "postgres" and os.fsencode(data) in command
    return pid if serves and identify(pid) is not None else None


def remove_stale_lock(data: Path) -> None:
    """Remove the lock file of a server that is gone, whoever may own its pid today."""
    if postmaster_of(data) is None:
        (data / "postmaster.pid").unlink(missing_ok=True)


def waits_for_orphans(data: Path) -> bool:
    """Whether the last start failed because children of a killed postmaster are still ending."""
    return "pre-existing shared memory block" in tail(log_of(data), 3)
