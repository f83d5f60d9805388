"""The simulated identity providers say what is recorded of them, word for word."""

from dataclasses import replace

import pytest

from infra.identity_providers.catalogue import DIALECTS, SPEAKERS
from infra.identity_providers.exchanges import Answer, Request
from infra.identity_providers.transcript import Follower, Transcript, TranscriptError, read_transcripts
from tests.unit.identity_providers.recorded import TRANSCRIPTS
from tests.unit.identity_providers.rehearsing import Rehearsal


def follow(chapters: tuple[Transcript, ...]) -> int:
    """Have a simulated identity provider live through these; how many requests there were.

    Raises TranscriptError for the first one that is not the recorded one.
    """
    rehearsal = Rehearsal()
    for chapter in chapters:
        follower = Follower(chapter, rehearsal.kept, whole=True)

        def hear(request: Request, answer: Answer, follower: Follower = follower) -> bool:
            return follower.hear(request, answer).lost

        rehearsal.play(chapter, hear)
        follower.end()
    return len(rehearsal.endpoint.requests)


def test_every_dialect_and_every_variant_is_recorded() -> None:
    assert {folder.name for folder in TRANSCRIPTS.iterdir()} == set(DIALECTS)
    spoken = {chapter.idp for name in DIALECTS for chapter in read_transcripts(TRANSCRIPTS / name)}
    assert spoken == set(SPEAKERS)


@pytest.mark.parametrize("name", DIALECTS)
def test_from_the_same_script_a_simulation_sends_the_recorded_requests_and_no_others(name: str) -> None:
    chapters = read_transcripts(TRANSCRIPTS / name)
    assert follow(chapters) == sum(len(chapter.exchanges) for chapter in chapters) > 10


@pytest.mark.parametrize("name", DIALECTS)
def test_headers_and_base_url_are_the_recorded_ones(name: str) -> None:
    for chapter in read_transcripts(TRANSCRIPTS / name):
        dialect = SPEAKERS[chapter.idp]()
        assert (chapter.headers, chapter.suffix) == (dict(dialect.headers), dialect.suffix)
        assert chapter.source.startswith("section ")


def test_a_word_that_was_not_recorded_is_noticed() -> None:
    (first, *rest) = read_transcripts(TRANSCRIPTS / "google")
    created = next(exchange for exchange in first.exchanges if exchange.method == "POST")
    place = first.exchanges.index(created)
    for wrong, said in (
        (replace(created, body={**created.body, "nickName": "Sol"}), "/nickName is missing"),
        (replace(created, body={**created.body, "active": "True"}), "/active is True, not 'True'"),
        (replace(created, body={"userName": created.body["userName"]}), "says more than recorded"),
        (replace(created, path="/People"), "said POST /Users"),
        (replace(created, status=200), "answered 201, expected 200"),
    ):
        exchanges = (*first.exchanges[:place], wrong, *first.exchanges[place + 1 :])
        with pytest.raises(TranscriptError, match=said):
            follow((replace(first, exchanges=exchanges), *rest))


def test_a_request_too_few_or_too_many_is_noticed() -> None:
    chapters = read_transcripts(TRANSCRIPTS / "ping")
    shorter = replace(chapters[0], exchanges=chapters[0].exchanges[:-1])
    with pytest.raises(TranscriptError, match="replace group was not recorded"):
        follow((shorter, *chapters[1:]))
    longer = replace(chapters[0], exchanges=(*chapters[0].exchanges, chapters[0].exchanges[-1]))
    with pytest.raises(TranscriptError, match="was never said"):
        follow((longer, *chapters[1:]))
