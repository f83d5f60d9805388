"""What a command answers: a document for programs, a view for people, and an exit code."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, TextIO, TypeAlias
from uuid import UUID

import orjson
from cyclopts import Parameter
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from vestibule_operator_console.command_line.screens import Screen, one_line
from vestibule_operator_console.findings import age

OK, PROBLEM = 0, 1
PLAIN_WIDTH = 100

Json: TypeAlias = Annotated[
    bool, Parameter(name="--json", negative="", help="Write one JSON document for programs.")
]

COLOURS: Mapping[str, str] = {
    "applied": "green",
    "ok": "green",
    "active": "green",
    "live": "green",
    "pending": "cyan",
    "shadow": "blue",
    "held": "yellow",
    "paused": "yellow",
    "unknown": "yellow",
    "suspended": "red",
    "refused": "red",
    "failed": "red",
    "problem": "red",
    "unreachable": "red",
    "invalid": "red",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """`document` has stable keys; `view` is drawn on a screen of any width; one of them is written."""

    as_json: bool
    document: Mapping[str, Any]
    view: Sequence[RenderableType] = field(default=())
    code: int = OK


def open_screen(to: TextIO, environment: Mapping[str, str]) -> Screen:
    """As wide as the terminal or COLUMNS; what goes into a file or a pipe is 100 wide."""
    columns = environment.get("COLUMNS", "")
    given = int(columns) if columns.isascii() and columns.isdecimal() and columns != "0" else None
    return Screen(to, given or (None if to.isatty() else PLAIN_WIDTH))


def write(answer: Answer, to: TextIO, screen: Screen) -> None:
    """The answer in one form or the other, nothing else on this stream."""
    if answer.as_json:
        text = orjson.dumps(answer.document, default=_plain, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z)
        to.write(text.decode() + "\n")
        to.flush()
        return
    for part in answer.view:
        screen.print(part)


def _plain(value: object) -> str:
    if isinstance(value, UUID):  # the database driver's own subclass
        return str(value)
    raise TypeError(type(value).__name__)


def complain(text: str) -> None:
    """A line or more on standard error."""
    told = "\n".join(one_line(line) for line in text.split("\n"))
    sys.stderr.write(f"vestibule: {told}\n")


def table(*columns: str, right: Sequence[str] = ()) -> Table:
    """An empty table; numbers stand in the columns named by `right`."""
    made = Table(box=None, pad_edge=False, header_style="bold", show_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def coloured(word: str) -> Text:
    """A state or standing in its colour: `held(rename)` in that of `held`."""
    return Text(word, style=COLOURS.get(word.partition("(")[0], ""))


def moment(at: datetime | None) -> str:
    """A time for people, UTC to the second."""
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def since(at: datetime | None, now: datetime) -> str:
    """How long ago, for people."""
    return "" if at is None else age((now - at).total_seconds())


def number(count: int) -> str:
    """A count; nothing where there is nothing."""
    return f"{count:,}".replace(",", " ") if count else "-"
