"""docs/settings.md tells of every setting, and of none that is not there."""

import re
from dataclasses import fields
from typing import get_type_hints

from infra.local.places import ROOT
from vestibule.settings import services
from vestibule.settings.loading import Variable

CLASSES = (
    services.IngestSettings,
    services.RelaySettings,
    services.RouterSettings,
    services.WriterSettings,
    services.ConsoleSettings,
)


def names_in_code() -> set[str]:
    found: set[str] = set()
    for settings in CLASSES:
        hints = get_type_hints(settings, include_extras=True)
        for field in fields(settings):
            notes = hints[field.name].__metadata__
            found.update(note.name for note in notes if isinstance(note, Variable))
    return found


def test_every_setting_is_in_the_document_and_nothing_else() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", text, re.MULTILINE))
    assert documented == names_in_code()
