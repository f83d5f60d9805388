"""Ids: version 7 UUIDs that sort by time, and the one spelling under which they are known."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.domain.identifiers import parse_id, uuid7


def test_uuid7_carries_version_and_variant_of_rfc_9562() -> None:
    # The example of RFC 9562, appendix A.6.
    randomness = ((0xCC3 << 68) | 0x18C4DC0C0C07398F).to_bytes(10, "big")
    assert str(uuid7(0x017F22E279B0, randomness)) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@given(st.integers(0, 2**48 - 2), st.binary(min_size=10, max_size=10), st.binary(min_size=10, max_size=10))
def test_a_later_uuid7_sorts_behind(milliseconds: int, one: bytes, other: bytes) -> None:
    earlier, later = uuid7(milliseconds, one), uuid7(milliseconds + 1, other)
    assert str(earlier) < str(later)
    assert earlier.version == 7
    assert earlier.variant == uuid.RFC_4122


@pytest.mark.parametrize(
    ("milliseconds", "randomness"), [(-1, bytes(10)), (1 << 48, bytes(10)), (0, bytes(9))]
)
def test_uuid7_refuses_what_does_not_fit(milliseconds: int, randomness: bytes) -> None:
    with pytest.raises(ValueError, match="uuid7 needs"):
        uuid7(milliseconds, randomness)


@given(st.uuids())
def test_an_id_reads_back_as_written(value: uuid.UUID) -> None:
    assert parse_id(str(value)) == value


@given(st.uuids(version=4))
def test_another_spelling_of_an_id_is_unknown(value: uuid.UUID) -> None:
    text = str(value)
    for other in (f"{{{text}}}", text.replace("-", ""), f" {text}", f"urn:uuid:{text}", text[:-1]):
        assert parse_id(other) is None
    if text.upper() != text:
        assert parse_id(text.upper()) is None


@given(st.text(max_size=40))
def test_any_text_is_an_id_or_none(text: str) -> None:
    value = parse_id(text)
    assert value is None or str(value) == text
