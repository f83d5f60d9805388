"""Lists over HTTP: pages by index and by cursor, sorted, filtered, of one type and of both."""

from typing import Any

import pytest

from tests.integration.ingest.conftest import NewClient, NewCustomer
from tests.integration.ingest.scim_client import ENTERPRISE, Answer, ScimClient
from tests.integration.ingest.serving import PUBLIC_URL
from tests.tenants import Customer
from vestibule.database.pool import Connection

MOST_PAGES = 20  # of a handful of resources
SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"


def ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer
    return [resource["id"] for resource in answer.body["Resources"]]


async def walk(scim: ScimClient, path: str, name: str = "nextCursor", cursor: str = "") -> list[list[str]]:
    """The pages from one cursor on, in the direction of the cursor's name."""
    pages: list[list[str]] = []
    while len(pages) < MOST_PAGES:
        answer = await scim.get(f"{path}&cursor={cursor}")
        pages.append(ids(answer))
        assert answer.body["itemsPerPage"] == len(pages[-1])
        assert "startIndex" not in answer.body
        if name not in answer.body:
            return pages
        cursor = answer.body[name]
    raise AssertionError(f"more than {MOST_PAGES} pages: {pages}")


async def last_cursor(scim: ScimClient, path: str) -> str:
    """The cursor from the last page back to the one before."""
    answer = await scim.get(f"{path}&cursor=")
    while "nextCursor" in answer.body:
        answer = await scim.get(f"{path}&cursor={answer.body['nextCursor']}")
    previous: str = answer.body["previousCursor"]
    return previous


async def crowd(scim: ScimClient) -> list[str]:
    titles = ["b", "A", None, "É", "a", None, "c"]
    return [
        await scim.create_user(f"u{n}@corp.example", **({} if title is None else {"title": title}))
        for n, title in enumerate(titles)
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
async def test_cursors_lead_through_the_list_and_back(scim: ScimClient, size: int) -> None:
    made = await crowd(scim)
    path = f"/Users?count={size}"
    pages = await walk(scim, path)
    assert [one for page in pages for one in page] == made
    assert len(pages) == -(-len(made) // size)
    if len(pages) > 1:
        back = await walk(scim, path, "previousCursor", await last_cursor(scim, path))
        assert back == pages[-2::-1]


@pytest.mark.parametrize("size", [1, 3, 4, 50])
@pytest.mark.parametrize("shown", ["", "&excludedAttributes=members"])
async def test_groups_are_paged_the_same_with_and_without_members(
    scim: ScimClient, size: int, shown: str
) -> None:
    gone, *made = [await scim.create_group(f"Team {number}", []) for number in range(5)]
    await scim.delete(f"/Groups/{gone}")
    path = f"/Groups?count={size}{shown}"
    pages = await walk(scim, path)
    assert [one for page in pages for one in page] == made
    assert len(pages) == -(-len(made) // size)
    for start in range(1, len(made) + 2):
        answer = await scim.get(f"{path}&startIndex={start}")
        assert ids(answer) == made[start - 1 :][:size]
        assert answer.body["totalResults"] == len(made)
    if len(pages) > 1:
        back = await walk(scim, path, "previousCursor", await last_cursor(scim, path))
        assert back == pages[-2::-1]


async def test_whoever_comes_or_goes_between_pages_moves_nobody(scim: ScimClient) -> None:
    made = await crowd(scim)
    first = await scim.get("/Users?count=3&cursor")
    await scim.delete(f"/Users/{made[1]}")
    new = await scim.create_user("new@corp.example")
    rest = await walk(scim, "/Users?count=3", cursor=first.body["nextCursor"])
    assert ids(first) + [one for page in rest for one in page] == [*made, new]


@pytest.mark.parametrize("size", [1, 2, 4, 50])
@pytest.mark.parametrize(
    ("order", "expected"), [("ascending", [1, 4, 0, 6, 3, 2, 5]), ("descending", [5, 2, 3, 6, 0, 4, 1])]
)
async def test_lists_are_sorted_whatever_the_page(
    scim: ScimClient, size: int, order: str, expected: list[int]
) -> None:
    made = await crowd(scim)
    wanted = [made[place] for place in expected]
    path = f"/Users?sortBy=title&sortOrder={order}&count={size}"
    pages = await walk(scim, path)
    assert [one for page in pages for one in page] == wanted
    by_index = [await scim.get(f"{path}&startIndex={start}") for start in range(1, len(made) + 1, size)]
    assert [one for answer in by_index for one in ids(answer)] == wanted
    if len(pages) > 1:
        assert await walk(scim, path, "previousCursor", await last_cursor(scim, path)) == pages[-2::-1]


async def test_multi_valued_attributes_sort_by_the_primary_or_first_value(scim: ScimClient) -> None:
    emails = {
        "first": [{"value": "b@x.example"}, {"value": "z@x.example"}],
        "primary": [{"value": "z@x.example"}, {"value": "a@x.example", "primary": True}],
        "none": [],
    }
    made = {name: await scim.create_user(name, emails=value) for name, value in emails.items()}
    for sort_by in ("emails", "emails.value", "urn:ietf:params:scim:schemas:core:2.0:User:EMAILS"):
        found = ids(await scim.get(f"/Users?sortBy={sort_by}"))
        assert found == [made["primary"], made["first"], made["none"]]
    assert ids(await scim.get("/Users?sortBy=meta.created&sortOrder=descending")) == list(made.values())[::-1]
    assert len(ids(await scim.get(f"/Users?sortBy={ENTERPRISE}:department"))) == 3


async def test_a_filter_of_the_whole_grammar_finds_users(scim: ScimClient) -> None:
    made = await scim.post(
        "/Users",
        {
            "userName": "ana@corp.example",
            "name": {"givenName": "Ána", "familyName": "Li"},
            "emails": [{"value": "a@x.example", "type": "work"}, {"value": "A2@x.example", "type": "work"}],
            ENTERPRISE: {"department": "Sales"},
            "urn:corp:2.0:User": {"badge": 7},
        },
    )
    ana = made.id
    bo = await scim.create_user("bo@corp.example", active=False, title="Chief")
    team = await scim.create_group("Team", [ana])
    both = sorted([ana, bo])
    for text, found in {
        'userName sw "AN"': [ana],
        'name.givenName eq "áNA"': [ana],
        'userName eq "ana@corp.example" or title pr': both,
        'not (title pr) and meta.created gt "2020-01-01T00:00:00Z"': [ana],
        'meta.lastModified lt "2020-01-01T00:00:00Z"': [],
        'title eq "chief" or userName sw "a" and active eq false': [bo],
        '(title eq "chief" or userName sw "a") and active eq false': [bo],
        'emails[type eq "work"].value eq "a2@X.example"': [ana],
        'emails.value eq "a2@x.example"': [ana],
        'emails[type eq "work" and value ew "x.example"]': [ana],
        "active eq %22False%22": [bo],
        f'{ENTERPRISE}:department co "ale"': [ana],
        "urn:corp:2.0:User:badge ge 7": [ana],
        f'groups.value eq "{team}"': [ana],
        f'groups[display sw "te" and value eq "{team}"]': [ana],
        f'meta.location ew "{bo}"': [bo],
        'schemas eq "urn:corp:2.0:User"': [ana],
        "urn:corp:2.0:User pr": [ana],
        "urn:corp:2.0:User eq null": [bo],
        'title ne "chief"': [ana],
    }.items():
        answer = await scim.get(f"/Users?filter={text.replace('áNA', '%C3%A1NA')}")
        assert (sorted(ids(answer)), answer.body["totalResults"]) == (found, len(found)), text


async def test_a_filter_of_the_whole_grammar_finds_groups(scim: ScimClient) -> None:
    ana, bo = await scim.create_user("ana"), await scim.create_user("bo")
    one, two = await scim.create_group("One", [ana, bo]), await scim.create_group("Two", [bo])
    for text, found in {
        f'members[value eq "{ana}"]': [one],
        f'members.value eq "{bo}" and displayName sw "t"': [two],
        f'not (members.value eq "{ana}")': [two],
        f'members[value eq "{bo}" and type eq "User"]': [one, two],
        f'members.$ref eq "{PUBLIC_URL}/scim/v2/x/Users/{ana}"': [],
        'displayName gt "one"': [two],
    }.items():
        assert sorted(ids(await scim.get(f"/Groups?filter={text}&excludedAttributes=members"))) == found, text


async def test_a_search_by_post_says_the_same_as_a_list(scim: ScimClient) -> None:
    made = await crowd(scim)
    body: dict[str, Any] = {"schemas": [SEARCH], "filter": "title pr", "sortBy": "title", "count": 2}
    asked = "/Users?filter=title pr&sortBy=title&count=2"
    posted = await scim.post("/Users/.search", {**body, "attributes": ["userName"], "startIndex": 2})
    listed = await scim.get(f"{asked}&attributes=userName&startIndex=2")
    assert posted.body == listed.body
    assert posted.body["totalResults"] == 5
    assert set(posted.body["Resources"][0]) == {"schemas", "id", "userName"}
    first = await scim.post("/Users/.search", {**body, "cursor": ""})
    second = await scim.post("/Users/.search", {**body, "cursor": first.body["nextCursor"]})
    assert ids(first) + ids(second) == [made[place] for place in (1, 4, 0, 6)]


async def test_the_root_searches_both_types(scim: ScimClient) -> None:
    user = await scim.create_user("b-user", displayName="Bob")
    group = await scim.create_group("A-group", [user])
    other = await scim.create_group("C-group")
    everything = await scim.post("/.search", {"schemas": [SEARCH]})
    assert everything.body["schemas"] == [LIST]
    assert ids(everything) == [user, group, other]
    assert ids(await scim.get("?count=2")) == [user, group]
    kinds = [resource["meta"]["resourceType"] for resource in everything.body["Resources"]]
    assert kinds == ["User", "Group", "Group"]
    assert everything.body["Resources"][0]["groups"][0]["value"] == group
    assert everything.body["Resources"][1]["members"][0]["value"] == user
    by_name = await scim.post("/.search", {"sortBy": "displayName", "attributes": ["displayName"]})
    assert ids(by_name) == [group, user, other]
    # what one type has and the other has not is without a value there (RFC 7644 §3.4.2.1)
    assert ids(await scim.post("/.search", {"filter": 'userName eq "b-user"'})) == [user]
    assert ids(await scim.post("/.search", {"filter": "not (userName pr)"})) == [group, other]
    assert ids(await scim.post("/.search", {"filter": 'meta.resourceType eq "Group"'})) == [group, other]
    pages: list[list[str]] = []
    asked: dict[str, Any] = {"cursor": ""}
    while asked["cursor"] is not None:
        answer = await scim.post("/.search", {"count": 1, **asked})
        pages.append(ids(answer))
        asked = {"cursor": answer.body.get("nextCursor")}
    assert pages == [[user], [group], [other]]


async def test_nobody_finds_what_another_customer_has(
    new_customer: NewCustomer, client_of: NewClient
) -> None:
    mine, other = client_of(await new_customer()), client_of(await new_customer())
    theirs = await other.create_user("shared@corp.example")
    group = await other.create_group("Shared", [theirs])
    for text in (
        'userName co "a"',
        "not (title pr)",
        f'id eq "{theirs}" or title pr',
        f'groups.value eq "{group}"',
    ):
        assert ids(await mine.get(f"/Users?filter={text}")) == []
    assert ids(await mine.post("/.search", {})) == []
    page = await other.post("/.search", {"count": 1, "cursor": ""})
    stolen = await mine.post("/.search", {"count": 1, "cursor": page.body["nextCursor"]})
    assert stolen.body["scimType"] == "invalidCursor"


async def test_attributes_and_parts_of_them_are_chosen_in_lists(scim: ScimClient) -> None:
    await scim.post(
        "/Users",
        {
            "userName": "ana",
            "name": {"givenName": "A", "familyName": "L"},
            ENTERPRISE: {"department": "X", "division": "Y"},
        },
    )
    answer = await scim.get(f"/Users?attributes=name.givenName,{ENTERPRISE}:department")
    [shown] = answer.body["Resources"]
    assert shown["name"] == {"givenName": "A"}
    assert shown[ENTERPRISE] == {"department": "X"}
    assert "userName" not in shown
    answer = await scim.get(f"/Users?excludedAttributes=name.givenName,{ENTERPRISE}")
    [shown] = answer.body["Resources"]
    assert shown["name"] == {"familyName": "L"}
    assert ENTERPRISE not in shown
    assert shown["userName"] == "ana"


async def test_discovery_announces_what_works(scim: ScimClient) -> None:
    config = (await scim.get("/ServiceProviderConfig")).body
    assert config["sort"] == {"supported": True}
    assert config["filter"] == {"supported": True, "maxResults": 200}
    assert config["pagination"] == {
        "cursor": True,
        "index": True,
        "defaultPaginationMethod": "index",
        "defaultPageSize": 100,
        "maxPageSize": 200,
        "cursorTimeout": 3600,
    }


async def test_a_search_is_no_write(scim: ScimClient, customer: Customer, admin: Connection) -> None:
    answer = await scim.post("/Users/.search", {"filter": "userName eq"})
    assert answer.body["scimType"] == "invalidFilter"
    assert (
        await admin.fetchval("select count(*) from ingest.refusal where tenant_id = $1", customer.tenant) == 0
    )
    assert (await scim.get("/Users/.search")).status == 404
    assert (await scim.send("PUT", "/.search", {})).status == 405
