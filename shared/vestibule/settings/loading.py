"""From the environment to a frozen value, or to a list of everything that is wrong with it."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    NoReturn,
    Protocol,
    TypeVar,
    get_type_hints,
)

if TYPE_CHECKING:
    from dataclasses import Field

EXIT_INVALID = 2


@dataclass(frozen=True, slots=True)
class Problem:
    """A variable, and what is wrong with it and what to do; never its value."""

    name: str
    advice: str


class Settings(Protocol):
    """A dataclass whose fields are annotated with a Variable, or with Several."""

    __dataclass_fields__: ClassVar[dict[str, "Field[Any]"]]

    def contradictions(self) -> Sequence[Problem]:
        """Why values do not go together although each is right alone; empty when they do."""


S = TypeVar("S", bound=Settings)


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


@dataclass(frozen=True, slots=True)
class Several:
    """The variables behind an annotated field that is a value of several fields, by the names of those."""

    make: Callable[..., object]
    variables: Mapping[str, Variable]


def load(settings: type[S], environment: Mapping[str, str]) -> S:
    """Read every field; an empty variable counts as unset. Raises InvalidSettingsError with all problems."""
    values: dict[str, object] = {}
    problems: list[Problem] = []
    for field, note in _notes(settings):
        if isinstance(note, Variable):
            values[field] = _read(note, environment, problems)
        else:
            parts = {name: _read(each, environment, problems) for name, each in note.variables.items()}
            values[field] = None if problems else note.make(**parts)
    if problems:
        raise InvalidSettingsError(tuple(problems))
    loaded = settings(**values)
    if contradictions := loaded.contradictions():
        raise InvalidSettingsError(tuple(contradictions))
    return loaded


def load_or_exit(settings: type[S], environment: Mapping[str, str] = os.environ) -> S:
    """Read the settings at start; otherwise list every problem on standard error and exit with 2."""
    try:
        return load(settings, environment)
    except InvalidSettingsError as invalid:
        _exit(invalid)


def variables_of(settings: type[Settings]) -> Iterator[Variable]:
    """Every variable that is read for these settings."""
    for _, note in _notes(settings):
        if isinstance(note, Variable):
            yield note
        else:
            yield from note.variables.values()


def _read(source: Variable, environment: Mapping[str, str], problems: list[Problem]) -> object:
    text = environment.get(source.name, "")
    if text:
        try:
            return source.read(text)
        except ValueError as error:
            problems.append(Problem(source.name, str(error)))
    elif source.default is not None:
        return source.default()
    else:
        problems.append(Problem(source.name, f"is not set; {source.advice}"))
    return None


def _notes(settings: type[Settings]) -> list[tuple[str, Variable | Several]]:
    hints = get_type_hints(settings, include_extras=True)
    return [
        (
            field.name,
            next(note for note in hints[field.name].__metadata__ if isinstance(note, Variable | Several)),
        )
        for field in fields(settings)
    ]


def _exit(invalid: InvalidSettingsError) -> NoReturn:
    for problem in invalid.problems:
        sys.stderr.write(f"{problem.name}: {problem.advice}\n")
    sys.stderr.flush()
    raise SystemExit(EXIT_INVALID) from invalid
