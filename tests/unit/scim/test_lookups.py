"""Look-ups: the questions that IdPs really ask, and a clear answer to all others."""

from typing import Any

import pytest

from vestibule.scim.attributes import ResourceType
from vestibule.scim.errors import InvalidFilter
from vestibule.scim.filters import parse_filter
from vestibule.scim.lookups import Field, Lookup, Term, as_lookup
from vestibule.scim.schemas import GROUP, USER


@pytest.mark.parametrize(
    ("resource_type", "text", "terms"),
    [
        (USER, 'userName eq "Ana@Corp.example"', [(Field.USER_NAME, "ana@corp.example")]),
        (USER, 'USERNAME EQ "ana"', [(Field.USER_NAME, "ana")]),
        (USER, 'urn:ietf:params:scim:schemas:core:2.0:User:userName eq "a"', [(Field.USER_NAME, "a")]),
        (USER, 'externalId eq "00uA"', [(Field.EXTERNAL_ID, "00uA")]),
        (USER, 'id eq "x"', [(Field.ID, "x")]),
        (USER, 'displayName eq "Ána"', [(Field.DISPLAY_NAME, "ána")]),
        (USER, 'emails[type eq "work"].value eq "A@x.example"', [(Field.WORK_EMAIL, "a@x.example")]),
        (USER, 'emails[type eq "Work" and value eq "a"]', [(Field.WORK_EMAIL, "a")]),
        (USER, 'emails.value eq "A"', [(Field.EMAIL, "a")]),
        (USER, 'emails eq "a"', [(Field.EMAIL, "a")]),
        (USER, 'emails[value eq "a"]', [(Field.EMAIL, "a")]),
        (USER, 'userName eq "a" and active eq true', [(Field.USER_NAME, "a"), (Field.ACTIVE, True)]),
        (USER, 'active eq "False"', [(Field.ACTIVE, False)]),
        (GROUP, 'displayName eq "IT"', [(Field.DISPLAY_NAME, "it")]),
        (GROUP, 'displayName eq "Vertrieb Süd (名)"', [(Field.DISPLAY_NAME, "vertrieb süd (名)")]),
        (GROUP, 'id eq "g" and members eq "u"', [(Field.ID, "g"), (Field.MEMBER, "u")]),
        (GROUP, 'id eq "g" and members[value eq "u"]', [(Field.ID, "g"), (Field.MEMBER, "u")]),
        (GROUP, 'members.value eq "U"', [(Field.MEMBER, "U")]),
    ],
)
def test_the_questions_of_idps(
    resource_type: ResourceType, text: str, terms: list[tuple[Field, Any]]
) -> None:
    assert as_lookup(parse_filter(text), resource_type) == Lookup(tuple(Term(*term) for term in terms))


@pytest.mark.parametrize(
    ("resource_type", "text"),
    [
        (USER, 'userName sw "a"'),
        (USER, 'userName eq "a" or userName eq "b"'),
        (USER, 'not (userName eq "a")'),
        (USER, "title pr"),
        (USER, 'title eq "x"'),
        (USER, 'emails[type eq "home"].value eq "a"'),
        (USER, 'emails[type eq "work"]'),
        (USER, 'emails.type eq "work"'),
        (USER, 'name.givenName eq "a"'),
        (USER, 'userName[value eq "a"]'),
        (USER, 'groups.value eq "g"'),
        (USER, 'urn:corp:2.0:User:userName eq "a"'),
        (GROUP, 'userName eq "a"'),
        (GROUP, 'members[type eq "User"]'),
        (GROUP, 'members[type eq "User"].value eq "u"'),
    ],
)
def test_any_other_question_says_which_are_answered(resource_type: ResourceType, text: str) -> None:
    with pytest.raises(InvalidFilter, match=r"This service filters .* by 'eq' on "):
        as_lookup(parse_filter(text), resource_type)


@pytest.mark.parametrize(
    "text", ["userName eq 7", "userName eq null", "active eq 3", r'userName eq "\u0000"']
)
def test_a_value_of_the_wrong_kind_is_refused(text: str) -> None:
    with pytest.raises(InvalidFilter):
        as_lookup(parse_filter(text), USER)
