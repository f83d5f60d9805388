"""From a request to the credential that every statement takes: who calls is decided in the database alone."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from vestibule.domain.tokens import Credential, parse
from vestibule.scim.errors import Unauthorized

CHALLENGE: Final = 'Bearer realm="vestibule"'

_PATH = re.compile(r"[a-z0-9]{20,40}", re.ASCII)
_ADVICE = (
    "The base URL and the bearer token do not belong together, or the token was revoked or has expired: "
    "copy both anew from the connection's settings."
)


def credential_of(path: str, headers: Mapping[bytes, bytes]) -> Credential:
    """Read the caller's credential; Unauthorized for what no statement could accept.

    An unknown connection, a missing token, a wrong one and one of another connection are all answered alike.
    """
    scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    token_hash = parse(token.strip(" \t")) if scheme.lower() == "bearer" else None
    if token_hash is None or not _PATH.fullmatch(path):
        raise unauthorized()
    return Credential(path, token_hash)


def headers_of(pairs: Sequence[tuple[bytes, bytes]]) -> Mapping[bytes, bytes]:
    """Read headers by name, the last of a name; Unauthorized for two credentials: which is meant?"""
    headers = dict(pairs)
    if len(headers) != len(pairs) and sum(name == b"authorization" for name, _ in pairs) > 1:
        raise unauthorized()
    return headers


def unauthorized() -> Unauthorized:
    """The one answer to everybody who is not known here."""
    return Unauthorized(_ADVICE)
