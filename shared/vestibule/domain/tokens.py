"""Bearer tokens: a prefix, 256 random bits, a checksum; only the SHA-256 of the whole is ever stored."""

import hashlib
import re
import zlib
from dataclasses import dataclass

PREFIX = "vst_"
RANDOM_BYTES = 32

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_LENGTH = 43  # 62 ** 43 > 2 ** 256
_CHECKSUM_LENGTH = 6  # 62 ** 6 > 2 ** 32
_FORM = re.compile(rf"({PREFIX}[0-9A-Za-z]{{{_SECRET_LENGTH}}})([0-9A-Za-z]{{{_CHECKSUM_LENGTH}}})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Credential:
    """What a caller presents: the connection's name in its base URL and the digest of its token.

    Every read and write takes one. Whether the two belong together is decided inside the statement itself.
    Behind the name in `path` stands `;` and the version of the tenant's extension schemas by which the
    request was read, if that is not 0: a statement refuses whoever reads by old ones.
    """

    path: str
    token_hash: bytes

    def reading_by(self, version: int) -> "Credential":
        """The same caller, whose request is read by this version of the tenant's schemas."""
        name = self.path.partition(";")[0]
        return Credential(f"{name};{version}" if version else name, self.token_hash)


def mint(randomness: bytes) -> str:
    """Write a token around 32 random bytes; it is shown once and never kept."""
    if len(randomness) != RANDOM_BYTES:
        raise ValueError(f"a token needs exactly {RANDOM_BYTES} random bytes")
    secret = PREFIX + _base62(int.from_bytes(randomness, "big"), _SECRET_LENGTH)
    return secret + _checksum(secret)


def is_well_formed(text: str) -> bool:
    """Tell whether it can be a token at all, or was mistyped, cut off or made up.

    The checksum keeps such tokens from ever reaching the database; it protects nothing else.
    """
    found = _FORM.fullmatch(text)
    return found is not None and _checksum(found[1]) == found[2]


def digest(token: str) -> bytes:
    """Return the digest that a token is stored under."""
    return hashlib.sha256(token.encode()).digest()


def hint(token: str) -> str:
    """Return the few characters by which an operator tells tokens apart: part of the checksum only."""
    return token[-4:]


def _checksum(secret: str) -> str:
    return _base62(zlib.crc32(secret.encode()), _CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, rest = divmod(number, 62)
        digits.append(_DIGITS[rest])
    return "".join(reversed(digits))
