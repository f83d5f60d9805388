"""The query of a URL, as identity providers really write it."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_to_bytes

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
    if raw.count(b"&") >= MOST_PARAMETERS:
        raise InvalidValue(f"The URL has more than {MOST_PARAMETERS} parameters.")
    found: dict[str, str] = {}
    try:
        for part in filter(None, raw.decode("ascii").split("&")):
            name, _, value = part.partition("=")
            found.setdefault(_decoded(name).lower(), _decoded(value))
    except UnicodeDecodeError:
        raise InvalidFilter("The URL's query is not percent-encoded UTF-8: correct its encoding.") from None
    if "filter" in found:
        refuse_secrets(found["filter"])
    return found


def _decoded(text: str) -> str:
    """On the path of every filter: the library's own way takes three times as long."""
    spaced = text.replace("+", " ")
    return unquote_to_bytes(spaced).decode() if "%" in spaced else spaced


def check_length(path: str, query: bytes, most: int) -> None:
    """Raise UriTooLong for a URL of more characters than it may have."""
    if len(path) + len(query) > most:
        raise UriTooLong(
            f"The URL is longer than {most} characters: shorten the filter, or send it by POST to /.search."
        )
