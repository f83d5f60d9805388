"""Passwords and keys of one local instance: made once by chance, kept in one file that only we can read."""

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.local.places import write_whole
from vestibule.sealing import new_key_pair

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
    pair = new_key_pair(KEY_ID)
    return Credentials(
        roles={role: secrets.token_urlsafe(32) for role in ROLES},
        email_key=secrets.token_hex(32),
        unsealing_keys=pair.private.reveal(),
        sealing_key=pair.public,
        desk_user="provisioning@desk.example",
        desk_token=secrets.token_urlsafe(32),
    )
