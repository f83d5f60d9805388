"""The desk's settings, from the environment, validated whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LISTEN = "SANDBOX_DESK_LISTEN"
STATE = "SANDBOX_DESK_STATE"
USER = "SANDBOX_DESK_USER"
TOKEN = "SANDBOX_DESK_TOKEN"  # noqa: S105 - the name of a variable


class SettingsWrong(ValueError):
    """Every problem of the environment."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Settings:
    """Where to listen, where to remember (None: nowhere), and whom to let in."""

    host: str
    port: int
    state: Path | None
    user: str
    token: str


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings; SettingsWrong with every problem."""
    problems = []
    host, _, port = environment.get(LISTEN, "").rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        problems.append(f"{LISTEN}: must be host:port")
    problems += [f"{name}: must be set" for name in (USER, TOKEN) if not environment.get(name)]
    if ":" in environment.get(USER, ""):
        problems.append(f"{USER}: must not contain a colon")
    if problems:
        raise SettingsWrong(tuple(problems))
    state = environment.get(STATE)
    folder = Path(state) if state else None
    return Settings(host.strip("[]"), int(port), folder, environment[USER], environment[TOKEN])
