"""What is stored about a desk is what its connector will say of itself and accept."""

import uuid
from dataclasses import asdict
from typing import Any

import pytest

from vestibule.domain.accounts import OrganizationSource
from vestibule.domain.desks import (
    DeskKind,
    capabilities_of,
    credentials_context,
    credentials_problems,
    settings_problems,
)
from vestibule.domain.identifiers import DeskId, GroupId, TenantId
from vestibule.domain.organizations import organization_id
from vestibule_directory_writer.connectors.kinds import DeskMisconfigured, build

WHERE = {"base_url": "https://acme.example", "service_desk_id": "1"}
WHO = {"email": "bot@desk.example", "api_token": "secret"}


def plain(capabilities: Any) -> dict[str, Any]:
    return {**asdict(capabilities), "leave": capabilities.leave.value}


@pytest.mark.parametrize(
    ("kind", "settings", "credentials"),
    [
        (DeskKind.JIRA, WHERE, WHO),
        (DeskKind.JIRA, {**WHERE, "closed_desk": True}, WHO),
        (DeskKind.JIRA, {**WHERE, "csm_url": "https://csm.example"}, WHO),
        (DeskKind.MEMORY, {}, {}),
    ],
)
async def test_the_stored_capabilities_are_those_of_the_connector(
    kind: DeskKind, settings: dict[str, object], credentials: dict[str, object]
) -> None:
    desk = build(kind.value, settings, credentials)
    try:
        assert capabilities_of(kind, settings).as_document() == plain(desk.capabilities)
    finally:
        await desk.close()
    assert settings_problems(kind, settings) == credentials_problems(kind, credentials) == []


@pytest.mark.parametrize(
    ("settings", "credentials"),
    [
        ({}, WHO),
        ({**WHERE, "base_url": "http://acme.example"}, WHO),
        ({**WHERE, "base_url": "https://user@acme.example"}, WHO),
        ({**WHERE, "base_url": "https://[acme"}, WHO),
        ({**WHERE, "service_desk_id": " 1"}, WHO),
        ({**WHERE, "csm_url": "acme.example"}, WHO),
        ({**WHERE, "closed_desk": "yes"}, WHO),
        ({**WHERE, "colour": "blue"}, WHO),
        (WHERE, {}),
        (WHERE, {**WHO, "email": "bot:@desk.example"}),
        (WHERE, {**WHO, "password": "secret"}),
    ],
)
def test_what_the_connector_would_refuse_is_refused_when_the_desk_is_set_up(
    settings: dict[str, object], credentials: dict[str, object]
) -> None:
    found = [*settings_problems(DeskKind.JIRA, settings), *credentials_problems(DeskKind.JIRA, credentials)]
    assert found
    assert not any("secret" in problem for problem in found)
    with pytest.raises(DeskMisconfigured):
        build("jira", settings, credentials)


@pytest.mark.parametrize(
    "settings",
    [
        {"concurrency": 0},
        {"concurrency": True},
        {"permits": 5},
        {"permits": {"default": {"rate": 0, "burst": 1}}},
        {"permits": {"default": {"rate": 1}}},
    ],
)
def test_a_pace_that_the_writer_cannot_keep_is_refused(settings: dict[str, object]) -> None:
    assert len(settings_problems(DeskKind.MEMORY, settings)) == 1


def test_a_pace_that_the_writer_can_keep_is_taken() -> None:
    pace = {"concurrency": 64, "permits": {"default": {"rate": 500.0, "burst": 500.0}}}
    assert settings_problems(DeskKind.MEMORY, pace) == []


def test_credentials_are_bound_to_their_desk_its_kind_and_its_hosts() -> None:
    one, other = DeskId(uuid.UUID(int=1)), DeskId(uuid.UUID(int=2))
    contexts = {
        credentials_context(one, "jira", WHERE),
        credentials_context(other, "jira", WHERE),
        credentials_context(one, "memory", WHERE),
        credentials_context(one, "jira", {**WHERE, "base_url": "https://elsewhere.example"}),
        credentials_context(one, "jira", {**WHERE, "csm_url": WHERE["base_url"]}),
        credentials_context(one, "jira", {"csm_url": WHERE["base_url"]}),
    }
    assert len(contexts) == 6


def test_what_says_nothing_of_where_a_desk_is_may_change_under_its_credentials() -> None:
    desk = DeskId(uuid.UUID(int=1))
    changed: dict[str, object] = {**WHERE, "csm_url": None, "closed_desk": True, "permits": {}}
    assert credentials_context(desk, "jira", changed) == credentials_context(desk, "jira", WHERE)


def test_an_organization_is_known_by_its_tenant_or_its_group() -> None:
    tenant, group = TenantId(uuid.UUID(int=1)), GroupId(uuid.UUID(int=2))
    assert organization_id(tenant, OrganizationSource.home()) == tenant
    assert organization_id(tenant, OrganizationSource.of_group(group)) == group
