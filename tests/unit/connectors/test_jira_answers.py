"""What Jira's answers mean, read without a network."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule_directory_writer.connectors.failures import (
    AlreadyExists,
    DeskFailure,
    DeskRefusesCredentials,
    DeskUnreachable,
    NotFound,
    OutcomeUnknown,
    Refused,
    Scope,
    Throttled,
)
from vestibule_directory_writer.connectors.jira import ADD_MEMBERS, CREATE_CUSTOMER, RENAME_ORGANIZATION
from vestibule_directory_writer.connectors.jira_answers import (
    customer,
    judge,
    load,
    organization,
    page,
    pause,
)
from vestibule_directory_writer.connectors.service_desk import Kind

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("status", [200, 201, 204])
def test_a_success_is_no_failure(status: int) -> None:
    assert judge(CREATE_CUSTOMER, status, {}, NOW) is None


@pytest.mark.parametrize(
    ("status", "once", "often"),
    [
        (400, Refused, Refused),
        (401, DeskRefusesCredentials, DeskRefusesCredentials),
        (403, DeskRefusesCredentials, DeskRefusesCredentials),
        (404, DeskRefusesCredentials, NotFound),
        (405, Refused, Refused),
        (408, OutcomeUnknown, DeskUnreachable),
        (409, AlreadyExists, Refused),
        (413, Refused, Refused),
        (422, Refused, Refused),
        (425, OutcomeUnknown, DeskUnreachable),
        (429, Throttled, Throttled),
        (301, DeskUnreachable, DeskUnreachable),
        (500, OutcomeUnknown, DeskUnreachable),
        (502, OutcomeUnknown, DeskUnreachable),
        (503, OutcomeUnknown, DeskUnreachable),
        (504, OutcomeUnknown, DeskUnreachable),
        (599, OutcomeUnknown, DeskUnreachable),
    ],
)
def test_a_status_means_more_where_a_call_must_not_be_repeated(
    status: int, once: type[DeskFailure], often: type[DeskFailure]
) -> None:
    assert type(judge(CREATE_CUSTOMER, status, {}, NOW)) is once
    assert type(judge(ADD_MEMBERS, status, {}, NOW)) is often


def test_every_answer_gets_a_failure_of_its_own() -> None:
    first, second = judge(CREATE_CUSTOMER, 409, {}, NOW), judge(CREATE_CUSTOMER, 409, {}, NOW)
    assert first is not second


def test_a_taken_name_has_its_own_code() -> None:
    refused = judge(RENAME_ORGANIZATION, 409, {}, NOW)
    assert isinstance(refused, Refused)
    assert refused.code == "organization_name_taken"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": " 7 "}, 7.0),
        ({"Retry-After": "0"}, 1.0),
        ({"Retry-After": "86400000"}, 3600.0),
        ({"Retry-After": "Sat, 21 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"Retry-After": "Sat, 21 Nov 2026 11:00:00 GMT"}, 1.0),
        ({"X-RateLimit-Reset": "2026-11-21T12:01Z"}, 60.0),
        ({"X-RateLimit-Reset": "2026-11-21T12:00:45Z"}, 45.0),
        ({"X-RateLimit-Reset": "2026-11-21T12:00:45"}, 45.0),
        ({"Retry-After": "5", "X-RateLimit-Reset": "2026-11-21T12:01Z"}, 5.0),
        ({"Retry-After": "soon", "X-RateLimit-Reset": "later"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "Sat, 21 Nov 2026 12:00:30 +99999999999999"}, None),
        ({}, None),
    ],
)
def test_a_pause_is_read_from_whatever_names_it(headers: dict[str, str], seconds: float | None) -> None:
    assert pause(headers, NOW) == seconds


def test_a_throttle_of_an_unknown_reason_stops_its_endpoint_for_a_while() -> None:
    throttled = judge(ADD_MEMBERS, 429, {"RateLimit-Reason": "jira-moon-based"}, NOW)
    assert isinstance(throttled, Throttled)
    assert (throttled.code, throttled.scope) == ("throttled", Scope.ENDPOINT)
    assert throttled.retry_after_seconds == 5.0


def test_unavailable_for_a_named_time_is_a_throttle_for_repeatable_calls() -> None:
    often = judge(ADD_MEMBERS, 503, {"Retry-After": "9"}, NOW)
    assert isinstance(often, Throttled)
    assert often.retry_after_seconds == 9.0
    once = judge(CREATE_CUSTOMER, 503, {"Retry-After": "9"}, NOW)
    assert isinstance(once, OutcomeUnknown)
    assert once.retry_after_seconds == 9.0


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a":', b"\xff\xfe", b"  "])
def test_what_is_no_json_is_nothing(body: bytes) -> None:
    assert load(body) is None


@pytest.mark.parametrize(
    "value", [None, [], "qm:1", {}, {"accountId": ""}, {"accountId": 5}, {"emailAddress": "ann@acme.example"}]
)
def test_a_record_without_an_id_is_no_customer(value: object) -> None:
    assert customer(value) is None


def test_a_bare_record_is_a_customer_that_is_never_ours() -> None:
    bare = customer({"accountId": "712020:1", "emailAddress": "", "displayName": None})
    assert bare is not None
    assert (bare.email, bare.display_name, bare.active, bare.kind) == (None, "", True, Kind.OTHER)


@pytest.mark.parametrize("account_type", ["atlassian", "app", "unknown", None, "Customer"])
def test_only_the_type_customer_is_portal_only(account_type: str | None) -> None:
    found = customer({"accountId": "a", "accountType": account_type})
    assert found is not None
    assert found.kind is Kind.OTHER
    ours = customer({"accountId": "a", "accountType": "customer", "active": False})
    assert ours is not None
    assert (ours.kind, ours.active) == (Kind.PORTAL_ONLY, False)


@pytest.mark.parametrize("number", ["12", 12])
def test_an_organizations_id_is_a_text_whichever_way_it_comes(number: object) -> None:
    found = organization({"id": number, "name": "Acme"})
    assert found is not None
    assert (found.id, found.scim_managed) == ("12", False)


@pytest.mark.parametrize(
    "value", [None, {"id": "1"}, {"id": "x", "name": "A"}, {"id": True, "name": "A"}, {"name": "A"}, []]
)
def test_a_record_without_a_number_or_a_name_is_no_organization(value: object) -> None:
    assert organization(value) is None


@pytest.mark.parametrize(
    ("value", "step", "last"),
    [
        ({"values": [1, 2], "size": 2, "isLastPage": False}, 2, False),
        ({"values": [1, 2], "size": 2, "isLastPage": True}, 2, True),
        ({"values": [1, 2]}, 2, False),
        ({"values": [1, 2], "size": "many"}, 2, False),
        ({"values": [], "size": 0, "isLastPage": False}, 0, True),
    ],
)
def test_a_page_tells_how_far_it_reaches(value: object, step: int, last: bool) -> None:
    found = page(value)
    assert found is not None
    assert (found.step, found.last) == (step, last)


@pytest.mark.parametrize("value", [None, [], {}, {"values": {}}])
def test_what_holds_no_values_is_no_page(value: object) -> None:
    assert page(value) is None


KEYS = st.sampled_from(["accountId", "emailAddress", "active", "id", "name", "values", "size", "isLastPage"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(KEYS | st.text(), inner),
    max_leaves=20,
)
DATES = st.from_regex(r"(\w{3}, )?\d{1,3} \w{3} \d{1,6} \d\d:\d\d:\d\d [+-]?\w{1,20}", fullmatch=True)
VALUES = st.text() | st.integers().map(str) | DATES | st.datetimes().map(str)


@given(value=JSON)
def test_no_json_breaks_the_reading(value: object) -> None:
    customer(value)
    organization(value)
    page(value)


@given(status=st.integers(100, 599), after=VALUES, reset=VALUES, reason=st.text())
def test_no_header_breaks_the_judgement(status: int, after: str, reset: str, reason: str) -> None:
    headers = {"Retry-After": after, "X-RateLimit-Reset": reset, "RateLimit-Reason": reason}
    failure = judge(ADD_MEMBERS, status, headers, NOW)
    assert (failure is None) is (200 <= status < 300)
    if isinstance(failure, Throttled):
        assert 1.0 <= failure.retry_after_seconds <= 3600.0
