"""The connector's requests and the sandbox's answers, both held against the vendor's own description."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from infra.local.prism import ensure_prism
from infra.local.problems import MissingPrerequisite
from tests.contract.connector_suite import ConnectorSuite
from tests.contract.prism_proxy import DESCRIPTIONS, Front, checking_front, contracts_folder
from tests.contract.sandbox_process import TOKEN, USER, SandboxProcess
from tests.contract.stages import OPEN_DESK, SandboxStage, Stage


@pytest.fixture(scope="module")
async def front(
    sandbox_process: SandboxProcess, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Front]:
    """The checking front, or a skip that says what is missing."""
    missing = [file for file in DESCRIPTIONS.values() if not (contracts_folder() / file).is_file()]
    if missing:
        pytest.skip(f"the vendor's files are not here (VESTIBULE_CONTRACTS): {', '.join(missing)}")
    try:
        program = ensure_prism()
    except MissingPrerequisite as absent:
        pytest.skip(str(absent))
    log = tmp_path_factory.mktemp("prism")
    async with checking_front(program, sandbox_process.base_url, log) as front:
        yield front


class TestJiraDeskUnderTheVendorsEyes(ConnectorSuite):
    @pytest.fixture
    async def stage(self, front: Front, sandbox: SandboxProcess) -> AsyncIterator[Stage]:
        front.violations.clear()
        stage = SandboxStage(sandbox, front.url)
        yield stage
        await stage.desk.close()
        assert front.violations == []


def basic(token: str) -> dict[str, str]:
    return {"Authorization": aiohttp.encode_basic_auth(USER, token)}


async def test_what_breaks_the_description_is_seen_on_either_side(
    front: Front, sandbox: SandboxProcess
) -> None:
    known = basic(TOKEN)
    front.violations.clear()
    customers = f"{front.url}/rest/servicedeskapi/customer"
    async with front.session.post(customers, json={"surprise": 1}, headers=known) as answer:
        assert answer.status == 422
    assert any("additional" in violation for violation in front.violations)
    front.violations.clear()
    await sandbox.misbehave({"kind": "answer", "status": 200, "body": "json"})
    desks = f"{front.url}/rest/servicedeskapi/servicedesk/{OPEN_DESK}"
    async with front.session.get(desks, headers=known) as answer:
        assert answer.status == 500
    assert any("errorMessage" in violation for violation in front.violations)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/rest/servicedeskapi/info", 200),
        ("/rest/servicedeskapi/servicedesk", 200),
        ("/rest/servicedeskapi/organization", 200),
        ("/rest/servicedeskapi/organization/1", 200),
        ("/rest/servicedeskapi/organization/2", 404),
        ("/rest/servicedeskapi/organization/1/user", 200),
        ("/rest/servicedeskapi/organization/1/property", 200),
        ("/rest/servicedeskapi/servicedesk/1/customer?query=ann", 412),
        ("/rest/servicedeskapi/servicedesk/1/organization", 200),
        ("/rest/api/3/myself", 200),
        ("/rest/api/3/user?accountId=nobody", 404),
        ("/rest/api/3/user/search?query=ann", 200),
        ("/rest/api/3/user/search", 400),
    ],
)
async def test_what_the_connector_never_asks_is_answered_as_described_too(
    front: Front, sandbox: SandboxProcess, path: str, status: int
) -> None:
    front.violations.clear()
    await sandbox.admin("POST", "organizations", {"name": "Acme"})
    await sandbox.admin("POST", "customers", {"email": "ann@acme.example", "displayName": "Ann"})
    async with front.session.get(front.url + path, headers=basic(TOKEN)) as answer:
        assert answer.status == status
    async with front.session.get(front.url + path, headers=basic("wrong")) as answer:
        assert answer.status == 401
    assert front.violations == []
