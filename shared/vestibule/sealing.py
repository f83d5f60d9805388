"""Sealed credentials: the console seals to the writer's public key, only the writer unseals.

A sealed box: ephemeral X25519, HKDF-SHA256 over both public keys, AES-256-GCM. What is authenticated with it
(`aad`, see `domain.desks.credentials_context`) keeps a box from being moved to another desk or host. Keys
are named, so they can be rotated.
"""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from vestibule.settings.values import NamedKey, Secret, named_key

_FORMAT: Final = b"\x01"
_KEY_BYTES: Final = 32
_TAG_BYTES: Final = 16
_PURPOSE: Final = b"vestibule sealed credentials 1"
_NONCE: Final = bytes(12)  # one message per key: the key is made of a fresh ephemeral one


class SealingError(Exception):
    """A box cannot be opened; `code` says why, nothing else does."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Sealed:
    """A box and the id of the key that opens it."""

    key_id: str
    box: bytes


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Both halves as settings text, `keyid:base64`: the console gets `public`, the writer `private`."""

    public: str
    private: Secret[str]


def new_key_pair(key_id: str) -> KeyPair:
    """Make a key pair. Raises ValueError for an id that is not lower-case letters, digits and dashes."""
    private = X25519PrivateKey.generate()
    pair = KeyPair(
        f"{key_id}:{base64.b64encode(private.public_key().public_bytes_raw()).decode()}",
        Secret(f"{key_id}:{base64.b64encode(private.private_bytes_raw()).decode()}"),
    )
    named_key(pair.public)
    return pair


def seal(public_key: NamedKey | str, plaintext: bytes, aad: bytes) -> Sealed:
    """Seal to a public key, given as read or as its text `keyid:base64`. Raises ValueError for no key."""
    key = named_key(public_key) if isinstance(public_key, str) else public_key
    recipient = key.value.reveal()
    ephemeral = X25519PrivateKey.generate()
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(recipient))
    sender = ephemeral.public_key().public_bytes_raw()
    content = AESGCM(_content_key(shared, sender, recipient)).encrypt(_NONCE, plaintext, aad)
    return Sealed(key.id, _FORMAT + sender + content)


def unseal(keys: Iterable[NamedKey], sealed: Sealed, aad: bytes) -> bytes:
    """Open a box with that of the private keys which it names. Raises SealingError."""
    found = next((key for key in keys if key.id == sealed.key_id), None)
    if found is None:
        raise SealingError("unsealing_key_missing")
    box = sealed.box
    if len(box) < len(_FORMAT) + _KEY_BYTES + _TAG_BYTES or not box.startswith(_FORMAT):
        raise SealingError("sealed_box_malformed")
    sender, content = box[1 : 1 + _KEY_BYTES], box[1 + _KEY_BYTES :]
    private = X25519PrivateKey.from_private_bytes(found.value.reveal())
    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(sender))
        key = _content_key(shared, sender, private.public_key().public_bytes_raw())
        return AESGCM(key).decrypt(_NONCE, content, aad)
    except (InvalidTag, ValueError):  # ValueError: a sender's key that makes no secret
        raise SealingError("sealed_box_not_authentic") from None


def _content_key(shared: bytes, sender: bytes, recipient: bytes) -> bytes:
    return HKDF(SHA256(), _KEY_BYTES, salt=sender + recipient, info=_PURPOSE).derive(shared)
