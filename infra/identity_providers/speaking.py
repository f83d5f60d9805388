"""The edge: an identity provider's conversations over HTTP, with answers lost on purpose, `429` honoured."""

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import orjson

from infra.identity_providers.exchanges import (
    LATER,
    NOT_HEARD,
    Answer,
    Conversation,
    Refused,
    Request,
    Unheard,
)
from infra.identity_providers.people import Subject, in_order
from infra.identity_providers.provider import IdentityProvider, Task
from infra.identity_providers.rhythm import put_off
from infra.identity_providers.wire import Endpoint, Wire

PEOPLE_PER_LANE: Final = 200
MOST_LANES: Final = 4
MOST_REPEATS: Final = 6
INSIST_SECONDS: Final = 60.0
INSIST_PAUSE: Final = 0.2
RECENT: Final = 200
IDLE_SECONDS: Final = 2.0

_T = TypeVar("_T")


@dataclass(slots=True)
class Tally:
    """What was measured of one identity provider."""

    answers: Counter[int] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    latest: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    lost: int = 0
    put_off: int = 0
    silence: Counter[str] = field(default_factory=Counter)  # no answer although one was waited for, by error

    @property
    def requests(self) -> int:
        """All that were sent."""
        return sum(self.answers.values()) + sum(self.silence.values())

    def heard(self, purpose: str, status: int, seconds: float) -> None:
        """Keep an answer."""
        self.answers[status] += 1
        self.seconds.setdefault(purpose, []).append(seconds)
        self.latest.append(seconds)

    def recent(self, share: float) -> float:
        """The same of the last answers, which costs the same however many there were."""
        ordered = sorted(self.latest)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0

    def percentile(self, share: float) -> float:
        """Seconds within which this share of all answers came; 0 where there were none."""
        ordered = sorted(second for purpose in self.seconds.values() for second in purpose)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


@dataclass(slots=True)
class Speaker:
    """One identity provider at work; `losing` is the share of answers that it never hears, by `seed`.

    `overhear` is told every request and its answer, before that may be lost.
    """

    idp: IdentityProvider
    endpoint: Endpoint
    losing: float = 0.0
    seed: str = ""
    clock: Callable[[], float] = field(default_factory=lambda: running_clock())
    overhear: Callable[[Request, Answer], object] | None = None
    tally: Tally = field(default_factory=Tally)
    turns: dict[Subject, asyncio.Lock] = field(default_factory=dict)
    paused_until: float = 0.0
    sent: Counter[Subject | None] = field(default_factory=Counter)

    def wire(self) -> Wire:
        """A new connection, speaking as this identity provider does."""
        dialect = self.idp.dialect
        return Wire(f"{self.endpoint.base_url}{dialect.suffix}", self.endpoint.token, dialect.headers)

    async def connect(self) -> None:
        """The admin's "test connection"; Refused, Unheard."""
        async with _Line(self.wire) as line:
            await self.converse(line, self.idp.dialect.connect(), None)

    async def work(self, closing: asyncio.Event) -> None:
        """Speak until `closing`, then until everything was told."""
        lanes = min(MOST_LANES, 1 + len(self.idp.directory.people) // PEOPLE_PER_LANE)
        async with asyncio.TaskGroup() as group:
            for _ in range(lanes):
                group.create_task(self._lane(closing))

    async def tell(self, subjects: Iterable[Subject]) -> None:
        """Have these told now, whatever the rhythm, and insist until all was taken.

        Several may insist at once. Raises Refused for an answer that no request should get, and TimeoutError
        when the service could not be reached for a minute.
        """
        self.idp.touch(touched := list(subjects))
        queue = deque(in_order(touched))
        async with asyncio.timeout(INSIST_SECONDS), _Line(self.wire) as line:
            while queue:
                subject = queue.popleft()
                async with self.turns.setdefault(subject, asyncio.Lock()):
                    task = self.idp.take_at_once(subject)
                    if task is not None and not await self._insist_on(line, task):
                        queue.append(subject)  # behind those that it may have to wait for
                        await asyncio.sleep(INSIST_PAUSE)

    async def read(self, conversation: Conversation[_T]) -> _T:
        """Have one conversation of whoever asks, without loss; returns what it found."""
        async with _Line(self.wire) as line:
            return await self.converse(line, conversation, None)

    async def _lane(self, closing: asyncio.Event) -> None:
        idp = self.idp
        async with _Line(self.wire) as line:
            while True:
                now = self.clock()
                idp.agenda.closing = idp.agenda.closing or closing.is_set()
                idp.advance(now)
                task = idp.take(now)
                if task is not None:
                    await self._carry_out(line, task)
                elif idp.agenda.closing and idp.agenda.settled:
                    return
                else:
                    await _until(closing, idp.next_time(now) - now)

    async def _carry_out(self, line: "_Line", task: Task) -> None:
        problem: Refused | Unheard | None = None
        try:
            await self.converse(line, task.conversation, task.subject)
        except (Refused, Unheard) as found:
            problem = found
        self.idp.finish(task, self.clock(), problem)

    async def _insist_on(self, line: "_Line", task: Task) -> bool:
        """Whether it was told; where nobody answered, or later was asked for, it waits again."""
        try:
            await self.converse(line, task.conversation, task.subject)
        except Unheard as unheard:
            self.idp.agenda.errors[str(unheard)] += 1
        except Refused as refused:
            if refused.answer.status not in LATER:
                self.idp.finish(task, self.clock(), refused)
                raise
        else:
            self.idp.finish(task, self.clock(), None)
            return True
        self.idp.agenda.put_back(task.subject)
        return False

    async def converse(self, line: "_Line", conversation: Conversation[_T], subject: Subject | None) -> _T:
        """Carry a conversation to its end; what it returned."""
        answer: Answer | None = None
        while True:
            try:
                request = next(conversation) if answer is None else conversation.send(answer)
            except StopIteration as end:
                found: _T = end.value
                return found
            answer = await self._insist(line, request, subject)

    async def _insist(self, line: "_Line", request: Request, subject: Subject | None) -> Answer:
        """Send it until it is answered for good, given up, or left to a later round."""
        times = 0
        for _ in range(MOST_REPEATS):
            answer = await self._send(line, request)
            while answer.status in LATER:
                times += 1
                pause = put_off(answer, times, self.idp.factor)
                if pause is None:
                    return answer
                self.tally.put_off += 1
                self.paused_until = max(self.paused_until, self.clock() + pause)  # the whole job waits (O4)
                answer = await self._send(line, request)
            heard = answer.status != NOT_HEARD and not self._loses(subject)
            if heard:
                return answer
            if answer.status != NOT_HEARD:
                self.tally.lost += 1
            if subject is None or not self.idp.dialect.repeats_at_once:
                break
        return Answer(NOT_HEARD)

    def _loses(self, subject: Subject | None) -> bool:
        """Whether this answer is dropped: the same for the same seed, whatever the order of subjects."""
        if subject is None or self.losing <= 0:
            return False
        self.sent[subject] += 1
        drawn = random.Random(f"{self.seed}/{subject.kind}/{subject.number}/{self.sent[subject]}")  # noqa: S311 - to be repeatable
        return drawn.random() < self.losing

    async def _send(self, line: "_Line", request: Request) -> Answer:
        if (pause := self.paused_until - self.clock()) > 0:
            await asyncio.sleep(pause)
        body = b"" if request.body is None else orjson.dumps(request.body)
        try:
            heard = await (await line.wire()).call(request.method, request.path, body)
        except (OSError, EOFError, TimeoutError) as error:
            self.tally.silence[type(error).__name__] += 1
            await line.reopen()
            return Answer(NOT_HEARD)
        self.tally.heard(request.purpose, heard.status, heard.seconds)
        told = heard.retry_after
        wait = int(told) if told.isascii() and told.isdigit() else None
        answer = Answer(heard.status, _document(heard.body), wait)
        if self.overhear is not None:
            self.overhear(request, answer)
        return answer


class _Line:
    """A connection that is opened anew after it broke, or after a pause in which it may have been closed."""

    def __init__(self, make: Callable[[], Wire]) -> None:
        self._make, self._wire = make, make()
        self._opened = False
        self._used = 0.0

    async def __aenter__(self) -> "_Line":
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._wire.__aexit__(None, None, None)

    async def wire(self) -> Wire:
        if self._opened and time.monotonic() - self._used > IDLE_SECONDS:
            await self.reopen()
        if not self._opened:
            await self._wire.__aenter__()
            self._opened = True
        self._used = time.monotonic()
        return self._wire

    async def reopen(self) -> None:
        await self._wire.__aexit__(None, None, None)
        self._wire, self._opened = self._make(), False


def _document(body: bytes) -> Any:
    """A body's JSON; None for what is none, as a proxy's error page."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


async def _until(event: asyncio.Event, seconds: float) -> None:
    """Wait that long, or less when the event comes first; an event that has come shortens nothing further."""
    if event.is_set():
        await asyncio.sleep(min(seconds, 0.05))
        return
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


def running_clock() -> Callable[[], float]:
    """Seconds since now."""
    began = time.monotonic()
    return lambda: time.monotonic() - began
