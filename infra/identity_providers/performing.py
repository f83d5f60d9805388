"""A simulated identity provider plays a recorded chapter by itself, over HTTP and as recorded."""

from infra.identity_providers.people import Subject
from infra.identity_providers.script import CONNECT, Cast
from infra.identity_providers.speaking import Speaker
from infra.identity_providers.transcript import Follower, Transcript


async def perform(chapter: Transcript, speaker: Speaker, cast: Cast, kept: dict[str, str]) -> int:
    """Let happen what the chapter says has changed, and have all that follows from it told.

    Returns how many requests were sent. Raises TranscriptError for the first that is not the recorded one, or
    is not answered as recorded; else what `Speaker.connect` and `Speaker.tell` raise.
    """
    follower = Follower(chapter, kept)
    speaker.overhear = follower.hear
    touched: list[Subject] = []
    for change in chapter.changes:
        if change["do"] == CONNECT:
            await speaker.connect()
        else:
            touched += cast.perform(change)
    await speaker.tell(touched)
    follower.end()
    return len(chapter.exchanges)
