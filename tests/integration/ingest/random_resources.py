"""Random users, groups and filters over few letters, so that they meet; and over letters that fold oddly."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from tests.tenant_schema import ACME
from vestibule.scim.schemas import ENTERPRISE_SCHEMA, USER_SCHEMA

FREE = "urn:corp:2.0:User"
BASE = "https://scim.provider.example/scim/v2/x"
LETTERS = [
    "a",
    "A",
    "b",
    "ß",
    "SS",
    "É",
    "E\u0301",
    "ﬁ",
    "İ",
    "\u212a",
    "k",
    "名",
    "😀",
    "%",
    "_",
    "\\",
    '"',
    "'",
    "1",
    " ",
]
NUMBERS = [0, 1, -1, 7, 0.1, 1.5, 1e23, 2**53 + 1, 9007199254740992.0, 2**60, 1.152921504606847e18]
TIMES = [
    "2026-01-02T03:04:05Z",
    "2026-01-02T03:04:05.123Z",
    "2026-01-02T05:04:05.123+02:00",
    "2026-01-02T03:04:05.1234567Z",
    "2030-01-01",
]

texts = st.lists(st.sampled_from(LETTERS), max_size=3).map("".join)
names = st.lists(st.sampled_from(LETTERS[:14]), min_size=1, max_size=2).map("".join)
types = st.sampled_from(["work", "Work", "WORK", "home", "\uff57ork"])


def _some(**parts: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=parts)


_elements = st.lists(_some(value=texts, type=types, display=texts, primary=st.booleans()), max_size=3)
_loose = st.recursive(
    st.one_of(texts, st.booleans(), st.sampled_from(NUMBERS)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(st.sampled_from(["no", "No", "value", "É"]), inner, max_size=2),
    ),
    max_leaves=3,
)
_whole = st.sampled_from([number for number in NUMBERS if isinstance(number, int)])
_desks = st.fixed_dictionaries(
    {"value": names},
    optional={"floor": _whole, "since": st.sampled_from(TIMES), "type": types, "primary": st.booleans()},
)
_defined = _some(
    badge=texts,
    shortName=texts,
    costCode=texts,
    level=_whole,
    ratio=st.sampled_from(NUMBERS),
    remote=st.booleans(),
    hiredAt=st.sampled_from(TIMES),
    profile=texts,
    tags=st.lists(texts, max_size=2),
    notes=texts,
    desks=st.lists(_desks, max_size=2),
)
users = st.fixed_dictionaries(
    {"userName": names},
    optional={
        "externalId": texts,
        "displayName": texts,
        "title": texts,
        "profileUrl": texts,
        "active": st.booleans(),
        "name": _some(givenName=texts, familyName=texts),
        "emails": _elements,
        "roles": _elements,
        "addresses": st.lists(_some(locality=texts, type=types), max_size=2),
        "x509Certificates": st.lists(_some(value=texts), max_size=1),
        ENTERPRISE_SCHEMA: _some(department=texts, manager=_some(value=texts)),
        ACME: _defined,
        FREE: st.dictionaries(st.sampled_from(["badge", "Badge", "door", "tags"]), _loose, max_size=3),
    },
)
groups = st.fixed_dictionaries({"displayName": names}, optional={"externalId": texts})

_EQUAL = ["eq", "ne", "EQ", "Ne"]
_ALL = [*_EQUAL, "co", "sw", "ew", "gt", "ge", "lt", "le", "CO"]
_ORDER = ["eq", "ne", "gt", "ge", "lt", "le"]


def quoted(text: str) -> str:
    """A text as a filter has it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _compared(
    paths: list[str], operators: list[str], values: st.SearchStrategy[str]
) -> st.SearchStrategy[str]:
    return st.tuples(st.sampled_from(paths), st.sampled_from(operators), values).map(" ".join)


_quoted = texts.map(quoted)
_truths = st.sampled_from(["true", "false", "True", '"true"', '"False"'])
_loose_values = st.one_of(_quoted, st.sampled_from(NUMBERS).map(repr))
_inside = st.one_of(
    _compared(["value", "VALUE", "type", "display"], _ALL, st.one_of(_quoted, types.map(quoted))),
    _compared(["primary"], _EQUAL, _truths),
    st.sampled_from(["value pr", "display pr", "primary pr", "type eq null", 'not (type eq "work")']),
)
_brackets = st.recursive(
    _inside,
    lambda inner: st.tuples(inner, st.sampled_from([" and ", " or "]), inner).map("".join),
    max_leaves=3,
)
_group_types = st.sampled_from(['"direct"', '"Direct"', '"indirect"', '"rect"', '""'])
_member_types = st.sampled_from(['"user"', '"Group"', '"u"'])
_inside_groups = st.one_of(
    _compared(["display", "value", "DISPLAY"], _ALL, _quoted),
    _compared(["type"], _ALL, _group_types),
    st.sampled_from(["display pr", "type pr", "$ref pr", 'not (type eq "direct")']),
)
_inside_members = st.one_of(
    _compared(["display", "value", "Display"], _ALL, _quoted),
    _compared(["type"], _ALL, _member_types),
    st.sampled_from(["display pr", "$ref pr", 'not (type eq "User")']),
)
_inside_free = st.one_of(
    _compared(["no", "value", "NO"], _ALL, _quoted),
    _compared(["no", "value"], _ORDER, st.sampled_from(NUMBERS).map(repr)),
    _compared(["no", "value"], _EQUAL, _truths),
    st.sampled_from(["no pr", "value pr", "no.value pr"]),
)


def _user_terms(ids: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    simple = [
        *("userName", "USERNAME", "externalId", "displayName", "title", "profileUrl", "name.givenName"),
        *("name.familyName", "emails", "emails.value", "emails.type", "emails.display", "roles.value"),
        *(
            "addresses.locality",
            "groups.display",
            "groups.type",
            "meta.resourceType",
            "meta.version",
            "schemas",
        ),
        *(f"{USER_SCHEMA}:userName", f"{ENTERPRISE_SCHEMA}:department", f"{ENTERPRISE_SCHEMA}:manager"),
        *("department", f"{ENTERPRISE_SCHEMA.upper()}:manager.value"),
    ]
    multiple = ["emails", "roles", "groups"]
    return st.one_of(
        _compared(simple, _ALL, _quoted),
        _compared(["x509Certificates.value"], ["eq", "ne", "co"], _quoted),
        _compared(["active", "emails.primary", "roles.primary"], _EQUAL, _truths),
        _compared(["meta.created", "meta.lastModified"], _ORDER, st.sampled_from(TIMES).map(quoted)),
        _compared(["id", "groups", "groups.value", "meta.location", "groups.$ref"], _ALL, ids.map(quoted)),
        _compared([f"{FREE}:badge", f"{FREE}:BADGE", f"{FREE}:door.no", f"{FREE}:tags"], _ALL, _quoted),
        _compared([f"{FREE}:badge", f"{FREE}:door.no"], _ORDER, _loose_values),
        _compared([f"{FREE}:badge", f"{FREE}:door.no"], _EQUAL, _truths),
        st.tuples(st.sampled_from(multiple[:2]), _brackets).map(lambda pair: f"{pair[0]}[{pair[1]}]"),
        st.tuples(st.sampled_from(multiple[:2]), _brackets, _quoted).map(
            lambda three: f"{three[0]}[{three[1]}].value eq {three[2]}"
        ),
        st.tuples(_inside_free).map(lambda one: f"{FREE}:door[{one[0]}]"),
        ids.map(lambda one: f"groups[value eq {quoted(one)}]"),
        _compared(["groups.type"], _ALL, _group_types),
        st.tuples(_inside_groups).map(lambda one: f"groups[{one[0]}]"),
        st.tuples(ids, _group_types).map(
            lambda two: f"groups[value eq {quoted(two[0])} and type eq {two[1]}]"
        ),
        st.sampled_from(
            [*simple, "name", "emails.primary", "groups", "meta", "active", "addresses", "id", "meta.created",
             "groups.value", ENTERPRISE_SCHEMA, FREE, FREE.upper(), f"{FREE}:badge", f"{FREE}:door.no",
             "urn:corp:2.0:X:y"]
        ).map(lambda path: f"{path} pr"),
        st.sampled_from(
            ["title eq null", "emails ne null", f"{FREE}:badge eq null", f"{FREE} eq null",
             'schemas[value co "corp"]']
        ),
    )  # fmt: skip


_numbers = st.sampled_from(NUMBERS).map(repr)
_inside_desks = st.one_of(
    _compared(["value", "type", "Type"], _ALL, _quoted),
    _compared(["floor"], _ORDER, _numbers),
    _compared(["since"], _ORDER, st.sampled_from(TIMES).map(quoted)),
    _compared(["primary"], _EQUAL, _truths),
    st.sampled_from(["floor pr", "since pr", "floor eq null"]),
)


def _defined_terms() -> st.SearchStrategy[str]:
    """Terms on the attributes of a schema that a tenant defined."""
    simple = [
        *(f"{ACME}:{name}" for name in ("badge", "shortName", "SHORTNAME", "costCode", "profile", "tags")),
        *(f"{ACME.upper()}:notes", f"{ACME}:desks", f"{ACME}:desks.value", f"{ACME}:desks.type"),
    ]
    numbers = [f"{ACME}:level", f"{ACME}:ratio", f"{ACME}:desks.floor"]
    times = [f"{ACME}:hiredAt", f"{ACME}:desks.since"]
    truths = [f"{ACME}:remote", f"{ACME}:desks.primary"]
    return st.one_of(
        _compared(simple, _ALL, _quoted),
        _compared(numbers, _ORDER, st.one_of(_numbers, st.sampled_from(['"7"', '"-1"', '"1.5"']))),
        _compared(times, _ORDER, st.sampled_from(TIMES).map(quoted)),
        _compared(truths, _EQUAL, _truths),
        _inside_desks.map(lambda one: f"{ACME}:desks[{one}]"),
        st.tuples(_inside_desks, _numbers).map(lambda two: f"{ACME}:desks[{two[0]}].floor ge {two[1]}"),
        st.sampled_from([*simple, *numbers, *times, *truths, ACME, f"{ACME}:level"]).map(
            lambda path: f"{path} pr"
        ),
        st.sampled_from([f"{ACME}:level eq null", f"{ACME}:hiredAt ne null", f"{ACME} eq null"]),
    )


def _group_terms(ids: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        _compared(["displayName", "externalId", "schemas", "meta.version"], _ALL, _quoted),
        _compared(["id", "members", "members.value", "members.$ref", "meta.location"], _ALL, ids.map(quoted)),
        _compared(["members.type"], _EQUAL, _member_types),
        _compared(["members.display"], _ALL, _quoted),
        st.tuples(_inside_members).map(lambda one: f"members[{one[0]}]"),
        st.tuples(ids, _member_types).map(
            lambda two: f"members[value eq {quoted(two[0])} and type eq {two[1]}]"
        ),
        ids.map(lambda one: f"members[value eq {quoted(one)}]"),
        ids.map(lambda one: f'members[value eq {quoted(one)} and type eq "User"]'),
        st.sampled_from(["members pr", "externalId pr", "meta pr", "displayName pr", "members.display pr"]),
    )


def _joined(terms: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.recursive(
        terms,
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from([" and ", " or ", " AND "]), inner).map("".join),
            inner.map(lambda one: f"not ({one})"),
            inner.map(lambda one: f"({one})"),
        ),
        max_leaves=5,
    )


def user_filters(ids: Sequence[str]) -> st.SearchStrategy[str]:
    """Filters on users; `ids` are those of resources that are there."""
    return _joined(st.one_of(_user_terms(st.sampled_from([*ids, "x", ""])), _defined_terms()))


def group_filters(ids: Sequence[str]) -> st.SearchStrategy[str]:
    """Filters on groups."""
    return _joined(_group_terms(st.sampled_from([*ids, "x", ""])))
