"""One identity provider: its directory, what it believes the endpoint to know, what it will say next."""

import random
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from infra.identity_providers.dialect import Dialect, Link, TeamLink
from infra.identity_providers.exchanges import (
    Conversation,
    Forgotten,
    Refused,
    Unheard,
    ask,
)
from infra.identity_providers.people import (
    EVERY_CHANGE,
    WEIGHTS,
    Change,
    Directory,
    Kind,
    Profile,
    Subject,
    person,
)
from infra.identity_providers.rhythm import EVENT_RETRIES, RETRIES, Cycle, retry_after

PASSES: Final = tuple(Kind)
MOST_ATTEMPTS: Final = 8
LOOK_SECONDS: Final = 0.5
TURN_SECONDS: Final = 0.02


@dataclass(slots=True)
class Task:
    """Something to say about one subject; send answers into the conversation until it ends."""

    subject: Subject
    conversation: Conversation[None]


@dataclass(frozen=True, slots=True)
class Pace:
    """How a run goes: changes are spread over the time from `first` to `last`, in seconds of the run."""

    people: int
    changes: int
    first: float
    last: float
    factor: float  # so many times faster than in life


@dataclass(slots=True)
class IdentityProvider:
    """`advance` lets its customer live, `take` says what comes next, `finish` hears how it went."""

    dialect: Dialect
    directory: Directory
    pace: Pace
    chance: random.Random
    links: dict[int, Link] = field(default_factory=dict)
    team_links: dict[int, TeamLink] = field(default_factory=dict)
    owners: dict[str, int] = field(default_factory=dict)  # id -> person
    managers: dict[int, str] = field(default_factory=dict)  # as told: person -> id of the manager
    asked: dict[int, Profile] = field(default_factory=dict)  # as last asked for, taken or not
    addresses: dict[int, set[str]] = field(default_factory=dict)  # every one that was ever sent
    errors: Counter[str] = field(default_factory=Counter)  # expected in life: lost answers and what follows
    refused: Counter[str] = field(default_factory=Counter)  # answers that no request should get
    surprises: list[str] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    dirty: set[Subject] = field(default_factory=set)
    in_hand: set[Subject] = field(default_factory=set)
    waiting: deque[Subject] = field(default_factory=deque)
    attempts: Counter[Subject] = field(default_factory=Counter)
    not_before: dict[Subject, float] = field(default_factory=dict)
    changed: int = 0
    cycle: Cycle = field(init=False)
    closing: bool = False

    def __post_init__(self) -> None:
        self.cycle = Cycle(self.dialect.interval, self.pace.factor)
        self.touch(self.directory.found(self.pace.people))

    # --- what happens at the customer's

    def advance(self, now: float) -> None:
        """Let happen what is due until now."""
        span = max(self.pace.last - self.pace.first, 1e-9)
        due = int(self.pace.changes * min(1.0, max(0.0, (now - self.pace.first) / span)))
        while self.changed < due and not self.closing:
            self.let_happen(self._next_change())

    def let_happen(self, change: Change) -> None:
        """One change, whether or not it is due."""
        touched = self.directory.change(change)
        self.changed += 1
        if touched:
            self.happened[change.name.lower()] += 1
        self.touch(touched)

    def _next_change(self) -> Change:
        if self.changed < len(EVERY_CHANGE):
            return EVERY_CHANGE[self.changed]
        return self.chance.choices(EVERY_CHANGE, WEIGHTS)[0]

    def abandon(self) -> None:
        """Tell nothing more, but find out what became of what was asked and never answered."""
        self.waiting = deque(subject for subject in self.waiting if subject in self.attempts)
        self.dirty = {subject for subject in self.dirty if subject in self.attempts}
        self.closing = True

    def touch(self, subjects: Iterable[Subject]) -> None:
        """These are to be looked at."""
        for subject in subjects:
            if (subject.kind is Kind.TEAM and not self.dialect.pushes_teams) or (
                subject.kind is Kind.MANAGER and not self.dialect.has_managers
            ):
                continue
            self.dirty.add(subject)

    # --- what comes next

    @property
    def settled(self) -> bool:
        """Whether everything was told and taken."""
        return not (self.dirty or self.in_hand or self.waiting)

    def take(self, now: float) -> Task | None:
        """The next thing to say; None while there is none, or others must be answered first."""
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
        self.dirty.discard(subject)
        self.in_hand.add(subject)
        self.cycle.tried += 1
        return Task(subject, self._tell(subject))

    def next_time(self, now: float) -> float:
        """When to look again for something to say; at most half a second away."""
        if self.in_hand or self.waiting or self.closing:
            return now + TURN_SECONDS
        times = [now + LOOK_SECONDS, *(self.not_before.get(subject, now) for subject in self.dirty)]
        if self.changed < self.pace.changes:
            span = self.pace.last - self.pace.first
            times.append(self.pace.first + (self.changed + 1) * span / self.pace.changes)
        return max(now + TURN_SECONDS, min(times), min(self.cycle.begins, now + LOOK_SECONDS))

    def finish(self, task: Task, now: float, problem: Refused | Unheard | None) -> None:
        """A conversation ended, well or with a problem; the subject is tried again later then."""
        self.in_hand.discard(task.subject)
        if problem is None:
            self.attempts.pop(task.subject, None)
            self.not_before.pop(task.subject, None)
            return
        self.attempts[task.subject] += 1
        attempts = self.attempts[task.subject]
        retries = RETRIES if self.dialect.interval else EVENT_RETRIES
        self.not_before[task.subject] = now + retry_after(attempts, retries, self.pace.factor)
        match problem:
            case Refused():
                self.refused[problem.kind] += 1
                self.cycle.refused(problem, now)
            case Unheard():
                self.errors[str(problem)] += 1
        if attempts < MOST_ATTEMPTS:
            self.dirty.add(task.subject)
        else:
            self.surprises.append(f"given up after {attempts} attempts: {task.subject.kind} ({problem})")

    def _turn_round(self, now: float) -> None:
        """End a round, and begin the next one when its time has come."""
        if self.cycle.open:
            self.cycle.end()
        if now < self.cycle.begins and not self.closing:
            return
        due = [subject for subject in self.dirty if self.closing or self.not_before.get(subject, 0.0) <= now]
        if due or self.cycle.interval > 0:
            self.cycle.begin(now)
            self.waiting.extend(sorted(due, key=lambda one: (PASSES.index(one.kind), one.number)))

    # --- what is said

    def _tell(self, subject: Subject) -> Conversation[None]:
        match subject.kind:
            case Kind.PERSON:
                return self._tell_person(subject.number)
            case Kind.MANAGER:
                return self._tell_manager(subject.number)
            case Kind.TEAM:
                return self._tell_team(subject.number)

    def _tell_person(self, number: int) -> Conversation[None]:
        link = self.links.get(number)
        if self.directory.people.get(number) is None:
            if link is not None and not link.ended:
                yield from self._end_person(number, link)
            elif link is None and number in self.asked:
                yield from self._find_person(number, self.directory.purged[number])
            return
        if link is None or link.gone:
            link = yield from self._link_person(number, link)
            if link is None:
                return
        yield from self._update_person(self.directory.people.get(number, link.asked), link)

    def _update_person(self, profile: Profile | None, link: Link) -> Conversation[None]:
        """Whatever becomes of the request, it is known that it was asked; told is only what was taken."""
        if profile is None:
            return
        wanted = self.dialect.taken(profile, link.asked)
        if link.told == wanted:
            return
        known = Link(link.id, link.told)
        link.told, link.asked = None, wanted
        self._asks(wanted)
        try:
            yield from self.dialect.update_user(wanted, known)
        except Forgotten:
            del self.links[profile.number]
            self.touch([person(profile.number)])
            return
        link.told = wanted

    def _link_person(self, number: int, before: Link | None) -> Conversation[Link | None]:
        """Match or create; a 409 after an answer that was never heard is our own earlier request.

        Nobody creates who may not get in (M4), but who was perhaps created before that is looked for.
        """
        profile = self.directory.people[number]
        if not profile.active and (before is not None or number not in self.asked):
            return None
        found = yield from self.dialect.find_user(profile)
        if found is None and profile.active:
            request = self.dialect.create_user(profile)
            self._asks(self.dialect.taken(profile, None))
            answer = yield from ask(request, 201, 409)
            if answer.status == 201:
                told = self.dialect.taken(profile, None)
                return self._linked(number, before, Link(str(answer.body["id"]), told, told))
            self.errors["create user: 409 uniqueness, matched then"] += 1
            found = yield from self.dialect.find_user(profile)
            if found is None:  # renamed since that request: found by the key that never changes
                found = yield from self.dialect.find_user_by_key(profile)
            if found is None:
                raise Refused(request, answer)
        if found is None:
            found = yield from self.dialect.find_user_by_key(profile)
        if found is None:
            return None
        return self._linked(number, before, Link(str(found["id"]), None, self.asked.get(number)))

    def _find_person(self, number: int, gone: Profile) -> Conversation[None]:
        """Somebody who is gone and was perhaps created before, by a request whose answer was lost."""
        found = yield from self.dialect.find_user_by_key(gone)
        if found is not None:
            link = Link(str(found["id"]), None, self.asked[number])
            self.links[number] = link
            yield from self._end_person(number, link)

    def _asks(self, profile: Profile) -> None:
        self.asked[profile.number] = profile
        self.addresses.setdefault(profile.number, set()).add(profile.email)

    def _linked(self, number: int, before: Link | None, link: Link) -> Link:
        known = before.told if before is not None else None
        login = self.directory.people[number].login if number in self.directory.people else ""
        if before is not None and before.id != link.id and known is not None and known.login == login:
            self.surprises.append("a person who returned under the same names has another id")
        if self.owners.setdefault(link.id, number) != number:
            self.surprises.append("two persons were given one id")
        self.links[number] = link
        return link

    def _end_person(self, number: int, link: Link) -> Conversation[None]:
        if not self.dialect.deletes:
            yield from self._update_person(self.directory.purged.get(number), link)
            return
        link.gone = True
        yield from self.dialect.delete_user(link)
        link.ended = True
        self.managers.pop(number, None)

    def _tell_manager(self, number: int) -> Conversation[None]:
        profile, link = self.directory.people.get(number), self.links.get(number)
        if profile is None or link is None or link.gone or profile.manager is None:
            return
        boss = self.links.get(profile.manager)
        if boss is None or boss.gone or self.managers.get(number) == boss.id:
            return
        self.managers.pop(number, None)  # not known until this is answered
        yield from self.dialect.set_manager(link, boss)
        self.managers[number] = boss.id

    def _tell_team(self, number: int) -> Conversation[None]:
        team, link = self.directory.teams.get(number), self.team_links.get(number)
        if team is None:
            if link is not None:
                yield from self.dialect.delete_team(link)
                del self.team_links[number]
            return
        if link is None:
            found = yield from self.dialect.find_team(team)
            if found is None:
                request = self.dialect.create_team(team)
                answer = yield from ask(request, 201, 409)
                if answer.status == 409:
                    self.errors["create group: 409 uniqueness, matched then"] += 1
                    found = yield from self.dialect.find_team(team)
                    if found is None:
                        raise Refused(request, answer)
                else:
                    link = TeamLink(str(answer.body["id"]), team.name, frozenset())
            if found is not None and any(found["id"] == other.id for other in self.team_links.values()):
                raise Unheard("the name is another group's still, tried again later")
            if link is None and found is not None:
                link = TeamLink(str(found["id"]), str(found["displayName"]))
            assert link is not None, "matched or created"
            self.team_links[number] = link
        members = self.member_ids(team.members)
        if link != TeamLink(link.id, team.name, members):
            known, link.name = replace(link), ""
            link.members = None if known.members is None else known.members & members
            link.possible = known.certain | known.possible | members
            yield from self.dialect.update_team(team, known, members)
            self.team_links[number] = TeamLink(link.id, team.name, members)

    def member_ids(self, members: Iterable[int]) -> frozenset[str]:
        """The ids of those who are at the endpoint."""
        links = (self.links.get(member) for member in members)
        return frozenset(link.id for link in links if link is not None and not link.gone)
