"""What is recorded of each identity provider, as tests ask about it."""

from functools import cache

from infra.identity_providers.catalogue import DIALECTS
from infra.identity_providers.exchanges import Request
from infra.identity_providers.transcript import Exchange, Transcript, read_transcripts
from infra.local.places import ROOT
from tests.unit.identity_providers.shapes import Said

TRANSCRIPTS = ROOT / "tests" / "transcripts"


@cache
def chapters_of(folder: str) -> tuple[Transcript, ...]:
    """The chapters of one customer, in order."""
    return read_transcripts(TRANSCRIPTS / folder)


@cache
def exchanges_of(name: str) -> tuple[Exchange, ...]:
    """All that a speaker, a dialect or a variant, has said itself, with the answers."""
    chapters = [chapter for folder in DIALECTS for chapter in chapters_of(folder) if chapter.idp == name]
    return tuple(one for chapter in chapters for one in chapter.exchanges if not one.aside)


@cache
def recorded(name: str) -> Said:
    """All that a speaker has said itself."""
    requests = tuple(Request(one.note, one.method, one.path, one.body) for one in exchanges_of(name))
    first = next(one for folder in DIALECTS for one in chapters_of(folder) if one.idp == name)
    return Said(requests, first.headers, first.suffix)
