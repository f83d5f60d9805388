"""Fingerprints: a closed list of programs, and the dialect that the counts fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.scim.dialects import Repair
from vestibule.scim.fingerprints import Client, Counts, Trait, client_of, guess_dialect


@pytest.mark.parametrize(
    ("user_agent", "client"),
    [
        (b"Okta SCIM Client 1.0.0", Client.OKTA),
        (b"OKTA SCIM Integration", Client.OKTA),
        (b"Google-Auto-Provisioning", Client.GOOGLE),
        (b"Microsoft-Provisioning", Client.ENTRA),
        (b"OneLogin", Client.ONELOGIN),
        (b"curl/8", Client.OTHER),
        (b"x" * 300 + b"okta", Client.OTHER),
        (b"\xff\x00\x1b[31m", Client.OTHER),
        (b"", Client.UNNAMED),
    ],
)
def test_a_program_is_one_of_a_list(user_agent: bytes, client: Client) -> None:
    assert client_of(user_agent) is client


@given(st.binary(max_size=500))
def test_any_user_agent_is_one_of_the_list(user_agent: bytes) -> None:
    assert client_of(user_agent) in Client


def repairs(*rules: Repair) -> dict[tuple[str, str], int]:
    return {(Trait.REPAIR, rule): 1 for rule in rules}


def spoken(client: Client, *operations: str) -> dict[tuple[str, str], int]:
    return {(Trait.CLIENT, client): 2} | {(Trait.OPERATION, operation): 1 for operation in operations}


@pytest.mark.parametrize(
    ("counts", "dialect"),
    [
        (repairs(Repair.OPERATION_CASE, Repair.BOOLEAN_AS_TEXT), "Entra ID, default behaviour"),
        (repairs(Repair.FLAGGED_BASE_URL, Repair.OPERATION_CASE), "Entra ID with the flag aadOptscim062020"),
        (spoken(Client.ENTRA, "users.patch"), "Entra ID with the flag aadOptscim062020"),
        (spoken(Client.OKTA, "users.create", "users.replace"), "Okta, an app made with its wizard"),
        (spoken(Client.OKTA, "users.replace", "users.patch"), "Okta, an app from its catalogue"),
        (spoken(Client.OKTA, "users.read"), "Okta"),
        (spoken(Client.GOOGLE) | {(Trait.CLIENT, Client.OKTA): 1}, "Google Workspace"),
        (spoken(Client.OTHER) | repairs(Repair.REMOVE_BY_VALUE), "JumpCloud"),
        (spoken(Client.OTHER, "users.patch"), None),
        ({}, None),
    ],
)
def test_a_dialect_is_told_by_what_only_it_does(counts: Counts, dialect: str | None) -> None:
    guess = guess_dialect(counts)
    assert (None if guess is None else guess.dialect) == dialect


@pytest.mark.parametrize("client", [one for one in Client if one not in (Client.OTHER, Client.UNNAMED)])
def test_every_named_program_has_a_dialect(client: Client) -> None:
    assert guess_dialect(spoken(client)) is not None
