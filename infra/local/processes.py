"""Background processes that are ours: started in a session of their own, known by pid *and* start time.

A pid alone is not an identity: after a crash or a reboot it may belong to somebody else. So the record of a
process holds its start time and the boot it belongs to, and a signal is sent only to a process that matches.
"""

import contextlib
import json
import os
import select
import signal
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.local.places import write_whole
from infra.local.problems import LocalStackError

ZOMBIE_STATES = {"Z", "X"}
LOG_KEPT_BYTES = 10_000_000
STARTED = "--- started ---"  # in a log, between what one process printed and what the next one prints


@dataclass(frozen=True, slots=True)
class Identity:
    """One process for ever: `started` is in clock ticks since the boot named by `boot`."""

    pid: int
    started: int
    boot: str


def identify(pid: int) -> Identity | None:
    """Who has this pid now; None when nobody lives under it (a zombie does not live)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # proc(5): the command's name stands in parentheses and may itself hold spaces and parentheses
    fields = stat.rpartition(")")[2].split()
    if fields[0] in ZOMBIE_STATES:
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return Identity(pid=pid, started=int(fields[19]), boot=boot)


@dataclass(frozen=True, slots=True)
class BackgroundProcess:
    """A named process of one instance: `record` remembers who it is, `log` takes what it prints."""

    name: str
    record: Path
    log: Path

    def identity(self) -> Identity | None:
        """The running process, or None; a recycled pid counts as not running."""
        try:
            remembered = Identity(**json.loads(self.record.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return remembered if identify(remembered.pid) == remembered else None

    def start(self, argv: Sequence[str], environ: Mapping[str, str]) -> Identity:
        """Start it in a new session with its output in the log; one that runs already is left alone."""
        if (running := self.identity()) is not None:
            return running
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_KEPT_BYTES:
            self.log.replace(self.log.with_name(self.log.name + ".1"))
        with self.log.open("a", encoding="utf-8") as file:
            file.write(f"{STARTED}\n")
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        pid = os.posix_spawn(
            argv[0],
            list(argv),
            dict(environ),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(self.log), append, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )
        identity = identify(pid)
        if identity is None:
            reap(pid)
            raise LocalStackError(f"{self.name} ended as soon as it was started; see {self.log}")
        write_whole(self.record, json.dumps(asdict(identity)))
        return identity

    def stop(self, seconds: float) -> bool:
        """Ask it to end, and end it for certain after `seconds`; true if it went by itself."""
        if (identity := self.identity()) is None:
            self.record.unlink(missing_ok=True)
            return True
        gone = send(identity, signal.SIGTERM, seconds)
        if not gone:
            self.kill_hard()
        self.record.unlink(missing_ok=True)
        return gone

    def kill_hard(self) -> None:
        """End it and every child in its session at once, without a chance to tidy up."""
        identity = self.identity()
        if identity is not None:
            # it leads its own session, so the group holds its children and nobody else
            with contextlib.suppress(ProcessLookupError):
                os.killpg(identity.pid, signal.SIGKILL)
            if not await_end(identity, 10):
                raise LocalStackError(
                    f"{self.name} (process {identity.pid}) survives SIGKILL; see {self.log}"
                )
        self.record.unlink(missing_ok=True)

    def last_lines(self, count: int) -> list[str]:
        """The end of what the last process printed, for a person who wants to know why."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - 500 * count))
                printed = file.read().decode(errors="replace").rpartition(f"{STARTED}\n")[2]
        except FileNotFoundError:
            return []
        return printed.splitlines()[-count:]


def send(identity: Identity, number: signal.Signals, seconds: float) -> bool:
    """Signal exactly this process and wait for its end; false if it is still there after `seconds`."""
    try:
        handle = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return True
    try:
        if identify(identity.pid) != identity:
            return True
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return True
    finally:
        os.close(handle)
    return await_end(identity, seconds)


def await_end(identity: Identity, seconds: float) -> bool:
    """Wait for the process to end, at most `seconds`."""
    try:
        handle = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return True
    try:
        if identify(identity.pid) == identity:
            select.select([handle], [], [], seconds)
    finally:
        os.close(handle)
    reap(identity.pid)
    return identify(identity.pid) != identity


def reap(pid: int) -> None:
    """Take the exit status if the process is our child, so that it does not stay behind as a zombie."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
