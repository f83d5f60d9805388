"""A desk's record becomes a connector, or a list of all that is wrong with it."""

import pytest

from vestibule.domain.desks import Leave
from vestibule_directory_writer.connectors.kinds import DeskMisconfigured, build

SETTINGS: dict[str, object] = {"base_url": "https://acme.example/", "service_desk_id": "1"}
CREDENTIALS: dict[str, object] = {"email": "integration@msp.example", "api_token": "token"}


def problems(kind: str, settings: dict[str, object], credentials: dict[str, object]) -> tuple[str, ...]:
    with pytest.raises(DeskMisconfigured) as wrong:
        build(kind, settings, credentials)
    return wrong.value.problems


def test_a_plain_jira_desk_renames_nothing_and_strips_leavers() -> None:
    capabilities = build("jira", SETTINGS, CREDENTIALS).capabilities
    assert capabilities.leave is Leave.STRIP
    assert not (capabilities.rename_email or capabilities.rename_person or capabilities.rename_organization)
    assert not capabilities.closed_desk


def test_the_newer_customer_api_makes_renames_possible() -> None:
    settings = {**SETTINGS, "csm_url": "https://api.example/jsm/csm/cloudid/1/api/v1", "closed_desk": True}
    capabilities = build("jira", settings, CREDENTIALS).capabilities
    assert capabilities.rename_person
    assert capabilities.rename_organization
    assert capabilities.closed_desk
    assert not capabilities.rename_email


def test_a_desk_in_memory_needs_nothing() -> None:
    assert build("memory", {}, {}).capabilities.rename_person


def test_every_problem_is_told_at_once_and_no_secret() -> None:
    settings: dict[str, object] = {
        "base_url": "ftp://x",
        "closed_desk": "yes",
        "cms_url": "https://x.example",
    }
    credentials: dict[str, object] = {"email": "a:b", "api_token": " s3cret ", "password": "s3cret"}
    told = problems("jira", settings, credentials)
    for name in ("settings.base_url", "settings.closed_desk", "settings.cms_url", "settings.service_desk_id"):
        assert any(problem.startswith(f"{name}:") for problem in told)
    for name in ("credentials.email", "credentials.api_token", "credentials.password"):
        assert any(problem.startswith(f"{name}:") for problem in told)
    assert "s3cret" not in " ".join(told)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "acme.example",
        "http://acme.example",
        "https://",
        "https://user:pass@acme.example",
        "https://acme.example/?x=1",
        "https://acme.example/#x",
        "https://acme.example:port",
        "https://ac me.example",
        None,
        5,
    ],
)
def test_a_base_url_is_https_and_nothing_more(url: object) -> None:
    (problem,) = problems("jira", {**SETTINGS, "base_url": url}, CREDENTIALS)
    assert problem.startswith("settings.base_url:")


def test_a_desk_on_this_machine_may_do_without_https() -> None:
    build("jira", {**SETTINGS, "base_url": "http://127.0.0.1:8080"}, CREDENTIALS)


def test_an_unknown_kind_names_the_known_ones() -> None:
    assert problems("zendesk", {}, {}) == ("kind: must be one of jira, memory",)
