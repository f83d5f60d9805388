"""Tokens: found again by their digest, refused before the database when they are damaged."""

import hashlib

import pytest

from vestibule.domain.tokens import PREFIX, RANDOM_BYTES, digest, hint, is_well_formed, mint

ONE = bytes(range(RANDOM_BYTES))


def test_a_minted_token_is_well_formed_and_kept_as_the_digest_of_its_text() -> None:
    token = mint(ONE)
    assert is_well_formed(token)
    assert digest(token) == hashlib.sha256(token.encode()).digest()


@pytest.mark.parametrize("randomness", [bytes(RANDOM_BYTES), b"\xff" * RANDOM_BYTES, ONE])
def test_every_token_has_the_same_form(randomness: bytes) -> None:
    token = mint(randomness)
    assert token.startswith(PREFIX)
    assert len(token) == 53
    assert token.isascii()
    assert token.replace("_", "").isalnum()


def test_other_randomness_makes_another_token() -> None:
    assert mint(ONE) != mint(bytes(reversed(ONE)))


@pytest.mark.parametrize("place", [0, 4, 20, 46, 47, 52])
def test_a_changed_character_is_noticed(place: int) -> None:
    token = mint(ONE)
    other = "A" if token[place] != "A" else "B"
    assert not is_well_formed(token[:place] + other + token[place + 1 :])


@pytest.mark.parametrize(
    "text",
    [
        "",
        PREFIX,
        mint(ONE)[:-1],
        mint(ONE) + "0",
        " " + mint(ONE),
        mint(ONE) + "\n",
        mint(ONE).replace("0", "\u0660"),
    ],
)
def test_what_is_no_token_is_refused(text: str) -> None:
    assert not is_well_formed(text)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_other_sizes_of_randomness_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        mint(bytes(size))


def test_the_hint_is_part_of_the_checksum() -> None:
    assert hint(mint(ONE)) == mint(ONE)[-4:]
