"""The operator's screen: what customers named is shown as text and never obeyed."""

import unicodedata
from collections.abc import Iterable
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

# controls, invisible signs that turn the direction of writing among them, and other line ends than ours
_HIDDEN = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs"})


class Screen(Console):
    """A console without markup, emoji codes and control characters: the one place that all output passes.

    A group's name comes from a customer; it may hold `[link=...]`, an escape sequence or a line of its own.
    """

    def __init__(self, to: TextIO, width: int | None) -> None:
        """Draw on `to`; without a width as wide as the terminal."""
        super().__init__(file=to, width=width, highlight=False, markup=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """A text, also one in a table's cell, is one line."""
        return super().render_str(one_line(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Everything drawn, lines ended by us alone."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable() or segment.text == "\n":
                yield segment
            else:
                yield Segment(visible(segment.text), segment.style)


def one_line(text: str) -> str:
    """A text on one line, without anything that a terminal would obey or hide."""
    return text if text.isprintable() else visible(" ".join(text.split()))


def visible(text: str) -> str:
    """A text without control characters; its line ends stay."""
    return "".join(sign for sign in text if sign == "\n" or unicodedata.category(sign) not in _HIDDEN)
