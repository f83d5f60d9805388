"""What a service desk can do, declared by its connector and read by the policy and the planner."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Leave(StrEnum):
    """What becomes of a leaver at this desk."""

    BLOCK = "block"  # reversible: the account cannot sign in
    STRIP = "strip"  # memberships only: shown as applied(stripped), never as blocked
    REVOKE = "revoke"  # one-way


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Declared, never probed: a desk that cannot do a thing is planned for, not surprised by."""

    rename_email: bool
    rename_display_name: bool
    rename_organization: bool
    leave: Leave
    return_from_leave: bool
    organization_name_limit: int = 200

    def as_document(self) -> dict[str, Any]:
        return asdict(self)


def parse_capabilities(document: Mapping[str, Any]) -> Capabilities:
    """Read what `as_document` wrote; raises ValueError, KeyError or TypeError on anything else."""
    return Capabilities(
        rename_email=bool(document["rename_email"]),
        rename_display_name=bool(document["rename_display_name"]),
        rename_organization=bool(document["rename_organization"]),
        leave=Leave(document["leave"]),
        return_from_leave=bool(document["return_from_leave"]),
        organization_name_limit=int(document.get("organization_name_limit", 200)),
    )
