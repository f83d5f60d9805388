"""A corpus of hostile bodies of users and groups: what nobody should send, and each type out of place."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from vestibule.scim.attributes import Attribute
from vestibule.scim.schemas import ENTERPRISE_SCHEMA, ENTERPRISE_USER, GROUP, USER

NAME: Final = b'"userName": "hostile@corp.example"'
FREE: Final = "urn:corp:hostile:1.0:User"


def _nested(opening: bytes, closing: bytes, depth: int) -> bytes:
    return b'{%b, "%b": {"a": %b1%b}}' % (NAME, FREE.encode(), opening * depth, closing * depth)


def _number(text: str) -> bytes:
    return b'{%b, "active": %b, "title": %b, "%b": {"n": %b}}' % (
        NAME, text.encode(), text.encode(), FREE.encode(), text.encode(),
    )  # fmt: skip


def _free_number(text: str) -> bytes:
    return b'{%b, "%b": {"n": %b}}' % (NAME, FREE.encode(), text.encode())


NUMBERS = (
    "1e999", "-1e999", "1e-999", "9" * 400, "-" + "9" * 400, "18446744073709551616", "9223372036854775808",
    "-9223372036854775809", "1" + "0" * 5_000, "0." + "1" * 5_000, "1e308", "5e-324", "NaN", "Infinity",
    "-Infinity", "0x10", "1.", ".5", "+1", "-0", "-0.0", "1e", "01", "1_000",
)  # fmt: skip
BROKEN_TEXTS = (
    b"\xff", b"\xc0\x80", b"\xe2\x82", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80",
    b"\\ud800", b"\\udc00", b"\\udc00\\ud800", b"\\ud83d", b"\\u0000", b"\x00", b"\x01", b"\\x41", b"\\u12",
    b"\\", b"\n", b"\x7f", b"\\u202e", b"\\uffff", b"\\ufdd0", b"\xf0\x9f\x91\xa9" * 600,
    "\u0301\u0323".encode() * 200_000,
)  # fmt: skip

BODIES: Mapping[str, bytes] = {
    **{f"number {text[:24]} {len(text)}": _number(text) for text in NUMBERS},
    **{f"free number {text[:24]} {len(text)}": _free_number(text) for text in NUMBERS},
    **{f"userName {text[:12]!r}": b'{"userName": "ana%b"}' % text for text in BROKEN_TEXTS},
    **{f"value {text[:12]!r}": b'{%b, "title": "%b"}' % (NAME, text) for text in BROKEN_TEXTS},
    **{f"name {text[:12]!r}": b'{%b, "x%b": 1}' % (NAME, text) for text in BROKEN_TEXTS},
    **{f"part {text[:12]!r}": b'{%b, "name": {"x%b": 1}}' % (NAME, text) for text in BROKEN_TEXTS},
    **{f"URN {text[:12]!r}": b'{%b, "urn:x:y%b": {"a": 1}}' % (NAME, text) for text in BROKEN_TEXTS},
    **{f"free {text[:12]!r}": b'{%b, "urn:x:y:z": {"a%b": "b"}}' % (NAME, text) for text in BROKEN_TEXTS},
    **{f"{depth} lists": _nested(b"[", b"]", depth) for depth in (5, 8, 17, 18, 19, 1_000, 100_000)},
    **{f"{depth} objects": _nested(b'{"a":', b"}", depth) for depth in (5, 8, 17, 18, 19, 1_000, 60_000)},
    "openings only": b"[" * 140_000,
    "objects only": b'{"":' * 140_000,
    "two byte order marks": b"\xef\xbb\xbf\xef\xbb\xbf{%b}" % NAME,
    "two values": b"{%b}{%b}" % (NAME, NAME),
    "a comment": b"{%b /* */}" % NAME,
    "a trailing comma": b"{%b,}" % NAME,
    "single quotes": b"{'userName': 'ana'}",
    "UTF-32": "{}".encode("utf-32"),
    "a name twice": b"{%b, %b}" % (NAME, NAME),
    "a name in two cases": b'{%b, "USERNAME": "bo"}' % NAME,
    "a name twice in a list": b'{%b, "emails": [{"value": "a", "value": "b"}]}' % NAME,
    "an empty name": b'{%b, "": 1}' % NAME,
    "a long name": b'{%b, "%b": 1}' % (NAME, b"a" * 100_000),
    "a long path as a name": b'{%b, "emails[%b]": 1}' % (NAME, b"value pr and " * 5_000 + b"value pr"),
    "a long URN": b'{%b, "urn:%b": {"a": 1}}' % (NAME, b"a:" * 50_000),
    "a long value": b'{%b, "title": "%b"}' % (NAME, b"a" * 900_000),
    "a long userName": b'{"userName": "%b"}' % (b"a" * 900_000),
    "a long externalId": b'{%b, "externalId": "%b"}' % (NAME, b"a" * 900_000),
    "a long address": b'{%b, "emails": [{"value": "%b", "type": "work"}]}' % (NAME, b"a" * 900_000),
    "a userName that grows": b'{"userName": "%b"}' % ("\ufdfa" * 500).encode(),
    "many combining marks": b'{"userName": "%b"}' % ("a" + "\u0301\u0323" * 240).encode(),
    "many names": json.dumps({"userName": "a", **{f"x{n}": n for n in range(20_000)}}).encode(),
    "many URNs": json.dumps({"userName": "a", **{f"urn:x:{n}": {"a": 1} for n in range(2_000)}}).encode(),
    "many parts": json.dumps({"userName": "a", **{f"urn:x:y:z{n}": 1 for n in range(190)}}).encode(),
    "many value paths": json.dumps(
        {"userName": "a", **{f'emails[type eq "t{n}"].value': "a" for n in range(190)}}
    ).encode(),
    "many values": json.dumps({"userName": "a", "ims": [{"value": str(n)} for n in range(20_000)]}).encode(),
    "many primaries": json.dumps(
        {"userName": "a", "emails": [{"value": str(n), "primary": True} for n in range(500)]}
    ).encode(),
    "many empty values": b'{%b, "emails": [%b{}]}' % (NAME, b"{}," * 100_000),
    "a role in a role": json.dumps(
        {"userName": "a", "roles": [json.dumps({"value": json.dumps({"value": "x" * 900})})]}
    ).encode(),
    "a role of brackets": json.dumps({"userName": "a", "roles": ['{"a":' * 600]}).encode(),
    "look-alikes": '{"userN\u0430me": "a", "\uff55serName": "b", "act\u0131ve": true}'.encode(),
    "look-alikes that fold": (
        '{"userName": "a", "\u017fchemas": [], "na\u217fe": {}, "\u212aey": 1, "\u0130d": 1}'.encode()
    ),
    "look-alike URN": b'{%b, "\xef\xbd\x95rn:ietf:params:scim:schemas:core:2.0:User:userName": "x"}' % NAME,
}  # fmt: skip

# Wrong types for every attribute of the tables
WRONG: tuple[Any, ...] = (
    7, -1, 1.5, 1e308, True, "", "x", "\u0000", "\ud800", "{", '{"value": 1}', [], [[]], [None], [7],
    [True], ["x"], [[["x"]]], {}, {"value": []}, {"value": {"value": 1}}, {"": ""},
    {"value": "a", "VALUE": "b"}, [{}], [{"value": 7}], [{"value": None, "primary": "perhaps"}],
    [{"type": []}], [{"value": "a"}, "b", 7, None], {"$ref": 7},
)  # fmt: skip


def wrong_bodies(kind: str) -> Iterator[bytes]:
    """A body for each attribute with each wrong type, and for each of its parts with every second one."""
    attributes = USER.table.values() if kind == "User" else GROUP.table.values()
    places = [*_places(dict.fromkeys(attributes))]
    if kind == "User":
        places += [(ENTERPRISE_SCHEMA, *place) for place in _places(ENTERPRISE_USER.attributes)]
        places += [(ENTERPRISE_SCHEMA,), (FREE,)]
    required = {"userName": "wrong@corp.example"} if kind == "User" else {"displayName": "Wrong"}
    for place in places:
        for value in WRONG if len(place) == 1 else WRONG[::2]:
            body = dict(required)
            body.update(_at(place, value))
            yield json.dumps(body).encode()


def _places(attributes: Iterable[Attribute]) -> Iterator[tuple[str, ...]]:
    for attribute in attributes:
        yield (attribute.name,)
        for sub in attribute.sub_attributes:
            yield (f"{attribute.name}[]" if attribute.multi_valued else attribute.name, sub.name)


def _at(place: tuple[str, ...], value: Any) -> dict[str, Any]:
    name, *rest = place
    inner = _at(tuple(rest), value) if rest else value
    return {name.removesuffix("[]"): [inner] if name.endswith("[]") else inner}
