"""Credentials are sealed by the console and opened by the writer alone."""

import pytest

from vestibule.sealing import Sealed, SealingError, new_key_pair, seal, unseal
from vestibule.settings.values import named_key, named_keys

DESK = b"desk-1"


def test_what_was_sealed_is_opened_by_the_key_that_it_names() -> None:
    old, new = new_key_pair("k1"), new_key_pair("k2")
    keys = named_keys(f"{old.private.reveal()},{new.private.reveal()}")
    for pair, key_id in ((old, "k1"), (new, "k2")):
        sealed = seal(pair.public, b"secret", DESK)
        assert sealed.key_id == key_id
        assert b"secret" not in sealed.box
        assert unseal(keys, sealed, DESK) == b"secret"


def test_two_boxes_of_one_secret_differ() -> None:
    pair = new_key_pair("k1")
    assert seal(pair.public, b"secret", DESK).box != seal(pair.public, b"secret", DESK).box


def test_a_box_cannot_be_moved_to_another_desk() -> None:
    pair = new_key_pair("k1")
    keys = (named_key(pair.private.reveal()),)
    with pytest.raises(SealingError, match="sealed_box_not_authentic"):
        unseal(keys, seal(pair.public, b"secret", DESK), b"desk-2")


def test_a_missing_key_is_told() -> None:
    pair, other = new_key_pair("k1"), new_key_pair("k2")
    with pytest.raises(SealingError, match="unsealing_key_missing"):
        unseal((named_key(other.private.reveal()),), seal(pair.public, b"secret", DESK), DESK)


def test_another_key_of_the_same_name_opens_nothing() -> None:
    pair, other = new_key_pair("k1"), new_key_pair("k1")
    with pytest.raises(SealingError, match="sealed_box_not_authentic"):
        unseal((named_key(other.private.reveal()),), seal(pair.public, b"secret", DESK), DESK)


@pytest.mark.parametrize("position", [0, 1, 20, 40, -1])
def test_a_changed_box_opens_nothing(position: int) -> None:
    pair = new_key_pair("k1")
    sealed = seal(pair.public, b"secret", DESK)
    box = bytearray(sealed.box)
    box[position] ^= 1
    with pytest.raises(SealingError):
        unseal((named_key(pair.private.reveal()),), Sealed("k1", bytes(box)), DESK)


@pytest.mark.parametrize("box", [b"", b"\x01", b"\x01" + bytes(32), b"\x01" + bytes(80)])
def test_a_box_that_was_never_one_is_refused_by_a_value(box: bytes) -> None:
    pair = new_key_pair("k1")
    with pytest.raises(SealingError):
        unseal((named_key(pair.private.reveal()),), Sealed("k1", box), DESK)


def test_a_private_key_is_not_printed() -> None:
    pair = new_key_pair("k1")
    assert pair.private.reveal() not in repr(pair)
