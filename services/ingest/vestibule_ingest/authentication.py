"""From a request to the credential that every statement takes: who calls is decided in the database alone."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from vestibule.domain.tokens import Credential, digest, is_well_formed
from vestibule.scim.errors import Unauthorized

CHALLENGE: Final = 'Bearer realm="vestibule"'
TAGS: Final = frozenset({b"if-match", b"if-none-match"})

_PATH = re.compile(r"[a-z0-9]{20,40}", re.ASCII)
_ADVICE = (
    "The base URL and the bearer token do not belong together, or the token was revoked or has expired: "
    "copy both anew from the connection's settings."
)


def credential_of(
    path: str, headers: Mapping[bytes, bytes], is_known: Callable[[Credential], bool]
) -> Credential:
    """Read the caller's credential; Unauthorized for what no statement could accept.

    An unknown connection, a missing token, a wrong one and one of another connection are all answered alike.
    Whom the database let in lately (`is_known`) has no misspelt token: that is not looked at again.
    """
    scheme, _, rest = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if scheme.lower() != "bearer":
        raise unauthorized()
    token = rest.strip(" \t")
    caller = Credential(path, digest(token))
    if not is_known(caller) and not (is_well_formed(token) and _PATH.fullmatch(path)):
        raise unauthorized()
    return caller


def headers_of(pairs: Sequence[tuple[bytes, bytes]]) -> Mapping[bytes, bytes]:
    """Read headers by name, the last of a name; Unauthorized for two credentials: which is meant?

    Tags in several lines are one list (RFC 9110 §5.3): the last alone would refuse the other versions.
    """
    headers = dict(pairs)
    if len(headers) != len(pairs):
        if sum(name == b"authorization" for name, _ in pairs) > 1:
            raise unauthorized()
        for name in TAGS & headers.keys():
            headers[name] = b",".join(value for other, value in pairs if other == name)
    return headers


def unauthorized() -> Unauthorized:
    """The one answer to everybody who is not known here."""
    return Unauthorized(_ADVICE)
