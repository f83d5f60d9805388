"""Simulated identity providers as tests want them: small, quick, the same each time."""

import random

from infra.identity_providers.catalogue import DIALECTS
from infra.identity_providers.directory import Directory
from infra.identity_providers.life import EVERY_CHANGE, Change, Life, Pace
from infra.identity_providers.provider import IdentityProvider
from tests.unit.identity_providers.answering import Endpoint, speak

QUICK = 10_000.0  # times as fast as in life: a cycle of forty minutes is a quarter of a second
ROUNDS = 6
MOVES = 120


def identity_provider(name: str, people: int = 5, seed: int = 7, factor: float = QUICK) -> IdentityProvider:
    """One that has told nobody anything yet."""
    dialect = DIALECTS[name]()
    chance = random.Random(seed)  # noqa: S311 - to be repeatable
    directory = Directory("corp.example")
    life = Life(directory, Pace(people, 0, 0.0, 0.0), chance, dialect.plain_logins)
    return IdentityProvider(dialect, directory, factor, life)


def connect(idp: IdentityProvider, endpoint: Endpoint) -> None:
    """The admin's "test connection"."""
    conversation = idp.dialect.connect()
    request = next(conversation)
    while True:
        try:
            request = conversation.send(endpoint.answer(request))
        except StopIteration:
            return


def live(idp: IdentityProvider, endpoint: Endpoint, now: float = 0.0) -> float:
    """A life in which everything happens several times; everything is told after each change."""
    now = speak(idp, endpoint, now)
    for _ in range(ROUNDS):
        for change in EVERY_CHANGE:
            idp.let_happen(change)
            now = speak(idp, endpoint, now + 1.0)
    for _ in range(MOVES):
        idp.let_happen(Change.MOVE)
        now = speak(idp, endpoint, now + 1.0)
    return quit_all(idp, endpoint, now)


def quit_all(idp: IdentityProvider, endpoint: Endpoint, now: float) -> float:
    """Everybody leaves the oldest team."""
    number = min(idp.directory.teams)
    while idp.directory.teams[number].members:
        idp.let_happen(Change.QUIT_TEAM)
        now = speak(idp, endpoint, now + 1.0)
    return now
