"""A connection's fingerprint: which program speaks, what it does, what it needed, what it was refused.

Everything is a code from a list of ours: what a client says about itself is only matched against names, and
is kept nowhere. The sources are those of `vestibule.scim.dialects`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from vestibule.scim.dialects import Repair


class Trait(StrEnum):
    """What a count is about."""

    CLIENT = "client"  # the family of the User-Agent, once per HTTP request
    OPERATION = "operation"  # what was asked, as `users.patch`; each operation of a Bulk by itself
    REPAIR = "repair"  # a rule of `dialects` that a request needed
    ERROR = "error"  # the scimType or the name of an error that was answered


class Client(StrEnum):
    """Programs that are told apart by their User-Agent."""

    OKTA = "okta"
    ENTRA = "entra"
    GOOGLE = "google"
    ONELOGIN = "onelogin"
    JUMPCLOUD = "jumpcloud"
    PING = "ping"
    CYBERARK = "cyberark"
    AUTHENTIK = "authentik"
    RIPPLING = "rippling"
    KEYCLOAK = "keycloak"
    OTHER = "other"
    UNNAMED = "unnamed"


Counts: TypeAlias = Mapping[tuple[str, str], int]
"""Requests by trait and code."""

_LONGEST: Final = 256
# Okta's and Google's are documented (O1, G1), Entra's is not; the others are what they call themselves.
_MARKS: Final[tuple[tuple[bytes, Client], ...]] = (
    (b"okta", Client.OKTA),
    (b"microsoft", Client.ENTRA),
    (b"azure", Client.ENTRA),
    (b"entra", Client.ENTRA),
    (b"google-auto-provisioning", Client.GOOGLE),
    (b"onelogin", Client.ONELOGIN),
    (b"jumpcloud", Client.JUMPCLOUD),
    (b"ping", Client.PING),
    (b"cyberark", Client.CYBERARK),
    (b"idaptive", Client.CYBERARK),
    (b"authentik", Client.AUTHENTIK),
    (b"rippling", Client.RIPPLING),
    (b"keycloak", Client.KEYCLOAK),
)


@dataclass(frozen=True, slots=True)
class Guess:
    """Which dialect it looks like, and by what."""

    dialect: str
    because: str


def client_of(user_agent: bytes) -> Client:
    """The family of a User-Agent; any bytes will do."""
    if not user_agent:
        return Client.UNNAMED
    lower = user_agent[:_LONGEST].lower()
    return next((client for mark, client in _MARKS if mark in lower), Client.OTHER)


def guess_dialect(counts: Counts) -> Guess | None:
    """The dialect that the counts fit; None where nothing tells."""
    if _has(counts, Repair.FLAGGED_BASE_URL):
        return Guess("Entra ID with the flag aadOptscim062020", "its base URL ends with the flag")
    if _has(counts, Repair.OPERATION_CASE):
        return Guess("Entra ID, default behaviour", "its PATCH operations begin with a capital letter")
    client = _client(counts)
    if client is Client.ENTRA:
        return Guess("Entra ID with the flag aadOptscim062020", "its name, and PATCH as the RFC has it")
    if client is Client.OKTA:
        patches = counts.get((Trait.OPERATION, "users.patch"), 0)
        replaces = counts.get((Trait.OPERATION, "users.replace"), 0)
        if patches:
            return Guess("Okta, an app from its catalogue", "its name, and users changed by PATCH")
        if replaces:
            return Guess("Okta, an app made with its wizard", "its name, and users changed by PUT alone")
        return Guess("Okta", "its name")
    if client is not None:
        return Guess(_NAMES[client], "its name")
    if _has(counts, Repair.REMOVE_BY_VALUE):
        return Guess("JumpCloud", "members are removed by a list of values, in lower-case operations")
    return None


_NAMES: Final[Mapping[Client, str]] = {
    Client.GOOGLE: "Google Workspace",
    Client.ONELOGIN: "OneLogin",
    Client.JUMPCLOUD: "JumpCloud",
    Client.PING: "Ping",
    Client.CYBERARK: "CyberArk",
    Client.AUTHENTIK: "authentik",
    Client.RIPPLING: "Rippling",
    Client.KEYCLOAK: "Keycloak",
}


def _has(counts: Counts, repair: Repair) -> bool:
    return counts.get((Trait.REPAIR, repair), 0) > 0


def _client(counts: Counts) -> Client | None:
    """The named program with the most requests."""
    named = {
        client: requests
        for client in Client
        if client not in (Client.OTHER, Client.UNNAMED)
        and (requests := counts.get((Trait.CLIENT, client), 0)) > 0
    }
    return max(named, key=named.__getitem__) if named else None
