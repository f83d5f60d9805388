"""What identity providers send that the RFC does not allow, and that we understand all the same.

Each rule has a name, so that a connection's fingerprint can say how often it was needed. The sources are
public: M1 to M3 are Microsoft's pages on SCIM provisioning, its compatibility flags and custom attributes;
O1 is Okta's SCIM protocol reference; G2 and L1 are captured requests in public issues.
"""

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from vestibule.scim.schemas import ENTERPRISE_SCHEMA, GROUP_SCHEMA, USER_SCHEMA


class Repair(StrEnum):
    """The name of a rule, as shown in a connection's fingerprint."""

    # `Add`, `Replace`, `Remove`: Entra's default behaviour (M2).
    OPERATION_CASE = "operation_case"
    # `"True"` and `"False"` for a boolean: Entra's default behaviour (M2).
    BOOLEAN_AS_TEXT = "boolean_as_text"
    # `"7"` for a number that a tenant's schema defines: its source at the IdP is a text (M3).
    NUMBER_AS_TEXT = "number_as_text"
    # Remove with a list of values and without a filter: Entra's default behaviour (M2), JumpCloud.
    REMOVE_BY_VALUE = "remove_by_value"
    # Keys without path that are dotted, URN-qualified or value paths: Entra with its flag (M2), authentik.
    QUALIFIED_KEY = "qualified_key"
    # A value path whose element is not there yet, with Add and with Replace: Entra (M2).
    CREATED_TARGET = "created_target"
    # A bare text for a complex value, such as the manager: Entra (M1, M2).
    BARE_VALUE = "bare_value"
    # A single value inside a list, as `[{"value": …}]`: Entra's older shape of a value (M1).
    WRAPPED_VALUE = "wrapped_value"
    # A role as JSON inside a text: Entra's default for app roles (M3).
    JSON_AS_TEXT = "json_as_text"
    # An attribute that no schema has, at the top or inside a value: Entra (M3), authentik.
    UNKNOWN_ATTRIBUTE = "unknown_attribute"
    # `null` for "unassigned", as RFC 7643 §2.5 has it: Entra's older examples (M1).
    NULL_VALUE = "null_value"
    # Registered schemas under old or mistyped URNs: Google (G2), OneLogin (L1), Entra (M1).
    SCHEMA_ALIAS = "schema_alias"
    # Attribute names in another case: Entra's reference client, Ping.
    NAME_CASE = "name_case"
    # Enterprise attributes without their URN, such as `manager`: Entra (M1).
    EXTENSION_WITHOUT_URN = "extension_without_urn"
    # What only the server may set, in a body: Okta sends back what it read (O1).
    READ_ONLY_VALUE = "read_only_value"
    # A password although nobody signs in here: Okta sends one even with password sync off (O1).
    PASSWORD = "password"  # noqa: S105 - the name of a rule
    # Several values marked primary: PingOne with two mapped addresses.
    SEVERAL_PRIMARY = "several_primary"
    # A member that is named by `$ref` only, or by a bare text.
    MEMBER_SHAPE = "member_shape"
    # A base URL with `?aadOptscim062020` at its end, the path behind it: Entra's flag in its Tenant URL (M2).
    FLAGGED_BASE_URL = "flagged_base_url"


_ALIASES: Mapping[str, str] = {
    # Mistyped in Microsoft's own examples (M1).
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0user": ENTERPRISE_SCHEMA,
    # SCIM 1.1 and drafts of 2.0: Google (G2), OneLogin (L1).
    "urn:scim:schemas:extension:enterprise:1.0": ENTERPRISE_SCHEMA,
    "urn:scim:schemas:extension:enterprise:2.0": ENTERPRISE_SCHEMA,
    "urn:scim:schemas:extension:enterprise:2.0:user": ENTERPRISE_SCHEMA,
    "urn:scim:schemas:core:2.0:user": USER_SCHEMA,
    "urn:scim:schemas:core:2.0:group": GROUP_SCHEMA,
}
_REGISTERED: Mapping[str, str] = {urn.lower(): urn for urn in (USER_SCHEMA, GROUP_SCHEMA, ENTERPRISE_SCHEMA)}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})(?:\.[0-9]{1,19})?(?:[eE][+-]?[0-9]{1,2})?")
_TRUTH: Mapping[str, bool] = {"true": True, "false": False}


def registered_urn(urn: str, repairs: set[Repair]) -> str | None:
    """The registered URN behind any spelling of it; None for a URN that we do not know."""
    lower = urn.lower()
    found = _REGISTERED.get(lower)
    if found is not None:
        return found
    found = _ALIASES.get(lower)
    if found is not None:
        repairs.add(Repair.SCHEMA_ALIAS)
    return found


def known_prefixes() -> tuple[str, ...]:
    """Every URN that we know, lower case, longest first: a prefix of a qualified attribute name."""
    return tuple(sorted((*_REGISTERED, *_ALIASES), key=len, reverse=True))


def read_boolean(text: str) -> bool | None:
    """The boolean that a text stands for; None for any other text."""
    return _TRUTH.get(text.strip().lower())


def is_number(text: str) -> bool:
    """Whether a text is a number as JSON writes it, of a length that nothing chokes on."""
    return _NUMBER.fullmatch(text) is not None


def read_number(text: str) -> int | float | None:
    """The number that a text stands for, written as in JSON; None for any other text."""
    if not is_number(text.strip()):
        return None
    return float(text) if any(sign in text for sign in ".eE") else int(text)


def read_json_object(text: str) -> dict[str, Any] | None:
    """The object inside a text that holds JSON; None for any other text."""
    if not text.startswith("{") or len(text) > 4096:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
