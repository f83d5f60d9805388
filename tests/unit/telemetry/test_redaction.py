from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.telemetry.redaction import describe, keep_declared, plain, scrub

ADDRESS = "kim.lee@customer.example"


class Colour(StrEnum):
    RED = "red"


class DeskError(Exception):
    code = "desk_400"


@dataclass
class Person:
    email: str


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        (f"no account for {ADDRESS}.", "no account for [address]"),
        (f"<{ADDRESS}>", "<[address]>"),
        (f'"{ADDRESS}"', '"[address]"'),
        ("müller@kunde.example", "[address]"),
        ("amqp://vestibule:hunter2@broker.example:5672", "[address]"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer [token]"),
        ("authorization: bearer abc", "authorization: bearer [token]"),
        ("a" * 43, "[token]"),
        ("0193f3c0-0000-7000-8000-000000000001", "0193f3c0-0000-7000-8000-000000000001"),
        ("desk_429", "desk_429"),
    ],
)
def test_addresses_and_tokens_are_replaced(text: str, scrubbed: str) -> None:
    assert scrub(text) == scrubbed


@given(
    st.text(max_size=400),
    st.from_regex(r"[a-z0-9.]{1,20}@[a-z]{1,10}\.example", fullmatch=True),
    st.text(max_size=400),
)
def test_no_address_passes_whatever_stands_around_it(before: str, address: str, after: str) -> None:
    assert address not in scrub(f"{before}{address}{after}")


def test_only_declared_keys_pass() -> None:
    kept = keep_declared({"event": "person_stored", "tenant": "t", "email": ADDRESS, ADDRESS: 1, "body": {}})
    assert kept == {"event": "person_stored", "tenant": "t", "undeclared": ["body", "email", "[name]"]}


@pytest.mark.parametrize(
    ("value", "rendered"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (2**70, str(2**70)),
        (Colour.RED, "red"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (datetime(2026, 11, 21, tzinfo=UTC), "2026-11-21T00:00:00+00:00"),
        ([ADDRESS, 1], ["[address]", 1]),
        ({"name": ADDRESS, ADDRESS: 1, 5: 6}, {"name": "[address]"}),
        ({"b", "a"}, ["a", "b"]),
        (Person(ADDRESS), "<Person>"),
        (ADDRESS.encode(), "<bytes>"),
        (ValueError(ADDRESS), "<ValueError>"),
        ("\ud800", "?"),
        (list(range(50)), list(range(20))),
    ],
)
def test_values_are_rendered_plainly(value: object, rendered: object) -> None:
    assert plain(value) == rendered
    orjson.dumps(plain(value))


def test_an_error_is_told_by_type_code_and_frames_without_its_text() -> None:
    try:
        try:
            raise KeyError(ADDRESS)
        except KeyError as cause:
            raise DeskError(f"cannot create {ADDRESS}") from cause
    except DeskError as error:
        described = describe(error)
    assert described["type"] == f"{__name__}.DeskError"
    assert described["code"] == "desk_400"
    assert ADDRESS not in orjson.dumps(described).decode()
    frames = described["frames"]
    assert isinstance(frames, list)
    assert "test_an_error_is_told_by_type_code_and_frames_without_its_text" in frames[-1]
    causes = described["causes"]
    assert isinstance(causes, list)
    assert [cause["type"] for cause in causes] == ["KeyError"]


def test_members_of_a_group_are_told_too() -> None:
    described = describe(ExceptionGroup("all", [DeskError(ADDRESS), ValueError(ADDRESS)]))
    members = described["members"]
    assert isinstance(members, list)
    assert [member["code"] for member in members] == ["desk_400", None]
    assert ADDRESS not in orjson.dumps(described).decode()
