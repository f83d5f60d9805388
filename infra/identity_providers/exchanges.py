"""What an identity provider says and hears, without a network: a conversation yields and is answered."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import quote, quote_plus

NOT_HEARD: Final = 0
LATER: Final = frozenset({429, 503})

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `path` is below the base URL, as on the wire; `purpose` names it in reports."""

    purpose: str
    method: str
    path: str
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What was heard; status NOT_HEARD when the answer never came. `retry_after` in whole seconds."""

    status: int
    body: Any = None
    retry_after: int | None = None

    @property
    def scim_type(self) -> str:
        """The word of a SCIM error, where it has one."""
        return str(self.body.get("scimType", "")) if isinstance(self.body, dict) else ""


Conversation: TypeAlias = Generator[Request, Answer, _T]


class Unheard(Exception):
    """To be tried again later: mostly because no answer came, and it may have been done."""


class Refused(Exception):
    """An answer that this request should not get."""

    def __init__(self, request: Request, answer: Answer) -> None:
        self.request, self.answer = request, answer
        super().__init__(self.kind)

    @property
    def kind(self) -> str:
        """What it was and how it was answered, such as `create user: 400 invalidPath`."""
        return f"{self.request.purpose}: {self.answer.status} {self.answer.scim_type}".rstrip()


class Forgotten(Exception):
    """The endpoint does not know the object, and this identity provider will create it again."""


def ask(request: Request, *accepted: int) -> Conversation[Answer]:
    """Say one thing and take these statuses for an answer; Unheard, Refused."""
    answer = yield request
    if answer.status == NOT_HEARD:
        raise Unheard("no answer, tried again later")
    # O1: Okta fails with "Create new user returned empty user" where a success has no body; so do others.
    empty = answer.status in (200, 201) and not isinstance(answer.body, dict)
    if answer.status not in accepted or empty:
        raise Refused(request, answer)
    return answer


def found_one(answer: Answer) -> dict[str, Any] | None:
    """The first resource of a search."""
    resources = answer.body.get("Resources") or []
    return resources[0] if resources else None


def equals(attribute: str, value: str, operator: str = "eq") -> str:
    """A filter that compares for equality, its text escaped as JSON has it (RFC 7644 §3.4.2.2)."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{attribute} {operator} "{escaped}"'


def percent(text: str) -> str:
    """A query's value with `%20` for a space."""
    return quote(text, safe="")


def plus(text: str) -> str:
    """A query's value with `+` for a space."""
    return quote_plus(text)
