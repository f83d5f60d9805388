"""Passwords and keys of one local instance: made once by chance, kept in one file that only we can read."""

import base64
import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from infra.local.places import write_whole

ROLES = ("vestibule_ingest", "vestibule_relay", "vestibule_router", "vestibule_writer", "vestibule_console")
KEY_ID = "local1"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the services of one instance prove themselves with; `roles` maps login roles to passwords."""

    roles: dict[str, str]
    email_key: str
    unsealing_keys: str
    sealing_key: str
    desk_user: str
    desk_token: str


def load_or_make(file: Path) -> Credentials:
    """The instance's credentials; a file that is there is never changed, sealed data depends on it."""
    try:
        return Credentials(**json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        made = make()
        write_whole(file, json.dumps(asdict(made), indent=1), mode=0o600)
        return made


def make() -> Credentials:
    """Fresh credentials: 256 random bits each, and an X25519 key pair for desk credentials."""
    pair = X25519PrivateKey.generate()
    private = base64.b64encode(pair.private_bytes_raw()).decode()
    public = base64.b64encode(pair.public_key().public_bytes_raw()).decode()
    return Credentials(
        roles={role: secrets.token_urlsafe(32) for role in ROLES},
        email_key=secrets.token_hex(32),
        unsealing_keys=f"{KEY_ID}:{private}",
        sealing_key=f"{KEY_ID}:{public}",
        desk_user="provisioning@desk.example",
        desk_token=secrets.token_urlsafe(32),
    )
