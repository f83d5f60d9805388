"""What an identity provider will say next, and when: rounds, passes, and what is tried again later."""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from infra.identity_providers.exchanges import Refused, Unheard
from infra.identity_providers.people import PASSES, Kind, Subject, in_order
from infra.identity_providers.rhythm import EVENT_RETRIES, RETRIES, Cycle, retry_after

MOST_ATTEMPTS: Final = 8
LOOK_SECONDS: Final = 0.5
TURN_SECONDS: Final = 0.02


@dataclass(slots=True)
class Agenda:
    """Subjects that wait, are under way, or are put off; time runs `factor` times as fast as in life."""

    factor: float
    cycle: Cycle
    errors: Counter[str]  # expected in life
    surprises: list[str]
    refused: Counter[str] = field(default_factory=Counter)  # answers that no request should get
    dirty: set[Subject] = field(default_factory=set)
    in_hand: set[Subject] = field(default_factory=set)
    waiting: deque[Subject] = field(default_factory=deque)
    attempts: Counter[Subject] = field(default_factory=Counter)
    not_before: dict[Subject, float] = field(default_factory=dict)
    closing: bool = False

    @property
    def settled(self) -> bool:
        """Whether everything was told and taken."""
        return not (self.dirty or self.in_hand or self.waiting)

    @property
    def open(self) -> int:
        """How many subjects are still to be told."""
        return len(self.dirty | self.in_hand | set(self.waiting))

    def abandon(self) -> None:
        """Tell nothing more, but find out what became of what was asked and never answered."""
        self.waiting = deque(subject for subject in self.waiting if subject in self.attempts)
        self.dirty = {subject for subject in self.dirty if subject in self.attempts}
        self.closing = True

    def touch(self, subjects: Iterable[Subject]) -> None:
        """These are to be looked at."""
        self.dirty.update(subjects)

    def take(self, now: float) -> Subject | None:
        """The next one; None while there is none, or others must be answered first."""
        if not self.waiting and not self.in_hand:
            self._turn_round(now)
        if not self.waiting:
            return None
        subject = self.waiting[0]
        if any(PASSES.index(other.kind) < PASSES.index(subject.kind) for other in self.in_hand):
            return None  # references come in a pass of their own, after those whom they refer to
        if subject.kind is Kind.TEAM and self.in_hand:
            return None  # one after the other: a name may pass from a group that ends to a new one
        self.waiting.popleft()
        self.cycle.tried += 1
        self._begin(subject)
        return subject

    def take_at_once(self, subject: Subject) -> bool:
        """Take this one whatever the rhythm; whether there is anything to say about it."""
        if subject in self.in_hand or not (subject in self.dirty or subject in self.waiting):
            return False
        if subject in self.waiting:
            self.waiting.remove(subject)
        self._begin(subject)
        return True

    def _begin(self, subject: Subject) -> None:
        self.dirty.discard(subject)
        self.in_hand.add(subject)

    def next_time(self, now: float) -> float:
        """When to look again for something to say; at most half a second away."""
        if self.in_hand or self.waiting or self.closing:
            return now + TURN_SECONDS
        times = [now + LOOK_SECONDS, *(self.not_before.get(subject, now) for subject in self.dirty)]
        return max(now + TURN_SECONDS, min(times), min(self.cycle.begins, now + LOOK_SECONDS))

    def finish(self, subject: Subject, now: float, problem: Refused | Unheard | None) -> None:
        """A conversation ended, well or with a problem; the subject is tried again later then."""
        self.in_hand.discard(subject)
        if problem is None:
            self.attempts.pop(subject, None)
            self.not_before.pop(subject, None)
            return
        self.attempts[subject] += 1
        attempts = self.attempts[subject]
        retries = RETRIES if self.cycle.interval else EVENT_RETRIES
        self.not_before[subject] = now + retry_after(attempts, retries, self.factor)
        match problem:
            case Refused():
                self.refused[problem.kind] += 1
                self.cycle.refused(problem, now)
            case Unheard():
                self.errors[str(problem)] += 1
        if attempts < MOST_ATTEMPTS:
            self.dirty.add(subject)
        else:
            self.surprises.append(f"given up after {attempts} attempts: {subject.kind} ({problem})")

    def put_back(self, subject: Subject) -> None:
        """A conversation was not heard to its end, and whoever insists has it again at once."""
        self.in_hand.discard(subject)
        self.dirty.add(subject)

    def _turn_round(self, now: float) -> None:
        """End a round, and begin the next one when its time has come."""
        if self.cycle.open:
            self.cycle.end()
        if now < self.cycle.begins and not self.closing:
            return
        due = [subject for subject in self.dirty if self.closing or self.not_before.get(subject, 0.0) <= now]
        if due or self.cycle.interval > 0:
            self.cycle.begin(now)
            self.waiting.extend(in_order(due))
