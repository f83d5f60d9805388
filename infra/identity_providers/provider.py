"""One identity provider: its directory, what it believes the endpoint to know, what it will say next."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from infra.identity_providers.agenda import TURN_SECONDS, Agenda
from infra.identity_providers.beliefs import Beliefs
from infra.identity_providers.dialect import Dialect
from infra.identity_providers.directory import Directory
from infra.identity_providers.exchanges import Conversation, Refused, Unheard
from infra.identity_providers.life import Change, Life
from infra.identity_providers.people import Kind, Subject
from infra.identity_providers.rhythm import Cycle
from infra.identity_providers.telling import Teller


@dataclass(slots=True)
class Task:
    """Something to say about one subject; send answers into the conversation until it ends."""

    subject: Subject
    conversation: Conversation[None]


@dataclass(slots=True)
class IdentityProvider:
    """`touch` is how it learns of changes, `take` says what comes next, `finish` hears how it went.

    `life` lets its customer live by itself; without one only a script changes the directory. Its clock runs
    `factor` times as fast as in life.
    """

    dialect: Dialect
    directory: Directory
    factor: float = 1.0
    life: Life | None = None
    beliefs: Beliefs = field(default_factory=Beliefs)
    agenda: Agenda = field(init=False)

    def __post_init__(self) -> None:
        cycle = Cycle(self.dialect.interval, self.factor)
        self.agenda = Agenda(self.factor, cycle, self.beliefs.errors, self.beliefs.surprises)
        if self.life is not None:
            self.touch(self.life.found())

    # --- what happens at the customer's

    def advance(self, now: float) -> None:
        """Let happen what is due until now."""
        if self.life is not None and not self.agenda.closing:
            self.touch(self.life.advance(now))

    def let_happen(self, change: Change) -> None:
        """One change by chance, whether or not it is due."""
        assert self.life is not None, "without a life only a script changes anything"
        self.touch(self.life.let_happen(change))

    def touch(self, subjects: Iterable[Subject]) -> None:
        """The directory has changed: these are to be looked at."""
        teller = self._teller()
        self.agenda.touch(subject for subject in subjects if teller.tells(subject))

    # --- what comes next

    def take(self, now: float) -> Task | None:
        """The next thing to say; None while there is none, or others must be answered first."""
        subject = self.agenda.take(now)
        return None if subject is None else Task(subject, self._teller().tell(subject))

    def take_at_once(self, subject: Subject) -> Task | None:
        """What there is to say about this one, whatever the rhythm; None where there is nothing."""
        return Task(subject, self._teller().tell(subject)) if self.agenda.take_at_once(subject) else None

    def next_time(self, now: float) -> float:
        """When to look again for something to say; at most half a second away."""
        at = self.agenda.next_time(now)
        happens = self.life.next_time() if self.life is not None else None
        return at if happens is None else max(now + TURN_SECONDS, min(at, happens))

    def finish(self, task: Task, now: float, problem: Refused | Unheard | None) -> None:
        """A conversation ended, well or with a problem; the subject is tried again later then."""
        self.agenda.finish(task.subject, now, problem)
        if problem is None and task.subject.kind is Kind.TEAM:
            self.beliefs.seat(task.subject.number, now)

    def _teller(self) -> Teller:
        return Teller(self.dialect, self.directory, self.beliefs)
