"""Bodies: JSON that says each thing once, in bounds."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.scim.errors import InvalidSyntax, TooLarge, UnsupportedMediaType
from vestibule.scim.limits import DEFAULTS
from vestibule_ingest.bodies import check_type, parse_json

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text()
    | st.sampled_from(['":', '\\":', '" :']),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES, st.sampled_from([None, 1]))
def test_every_value_is_read_however_it_is_written(value: object, indent: int | None) -> None:
    text = json.dumps(value, indent=indent, separators=(",", " :") if indent else (",", ":"))
    if "\\ud" in text:
        return  # a lone half of a surrogate pair is no text
    assert parse_json(text.encode()) == value


@given(st.text(max_size=5), VALUES, VALUES, st.sampled_from([":", " :", "\t: "]))
def test_a_name_that_is_there_twice_is_always_noticed(
    name: str, one: object, other: object, colon: str
) -> None:
    key = json.dumps(name)
    body = f"[{{{key}{colon}{json.dumps(one)},{key}:{json.dumps(other)}}}]"
    with pytest.raises(InvalidSyntax):
        parse_json(body.encode())


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"\\u0061":2}',
        b'{"a" :1,"b":2,"b":3}',
        b'{"x":{"a":1,"a":1}}',
        b'{"a":"\\":","a":1}',
        b'[{"a":1},{"a":1,"a":2}]',
        b'{"a":1,"a":2,"b":":"}',
        b'{"a":1,"a":2,"b":"\\u003a"}',
        b'{"a":1,"a":2,"b":"\\u003A"}',
        b'{"a":1,"a":2,"b":"\\u0022:"}',
    ],
)
def test_escapes_and_spaces_hide_no_second_name(body: bytes) -> None:
    with pytest.raises(InvalidSyntax, match="twice"):
        parse_json(body)


def test_depth_is_bounded_exactly() -> None:
    fits = b"[" * DEFAULTS.json_depth + b"1" + b"]" * DEFAULTS.json_depth
    assert parse_json(fits) == orjson.loads(fits)
    with pytest.raises(InvalidSyntax, match="deeper"):
        parse_json(b"[" + fits + b"]")


def test_a_byte_order_mark_is_ignored() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a" : 1}') == {"a": 1}


def test_lists_and_objects_are_counted_before_they_are_built() -> None:
    with pytest.raises(TooLarge):
        parse_json(b"[" + b"[]," * DEFAULTS.json_parts + b"[]]")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'"\\ud800"', b"1e999", b"NaN", b"{'a':1}", b"[1,]"])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidSyntax):
        parse_json(body)


@pytest.mark.parametrize(
    "kind",
    [
        b"application/json",
        b"application/scim+json",
        b"Application/SCIM+JSON; Charset=UTF-8",
        b'application/json;charset="utf-8"',
    ],
)
def test_json_has_two_names(kind: bytes) -> None:
    check_type({b"content-type": kind})


@pytest.mark.parametrize(
    "headers",
    [
        {b"content-type": b"text/json"},
        {b"content-type": b""},
        {b"content-type": b"application/json; charset=latin1"},
        {b"content-type": b"application/json", b"content-encoding": b"br"},
    ],
)
def test_other_types_are_told_apart(headers: dict[bytes, bytes]) -> None:
    with pytest.raises(UnsupportedMediaType):
        check_type(headers)
