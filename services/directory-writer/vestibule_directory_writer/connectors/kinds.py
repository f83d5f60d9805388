"""The kinds of desk we can write to: settings and credentials as stored in, a connector out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from vestibule_directory_writer.connectors.jira import JiraDesk, JiraSettings
from vestibule_directory_writer.connectors.jira_calls import (
    CALL_SECONDS,
    Calls,
    Headers,
    Observed,
    no_headers,
    unobserved,
)
from vestibule_directory_writer.connectors.memory import MemoryDesk
from vestibule_directory_writer.connectors.pacing import Pacing, Unpaced
from vestibule_directory_writer.connectors.service_desk import ServiceDesk

JIRA_SETTINGS = ("base_url", "service_desk_id", "csm_url", "closed_desk")
JIRA_CREDENTIALS = ("email", "api_token")
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class DeskMisconfigured(ValueError):
    """The desk's record cannot be used; `problems` lists every reason, without a secret."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every connector is given by the process it runs in."""

    pacing: Pacing
    headers: Headers = no_headers
    observed: Observed = unobserved
    call_seconds: float = CALL_SECONDS


Builder = Callable[[Mapping[str, object], Mapping[str, object], Surroundings], ServiceDesk]


def build(
    kind: str,
    settings: Mapping[str, object],
    credentials: Mapping[str, object],
    surroundings: Surroundings | None = None,
) -> ServiceDesk:
    """The connector of a desk's record; DeskMisconfigured with every problem at once."""
    builder = BUILDERS.get(kind)
    if builder is None:
        raise DeskMisconfigured((f"kind: must be one of {', '.join(sorted(BUILDERS))}",))
    return builder(settings, credentials, surroundings or Surroundings(Unpaced()))


def build_jira(
    settings: Mapping[str, object], credentials: Mapping[str, object], surroundings: Surroundings
) -> ServiceDesk:
    """A Jira Service Management desk."""
    problems = [
        *_unknown("settings", settings, JIRA_SETTINGS),
        *_unknown("credentials", credentials, JIRA_CREDENTIALS),
    ]
    base_url = _url(settings, "base_url", problems)
    csm_url = _url(settings, "csm_url", problems) if settings.get("csm_url") is not None else None
    service_desk_id = _text("settings", settings, "service_desk_id", problems)
    closed_desk = settings.get("closed_desk", False)
    if not isinstance(closed_desk, bool):
        problems.append("settings.closed_desk: must be true or false")
    email = _text("credentials", credentials, "email", problems)
    api_token = _text("credentials", credentials, "api_token", problems)
    if ":" in email:
        problems.append("credentials.email: must not contain a colon")
    if problems:
        raise DeskMisconfigured(tuple(problems))
    where = JiraSettings(base_url, service_desk_id, csm_url, closed_desk is True)
    calls = Calls(email, api_token, surroundings.headers, surroundings.observed, surroundings.call_seconds)
    return JiraDesk(where, calls, surroundings.pacing)


def build_memory(
    settings: Mapping[str, object], credentials: Mapping[str, object], surroundings: Surroundings
) -> ServiceDesk:
    """A desk that lives and dies with this process."""
    problems = [*_unknown("settings", settings, ()), *_unknown("credentials", credentials, ())]
    if problems:
        raise DeskMisconfigured(tuple(problems))
    return MemoryDesk(pacing=surroundings.pacing)


BUILDERS: Mapping[str, Builder] = {"jira": build_jira, "memory": build_memory}


def _unknown(place: str, given: Mapping[str, object], known: tuple[str, ...]) -> list[str]:
    return [f"{place}.{name}: unknown" for name in sorted(given) if name not in known]


def _text(place: str, given: Mapping[str, object], name: str, problems: list[str]) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value or value != value.strip() or not value.isprintable():
        problems.append(f"{place}.{name}: must be a text without surrounding blanks")
        return ""
    return value


def _url(settings: Mapping[str, object], name: str, problems: list[str]) -> str:
    """A base URL without a trailing slash: https, or http on this machine's loopback."""
    value = settings.get(name)
    problem = _url_problem(value) if isinstance(value, str) else "must be a URL"
    if problem is not None or not isinstance(value, str):
        problems.append(f"settings.{name}: {problem}")
        return ""
    return value.rstrip("/")


def _url_problem(value: str) -> str | None:
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "must be a URL"
    if parts.scheme not in ("http", "https") or not host or not value.isascii() or " " in value:
        return "must be a URL"
    if parts.scheme == "http" and host not in LOOPBACK:
        return "must be https, except on loopback"
    if parts.username is not None or parts.query or parts.fragment:
        return "must hold no user, query or fragment"
    return None
