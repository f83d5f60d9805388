"""Names of organizations at the desk, which many customers share: equal names would be one organization."""

import hashlib
import unicodedata

from vestibule.domain.identifiers import OrganizationId
from vestibule.mapping.evaluate import one_line

LONGEST = 200  # characters that the desk takes; counted as UTF-16 units, as it does
_LONGEST_WANTED = 1000
_SEPARATOR = " / "


def organization_name(text: str) -> str | None:
    """A group's name as an organization may bear it; None when nothing of it can be shown."""
    return one_line(unicodedata.normalize("NFC", text), _LONGEST_WANTED) or None


def desk_organization_name(
    tenant_prefix: str, wanted_name: str | None, organization_id: OrganizationId, attempt: int = 0
) -> str:
    """The name to ask the desk for: 1 to 200 characters that start with the tenant's prefix.

    The first attempt depends on prefix and name only, so that an interrupted creation finds itself again. A
    further attempt, for a name that the desk turned out to have already, adds a mark made of the
    organization's id and the attempt. Without a wanted name it is the tenant's home organization.
    """
    prefix = organization_name(tenant_prefix)
    if prefix is None:
        raise ValueError("a tenant needs a prefix that can be shown")
    shown = organization_name(wanted_name) if wanted_name is not None else None
    full = prefix if shown is None else f"{prefix}{_SEPARATOR}{shown}"
    if wanted_name is not None and shown is None:
        full = f"{prefix}{_SEPARATOR}{_mark(str(organization_id))}"
    if attempt == 0:
        if _units(full) <= LONGEST:
            return full
        return _cut(full, f" ({_mark(full)})")
    return _cut(full, f" ({_mark(f'{organization_id}:{attempt}')})")


def _cut(text: str, suffix: str) -> str:
    room = LONGEST - len(suffix)
    while _units(text) > room:
        text = text[:-1]
    return text.rstrip() + suffix


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
