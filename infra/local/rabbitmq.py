"""A private RabbitMQ broker: own data, own name service (epmd), own ports, loopback only."""

import os
import secrets
import shutil
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.local.debian_packages import Bundle, library_folders, unpacked
from infra.local.places import write_whole
from infra.local.ports import LOOPBACK, Ports
from infra.local.problems import LocalStackError
from infra.local.processes import BackgroundProcess

USER = "vestibule"
START_SECONDS = 90
STOP_SECONDS = 30
POLL_SECONDS = 0.05
MOST_STARTS = 3  # others look for free ports too, and one may be taken before the broker listens
PACKAGES = Bundle(
    (
        "rabbitmq-server",
        "erlang-base",
        "erlang-asn1",
        "erlang-crypto",
        "erlang-eldap",
        "erlang-inets",
        "erlang-mnesia",
        "erlang-os-mon",
        "erlang-parsetools",
        "erlang-public-key",
        "erlang-runtime-tools",
        "erlang-ssl",
        "erlang-syntax-tools",
        "erlang-tools",
        "erlang-xmerl",
    ),
    "rabbitmq",
    "give servers by VESTIBULE_DATABASE_URL and VESTIBULE_AMQP_URL",
    libraries_of="rabbitmq-server",
)
# What only optional plugins use. The broker reads every folder of its plugins at start whether enabled or
# not; without these a start takes 3.5 s instead of 6.
UNUSED_APPLICATIONS = (
    "amqp10_client",
    "amqp_client",
    "cowboy",
    "cowlib",
    "eetcd",
    "gun",
    "jose",
    "prometheus",
)
PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"


@dataclass(frozen=True, slots=True)
class Programs:
    """One installation: Erlang's root, the broker's scripts, and folders with libraries it needs."""

    erlang: Path
    scripts: Path
    libraries: tuple[Path, ...] = ()

    @property
    def plugins(self) -> Path:
        """The folder with the broker's own applications and its plugins."""
        return self.scripts.parent / "plugins"

    @property
    def epmd(self) -> Path:
        """Erlang's name service, the real program behind the link."""
        return next(self.erlang.glob("erts-*/bin/epmd"))


def find_programs(environ: Mapping[str, str]) -> Programs:
    """The broker that is installed on this system, else one unpacked into the cache."""
    installed = programs_under(Path("/"))
    if installed is not None:
        return installed
    cached = programs_under(unpacked(PACKAGES, environ, repoint))
    if cached is None:
        raise LocalStackError("the unpacked packages hold no RabbitMQ: remove the cache folder and try again")
    return cached


def programs_under(root: Path) -> Programs | None:
    """The installation below a root folder, if it is complete."""
    erlang = root / "usr/lib/erlang"
    scripts = sorted((root / "usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin"))
    if not scripts or not (erlang / "bin/erl").exists():
        return None
    return Programs(erlang, scripts[-1], () if root == Path("/") else tuple(library_folders(root)))


def repoint(making: Path, final: Path) -> None:
    """Rewrite Erlang's own start scripts for where they will lie; they ignore ERL_ROOTDIR."""
    for script in (making / "usr/lib/erlang").glob("**/bin/*"):
        if script.name in ("erl", "start") and script.is_file() and not script.is_symlink():
            text = script.read_text(encoding="utf-8")
            script.write_text(text.replace("/usr/lib/erlang", f"{final}/usr/lib/erlang"), encoding="utf-8")


class RabbitServer:
    """The RabbitMQ of one folder. Every call is safe to repeat, also after a crash of anything."""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None) -> None:
        self._folder = folder.resolve()
        self._environ = os.environ if environ is None else environ
        self._ports = Ports(self._folder / "ports.json")
        log = self._folder / "log"
        self._broker = BackgroundProcess("rabbitmq", self._folder / "broker.json", log / "broker.out")
        self._names = BackgroundProcess("epmd", self._folder / "epmd.json", log / "epmd.out")

    @property
    def port(self) -> int:
        """The AMQP port written down for this broker."""
        return self._ports.known()["amqp"]

    @property
    def url(self) -> str:
        """The administrator's URL, password included."""
        return f"amqp://{USER}:{self._secret('password')}@{LOOPBACK}:{self.port}/"

    @property
    def pid(self) -> int | None:
        """The running broker's process, or None."""
        identity = self._broker.identity()
        return None if identity is None else identity.pid

    def start(self) -> None:
        """Have the broker running and answering AMQP."""
        self.begin()
        self.wait()

    def begin(self) -> None:
        """Start the broker if it does not run, without waiting for it."""
        if self._broker.identity() is not None:
            return
        programs = find_programs(self._environ)
        if self._names.identity() is None:
            self._ports.take("epmd")
        for name in ("amqp", "distribution"):
            self._ports.take(name)
        self._configure()
        link_needed_applications(programs.plugins, self._folder / "plugins")
        environ = self._process_environ(programs)
        epmd = [str(programs.epmd), "-address", LOOPBACK, "-port", str(self._ports.known()["epmd"])]
        self._names.start(epmd, environ)
        self._broker.start(["/bin/sh", str(programs.scripts / "rabbitmq-server")], environ)

    def wait(self, seconds: float = START_SECONDS) -> None:
        """Return when the broker answers AMQP; raises LocalStackError if it ends or takes too long.

        One whose port somebody took meanwhile is begun again, with another port.
        """
        deadline = time.monotonic() + seconds
        starts = 1
        while not answers(self.port):
            if self._broker.identity() is None:
                complaint = self._complaint()
                if "eaddrinuse" not in complaint or starts == MOST_STARTS:
                    raise LocalStackError(f"RabbitMQ ended while starting:\n{complaint}")
                starts += 1
                self.begin()
            if time.monotonic() > deadline:
                raise LocalStackError(f"RabbitMQ is not ready after {seconds:.0f} s:\n{self._complaint()}")
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Close connections, write everything down, and end; the name service too."""
        self._broker.stop(STOP_SECONDS)
        self._names.stop(5)

    def kill_hard(self) -> None:
        """SIGKILL to the broker, as if the power failed; the next start recovers.

        A quorum queue declared less than some 5 s ago does not: RabbitMQ 3.10 writes down who leads it only
        then (or at a clean stop), and the queue never answers again.
        """
        self._broker.kill_hard()

    def remove(self) -> None:
        """Stop, and delete everything of this folder."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _secret(self, name: str) -> str:
        return (self._folder / name).read_text(encoding="ascii").strip()

    def _complaint(self) -> str:
        return "\n".join(self._broker.last_lines(10)) or f"see {self._folder / 'log'}"

    def _configure(self) -> None:
        if not (self._folder / "password").exists():
            write_whole(self._folder / "password", secrets.token_urlsafe(24), mode=0o600)
        cookie = self._folder / "home" / ".erlang.cookie"
        if not cookie.exists():
            write_whole(cookie, secrets.token_hex(20), mode=0o400)
        lines = [
            f"listeners.tcp.1 = {LOOPBACK}:{self.port}",
            f"default_user = {USER}",
            f"default_pass = {self._secret('password')}",
            "default_vhost = /",
            "log.console = false",
            "log.file.level = info",
            "vm_memory_high_watermark.absolute = 512MiB",
            "disk_free_limit.absolute = 200MB",
        ]
        write_whole(self._folder / "rabbitmq.conf", "\n".join(lines) + "\n", mode=0o600)
        write_whole(self._folder / "enabled_plugins", "[].\n")

    def _process_environ(self, programs: Programs) -> dict[str, str]:
        """Everything the broker's scripts would otherwise look for in the system's folders."""
        ports, folder = self._ports.known(), self._folder
        environ = {
            "PATH": f"{programs.erlang}/bin:{programs.scripts}:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": f"{folder}/home",
            "LC_ALL": "C.UTF-8",
            "RABBITMQ_NODENAME": "vestibule@localhost",
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_ADVANCED_CONFIG_FILE": f"{folder}/no-advanced.config",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/enabled_plugins",
            "RABBITMQ_PLUGINS_DIR": f"{folder}/plugins",
            "RABBITMQ_MNESIA_BASE": f"{folder}/data",
            "RABBITMQ_LOG_BASE": f"{folder}/log",
            "RABBITMQ_PID_FILE": f"{folder}/broker.pid",
            "RABBITMQ_DIST_PORT": str(ports["distribution"]),
            "ERL_EPMD_PORT": str(ports["epmd"]),
            "ERL_EPMD_ADDRESS": LOOPBACK,
            # schedulers that do not spin leave the two cores to the services
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none",
            # makes the script become the broker, so that the process we know is the broker itself
            "RUNNING_UNDER_SYSTEMD": "true",
        }
        if programs.libraries:
            environ["LD_LIBRARY_PATH"] = ":".join(str(path) for path in programs.libraries)
        return environ


def link_needed_applications(installed: Path, chosen: Path) -> None:
    """Link the broker's own applications into a folder of ours, and leave the optional plugins out."""
    shutil.rmtree(chosen, ignore_errors=True)
    chosen.mkdir(parents=True)
    for application in installed.iterdir():
        name = application.name.partition("-")[0]
        optional = name.startswith("rabbitmq_") and name != "rabbitmq_prelaunch"
        if not optional and name not in UNUSED_APPLICATIONS:
            (chosen / application.name).symlink_to(application)


def answers(port: int) -> bool:
    """Whether an AMQP 0-9-1 server greets on this loopback port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=2) as connection:
            connection.sendall(PROTOCOL_HEADER)
            return connection.recv(1) == b"\x01"  # a method frame: Connection.Start
    except OSError:
        return False
