"""The kinds of desk we can write to: settings and credentials as stored in, a connector out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vestibule.domain.desks import DeskKind, credentials_problems, settings_problems
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
    known = {known.value: known for known in BUILDERS}
    if kind not in known:
        raise DeskMisconfigured((f"kind: must be one of {', '.join(sorted(known))}",))
    which = known[kind]
    problems = (*settings_problems(which, settings), *credentials_problems(which, credentials))
    if problems:
        raise DeskMisconfigured(problems)
    return BUILDERS[which](settings, credentials, surroundings or Surroundings(Unpaced()))


def build_jira(
    settings: Mapping[str, object], credentials: Mapping[str, object], surroundings: Surroundings
) -> ServiceDesk:
    """A Jira Service Management desk. What is given has no problems."""
    csm_url = settings.get("csm_url")
    where = JiraSettings(
        _address(settings["base_url"]),
        str(settings["service_desk_id"]),
        None if csm_url is None else _address(csm_url),
        settings.get("closed_desk") is True,
    )
    calls = Calls(
        str(credentials["email"]),
        str(credentials["api_token"]),
        surroundings.headers,
        surroundings.observed,
        surroundings.call_seconds,
    )
    return JiraDesk(where, calls, surroundings.pacing)


def build_memory(
    _settings: Mapping[str, object], _credentials: Mapping[str, object], surroundings: Surroundings
) -> ServiceDesk:
    """A desk that lives and dies with this process."""
    return MemoryDesk(pacing=surroundings.pacing)


BUILDERS: Mapping[DeskKind, Builder] = {DeskKind.JIRA: build_jira, DeskKind.MEMORY: build_memory}


def _address(url: object) -> str:
    return str(url).rstrip("/")
