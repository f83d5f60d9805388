"""The desk's state is the fold of its effects, however often they are written anew."""

from pathlib import Path

import pytest

from sandbox_desk.directory import ATLASSIAN, PORTAL_ONLY, Directory, Effect
from sandbox_desk.journal import Journal, JournalUnusable
from sandbox_desk.site import Site


def peopled(site: Site) -> Site:
    """A site on which every effect happened at least once."""
    for number, kind in ((1, PORTAL_ONLY), (2, PORTAL_ONLY), (3, ATLASSIAN)):
        about = {"id": f"a{number}", "email": f"A{number}@acme.example", "name": "A", "type": kind}
        site.record("customer_created", **about, hidden=number == 2)
    for number, name in ((1, "Acme"), (2, "Globex"), (3, "Initech")):
        site.record("organization_created", organization=number, name=name, uuid="u", scim=number == 2)
    site.record("customer_renamed", id="a1", name="Ann")
    site.record("customer_revoked", id="a2")
    site.record("desk_joined", desk="2", ids=["a1", "a2"])
    site.record("desk_left", desk="2", ids=["a2"])
    site.record("organization_renamed", organization=1, name="Acme Ltd")
    site.record("members_added", organization=1, ids=["a1", "a2"])
    site.record("members_removed", organization=1, ids=["a2"])
    site.record("members_added", organization=3, ids=["a1"])
    site.record("organization_linked", organization=1, desk="1")
    site.record("organization_linked", organization=1, desk="2")
    site.record("organization_unlinked", organization=1, desk="2")
    site.record("property_set", organization=1, key="vestibule", value={"tenant": "t"})
    site.record("property_set", organization=1, key="other", value=1)
    site.record("property_removed", organization=1, key="other")
    site.record("organization_deleted", organization=3)
    site.record("mails_sent", count=1)
    site.record("duplicates_attempted", count=2)
    return site


def stated(directory: Directory) -> list[Effect]:
    """A directory as values that can be compared."""
    return list(directory.restate())


def test_a_restated_directory_is_the_same() -> None:
    directory = peopled(Site()).directory
    again = Directory()
    for effect in directory.restate():
        again.apply(effect)
    assert stated(again) == stated(directory)
    assert again.by_email == directory.by_email
    assert again.by_name == {"Acme Ltd": 1, "Globex": 2}
    assert again.customers_of("2") == {"a1"}
    assert again.customers_of("1") == {"a1", "a2", "a3"}


def test_a_site_comes_back_from_its_journal_and_counts_on(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    before = peopled(Site(journal))
    journal.close()
    again = Journal(tmp_path)
    after = Site(again)
    assert stated(after.directory) == stated(before.directory)
    assert list(after.effects) == list(before.effects)
    assert after.last_effect == before.last_effect
    again.close()


def test_a_compacted_journal_is_short_and_the_same(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    site = peopled(Site(journal))
    for number in range(500):
        site.record("customer_renamed", id="a1", name=f"Ann {number}")
    long = (tmp_path / "desk.jsonl").stat().st_size
    site.compact()
    assert (tmp_path / "desk.jsonl").stat().st_size < long / 10
    site.record("customer_renamed", id="a1", name="Ann at last")
    journal.close()
    again = Journal(tmp_path)
    after = Site(again)
    assert stated(after.directory) == stated(site.directory)
    assert after.last_effect == site.last_effect
    again.close()


def test_only_the_end_of_a_journal_may_be_torn(tmp_path: Path) -> None:
    file = tmp_path / "desk.jsonl"
    journal = Journal(tmp_path)
    site = peopled(Site(journal))
    journal.close()
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"n":99,"do":"cust')
    again = Journal(tmp_path)
    assert stated(Site(again).directory) == stated(site.directory)
    again.close()
    assert file.read_bytes() == whole
    file.write_bytes(b"x" + whole)
    broken = Journal(tmp_path)
    with pytest.raises(JournalUnusable, match="line 1"):
        Site(broken)
    broken.close()
