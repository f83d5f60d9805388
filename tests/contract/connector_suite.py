"""What every connector keeps, as tests: subclass with a `stage` fixture to run them against one."""

import re
from dataclasses import fields

import pytest

from tests.contract.stages import RecordingPacing, Stage, Trouble
from vestibule.domain.desks import Capabilities, Leave
from vestibule_directory_writer.connectors.failures import (
    AlreadyExists,
    DeskFailure,
    DeskRefusesCredentials,
    DeskUnreachable,
    NotFound,
    OutcomeUnknown,
    PartlyApplied,
    Refused,
    Scope,
    Throttled,
)
from vestibule_directory_writer.connectors.service_desk import Kind, OrganizationMark

ANN = "Ann.Okafor@acme.example"
CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


class ConnectorSuite:
    """The promises of `ServiceDesk`, one by one."""

    async def test_a_desk_declares_all_it_can_do(self, stage: Stage) -> None:
        capabilities = stage.desk.capabilities
        assert {field.name for field in fields(Capabilities)} <= set(dir(capabilities))
        assert capabilities.leave is Leave.STRIP
        assert not capabilities.rename_email
        assert capabilities.member_batch >= 1
        assert capabilities.call_seconds > 0

    async def test_a_probe_is_one_call_and_proves_the_credentials(self, stage: Stage) -> None:
        before = await stage.calls()
        await stage.desk.probe()
        assert await stage.calls() == before + 1
        await stage.trouble("probe", Trouble.UNAUTHORIZED)
        with pytest.raises(DeskRefusesCredentials):
            await stage.desk.probe()

    async def test_a_created_customer_is_portal_only_and_read_back_by_id(self, stage: Stage) -> None:
        created = await stage.desk.create_customer(ANN, "Ann Okafor")
        assert (created.email, created.display_name, created.active) == (ANN, "Ann Okafor", True)
        assert created.kind is Kind.PORTAL_ONLY
        assert await stage.desk.read_customer(created.id) == created

    async def test_a_taken_address_is_told_whatever_its_case(self, stage: Stage) -> None:
        await stage.desk.create_customer(ANN, "Ann Okafor")
        with pytest.raises(AlreadyExists):
            await stage.desk.create_customer(ANN.upper(), "Somebody Else")

    async def test_a_look_up_compares_whole_addresses_without_case(self, stage: Stage) -> None:
        ann = await stage.desk.create_customer(ANN, "Ann Okafor")
        await stage.desk.create_customer(f"jo{ANN}", "Joann Okafor")
        await stage.desk.create_customer("other@acme.example", ANN)
        assert await stage.desk.find_customers(ANN.lower()) == (ann,)
        assert await stage.desk.find_customers("nobody@acme.example") == ()

    async def test_a_look_up_finds_both_kinds_of_account(self, stage: Stage) -> None:
        ours = await stage.seed(ANN, "Ann Okafor", Kind.PORTAL_ONLY)
        theirs = await stage.seed(ANN, "Ann of Atlassian", Kind.OTHER)
        found = {one.id: one.kind for one in await stage.desk.find_customers(ANN)}
        assert found == {ours: Kind.PORTAL_ONLY, theirs: Kind.OTHER}

    async def test_a_hidden_address_is_never_matched(self, stage: Stage) -> None:
        hidden = await stage.seed(ANN, "Ann Okafor", Kind.PORTAL_ONLY, hidden=True)
        assert await stage.desk.find_customers(ANN) == ()
        assert (await stage.desk.read_customer(hidden)).email is None

    async def test_an_inactive_customer_is_not_found_but_read(self, stage: Stage) -> None:
        gone = await stage.seed(ANN, "Ann Okafor", Kind.PORTAL_ONLY, active=False)
        assert await stage.desk.find_customers(ANN) == ()
        assert not (await stage.desk.read_customer(gone)).active

    async def test_nobody_has_an_unknown_id(self, stage: Stage) -> None:
        for unknown in ("qm:no-such", "no/such id?&", "é"):
            with pytest.raises(NotFound):
                await stage.desk.read_customer(unknown)
            with pytest.raises(NotFound):
                await stage.desk.organizations_of(unknown)
            with pytest.raises(NotFound):
                await stage.desk.rename_customer(unknown, "Ann")

    async def test_a_rename_keeps_the_customer(self, stage: Stage) -> None:
        ann = await stage.desk.create_customer(ANN, "Ann Okafor")
        await stage.desk.rename_customer(ann.id, "Ann O'Brien-Núñez")
        renamed = await stage.desk.read_customer(ann.id)
        assert (renamed.id, renamed.email, renamed.display_name) == (ann.id, ANN, "Ann O'Brien-Núñez")

    async def test_what_a_desk_cannot_do_is_refused_without_a_call(self, stage: Stage) -> None:
        ann = await stage.desk.create_customer(ANN, "Ann Okafor")
        acme = await stage.desk.create_organization("Acme")
        limited = stage.limited()
        before = await stage.calls()
        for attempt in (
            limited.rename_customer(ann.id, "Ann"),
            limited.rename_organization(acme.id, "Acme 2"),
            limited.add_to_desk([ann.id]),
            limited.remove_from_desk([ann.id]),
        ):
            with pytest.raises(Refused) as refused:
                await attempt
            assert refused.value.code == "unsupported"
        assert await stage.calls() == before
        await limited.close()

    async def test_a_create_by_an_existing_name_returns_the_existing_organization(self, stage: Stage) -> None:
        first = await stage.desk.create_organization("Support")
        again = await stage.desk.create_organization("Support")
        assert again == first
        assert (await stage.desk.create_organization("Support 2")).id != first.id
        assert await stage.desk.read_organization(first.id) == first
        assert not first.scim_managed

    async def test_an_organization_driven_by_the_desks_own_scim_says_so(self, stage: Stage) -> None:
        number = await stage.seed_managed_organization("Driven elsewhere")
        assert (await stage.desk.read_organization(number)).scim_managed
        assert (await stage.desk.create_organization("Driven elsewhere")).scim_managed

    async def test_an_organization_is_renamed_unless_the_name_is_taken(self, stage: Stage) -> None:
        acme = await stage.desk.create_organization("Acme")
        await stage.desk.create_organization("Globex")
        await stage.desk.rename_organization(acme.id, "Acme Manufacturing")
        assert (await stage.desk.read_organization(acme.id)).name == "Acme Manufacturing"
        with pytest.raises(Refused) as refused:
            await stage.desk.rename_organization(acme.id, "Globex")
        assert refused.value.code == "organization_name_taken"

    async def test_a_mark_is_read_back_and_written_over(self, stage: Stage) -> None:
        acme = await stage.desk.create_organization("Acme")
        assert await stage.desk.read_mark(acme.id) is None
        for mark in (OrganizationMark("t-1", "o-1"), OrganizationMark("t-1", "o-2")):
            await stage.desk.mark_organization(acme.id, mark)
            assert await stage.desk.read_mark(acme.id) == mark

    async def test_no_organization_has_an_unknown_id(self, stage: Stage) -> None:
        ann = await stage.desk.create_customer(ANN, "Ann Okafor")
        for unknown in ("4711", "9" * 5_000, "not-a-number", ""):
            for attempt in (
                stage.desk.read_organization(unknown),
                stage.desk.read_mark(unknown),
                stage.desk.mark_organization(unknown, OrganizationMark("t", "o")),
                stage.desk.link_organization(unknown),
                stage.desk.members(unknown),
                stage.desk.add_members(unknown, [ann.id]),
                stage.desk.remove_members(unknown, [ann.id]),
                stage.desk.rename_organization(unknown, "Name"),
            ):
                with pytest.raises(NotFound):
                    await attempt

    async def test_a_link_may_be_repeated(self, stage: Stage) -> None:
        acme = await stage.desk.create_organization("Acme")
        await stage.desk.link_organization(acme.id)
        await stage.desk.link_organization(acme.id)

    async def test_members_are_listed_over_all_pages(self, stage: Stage) -> None:
        acme = await stage.desk.create_organization("Acme")
        ids = [(await stage.desk.create_customer(f"p{number}@acme.example", "P")).id for number in range(107)]
        batch = stage.desk.capabilities.member_batch
        for start in range(0, len(ids), batch):
            await stage.desk.add_members(acme.id, ids[start : start + batch])
        assert await stage.desk.members(acme.id) == frozenset(ids)

    async def test_adding_and_removing_members_may_be_repeated(self, stage: Stage) -> None:
        acme = await stage.desk.create_organization("Acme")
        ann = (await stage.desk.create_customer(ANN, "Ann Okafor")).id
        bob = (await stage.desk.create_customer("bob@acme.example", "Bob")).id
        for _ in range(2):
            await stage.desk.add_members(acme.id, [ann, bob])
        assert [one.id for one in await stage.desk.organizations_of(ann)] == [acme.id]
        for _ in range(2):
            await stage.desk.remove_members(acme.id, {ann})
        assert await stage.desk.members(acme.id) == {bob}
        assert await stage.desk.organizations_of(ann) == ()

    async def test_a_batch_with_an_unknown_id_is_partly_applied(self, stage: Stage) -> None:
        acme = await stage.desk.create_organization("Acme")
        ann = (await stage.desk.create_customer(ANN, "Ann Okafor")).id
        with pytest.raises(PartlyApplied):
            await stage.desk.add_members(acme.id, [ann, "qm:no-such"])
        assert await stage.desk.members(acme.id) == {ann}
        with pytest.raises(Refused):
            await stage.desk.add_members(acme.id, ["qm:no-such"])
        with pytest.raises(PartlyApplied):
            await stage.desk.remove_members(acme.id, ["qm:no-such", ann])
        assert await stage.desk.members(acme.id) == frozenset()

    async def test_a_batch_is_never_empty_nor_too_large(self, stage: Stage) -> None:
        acme = await stage.desk.create_organization("Acme")
        before = await stage.calls()
        await stage.desk.add_members(acme.id, [])
        await stage.desk.remove_members(acme.id, [])
        with pytest.raises(ValueError, match="allowed"):
            await stage.desk.add_members(acme.id, [f"qm:{n}" for n in range(51)])
        assert await stage.calls() == before

    async def test_a_closed_desk_is_opened_to_a_customer_and_closed_again(self, stage: Stage) -> None:
        ann = (await stage.desk.create_customer(ANN, "Ann Okafor")).id
        bob = (await stage.desk.create_customer("bob@acme.example", "Bob")).id
        for _ in range(2):
            await stage.desk.add_to_desk([ann, bob])
        assert await stage.desk.desk_customers() == {ann, bob}
        for _ in range(2):
            await stage.desk.remove_from_desk([ann])
        assert await stage.desk.desk_customers() == {bob}
        with pytest.raises(PartlyApplied):
            await stage.desk.add_to_desk([ann, "qm:no-such"])
        assert await stage.desk.desk_customers() == {ann, bob}

    async def test_a_create_whose_answer_is_lost_is_unknown_and_its_repeat_tells(self, stage: Stage) -> None:
        await stage.trouble("create_customer", Trouble.LOST_ANSWER)
        with pytest.raises(OutcomeUnknown):
            await stage.desk.create_customer(ANN, "Ann Okafor")
        with pytest.raises(AlreadyExists):
            await stage.desk.create_customer(ANN, "Ann Okafor")
        (found,) = await stage.desk.find_customers(ANN)
        assert found.kind is Kind.PORTAL_ONLY
        assert await stage.desk.organizations_of(found.id) == ()

    async def test_a_create_that_fails_at_the_desk_is_unknown_too(self, stage: Stage) -> None:
        await stage.trouble("create_organization", Trouble.UNAVAILABLE)
        with pytest.raises(OutcomeUnknown):
            await stage.desk.create_organization("Acme")
        assert (await stage.desk.create_organization("Acme")).name == "Acme"

    async def test_a_repeatable_call_that_is_lost_is_no_more_than_a_desk_away(self, stage: Stage) -> None:
        acme = await stage.desk.create_organization("Acme")
        ann = (await stage.desk.create_customer(ANN, "Ann Okafor")).id
        await stage.trouble("add_members", Trouble.LOST_ANSWER)
        with pytest.raises(DeskUnreachable):
            await stage.desk.add_members(acme.id, [ann])
        await stage.desk.add_members(acme.id, [ann])
        assert await stage.desk.members(acme.id) == {ann}

    @pytest.mark.parametrize(
        ("trouble", "scope"),
        [(Trouble.THROTTLED, Scope.ENDPOINT), (Trouble.DESK_THROTTLED, Scope.DESK)],
        ids=["endpoint", "desk"],
    )
    async def test_a_throttle_is_told_to_the_pacing_with_its_reach(
        self, stage: Stage, trouble: Trouble, scope: Scope
    ) -> None:
        pacing = RecordingPacing()
        desk = stage.desk.paced_by(pacing)
        await stage.trouble("create_customer", trouble)
        with pytest.raises(Throttled) as throttled:
            await desk.create_customer(ANN, "Ann Okafor")
        assert (throttled.value.retry_after_seconds, throttled.value.scope) == (3.0, scope)
        assert [(seconds, reach) for _, _, seconds, reach in pacing.throttles] == [(3.0, scope)]
        await desk.create_customer(ANN, "Ann Okafor")

    async def test_every_call_asks_for_a_permit_first(self, stage: Stage) -> None:
        pacing = RecordingPacing()
        desk = stage.desk.paced_by(pacing)
        before = await stage.calls()
        ann = await desk.create_customer(ANN, "Ann Okafor")
        acme = await desk.create_organization("Acme")
        await desk.add_members(acme.id, [ann.id])
        await desk.find_customers(ANN)
        await desk.members(acme.id)
        assert len(pacing.permits) == len(pacing.answers) == await stage.calls() - before
        assert all(pacing.answers)
        assert not any(ann.id in endpoint or "@" in endpoint for endpoint, _ in pacing.permits)

    async def test_without_a_permit_there_is_no_call(self, stage: Stage) -> None:
        desk = stage.desk.paced_by(RecordingPacing(refusal=Throttled("no_permit", 1.0, Scope.DESK)))
        before = await stage.calls()
        with pytest.raises(Throttled):
            await desk.create_customer(ANN, "Ann Okafor")
        assert await stage.calls() == before

    async def test_the_pacing_hears_that_the_desk_does_not_answer(self, stage: Stage) -> None:
        pacing = RecordingPacing()
        await stage.trouble("probe", Trouble.UNAVAILABLE)
        with pytest.raises(DeskUnreachable):
            await stage.desk.paced_by(pacing).probe()
        assert pacing.answers == [False]

    async def test_a_failure_is_a_code_and_names_nobody(self, stage: Stage) -> None:
        ann = await stage.desk.create_customer(ANN, "Ann Okafor")
        failures: list[DeskFailure] = []
        for attempt in (
            stage.desk.create_customer(ANN, "Ann Okafor"),
            stage.desk.create_customer("", ""),
            stage.desk.read_customer(f"{ann.id}x"),
            stage.desk.read_organization("4711"),
        ):
            try:
                await attempt
            except DeskFailure as refused:
                failures.append(refused)
        for trouble in Trouble:
            await stage.trouble("create_customer", trouble)
            with pytest.raises(DeskFailure) as failed:
                await stage.desk.create_customer("zoe@acme.example", "Zoe")
            failures.append(failed.value)
        assert len(failures) >= 8
        for failure in failures:
            assert CODE.fullmatch(failure.code)
            assert failure.__cause__ is None
            told = f"{failure.args} {failure}".lower()
            assert not any(part in told for part in ("@", "okafor", "zoe", "qm:"))
