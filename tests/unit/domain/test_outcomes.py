"""Standings: each has one sentence for a human."""

import pytest

from vestibule.domain.outcomes import (
    Applied,
    Failed,
    FailedCode,
    Form,
    Held,
    HeldReason,
    Pending,
    Refused,
    RefusedReason,
    Shadow,
    Stage,
    Standing,
    explain,
)

EVERY: list[Standing] = [
    *map(Pending, Stage),
    *map(Applied, Form),
    Shadow(),
    *map(Held, HeldReason),
    *map(Refused, RefusedReason),
    *map(Failed, FailedCode),
]


@pytest.mark.parametrize("standing", EVERY, ids=str)
def test_every_standing_is_explained_in_one_sentence(standing: Standing) -> None:
    text = explain(standing)
    assert text[0].isupper()
    assert text.endswith(".")
    assert text.count(". ") == 0


def test_what_waits_for_a_human_says_what_to_do() -> None:
    for standing in EVERY:
        if isinstance(standing, Held | Failed | Refused):
            assert ":" in explain(standing), standing


def test_a_second_claimant_cannot_tell_that_he_is_one() -> None:
    assert explain(Held(HeldReason.COLLISION)) == explain(Held(HeldReason.OUTSIDE_DOMAIN))
