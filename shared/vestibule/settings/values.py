"""How one variable is read: text in, value out, or a ValueError that tells the administrator what to do."""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar
from urllib.parse import SplitResult, parse_qs, urlsplit

T = TypeVar("T")

LEVELS: Final = ("debug", "info", "warning", "error")
X25519_BYTES: Final = 32
_KEY_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_INSTANCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Secret(Generic[T]):
    """A value that is never printed; `reveal` is called where it is used and nowhere else."""

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """Return the value itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret([hidden])"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and bool(self._value == other._value)

    def __hash__(self) -> int:
        return hash((Secret, self._value))


@dataclass(frozen=True, slots=True)
class Listen:
    """Where a server accepts connections; port 0 lets the system choose."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class NamedKey:
    """A key with the id under which sealed values name it."""

    id: str
    value: Secret[bytes]


def database_url(text: str) -> Secret[str]:
    """Read a PostgreSQL URL."""
    parts = _split(text)
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError("must begin with postgresql://; write postgresql://role:password@host:port/database")
    if not parts.username or not parts.path.strip("/"):
        raise ValueError("names no role or no database; write postgresql://role:password@host:port/database")
    return Secret(text)


def amqp_url(text: str) -> Secret[str]:
    """Read a RabbitMQ URL."""
    parts = _split(text)
    if parts.scheme not in ("amqp", "amqps"):
        raise ValueError("must begin with amqp:// or amqps://; write amqp://user:password@host:port/vhost")
    if not parts.hostname:
        raise ValueError("names no host; write amqp://user:password@host:port/vhost")
    beat = parse_qs(parts.query).get("heartbeat", ["10"])[-1]
    if not beat.isdecimal() or not 1 <= int(beat) <= 60:
        raise ValueError("its heartbeat must be 1 to 60 seconds; leave it out for 10")
    return Secret(text)


def http_url(text: str) -> str:
    """Read an absolute base URL and drop a slash at its end."""
    parts = _split(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an absolute URL; write https://host or https://host/path")
    if parts.query or parts.fragment or parts.username:
        raise ValueError("must have no query, fragment or user; write https://host or https://host/path")
    return text.rstrip("/")


def listen(text: str) -> Listen:
    """Read `host:port`; an IPv6 address stands in brackets."""
    host, colon, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not bare or (":" in bare and bare == host):
        raise ValueError("must be host:port; write 127.0.0.1:8080 or [::1]:8080")
    if not port.isdecimal() or int(port) > 65_535:
        raise ValueError("has no port from 0 to 65535; write 127.0.0.1:8080")
    return Listen(bare, int(port))


def log_level(text: str) -> str:
    """Read the name of a log level."""
    if text.lower() not in LEVELS:
        raise ValueError(f"is no level; write one of {', '.join(LEVELS)}")
    return text.lower()


def instance(text: str) -> str:
    """Read the name of this process, which stands in logs, spans and claims."""
    if _INSTANCE.fullmatch(text) is None:
        raise ValueError(
            "must be 1 to 64 letters, digits, dots, dashes or underscores; leave it out for host-pid"
        )
    return text


def whole(least: int, most: int) -> Callable[[str], int]:
    """Make a reader of whole numbers in a range."""

    def read(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(text)

    return read


def seconds(least: float, most: float) -> Callable[[str], float]:
    """Make a reader of durations in seconds."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            raise ValueError(f"must be a number of seconds from {least:g} to {most:g}")
        return value

    return read


def hexadecimal_key(text: str) -> Secret[bytes]:
    """Read 32 bytes as 64 hexadecimal digits."""
    if re.fullmatch(r"[0-9a-fA-F]{64}", text) is None:
        raise ValueError("must be 64 hexadecimal digits; make one with: openssl rand -hex 32")
    return Secret(bytes.fromhex(text))


def named_key(text: str) -> NamedKey:
    """Read `keyid:base64` of an X25519 key."""
    name, colon, encoded = text.strip().partition(":")
    if not colon or _KEY_ID.fullmatch(name) is None:
        raise ValueError("must be keyid:base64, the key id of lower-case letters, digits and dashes")
    try:
        value = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        value = b""
    if len(value) != X25519_BYTES:
        raise ValueError(f"must hold {X25519_BYTES} bytes in base64 after the colon, a raw X25519 key")
    return NamedKey(name, Secret(value))


def named_keys(text: str) -> tuple[NamedKey, ...]:
    """Read a comma list of named keys, each id once."""
    keys = tuple(named_key(item) for item in text.split(","))
    if len({key.id for key in keys}) != len(keys):
        raise ValueError("names a key id twice; give each key its own id")
    return keys


def _split(text: str) -> SplitResult:
    if text != text.strip() or any(character.isspace() for character in text):
        raise ValueError("contains white space; remove it, or write %20 inside a password")
    try:
        parts = urlsplit(text)
        _ = parts.port  # reading it raises where the port is no number
    except ValueError:
        raise ValueError("is no URL; check brackets and port, and percent-encode the password") from None
    return parts
