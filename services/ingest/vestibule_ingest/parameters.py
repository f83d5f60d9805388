"""The query of a URL, as identity providers really write it."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from vestibule.scim.errors import InvalidFilter, InvalidValue, UriTooLong
from vestibule.scim.secrets import refuse_secrets

MOST_PARAMETERS: Final = 50


def parse_query(raw: bytes) -> Mapping[str, str]:
    """Read parameters by lower-case name; the first of a name counts, unknown ones are ignored.

    Sensitive for a filter that has a secret in it.

    OneLogin sends a trailing `&` and `+` for a space; Entra's flags have no value.
    """
    if not raw:
        return {}
    try:
        pairs = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS
        )
    except UnicodeDecodeError:
        raise InvalidFilter("The URL's query is not percent-encoded UTF-8: correct its encoding.") from None
    except ValueError:
        raise InvalidValue(f"The URL has more than {MOST_PARAMETERS} parameters.") from None
    found: dict[str, str] = {}
    for name, value in pairs:
        found.setdefault(name.lower(), value)
    if "filter" in found:
        refuse_secrets(found["filter"])
    return found


def check_length(path: str, query: bytes, most: int) -> None:
    """Raise UriTooLong for a URL of more characters than it may have."""
    if len(path) + len(query) > most:
        raise UriTooLong(
            f"The URL is longer than {most} characters: shorten the filter, or send it by POST to /.search."
        )
