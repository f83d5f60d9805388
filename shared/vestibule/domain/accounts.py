"""What a human should have at the desk, and a short name for exactly that."""

import hashlib
import json
import uuid
from dataclasses import dataclass
from typing import Self

from vestibule.domain.identifiers import GroupId

_HASH_VERSION = "1"
_HOME = "home"
_GROUP_PREFIX = "group:"


@dataclass(frozen=True, slots=True, order=True)
class OrganizationSource:
    """What an organization stands for in its tenant: the tenant itself (`home`) or one pushed group."""

    text: str

    @classmethod
    def home(cls) -> Self:
        return cls(_HOME)

    @classmethod
    def of_group(cls, group: GroupId) -> Self:
        return cls(f"{_GROUP_PREFIX}{group}")

    @property
    def group(self) -> GroupId | None:
        """The pushed group behind it; None for the home organization."""
        if not self.text.startswith(_GROUP_PREFIX):
            return None
        return GroupId(uuid.UUID(self.text.removeprefix(_GROUP_PREFIX)))

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class WantedAccount:
    """The account as it should be; a leaver keeps his organizations here and has `access` false."""

    email: str
    login: str
    display_name: str
    access: bool
    organizations: tuple[OrganizationSource, ...] = ()


def wanted_hash(wanted: WantedAccount) -> str:
    """Name the part of the wanted state that the account's own reconcile carries out, as `version:hex`.

    Organizations are left out: memberships are rows of their own with their own wanted and applied state, so
    joining a group does not send the account to the desk again. Another version never compares equal.
    """
    content = json.dumps(
        [wanted.email, wanted.login, wanted.display_name, wanted.access],
        ensure_ascii=True,
        separators=(",", ":"),
    )
    return f"{_HASH_VERSION}:{hashlib.sha256(content.encode('ascii')).hexdigest()}"
