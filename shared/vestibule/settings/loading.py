"""From the environment to a frozen value, or to a list of everything that is wrong with it."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Protocol, TypeVar, get_type_hints

if TYPE_CHECKING:
    from dataclasses import Field

EXIT_INVALID = 2


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, "Field[Any]"]]


S = TypeVar("S", bound=_Dataclass)


@dataclass(frozen=True, slots=True)
class Problem:
    """A variable, and what is wrong with it and what to do; never its value."""

    name: str
    advice: str


class InvalidSettingsError(Exception):
    """The environment cannot be used; all problems are listed."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(f"{len(problems)} invalid settings")
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Variable:
    """The variable behind an annotated field; without a default it is required, `advice` says what to set."""

    name: str
    read: Callable[[str], object]
    advice: str = ""
    default: Callable[[], object] | None = None


def load(settings: type[S], environment: Mapping[str, str]) -> S:
    """Read every field; an empty variable counts as unset. Raises InvalidSettingsError with all problems."""
    values: dict[str, object] = {}
    problems: list[Problem] = []
    for field, source in _variables(settings):
        text = environment.get(source.name, "")
        if text:
            try:
                values[field] = source.read(text)
            except ValueError as error:
                problems.append(Problem(source.name, str(error)))
        elif source.default is not None:
            values[field] = source.default()
        else:
            problems.append(Problem(source.name, f"is not set; {source.advice}"))
    if problems:
        raise InvalidSettingsError(tuple(problems))
    return settings(**values)


def load_or_exit(settings: type[S], environment: Mapping[str, str] = os.environ) -> S:
    """Read the settings at start; otherwise list every problem on standard error and exit with 2."""
    try:
        return load(settings, environment)
    except InvalidSettingsError as invalid:
        _exit(invalid)


def _variables(settings: type[_Dataclass]) -> list[tuple[str, Variable]]:
    hints = get_type_hints(settings, include_extras=True)
    return [
        (field.name, next(note for note in hints[field.name].__metadata__ if isinstance(note, Variable)))
        for field in fields(settings)
    ]


def _exit(invalid: InvalidSettingsError) -> NoReturn:
    for problem in invalid.problems:
        sys.stderr.write(f"{problem.name}: {problem.advice}\n")
    sys.stderr.flush()
    raise SystemExit(EXIT_INVALID) from invalid
