"""Debian packages unpacked into our own cache: no root, no post-install script, no service touched."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.local.places import cache_folder, locked
from infra.local.problems import LocalStackError, MissingPrerequisite

DOWNLOAD_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Bundle:
    """Packages that are unpacked into one folder of the cache, and what to do where they cannot be had.

    With `libraries_of`, the shared libraries that this package needs and the system lacks come too, without
    those whose names begin as in `unused`.
    """

    names: tuple[str, ...]
    folder: str
    remedy: str
    libraries_of: str | None = None
    unused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Apt:
    """The system's apt tools, read-only: its sources and keys, but never its state."""

    environ: Mapping[str, str]
    lists: Path | None = None

    def download(self, names: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        """Fetch these packages as files into the folder; apt checks their signatures."""
        return self.run(["apt-get", "download", *names], folder)

    def missing_libraries(self, name: str) -> list[str]:
        """The shared libraries that installing `name` would bring and that this system lacks."""
        told = self.run(["apt-get", "--simulate", "--no-install-recommends", "install", name], Path("/"))
        planned = [line.split()[1] for line in told.stdout.splitlines() if line.startswith("Inst ")]
        return [package for package in planned if package.startswith("lib")]

    def update(self, remedy: str) -> "Apt":
        """The same tools with freshly fetched private lists; the system's own stay as they are."""
        lists = cache_folder(self.environ) / "apt-lists"
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        private = Apt(self.environ, lists)
        done = private.run(["apt-get", "update"], Path("/"))
        if done.returncode != 0:
            raise MissingPrerequisite(
                f"apt-get cannot fetch the package lists ({last_line(done.stderr)}): check the network, "
                f"or {remedy}"
            )
        return private

    def run(self, argv: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        """Run one apt command with a cache of its own and without the system's locks."""
        scratch = cache_folder(self.environ) / "apt-cache"
        (scratch / "archives" / "partial").mkdir(parents=True, exist_ok=True)
        options = [f"Dir::Cache={scratch}", "Debug::NoLocking=1", "APT::Sandbox::User="]
        if self.lists is not None:
            options.append(f"Dir::State::lists={self.lists}")
        flags = [part for option in options for part in ("-o", option)]
        try:
            return subprocess.run(
                [argv[0], *flags, *argv[1:]],
                cwd=folder,
                env={**self.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"},
                capture_output=True,
                text=True,
                timeout=DOWNLOAD_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise MissingPrerequisite(
                f"{argv[0]} took longer than {DOWNLOAD_SECONDS} s: check the network, and try again"
            ) from error


def unpacked(
    bundle: Bundle,
    environ: Mapping[str, str],
    finish: Callable[[Path, Path], None],
    say: Callable[[str], None] = lambda _line: None,
) -> Path:
    """The folder in the cache that holds these packages' files, fetched if it is not there yet.

    `finish(making, final)` may rewrite files for their final place. The folder appears whole or not at all,
    so clones that want it at the same time wait for one download and share it.
    """
    cache = cache_folder(environ)
    final = cache / bundle.folder
    if final.exists():
        return final
    path = environ.get("PATH")
    if shutil.which("apt-get", path=path) is None or shutil.which("dpkg-deb", path=path) is None:
        raise MissingPrerequisite(
            f"{bundle.names[0]} is not installed and there is no apt-get to fetch it: run on Debian 12 or "
            f"newer, or {bundle.remedy}"
        )
    with locked(cache / f"{bundle.folder}.lock"):
        if final.exists():
            return final
        say(f"{bundle.names[0]}: fetching Debian's packages, this once")
        making = Path(tempfile.mkdtemp(prefix=".making-", dir=cache))
        try:
            fetch(bundle, making, Apt(environ))
            finish(making, final)
            making.chmod(0o755)
            making.rename(final)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return final


def fetch(bundle: Bundle, folder: Path, apt: Apt) -> None:
    """Download and unpack the packages, with fresh private lists where the system's do not serve."""
    done = download_all(bundle, folder, apt)
    if done.returncode != 0:
        done = download_all(bundle, folder, apt.update(bundle.remedy))
    if done.returncode != 0:
        raise MissingPrerequisite(
            f"apt-get cannot fetch {bundle.names[0]} ({last_line(done.stderr)}): install it, "
            f"or {bundle.remedy}"
        )
    for package in sorted(folder.glob("*.deb")):
        argv = ["dpkg-deb", "-x", str(package), str(folder)]
        opened = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=DOWNLOAD_SECONDS)
        if opened.returncode != 0:
            raise LocalStackError(f"{package.name} cannot be unpacked: {last_line(opened.stderr)}")
        package.unlink()


def download_all(bundle: Bundle, folder: Path, apt: Apt) -> subprocess.CompletedProcess[str]:
    """Download the packages and the shared libraries that the system lacks for them."""
    libraries = [] if bundle.libraries_of is None else apt.missing_libraries(bundle.libraries_of)
    used = [library for library in libraries if not library.startswith(bundle.unused)]
    return apt.download([*bundle.names, *used], folder)


def library_folders(root: Path) -> list[Path]:
    """Where unpacked shared libraries lie, for LD_LIBRARY_PATH."""
    multiarch = f"{os.uname().machine}-linux-gnu"
    return [root / part / multiarch for part in ("usr/lib", "lib") if (root / part / multiarch).exists()]


def last_line(text: str) -> str:
    """The line of a tool's complaint that says most: its last."""
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no message"
