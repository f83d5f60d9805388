"""Names of organizations at the desk, and which to try next."""

from datetime import UTC, datetime
from uuid import UUID

from vestibule.database.organizations import ClaimedOrganization
from vestibule.domain.identifiers import DeskId, OrganizationId, TenantId
from vestibule_directory_writer.naming import MOST_NAMES, candidates, names_to_own, wanted_name


def organization(
    *,
    home: bool = False,
    name: str | None = "IT",
    removed: bool = False,
    intent: str | None = None,
    known: str | None = None,
) -> ClaimedOrganization:
    return ClaimedOrganization(
        id=OrganizationId(UUID(int=7)),
        tenant=TenantId(UUID(int=1)),
        desk=DeskId(UUID(int=2)),
        version=1,
        attempts=0,
        urgent=False,
        home=home,
        prefix="Acme",
        wanted_name=name,
        source_removed=removed,
        intent_name=intent,
        desk_organization_id=known,
        desk_name=None,
        applied_name=None,
        marked=False,
        linked=False,
        code=None,
        claimed_at=datetime(2026, 1, 1, tzinfo=UTC),
        refused=0,
        waited=0.0,
    )


def names(one: ClaimedOrganization) -> list[str]:
    wanted = wanted_name(one)
    assert wanted is not None
    return list(candidates(one, wanted))


def test_the_home_organization_bears_the_tenants_prefix() -> None:
    wanted = wanted_name(organization(home=True, name="Acme"))
    assert wanted is not None
    assert wanted.text == "Acme"


def test_a_group_bears_prefix_and_name() -> None:
    assert names(organization())[0] == "Acme / IT"


def test_a_group_that_was_not_judged_or_is_gone_has_no_name_to_ask_for() -> None:
    assert wanted_name(organization(name=None)) is None
    assert wanted_name(organization(removed=True)) is None


def test_further_names_differ_are_bounded_and_always_the_same() -> None:
    tried = names(organization())
    assert len(tried) == len(set(tried)) == MOST_NAMES
    assert all(name.startswith("Acme / IT") for name in tried)
    assert tried == names(organization())


def owned_under(one: ClaimedOrganization) -> list[str]:
    wanted = wanted_name(one)
    assert wanted is not None
    return list(names_to_own(one, wanted))


def test_a_name_that_may_have_been_created_already_is_tried_first() -> None:
    first, second, *others = names(organization())
    assert owned_under(organization(intent=second)) == [second, first, *others]
    assert owned_under(organization(intent=first)) == owned_under(organization()) == names(organization())


def test_a_name_of_an_older_wish_is_tried_for_a_create_and_never_for_a_rename() -> None:
    assert owned_under(organization(intent="Acme / Old"))[0] == "Acme / Old"
    assert "Acme / Old" not in names(organization(intent="Acme / Old"))
