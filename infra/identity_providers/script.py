"""What happens at a customer's, as recordings hold it: changes that call people and groups by names."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from infra.identity_providers.directory import Directory
from infra.identity_providers.people import Profile, Subject

CONNECT: Final = "connect"  # the admin's "test connection", which changes no directory


class ScriptError(ValueError):
    """A change that cannot happen; the message says which."""


@dataclass(slots=True)
class Cast:
    """Whom the names of a script stand for in a directory; who joins first is number 1."""

    directory: Directory
    people: dict[str, int] = field(default_factory=dict)
    teams: dict[str, int] = field(default_factory=dict)

    def perform(self, change: Mapping[str, Any]) -> list[Subject]:
        """Let one change happen; whom it touches. Raises ScriptError."""
        given = dict(change)
        kind = given.pop("do", None)
        try:
            return ACTIONS[kind](self, given)
        except (KeyError, TypeError) as error:
            raise ScriptError(f"{kind}: {type(error).__name__}: {error}") from error

    def _join(self, given: dict[str, Any]) -> list[Subject]:
        number = self.people[given.pop("who")] = self.directory.last_person + 1
        values = self._values(given)
        email = values.setdefault("email", values["login"])
        values.setdefault("external_id", f"{number:08x}-{email.partition('@')[2]}")
        values.setdefault("display_name", f"{values['given']} {values['family']}")
        return self.directory.join(Profile(number, **values))

    def _alter(self, given: dict[str, Any]) -> list[Subject]:
        return self.directory.alter(self._number(given), **self._values(given))

    def _set_password(self, given: dict[str, Any]) -> list[Subject]:
        number = self._number(given)
        return self.directory.alter(number, passwords=self.directory.people[number].passwords + 1)

    def _form(self, given: dict[str, Any]) -> list[Subject]:
        number = self.teams[given["group"]] = self.directory.last_team + 1
        return self.directory.form_team(number, given["name"], self._numbers(given.get("members", ())))

    def _rename(self, given: dict[str, Any]) -> list[Subject]:
        return self.directory.rename_team(self.teams[given["group"]], given["name"])

    def _enter(self, given: dict[str, Any]) -> list[Subject]:
        return self.directory.enter_team(self.teams[given["group"]], self._numbers(given["members"]))

    def _quit(self, given: dict[str, Any]) -> list[Subject]:
        return self.directory.quit_team(self.teams[given["group"]], self._numbers(given["members"]))

    def _end(self, given: dict[str, Any]) -> list[Subject]:
        return self.directory.end_team(self.teams[given["group"]])

    def _number(self, given: dict[str, Any]) -> int:
        return self.people[given.pop("who")]

    def _numbers(self, names: Sequence[str]) -> list[int]:
        return [self.people[name] for name in names]

    def _values(self, given: dict[str, Any]) -> dict[str, Any]:
        """Attributes of a profile as they stand in a script."""
        values = dict(given)
        if "manager" in values:
            values["manager"] = self.people[values["manager"]]
        if "roles" in values:
            values["roles"] = tuple(values["roles"])
        if "more" in values:
            values["more"] = tuple(sorted(values["more"].items()))
        return values


ACTIONS: Final[Mapping[Any, Callable[[Cast, dict[str, Any]], list[Subject]]]] = {
    "join": Cast._join,
    "alter": Cast._alter,
    "set password": Cast._set_password,
    "deactivate": lambda cast, given: cast.directory.deactivate(cast._number(given)),
    "reactivate": lambda cast, given: cast.directory.reactivate(cast._number(given)),
    "purge": lambda cast, given: cast.directory.purge(cast._number(given)),
    "rehire": lambda cast, given: cast.directory.rehire(cast._number(given)),
    "form group": Cast._form,
    "rename group": Cast._rename,
    "enter group": Cast._enter,
    "quit group": Cast._quit,
    "end group": Cast._end,
}
