"""What customers named is shown as text: no markup, no emoji codes, no line of its own."""

import io

import pytest
from rich.console import RenderableType
from rich.text import Text

from vestibule_operator_console.command_line.answers import Answer, open_screen, table, write

NAMES = {
    "[/x] closes nothing": "[/x] closes nothing",
    "[red]IT[/red]": "[red]IT[/red]",
    "[link=https://evil.example]IT[/link]": "[link=https://evil.example]IT[/link]",
    ":pile_of_poo: team": ":pile_of_poo: team",
    "IT\x1b[2J\x1b]0;owned\x07": "IT[2J]0;owned",
    "IT\nacme applied": "IT acme applied",
    "IT\r\x0b\x85acme": "IT acme",
    "IT\u2028acme\u202etxt.exe": "IT acmetxt.exe",
    "Müller 東京 👍": "Müller 東京 👍",
}


def shown(*view: RenderableType) -> str:
    """What stands on the screen."""
    output = io.StringIO()
    write(Answer(False, {}, view), output, open_screen(output, {"COLUMNS": "120"}))
    return output.getvalue()


@pytest.mark.parametrize(("name", "text"), NAMES.items())
def test_a_name_in_a_table_is_shown_as_it_is(name: str, text: str) -> None:
    told = table("group", "state")
    told.add_row(name, "active")
    head, row = shown(told).splitlines()
    assert head.startswith("group")
    assert row.split("  ")[0].rstrip() == text


@pytest.mark.parametrize(("name", "text"), NAMES.items())
def test_a_name_in_a_line_is_shown_as_it_is(name: str, text: str) -> None:
    assert shown(f"group {name}") == f"group {text}\n"


@pytest.mark.parametrize("name", NAMES)
def test_a_styled_name_moves_no_cursor(name: str) -> None:
    said = shown(Text(name, "red"))
    assert all(sign.isprintable() or sign == "\n" for sign in said)
