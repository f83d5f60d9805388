"""Who uses an instance now: a lock held for as long as a run lasts, so that nobody stops it underneath."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from infra.local.places import LOCAL, is_locked, locked
from infra.local.servers import Addresses, Servers
from infra.local.stack import Stack, stacks_within


@contextmanager
def private_servers(kind: str, environ: Mapping[str, str] | None = None) -> Iterator[Addresses]:
    """Fresh servers for one run under `.local/<kind>/<pid>`, deleted afterwards; given ones stay as they are.

    Runs at the same time do not meet, and what an earlier killed run left is removed first.
    """
    for left in abandoned(LOCAL / kind):
        left.remove(lambda _line: None)
    folder = LOCAL / kind / str(os.getpid())
    with occupied(folder):
        servers = Servers(folder, environ)
        try:
            yield servers.start()
        finally:
            servers.remove()
            shutil.rmtree(folder, ignore_errors=True)
            lock_of(folder).unlink(missing_ok=True)


@contextmanager
def occupied(folder: Path) -> Iterator[None]:
    """Mark everything in this folder as in use until the block, or the process, ends."""
    with locked(lock_of(folder)):
        yield


def is_occupied(folder: Path) -> bool:
    """Whether a running command uses this folder, or one around it, within the checkout's `.local`."""
    around = [part for part in (folder, *folder.parents) if part.is_relative_to(LOCAL) and part != LOCAL]
    return any(is_locked(lock_of(part)) for part in around)


def abandoned(folder: Path) -> list[Stack]:
    """The instances in this folder that nobody uses any more."""
    return [stack for stack in stacks_within(folder) if not is_occupied(stack.folder)]


def lock_of(folder: Path) -> Path:
    """Beside the folder, because the folder itself may be deleted while it is in use."""
    return folder.with_name(folder.name + ".in-use")
