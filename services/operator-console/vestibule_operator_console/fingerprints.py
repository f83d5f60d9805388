"""What a customer's identity provider does: its dialect, the repairs that it needs, what it was refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from vestibule.database.connections import IdpConnection
from vestibule.database.fingerprints import Known, read_fingerprint
from vestibule.scim.dialects import Repair
from vestibule.scim.fingerprints import Guess, Trait, guess_dialect
from vestibule_operator_console.connections import found
from vestibule_operator_console.console import Console

# Each with its source in public; the letters are those of `vestibule.scim.dialects`.
REPAIRS: Final[Mapping[Repair, str]] = {
    Repair.OPERATION_CASE: (
        "PATCH operations called Add, Replace, Remove: taken in any letter case. Microsoft, compatibility "
        "flags."
    ),
    Repair.BOOLEAN_AS_TEXT: (
        'A boolean sent as the text "True" or "False": read as a boolean. Microsoft, compatibility flags.'
    ),
    Repair.NUMBER_AS_TEXT: (
        "A number sent as a text, for an attribute of a schema of your own: read as a number. Microsoft, "
        "custom attributes."
    ),
    Repair.REMOVE_BY_VALUE: (
        "A removal that lists whom to remove as its value: only those are removed. Microsoft, compatibility "
        "flags; JumpCloud."
    ),
    Repair.QUALIFIED_KEY: (
        "Attributes of a PATCH without path that are dotted or begin with a URN: put where they belong. "
        "Microsoft, compatibility flags; authentik."
    ),
    Repair.CREATED_TARGET: (
        "A change of an element that is not there yet, such as a mobile number: the element is made. "
        "Microsoft, compatibility flags."
    ),
    Repair.BARE_VALUE: (
        "A bare text for a value with parts, such as the manager: taken as its value. Microsoft, SCIM "
        "tutorial."
    ),
    Repair.WRAPPED_VALUE: "A single value inside a list: taken out of it. Microsoft, SCIM tutorial.",
    Repair.JSON_AS_TEXT: (
        "A role as JSON inside a text: read as what it says. Microsoft, app role assignments in SCIM."
    ),
    Repair.UNKNOWN_ATTRIBUTE: (
        "An attribute that no schema has: ignored. Remove it from the attribute mapping, or ask for a schema "
        "of your own. Microsoft, custom attributes; authentik."
    ),
    Repair.NULL_VALUE: "null for a value that is not assigned: taken away. RFC 7643 section 2.5.",
    Repair.SCHEMA_ALIAS: (
        "A schema under an old or mistyped URN: taken for the registered one. Google and OneLogin, captured "
        "requests; Microsoft, SCIM tutorial."
    ),
    Repair.NAME_CASE: (
        "Attribute names in another letter case: taken as they are meant. RFC 7643 section 2.1; Ping."
    ),
    Repair.EXTENSION_WITHOUT_URN: (
        "Attributes of the enterprise extension without its URN: put into it. Microsoft, SCIM tutorial."
    ),
    Repair.READ_ONLY_VALUE: (
        "What only this service may set, such as id or meta: ignored. RFC 7644 section 3.5.1; Okta sends "
        "back what it read."
    ),
    Repair.PASSWORD: (
        "A password: dropped and kept nowhere, since nobody signs in here. Okta, SCIM protocol reference."
    ),
    Repair.SEVERAL_PRIMARY: (
        "Several values marked as primary: the last one is. RFC 7643 section 2.4; PingOne with two addresses."
    ),
    Repair.MEMBER_SHAPE: "A member named by a bare text or by $ref alone: understood. RFC 7643 section 4.2.",
    Repair.FLAGGED_BASE_URL: (
        "A base URL that ends with ?aadOptscim062020: put in order. Microsoft, compatibility flags."
    ),
}


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What was seen of a connection since it was made; `guess` is None where nothing tells the dialect."""

    connection: IdpConnection
    known: tuple[Known, ...]
    guess: Guess | None

    def of(self, trait: Trait) -> list[Known]:
        """What is known of one kind, the most frequent first."""
        return [one for one in self.known if one.trait == trait]

    @property
    def first_at(self) -> datetime | None:
        """When the first request was seen."""
        return min((one.first_at for one in self.known), default=None)

    @property
    def last_at(self) -> datetime | None:
        """When the last one was."""
        return max((one.last_at for one in self.known), default=None)


async def show_fingerprint(console: Console, slug: str, name: str) -> Fingerprint:
    """The fingerprint of a customer's connection; NotThere."""
    tenant = await console.tenant(slug)
    async with console.entering(tenant.id) as connection:
        one = await found(connection, tenant, name)
        known = await read_fingerprint(connection, tenant.id, one.id)
    counts = {(each.trait, each.code): each.requests for each in known}
    return Fingerprint(one, tuple(known), guess_dialect(counts))


def repair_text(code: str) -> str:
    """What a repair is, in a sentence, with its source."""
    try:
        return REPAIRS[Repair(code)]
    except ValueError:  # counted by a version that knew more
        return "A rule that this version does not have."
