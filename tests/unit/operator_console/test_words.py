"""Every word that the tables can show is explained to a person."""

import pytest

from vestibule.domain.outcomes import FailedCode, Form, HeldReason, RefusedReason, Stage
from vestibule.scim.dialects import Repair
from vestibule_operator_console.fingerprints import repair_text
from vestibule_operator_console.words import CASES, EVENTS, case_text, event_text, standing_text

KNOWN = [
    *[("pending", stage.value) for stage in Stage],
    *[("applied", form.value) for form in Form],
    *[("held", reason.value) for reason in HeldReason],
    *[("refused", reason.value) for reason in RefusedReason],
    *[("failed", code.value) for code in FailedCode],
    ("shadow", None),
    ("failed", "lost"),
]


@pytest.mark.parametrize(("standing", "detail"), KNOWN)
def test_every_known_standing_is_a_sentence(standing: str, detail: str | None) -> None:
    text = standing_text(standing, detail, None)
    assert text[0].isupper() and text.endswith(".") and "_" not in text.replace("no_", "")


def test_a_code_that_nobody_explains_is_shown_as_words() -> None:
    assert standing_text("failed", "never_heard_of", None) == "Failed: never heard of."
    assert standing_text("failed", None, None) == "Failed: no reason was stored."
    assert event_text("done", "polished", "too_shiny") == "Done: polished. Reason: too shiny."


def test_why_it_still_waits_is_told_beside_where_it_waits() -> None:
    assert "desk unreachable" in standing_text("pending", "writing", "desk_unreachable")
    assert "this person's turn" in standing_text("pending", "deciding", "fanout")


def test_a_group_parked_for_its_name_is_explained_as_such() -> None:
    assert "displayName" in standing_text("failed", "no_organization_name", "no_organization_name")


def test_an_event_s_reason_says_what_to_do_unless_it_is_tried_again_by_itself() -> None:
    assert "cannot rename" in event_text("decided", "hold", "rename")
    assert "renew the desk's token" in event_text("done", "parked", "desk_unauthorized")
    assert event_text("done", "retry", "desk_unreachable").endswith("Reason: desk unreachable.")


def test_who_collides_is_told_the_same_words_as_who_is_outside_the_domains() -> None:
    assert standing_text("held", "collision", None) == standing_text("held", "outside_domain", None)
    assert event_text("decided", "hold", "collision") == event_text("decided", "hold", "outside_domain")


def test_every_kind_of_case_says_what_to_do() -> None:
    # the kinds that the database allows
    kinds = {"collision", "outside_domain", "same_person", "adoption", "breaker", "organization_deletion"}
    assert set(CASES) == kinds
    assert case_text("new_kind") == "New kind."


def test_events_are_sentences() -> None:
    assert all(text.endswith(".") for text in EVENTS.values())


@pytest.mark.parametrize("repair", Repair)
def test_every_repair_is_a_sentence_with_its_source(repair: Repair) -> None:
    text = repair_text(repair.value)
    assert text.endswith(".") and ("Microsoft" in text or "Okta" in text or "RFC 7643" in text)
