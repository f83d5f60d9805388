"""The sandbox desk answers as the vendor's documentation says."""

import aiohttp
import pytest

from tests.contract.bare_calls import API, CSM, Client
from tests.contract.sandbox_process import TOKEN, USER, SandboxProcess

OPT_IN = {"X-ExperimentalApi": "opt-in"}
ANN = {"email": "Ann@acme.example", "displayName": "Ann"}


async def test_a_taken_address_is_a_409_only_to_the_strict(call: Client, sandbox: SandboxProcess) -> None:
    assert (await call("POST", f"{API}/customer", ANN))[0] == 201
    again = {"email": "ann@ACME.example"}
    assert (await call("POST", f"{API}/customer", again))[0] == 400
    assert (await call("POST", f"{API}/customer?strictConflictStatusCode=false", again))[0] == 400
    status, error = await call("POST", f"{API}/customer?strictConflictStatusCode=true", again)
    assert status == 409
    assert set(error) == {"errorMessage", "i18nErrorMessage"}
    assert (await sandbox.admin("GET", "counters"))["duplicate_creates"] == 3
    assert len((await sandbox.admin("GET", "state"))["customers"]) == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "ann@acme.example",
        {"displayName": "Ann"},
        {"email": 5},
        {"email": None},
        {"email": "ann"},
        {"email": "ann@acme"},
        {"email": "a b@acme.example"},
        {"email": f"{'a' * 250}@acme.example"},
        {"email": "ann@acme.example", "displayName": "A" * 256},
        {"email": "ann@acme.example", "active": True},
    ],
    ids=str,
)
async def test_a_malformed_customer_is_refused(call: Client, sandbox: SandboxProcess, body: object) -> None:
    assert (await call("POST", f"{API}/customer", body))[0] == 400
    assert (await sandbox.admin("GET", "state"))["customers"] == []


async def test_only_json_is_read(sandbox: SandboxProcess) -> None:
    basic = {"Authorization": aiohttp.encode_basic_auth(USER, TOKEN)}
    url = f"{sandbox.base_url}{API}/customer"
    for data, content_type, status in ((b"{", "application/json", 400), (b"email=a", "text/plain", 415)):
        headers = {**basic, "Content-Type": content_type}
        async with sandbox.session.post(url, data=data, headers=headers) as answer:
            assert answer.status == status
    headers = {**basic, "Content-Type": "application/json"}
    async with sandbox.session.post(url, data=b" " * 300_000, headers=headers) as answer:
        assert answer.status == 413


async def test_a_stranger_changes_nothing(sandbox: SandboxProcess) -> None:
    stranger = Client(sandbox, token="guessed")  # noqa: S106 - wrong on purpose
    assert (await stranger("POST", f"{API}/customer", ANN))[0] == 401
    assert (await stranger("GET", "/rest/api/3/myself"))[0] == 401
    assert (await sandbox.admin("GET", "state"))["customers"] == []
    assert (await sandbox.calls())["customer", "POST", 401] == 1


async def test_experimental_calls_want_an_opt_in(call: Client) -> None:
    account = await call.customer("ann")
    number = await call.organization("Acme")
    for method, path, body, status in (
        ("GET", f"{API}/servicedesk/2/customer", None, 200),
        ("DELETE", f"{API}/servicedesk/2/customer", {"accountIds": [account]}, 204),
        ("PUT", f"{CSM}/customer/account/{account}", {"displayName": "Ann A."}, 200),
        ("PUT", f"{CSM}/organization/{number}", {"name": "Acme 2"}, 200),
    ):
        assert (await call(method, path, body))[0] == 412
        assert (await call(method, path, body, OPT_IN))[0] == status


async def test_an_open_desk_lets_nobody_be_removed(call: Client) -> None:
    account = await call.customer("ann")
    path, body = f"{API}/servicedesk/1/customer", {"accountIds": [account]}
    assert (await call("DELETE", path, body, OPT_IN))[0] == 400
    assert (await call("POST", path, body))[0] == 204


async def test_a_delete_works_by_its_body(call: Client) -> None:
    ann, bob, number = await call.customer("ann"), await call.customer("bob"), await call.organization("Acme")
    path = f"{API}/organization/{number}/user"
    assert (await call("POST", path, {"accountIds": [ann, bob]}))[0] == 204
    assert (await call("DELETE", path))[0] == 415
    assert (await call("DELETE", path, {"accountIds": [ann]}))[0] == 204
    _, page = await call("GET", path)
    assert [one["accountId"] for one in page["values"]] == [bob]


async def test_a_bad_id_spoils_a_batch_after_the_good_ones_were_added(call: Client) -> None:
    ann, number = await call.customer("ann"), await call.organization("Acme")
    body = {"accountIds": ["qm:none", ann]}
    for path in (f"{API}/organization/{number}/user", f"{API}/servicedesk/2/customer"):
        status, error = await call("POST", path, body)
        assert status == 400
        assert "qm:none" not in str(error)
        _, page = await call("GET", path, headers=OPT_IN)
        assert [one["accountId"] for one in page["values"]] == [ann]


@pytest.mark.parametrize(
    "body", [{"accountIds": []}, {"accountIds": "qm:1"}, {"accountIds": [1]}, {"accountIds": ["a", "a"]}, {}]
)
async def test_a_malformed_batch_is_refused(call: Client, body: object) -> None:
    number = await call.organization("Acme")
    assert (await call("POST", f"{API}/organization/{number}/user", body))[0] == 400


async def test_an_existing_name_answers_201_with_the_existing_organization(call: Client) -> None:
    number = await call.organization("Support")
    assert await call.organization("Support") == number
    assert await call.organization(" Support ") == number
    for name in ("", "  ", "n" * 201):
        assert (await call("POST", f"{API}/organization", {"name": name}))[0] == 400


async def test_an_organizations_id_is_a_text_in_bodies_and_a_number_in_links(call: Client) -> None:
    number = await call.organization("Acme")
    _, shown = await call("GET", f"{API}/organization/{number}")
    assert shown["id"] == str(number)
    path = f"{API}/servicedesk/1/organization"
    assert (await call("POST", path, {"organizationId": str(number)}))[0] == 400
    for method in ("POST", "POST", "DELETE", "DELETE"):
        assert (await call(method, path, {"organizationId": number}))[0] == 204
    assert (await call("POST", path, {"organizationId": 4711}))[0] == 404


async def test_pages_are_capped_and_say_whether_they_are_the_last(call: Client) -> None:
    for number in range(60):
        await call.organization(f"Organization {number}")
    _, first = await call("GET", f"{API}/organization?limit=1000")
    assert (first["size"], first["limit"], first["isLastPage"], first["start"]) == (50, 50, False, 0)
    assert first["_links"]["next"].endswith("start=50&limit=50")
    _, last = await call("GET", f"{API}/organization?start=50&limit=50")
    assert (last["size"], last["isLastPage"]) == (10, True)
    for query in ("start=x", "start=-1", "limit=0", "limit=99999999999"):
        assert (await call("GET", f"{API}/organization?{query}"))[0] == 400


async def test_revoking_is_one_way_and_keeps_the_address(call: Client, sandbox: SandboxProcess) -> None:
    account = await call.customer("ann")
    path = f"{API}/customer/user/{account}/revoke-portal-only-access"
    for _ in range(2):
        assert (await call("PUT", path))[0] == 204
    _, user = await call("GET", f"/rest/api/3/user?accountId={account}")
    assert (user["active"], user["accountType"]) == (False, "customer")
    assert (await call("DELETE", path))[0] == 405
    assert (await call("PUT", path.replace("revoke", "grant")))[0] == 404
    assert (await call("POST", f"{API}/customer?strictConflictStatusCode=true", ANN))[0] == 409
    staff = {"email": "eve@msp.example", "displayName": "Eve", "accountType": "atlassian"}
    eve = await sandbox.admin("POST", "customers", staff)
    assert (await call("PUT", path.replace(account, eve["accountId"])))[0] == 404


async def test_no_call_changes_an_address(call: Client) -> None:
    account = await call.customer("ann")
    path = f"{CSM}/customer/account/{account}"
    for body in ({"email": "new@acme.example"}, {"displayName": "Ann", "email": "new@acme.example"}):
        assert (await call("PUT", path, body, OPT_IN))[0] == 400
    _, user = await call("GET", f"/rest/api/3/user?accountId={account}")
    assert (user["emailAddress"], user["displayName"]) == ("ann@acme.example", "ann@acme.example")


async def test_a_full_account_costs_a_mail_and_is_counted(call: Client, sandbox: SandboxProcess) -> None:
    body = {"emailAddress": "ann@acme.example", "products": []}
    assert (await call("POST", "/rest/api/3/user", body))[0] == 201
    assert (await sandbox.admin("GET", "counters"))["mails"] == 1


async def test_properties_hold_any_json(call: Client) -> None:
    number = await call.organization("Acme")
    path = f"{API}/organization/{number}/property/vestibule"
    assert (await call("GET", path))[0] == 404
    assert (await call("PUT", path, {"tenant": "t"}))[0] == 201
    assert (await call("PUT", path, [1, "zwei", None]))[0] == 200
    assert await call("GET", path) == (200, {"key": "vestibule", "value": [1, "zwei", None]})
    assert (await call("DELETE", path))[0] == 204
    assert (await call("DELETE", path))[0] == 404
    assert (await call("PUT", f"{API}/organization/{number}/property/{'k' * 256}", 1))[0] == 400


async def test_a_deleted_organization_leaves_its_members(call: Client) -> None:
    ann, number = await call.customer("ann"), await call.organization("Acme")
    await call("POST", f"{API}/organization/{number}/user", {"accountIds": [ann]})
    assert (await call("DELETE", f"{API}/organization/{number}"))[0] == 204
    assert (await call("GET", f"{API}/organization/{number}"))[0] == 404
    _, page = await call("GET", f"{API}/organization?accountId={ann}")
    assert page["values"] == []
    assert await call.organization("Acme") > number


async def test_unknown_paths_and_methods_are_told(call: Client) -> None:
    assert (await call("GET", f"{API}/nothing"))[0] == 404
    assert (await call("PATCH", f"{API}/customer", ANN))[0] == 405
    assert (await call("GET", f"{API}/servicedesk/9"))[0] == 404
    assert (await call("GET", f"{API}/organization/x"))[0] == 404


async def test_lists_are_late_but_reads_are_not(call: Client, sandbox: SandboxProcess) -> None:
    await sandbox.misbehave(visible_after_ms=3_600_000)
    account = await call.customer("ann")
    _, page = await call("GET", f"{API}/servicedesk/1/customer?query=ann", headers=OPT_IN)
    assert page["values"] == []
    assert await call("GET", "/rest/api/3/user/search?query=ann") == (200, [])
    assert (await call("GET", f"/rest/api/3/user?accountId={account}"))[0] == 200
    await sandbox.misbehave()
    _, found = await call("GET", "/rest/api/3/user/search?query=ann")
    assert [one["accountId"] for one in found] == [account]


async def test_searches_match_starts_and_lists_match_parts(call: Client) -> None:
    await call.customer("joann")
    assert await call("GET", "/rest/api/3/user/search?query=ann") == (200, [])
    _, page = await call("GET", f"{API}/servicedesk/1/customer?query=ANN", headers=OPT_IN)
    assert page["size"] == 1
