"""A corpus of hostile PATCH messages, filters, queries and URLs: what nobody should send."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.integration.ingest.hostile_bodies import FREE, WRONG
from vestibule.scim.attributes import Attribute, Type
from vestibule.scim.schemas import ENTERPRISE_SCHEMA


def paths_of(attribute: Attribute, urn: str = "") -> Iterator[str]:
    """Paths to an attribute and its parts."""
    yield f"{urn}{attribute.name}"
    for sub in attribute.sub_attributes:
        yield f"{urn}{attribute.name}.{sub.name}"
        if attribute.multi_valued and attribute.type is Type.COMPLEX:
            yield f'{urn}{attribute.name}[type eq "work"].{sub.name}'


PATHS = (
    "", " ", ".", "..", "a.", ".a", "a.b.c", ":", "urn:", "urn::::", "urn:a", "urn:a:b", "urn:a:b:",
    "urn:a:b:c.d.e", "$ref", "[", "]", "[]", "emails[", "emails[]", "emails[[[[", "emails]", "emails[type]",
    'emails[type eq "a"', 'emails[type eq "a"][type eq "b"]', 'emails[type eq "work"].value.value',
    'emails[type eq "work"]value', 'emails[type eq "work"].', "emails[value eq 1e999]",
    'emails[value eq "\\ud800"]', 'emails[value eq "\\u0000"]', 'emails[value eq "\x00"]',
    'emails[emails[type eq "a"].value eq "b"]', 'emails[not (not (not (type eq "a")))]',
    'emails[value gt "a" and value lt "b"]', "emails[primary gt true]", 'emails[primary co "t"]',
    'emails[value eq "a"].emails[value eq "b"]', 'name[givenName eq "A"]', 'active[value eq "x"]',
    "active.value", "userName.userName", "\uff45mails", "em\u0430ils", "a\x00b", "\ud800", "a" * 5_000,
    "urn:" + "a:" * 5_000, "emails[" + "(" * 3_000, "emails[" + "value pr or " * 300 + "value pr]",
    'emails[value eq "' + "\\\\" * 1_900 + '"]', 'emails[value eq "' + "a" * 4_000 + '"]',
    "emails[" + " " * 4_000 + "value pr]", "id", "meta", "meta.version", "schemas", "groups", "password",
    "members", "members.value", "members[value pr]", "members[value eq 7]",
    'members[value eq "' + "x" * 300 + '"]', ENTERPRISE_SCHEMA, f"{ENTERPRISE_SCHEMA}:manager.value.value",
    FREE, f"{FREE}:a.b", f"{FREE}:a[b eq 1].c",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, 7, "", "x", [], {}, [None], {"value": "x"}, [{"value": "\u0000"}], [[[]]],
    {"a": {"b": {"c": [1]}}}, True,
)  # fmt: skip
MESSAGES: Mapping[str, Any] = {
    "a list": [],
    "a text": "x",
    "operations as a number": {"Operations": 7},
    "operations as a text": {"Operations": "add"},
    "operations as an object": {"Operations": {"op": "add"}},
    "operations of lists": {"Operations": [[]]},
    "operations of null": {"Operations": [None]},
    "two lists": {"Operations": [{"op": "remove", "path": "title"}], "OPERATIONS": []},
    "op as a list": {"Operations": [{"op": ["add"], "path": "title", "value": "x"}]},
    "op with a NUL": {"Operations": [{"op": "add\x00", "path": "title", "value": "x"}]},
    "a look-alike op": {"Operations": [{"op": "\uff41dd", "path": "title", "value": "x"}]},
    "path as a list": {"Operations": [{"op": "add", "path": ["title"], "value": "x"}]},
    "path as an object": {"Operations": [{"op": "add", "path": {"a": 1}, "value": "x"}]},
    "1,000 operations": {
        "Operations": [{"op": "add", "path": "title", "value": str(n)} for n in range(1_000)]
    },
    "20,000 operations": {"Operations": [{"op": "add", "path": "title", "value": "x"}] * 20_000},
    "200 merges": {
        "Operations": [{"op": "add", "path": "emails", "value": [{"value": str(n)} for n in range(450)]}]
        * 200
    },
    "200 filters": {
        "Operations": [
            {"op": "replace", "path": f'emails[value eq "{n}"].display', "value": "x"} for n in range(200)
        ]
    },
    "long filters": {
        "Operations": [{"op": "remove", "path": "emails[" + " or ".join(['value eq "a"'] * 99) + "]"}] * 200
    },
    "10,000 keys": {"Operations": [{"op": "add", "value": {f"x{n}": n for n in range(10_000)}}]},
    "900 free keys": {"Operations": [{"op": "add", "value": {f"{FREE}:x{n}": n for n in range(900)}}]},
    "10,000 members": {
        "Operations": [{"op": "add", "path": "members", "value": [{"value": str(n)} for n in range(10_000)]}]
    },
    "members of every type": {"Operations": [{"op": "add", "path": "members", "value": list(WRONG)}]},
    "a great value": {"Operations": [{"op": "replace", "path": "title", "value": "x" * 900_000}]},
}

FILTERS = (
    "", " ", "(", ")", "()", "not", "not not not", "and", "or", "a", "a eq", "a eq b", "eq eq eq", '"',
    '""', '"a" eq "a"', "[", "a[b", "a[b]", 'userName eq "', 'userName eq "a', 'userName eq "a" and',
    'and userName eq "a"', 'userName eq "a" userName eq "b"', "userName eq 1e999",
    "userName eq 99999999999999999999999999", "userName eq null", "userName eq NaN", "userName eq true",
    "active eq 7", 'active eq "perhaps"', 'userName gt ""', 'userName co ""', 'userName eq "\\ud800"',
    'userName eq "\\u0000"', 'userName eq "\x00"', 'userName eq "\\x"', 'userName eq "%"',
    "userName eq \"' or 1=1 --\"", "userName eq \"$1\"", 'userName eq "\\\\"', 'userName co "%_\\\\"',
    "\uff55serName eq \"a\"", 'us\u0435rName eq "a"', 'id eq "x"',
    'id eq "00000000-0000-0000-0000-000000000000"', "id gt 7", 'meta.created gt "never"',
    'meta.created gt "9999-99-99T99:99:99Z"', 'meta.lastModified lt "0001-01-01T00:00:00+23:59"',
    'meta.lastModified gt "999999-01-01T00:00:00Z"', "meta pr", "schemas pr", "password pr",
    'password eq "x"', 'emails[type eq "a"][value eq "b"]', "emails[emails[emails[value pr]]]",
    'emails.value.value eq "a"', "groups pr", "members pr", 'groups.value eq "x"', 'members[value eq "x"]',
    "urn: eq 1", "urn:a:b:c:d pr", f'{FREE}:a.b co "x"', f"{ENTERPRISE_SCHEMA} pr",
    'userName eq "' + "a" * 4_050 + '"', 'userName co "' + "a" * 4_000 + '"',
    'userName eq "' + "\\\\" * 2_000 + '"', 'userName eq "' + "%_" * 1_900 + '"', "(" * 2_000,
    "(" * 31 + 'userName eq "a"' + ")" * 31, "(" * 33 + 'userName eq "a"' + ")" * 33,
    "not (" * 31 + "userName pr" + ")" * 31, " or ".join(['userName eq "a"'] * 99),
    " or ".join(['userName eq "a"'] * 200), " and ".join(['userName co "a"'] * 100),
    " or ".join(["a pr"] * 101), "emails[" + " or ".join(['value co "a"'] * 90) + "]", " " * 4_090 + "a",
    "\t\n\r userName\teq\n\"a\"", "userName eq \"a\"" + " " * 4_000, "a" * 4_090, "a." * 2_000, "$" * 2_000,
    '"' * 4_000, '\\"' * 2_000, "userName sw " + "-" * 4_000, "userName eq " + "9" * 4_000,
    "userName eq -" + "0" * 4_000 + ".",
)  # fmt: skip
QUERIES = (
    "filter", "filter=", "filter=%", "filter=%zz", "filter=%ff", "filter=%00", "filter=%ed%a0%80",
    "filter=a&filter=b", "=", "&&&&", "%00=1", "startIndex=", "startIndex=1e9",
    "startIndex=-999999999999999999", "startIndex=999999999999999999", "startIndex=9223372036854775808",
    "startIndex=%D9%A1", "startIndex=1%00", "count=NaN", "count=-1", "count=+1", "count= 1 ",
    "count=99999999999999999999", "count=0x10", "attributes=", "attributes=,,,", "attributes=.",
    "attributes=a.b.c", "attributes=urn:", "attributes=%00", "attributes=" + "a," * 99,
    "attributes=" + "a," * 3_000, "excludedAttributes=id,schemas,meta", "excludedAttributes=" + "x" * 5_000,
    "attributes=members[value%20pr]", "sortBy=", "sortBy=a.b.c.d", "sortBy=password",
    "sortBy=userName&sortOrder=sideways", "cursor=", "cursor=%00", "cursor=AAAA", "cursor=" + "A" * 4_000,
    "cursor&count=3", "cursor=a&startIndex=2", "&".join(f"a{n}=1" for n in range(49)),
    "&".join(f"a{n}=1" for n in range(500)), "a" * 8_000, "%41" * 2_600, "\u00e9=1",
    "filter=userName+eq+\"\u00e9\"",
)  # fmt: skip
TAILS = (
    "", "/", "//Users", "/Users/", "/users", "/USERS", "/Users//", "/Users/..", "/Users/../Groups",
    "/Users/%2e%2e/Groups", "/Users/..;/Groups", "/Users;a=b", "/Users/%00", "/Users/%ff",
    "/Users/%ed%a0%80", "/Users/%2F", "/Users/a%2Fb", "/Users/1/b", "/Users/" + "0" * 5_000,
    "/Users/%F0%9F%91%A9", "/Users/*", "/Users/00000000-0000-0000-0000-000000000000%20",
    "/Users/{00000000-0000-0000-0000-000000000000}", "/Users/urn:uuid:00000000-0000-0000-0000-000000000000",
    "/Me", "/Bulk", "/.search", "/Users/.search", "/Schemas/", "/Schemas/%00", "/Schemas/x/y",
    "/ResourceTypes/%ff", "/ServiceProviderConfig/x", "/%00", "/%", "/%zz", "?", "?/Users", "??",
    "/Users?a?b", "/Users#x", "/\u0435", "/Users/\u00e9",
)  # fmt: skip
