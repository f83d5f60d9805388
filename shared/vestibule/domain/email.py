"""E-mail addresses: one spelling to compare, one for the desk; hostile text gives a reason."""

import unicodedata
from dataclasses import dataclass
from enum import StrEnum

_LONGEST_ADDRESS = 254  # RFC 5321 §4.5.3.1.3, less the angle brackets
_LONGEST_LOCAL = 64  # RFC 5321 §4.5.3.1.1
_LONGEST_DOMAIN = 253
_LONGEST_LABEL = 63  # RFC 1035 §2.3.4
_FORBIDDEN_IN_LOCAL = frozenset('"(),:;<>@[\\]')
_DOTS = {0x3002: ".", 0xFF61: "."}  # ideographic full stops that NFKC leaves alone (UTS 46)
_LABEL_CATEGORIES = ("L", "M", "Nd")
_INVISIBLE_CATEGORIES = ("C", "Z")


class EmailFault(StrEnum):
    """Why a text is no address."""

    EMPTY = "empty"
    TOO_LONG = "too_long"
    NO_AT_SIGN = "no_at_sign"
    LOCAL_PART = "local_part"
    DOMAIN = "domain"


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """`address` is what the desk is given; `key` is what two spellings of one address share.

    They differ only where folding would change letters of the local part: "groß" is not "gross" to a mail
    server.
    """

    address: str
    key: str

    @property
    def domain(self) -> str:
        return domain_of(self.key)


@dataclass(frozen=True, slots=True)
class InvalidEmail:
    fault: EmailFault


def parse_email(text: str) -> EmailAddress | InvalidEmail:
    """Read one bare address; for any text at all the result is a value."""
    stripped = text.strip()
    if not stripped:
        return InvalidEmail(EmailFault.EMPTY)
    if len(stripped) > _LONGEST_ADDRESS:
        return InvalidEmail(EmailFault.TOO_LONG)
    local, at_sign, domain_text = unicodedata.normalize("NFKC", stripped).rpartition("@")
    if not at_sign:
        return InvalidEmail(EmailFault.NO_AT_SIGN)
    if not _is_local_part(local):
        return InvalidEmail(EmailFault.LOCAL_PART)
    domain = _ascii_domain(domain_text)
    if domain is None:
        return InvalidEmail(EmailFault.DOMAIN)
    key = f"{unicodedata.normalize('NFKC', local.casefold())}@{domain}"
    if len(key) > _LONGEST_ADDRESS:
        return InvalidEmail(EmailFault.TOO_LONG)
    return EmailAddress(address=key if local.isascii() else f"{local}@{domain}", key=key)


def domain_of(key: str) -> str:
    """The part behind the last @ of a normalised address; empty when there is none."""
    return key.rpartition("@")[2] if "@" in key else ""


def _is_local_part(local: str) -> bool:
    if not 0 < len(local) <= _LONGEST_LOCAL or ".." in local or local[0] == "." or local[-1] == ".":
        return False
    return all(
        character not in _FORBIDDEN_IN_LOCAL
        and unicodedata.category(character)[0] not in _INVISIBLE_CATEGORIES
        for character in local
    )


def _ascii_domain(text: str) -> str | None:
    """The domain in A-labels, lower case.

    Python's own `idna` codec follows IDNA 2003, which maps "ß" to "ss": two owners would become one.
    """
    labels = text.translate(_DOTS).lower().removesuffix(".").split(".")
    encoded = [_ascii_label(unicodedata.normalize("NFKC", label)) for label in labels]
    domain = ".".join(label for label in encoded if label is not None)
    if any(label is None for label in encoded) or not 0 < len(domain) <= _LONGEST_DOMAIN:
        return None
    return domain


def _ascii_label(label: str) -> str | None:
    if not label or label[0] == "-" or label[-1] == "-":
        return None
    if not all(
        character == "-" or unicodedata.category(character).startswith(_LABEL_CATEGORIES)
        for character in label
    ):
        return None
    if not label.isascii():
        label = "xn--" + label.encode("punycode").decode("ascii")
    return label if len(label) <= _LONGEST_LABEL else None
