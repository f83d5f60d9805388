import json
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.domain.identifiers import Kind, TenantId
from vestibule.messages.envelope import Key, Reason, Unreadable, decode, encode

KEY = Key(
    Kind.PERSON,
    UUID("0193f3c0-0000-7000-8000-000000000001"),
    TenantId(UUID("0193f3c0-0000-7000-8000-000000000002")),
    version=7,
)


@given(st.sampled_from(Kind), st.uuids(), st.uuids(), st.integers(1, 2**63 - 1))
def test_every_key_survives_the_journey(kind: Kind, subject: UUID, tenant: UUID, version: int) -> None:
    key = Key(kind, subject, TenantId(tenant), version)
    assert decode(encode(key)) == key


def test_a_message_carries_ids_and_a_version_only() -> None:
    assert json.loads(encode(KEY)) == {
        "v": 1,
        "kind": "person",
        "id": str(KEY.id),
        "tenant": str(KEY.tenant),
        "version": 7,
    }


@pytest.mark.parametrize("version", ["2", "0", "-1", "99999999999"])
def test_an_unknown_version_is_told_apart(version: str) -> None:
    body = encode(KEY).replace(b'"v":1', b'"v":' + version.encode())
    assert decode(body) == Unreadable(Reason.UNKNOWN_VERSION)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "robot"},
        {"id": "not-an-id"},
        {"id": None},
        {"tenant": 5},
        {"version": 0},
        {"version": -3},
        {"version": "7"},
        {"version": 1.5},
        {"v": "1"},
        {"v": None},
        {"email": "kim@customer.example"},
    ],
)
def test_a_wrong_field_is_malformed(change: dict[str, object]) -> None:
    body = json.dumps(json.loads(encode(KEY)) | change).encode()
    assert decode(body) == Unreadable(Reason.MALFORMED)


@pytest.mark.parametrize("missing", ["v", "kind", "id", "tenant", "version"])
def test_a_missing_field_is_malformed(missing: str) -> None:
    message = json.loads(encode(KEY))
    del message[missing]
    assert decode(json.dumps(message).encode()) == Unreadable(Reason.MALFORMED)


@pytest.mark.parametrize("body", [b"", b"hello", b"{", b'{"v":1', b"\x00", b'{"v":1} {}'])
def test_what_is_no_json_is_told_apart(body: bytes) -> None:
    assert decode(body) == Unreadable(Reason.NO_JSON)


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"person"'])
def test_json_that_is_no_object_is_malformed(body: bytes) -> None:
    assert decode(body) == Unreadable(Reason.MALFORMED)


def test_a_huge_body_is_not_parsed_at_all() -> None:
    assert decode(b"[" * 2_000_000) == Unreadable(Reason.TOO_LARGE)
    assert decode(b"[" * 1000) == Unreadable(Reason.MALFORMED)


@given(st.binary(max_size=1500))
def test_no_bytes_whatever_raise(body: bytes) -> None:
    assert isinstance(decode(body), Unreadable)
