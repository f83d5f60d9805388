"""A simulated identity provider plays the chapters of a recording, against an endpoint in memory."""

from collections import deque
from collections.abc import Callable

from infra.identity_providers.catalogue import SPEAKERS
from infra.identity_providers.directory import Directory
from infra.identity_providers.exchanges import NOT_HEARD, Answer, Conversation, Request, Unheard
from infra.identity_providers.people import Subject, in_order
from infra.identity_providers.provider import IdentityProvider
from infra.identity_providers.script import CONNECT, Cast
from infra.identity_providers.transcript import Transcript, asked
from tests.unit.identity_providers.answering import Endpoint

DOMAIN = "corp.example"
Hear = Callable[[Request, Answer], bool]  # whether the answer is lost


class Rehearsal:
    """One customer through all of its chapters; `kept` are the values that exchanges keep."""

    def __init__(self) -> None:
        self.endpoint = Endpoint()
        self.kept: dict[str, str] = {}
        self.cast = Cast(Directory(DOMAIN))
        self.idp: IdentityProvider | None = None

    def play(self, chapter: Transcript, hear: Hear) -> None:
        """What somebody else says first, then the changes, then everything that follows from them."""
        for exchange in chapter.exchanges:
            if not exchange.aside:
                break
            request = asked(exchange, self.kept)
            hear(request, self.endpoint.answer(request))
        if self.idp is None:
            self.idp = IdentityProvider(SPEAKERS[chapter.idp](), self.cast.directory)
        elif self.idp.dialect.name != chapter.idp:
            self.idp.dialect = SPEAKERS[chapter.idp]()
        touched: list[Subject] = []
        for change in chapter.changes:
            if change["do"] == CONNECT:
                self._converse(self.idp.dialect.connect(), hear)
            else:
                touched += self.cast.perform(change)
        self._tell(self.idp, touched, hear)

    def _tell(self, idp: IdentityProvider, touched: list[Subject], hear: Hear) -> None:
        idp.touch(touched)
        queue = deque(in_order(touched))
        while queue:
            task = idp.take_at_once(queue.popleft())
            if task is None:
                continue
            try:
                self._converse(task.conversation, hear)
            except Unheard:
                idp.agenda.put_back(task.subject)
                queue.append(task.subject)
            else:
                idp.finish(task, 0.0, None)

    def _converse(self, conversation: Conversation[None], hear: Hear) -> None:
        answer: Answer | None = None
        while True:
            try:
                request = next(conversation) if answer is None else conversation.send(answer)
            except StopIteration:
                return
            answer = self.endpoint.answer(request)
            if hear(request, answer):
                answer = Answer(NOT_HEARD)
                if self.idp is not None and self.idp.dialect.repeats_at_once:
                    answer = self.endpoint.answer(request)
                    assert not hear(request, answer), "lost once is enough"
