"""What is folded, and what would take too long to fold."""

import unicodedata

import pytest

from vestibule.scim.errors import InvalidValue
from vestibule.scim.folding import MOST_MARKS, fold, stacks_marks
from vestibule.scim.resources import parse_user
from vestibule.scim.schemas import ENTERPRISE_SCHEMA

ACUTE, BELOW = "\u0301", "\u0323"


@pytest.mark.parametrize("sign", [ACUTE, BELOW, "\u0344", "\uff9e", "\u0f73"])
def test_marks_in_whatever_form_are_counted_in_a_row(sign: str) -> None:
    row = f"{sign}{BELOW}" * MOST_MARKS
    assert stacks_marks(f"Ana {row[: MOST_MARKS + 1]} Li")
    assert not stacks_marks(f"Ana {row[:MOST_MARKS]} Li {row[:MOST_MARKS]}")


@pytest.mark.parametrize(
    "text", ["a\u0301" * 1_000, "\uac01" * 1_000, "\u0e17\u0e35\u0e48" * 1_000, "ﷺ" * 500, "é"]
)
def test_no_writing_has_too_many(text: str) -> None:
    assert not stacks_marks(text)
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert not stacks_marks(unicodedata.normalize(form, text))
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    "body",
    [
        {"title": "x" * 150 + ACUTE * 101},
        {"name": {"formatted": ACUTE * 250}},
        {ENTERPRISE_SCHEMA: {"department": ACUTE * 250}},
        {"phoneNumbers": [{"value": ACUTE * 250}]},
        {"urn:corp:2.0:User": {"badges": [{"name": ACUTE * 101}]}},
        {"urn:corp:2.0:User": {ACUTE * 101: 1}},
    ],
)
def test_too_many_are_refused_wherever_they_stand(body: dict[str, object]) -> None:
    with pytest.raises(InvalidValue, match="no text"):
        parse_user({"userName": "ana", **body})
