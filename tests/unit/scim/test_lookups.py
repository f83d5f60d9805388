"""Look-ups: the questions that IdPs really ask are answered by a key, all others by a search."""

import pytest

from vestibule.scim.attributes import ResourceType
from vestibule.scim.filters import parse_filter
from vestibule.scim.lookups import Field, Lookup, as_lookup
from vestibule.scim.schemas import GROUP, USER

ONE = "01981e2a-0000-7000-8000-000000000001"
TWO = "01981e2a-0000-7000-8000-000000000002"


@pytest.mark.parametrize(
    ("resource_type", "text", "lookup"),
    [
        (USER, 'userName eq "Ana@Corp.example"', Lookup(Field.USER_NAME, "ana@corp.example")),
        (USER, 'USERNAME EQ "ana"', Lookup(Field.USER_NAME, "ana")),
        (USER, 'urn:ietf:params:scim:schemas:core:2.0:User:userName eq "a"', Lookup(Field.USER_NAME, "a")),
        (USER, 'externalId eq "00uA"', Lookup(Field.EXTERNAL_ID, "00uA")),
        (USER, f'id eq "{ONE}"', Lookup(Field.ID, ONE)),
        (USER, 'displayName eq "Ána"', Lookup(Field.DISPLAY_NAME, "ána")),
        (USER, 'emails[type eq "work"].value eq "A@x.example"', Lookup(Field.WORK_EMAIL, "a@x.example")),
        (USER, 'emails[type eq "Work" and value eq "a"]', Lookup(Field.WORK_EMAIL, "a")),
        (USER, 'emails[value eq "a" and type eq "work"]', Lookup(Field.WORK_EMAIL, "a")),
        (USER, 'userName eq "a" and active eq true', Lookup(Field.USER_NAME, "a", active=True)),
        (USER, 'active eq "False" and userName eq "a"', Lookup(Field.USER_NAME, "a", active=False)),
        (USER, 'userName eq "a" and userName eq "A"', Lookup(Field.USER_NAME, "a")),
        (USER, f'groups.value eq "{ONE}"', Lookup(Field.GROUP, ONE)),
        (USER, f'groups[value eq "{ONE}"] and active eq true', Lookup(Field.GROUP, ONE, active=True)),
        (GROUP, 'displayName eq "IT"', Lookup(Field.DISPLAY_NAME, "it")),
        (GROUP, 'displayName eq "Vertrieb Süd (名)"', Lookup(Field.DISPLAY_NAME, "vertrieb süd (名)")),
        (GROUP, f'id eq "{ONE}" and members eq "{TWO}"', Lookup(Field.ID, ONE, member=TWO)),
        (GROUP, f'id eq "{ONE}" and members[value eq "{TWO}"]', Lookup(Field.ID, ONE, member=TWO)),
        (GROUP, f'members.value eq "{TWO}"', Lookup(Field.MEMBER, TWO)),
    ],
)
def test_the_questions_of_idps(resource_type: ResourceType, text: str, lookup: Lookup) -> None:
    assert as_lookup(parse_filter(text), resource_type) == lookup


@pytest.mark.parametrize(
    ("resource_type", "text"),
    [
        (USER, 'userName sw "a"'),
        (USER, 'userName eq ""'),
        (USER, "userName eq 7"),
        (USER, "userName eq null"),
        (USER, r'userName eq "\u0000"'),
        (USER, r'userName eq "\ud800"'),
        (USER, 'userName eq "a" or userName eq "b"'),
        (USER, 'userName eq "a" and userName eq "b"'),
        (USER, 'userName eq "a" and externalId eq "b"'),
        (USER, 'not (userName eq "a")'),
        (USER, "active eq true"),
        (USER, 'userName eq "a" and active eq 3'),
        (USER, 'id eq "nonsense"'),
        (USER, 'title eq "x"'),
        (USER, 'emails.value eq "A"'),
        (USER, 'emails[type eq "home"].value eq "a"'),
        (USER, 'emails[type eq "work"].display eq "a"'),
        (USER, 'emails[type eq "work"]'),
        (USER, 'emails.type eq "work"'),
        (USER, 'userName[value eq "a"]'),
        (USER, f'groups.display eq "{ONE}"'),
        (USER, 'groups.value eq "nonsense"'),
        (USER, f'groups[type eq "direct"].value eq "{ONE}"'),
        (USER, f'groups.value eq "{ONE}" and userName eq "a"'),
        (USER, 'urn:corp:2.0:User:userName eq "a"'),
        (GROUP, 'userName eq "a"'),
        (GROUP, 'members[type eq "User"]'),
        (GROUP, f'members[type eq "User"].value eq "{ONE}"'),
    ],
)
def test_any_other_question_is_for_the_search(resource_type: ResourceType, text: str) -> None:
    assert as_lookup(parse_filter(text), resource_type) is None
