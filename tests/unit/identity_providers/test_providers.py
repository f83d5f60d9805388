"""The state machine of a simulated identity provider: what it says next, and what an answer changes."""

from itertools import pairwise

import pytest

from infra.identity_providers.catalogue import DIALECTS
from infra.identity_providers.dialect import USER
from infra.identity_providers.dialects.okta import OktaWizard
from infra.identity_providers.exchanges import NOT_HEARD, Answer, Refused, Request, Unheard
from infra.identity_providers.life import Change
from infra.identity_providers.provider import IdentityProvider
from infra.identity_providers.rhythm import Cycle, put_off
from infra.identity_providers.views import differences
from tests.unit.identity_providers.answering import Endpoint, hear_out, speak
from tests.unit.identity_providers.customers import identity_provider, live

FORTY_MINUTES = 2400.0
DAY = 24 * 3600.0
MANY_STEPS = 1000


def told_apart(idp: IdentityProvider, endpoint: Endpoint) -> list[str]:
    return list(differences(idp, endpoint.users.values(), endpoint.groups.values()))


@pytest.mark.parametrize("name", DIALECTS)
def test_after_a_whole_life_the_endpoint_shows_what_was_told(name: str) -> None:
    idp, endpoint = identity_provider(name, people=8), Endpoint()
    live(idp, endpoint)
    assert told_apart(idp, endpoint) == []
    assert len(endpoint.users) > 8
    assert idp.agenda.refused == {}
    assert idp.beliefs.surprises == []


@pytest.mark.parametrize("name", DIALECTS)
def test_a_lost_answer_makes_nobody_twice(name: str) -> None:
    for lost in range(1, 12):
        idp, endpoint = identity_provider(name, people=4), Endpoint()
        speak(idp, endpoint, losing=(lost,))
        assert told_apart(idp, endpoint) == []
        assert len(endpoint.users) == 4


@pytest.mark.parametrize("name", ["entra-default", "entra-flagged"])
def test_a_group_that_was_renamed_since_its_create_was_lost_is_found_by_its_key(name: str) -> None:
    idp, endpoint = identity_provider(name), Endpoint()
    speak(idp, endpoint)
    number = max(idp.directory.teams, default=0) + 1
    (team,) = idp.directory.form_team(number, "Before")
    idp.touch([team])
    create = idp.take_at_once(team)
    assert create is not None

    def lose_the_create(request: Request) -> Answer:
        answer = endpoint.answer(request)
        return Answer(NOT_HEARD) if request.purpose == "create group" else answer

    idp.finish(create, 0.0, hear_out(create.conversation, lose_the_create))
    idp.touch(idp.directory.rename_team(number, "After"))
    again = idp.take_at_once(team)
    assert again is not None
    assert hear_out(again.conversation, endpoint.answer) is None
    names = [group["displayName"] for group in endpoint.groups.values()]
    assert "After" in names
    assert "Before" not in names


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", DIALECTS)
def test_whatever_is_lost_in_a_whole_life_the_view_stays_right(name: str, seed: int) -> None:
    idp, endpoint = identity_provider(name, people=8, seed=seed), Endpoint(losing=0.1)
    live(idp, endpoint)
    assert told_apart(idp, endpoint) == []
    assert idp.agenda.refused == {}
    assert idp.beliefs.surprises == []


def test_a_person_deleted_behind_its_back_is_noticed() -> None:
    idp, endpoint = identity_provider("ping"), Endpoint()
    speak(idp, endpoint)
    missing = endpoint.users.popitem()[0]
    assert told_apart(idp, endpoint) == [f"user {missing} is not there"]


def test_a_value_that_was_changed_behind_its_back_is_noticed() -> None:
    idp, endpoint = identity_provider("okta-catalog"), Endpoint()
    speak(idp, endpoint)
    identifier, user = next(iter(endpoint.users.items()))
    user["title"] = "Somebody else"
    assert told_apart(idp, endpoint) == [f"user {identifier}: title is not what was told"]


def test_authentik_creates_again_whom_the_endpoint_does_not_know() -> None:
    idp, endpoint = identity_provider("authentik"), Endpoint()
    now = speak(idp, endpoint)
    endpoint.users.clear()
    for _ in range(3):
        idp.let_happen(Change.MOVE)
    speak(idp, endpoint, now + 1.0)
    assert endpoint.users
    assert idp.beliefs.surprises == []


def test_the_same_seed_is_the_same_conversation() -> None:
    said = []
    for _ in range(2):
        endpoint = Endpoint()
        live(identity_provider("entra-default", people=8), endpoint)
        said.append(endpoint.requests)
    assert said[0] == said[1]


def test_an_import_reads_hundred_after_hundred_until_the_total() -> None:
    endpoint = Endpoint()
    for number in range(250):
        body = {"schemas": [USER], "userName": f"u{number}"}
        endpoint.carry_out(Request("create user", "POST", "/Users", body))
    assert hear_out(OktaWizard().connect(), endpoint.answer) is None
    asked = [request.path for request in endpoint.requests]
    pages = [f"/Users?startIndex={start}&count=100" for start in (1, 101, 201)]
    assert asked == [*pages, "/Groups?startIndex=1&count=100"]


def test_entra_waits_for_its_next_cycle_and_then_tells_only_what_changed() -> None:
    idp, endpoint = identity_provider("entra-default", factor=1.0), Endpoint()
    speak(idp, endpoint)
    told = len(endpoint.requests)
    idp.let_happen(Change.MARRY)
    assert idp.take(FORTY_MINUTES - 1) is None
    task = idp.take(FORTY_MINUTES)
    assert task is not None
    request = next(task.conversation)
    assert (request.method, len(endpoint.requests)) == ("PATCH", told)


def test_entra_tells_references_after_everybody_was_created() -> None:
    endpoint = Endpoint()
    speak(identity_provider("entra-flagged", people=20), endpoint)
    purposes = [request.purpose for request in endpoint.requests]
    last_created = max(at for at, purpose in enumerate(purposes) if purpose == "create user")
    assert purposes.index("set manager") > last_created
    assert purposes.index("create group") > last_created


def test_a_search_that_is_not_found_means_quarantine_until_a_good_cycle() -> None:
    cycle = Cycle(FORTY_MINUTES, 1.0)
    cycle.begin(0.0)
    search = Request("look up user", "GET", "/Users?filter=x")
    cycle.refused(Refused(search, Answer(404)), 10.0)
    cycle.end()
    assert cycle.quarantined
    assert cycle.begins == 10.0 + 24 * 3600
    cycle.begin(cycle.begins)
    cycle.end()
    assert not cycle.quarantined


class Refusing(Endpoint):
    """An endpoint that answers everything with one status while there is one."""

    status = 0

    def carry_out(self, request: Request) -> Answer:
        if self.status:
            return Answer(self.status, {"status": str(self.status)})
        return super().carry_out(request)


def rounds_until_told(idp: IdentityProvider, endpoint: Endpoint, now: float, step: float) -> float:
    """Let time go by in steps until everything was told; when that was."""
    for _ in range(MANY_STEPS):
        while (task := idp.take(now)) is not None:
            idp.finish(task, now, hear_out(task.conversation, endpoint.answer))
        if idp.agenda.settled:
            return now
        now += step
    raise AssertionError("never told")


@pytest.mark.parametrize("status", [401, 404])
def test_entra_in_quarantine_comes_once_a_day_and_one_good_cycle_ends_it(status: int) -> None:
    idp, endpoint = identity_provider("entra-default", people=3, factor=1.0), Refusing()
    endpoint.status = status
    begins: list[float] = []
    now = 0.0
    while len(begins) < 3:  # cycles in which everything is refused, although changes go on
        said = len(endpoint.requests)
        while (task := idp.take(now)) is not None:
            idp.finish(task, now, hear_out(task.conversation, endpoint.answer))
        if len(endpoint.requests) > said:
            begins.append(now)
            idp.let_happen(Change.JOIN)
        now += 600.0
    assert idp.agenda.cycle.quarantined
    assert idp.agenda.cycle.quarantines == 1
    assert all(later - earlier >= DAY for earlier, later in pairwise(begins))
    endpoint.status = 0
    told = rounds_until_told(idp, endpoint, now, 600.0)
    assert told - begins[-1] <= 2 * DAY
    assert told_apart(idp, endpoint) == []
    idp.let_happen(Change.MARRY)
    idp.take(told + DAY)  # a good cycle was before this one
    assert not idp.agenda.cycle.quarantined


def test_too_many_failures_mean_quarantine_and_fewer_do_not() -> None:
    for failed, tried, quarantined in (
        (5_001, 10_000, True),
        (5_000, 10_000, False),
        (5_001, 20_000, False),
        (40_001, 200_000, True),
    ):
        cycle = Cycle(FORTY_MINUTES, 1.0)
        cycle.begin(0.0)
        cycle.tried, cycle.failed = tried, failed
        cycle.end()
        assert cycle.quarantined is quarantined, (failed, tried)


def test_whoever_has_no_cycles_knows_no_quarantine() -> None:
    cycle = Cycle(0.0, 1.0)
    cycle.refused(Refused(Request("look up user", "GET", "/Users?filter=x"), Answer(401)), 10.0)
    assert not cycle.quarantined


def test_one_failing_person_is_retried_ever_later_and_means_no_quarantine() -> None:
    idp = identity_provider("entra-default", people=3, factor=1.0)
    at = []
    now = 0.0
    for _ in range(3):
        while (task := idp.take(now)) is None:
            now += 60.0
        at.append(now)
        idp.finish(task, now, Unheard("no answer"))
        while (other := idp.take(now)) is not None:
            other.conversation.close()
            idp.finish(other, now, None)
    waits = [(later - earlier) / 3600 for earlier, later in pairwise(at)]
    assert waits == pytest.approx([6, 12], abs=0.7)
    assert not idp.agenda.cycle.quarantined


def test_whole_seconds_of_a_429_are_honoured_uncompressed_and_doubled() -> None:
    put = [put_off(Answer(429, retry_after=2), times, 100.0) for times in (1, 2, 3)]
    assert put == [2.0, 4.0, 8.0]
    assert put_off(Answer(429), 1, 100.0) == 3.0  # five minutes, compressed
    assert put_off(Answer(429, retry_after=1), 11, 1.0) is None
