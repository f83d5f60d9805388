"""What is said about one subject so that the endpoint knows it as the directory has it now."""

from dataclasses import dataclass, replace
from typing import Any, Final

from infra.identity_providers.beliefs import Beliefs, Link, TeamLink
from infra.identity_providers.dialect import Dialect, TellsManagers
from infra.identity_providers.directory import Directory
from infra.identity_providers.exchanges import Conversation, Forgotten, Refused, Unheard, ask
from infra.identity_providers.people import Kind, Profile, Subject, Team

NAME_TAKEN: Final = "the name is another group's still, tried again later"
FORGOTTEN: Final = "forgotten by the endpoint, created again later"


@dataclass(frozen=True, slots=True)
class Teller:
    """Reads the directory, speaks the dialect, keeps the beliefs true whatever is answered or lost."""

    dialect: Dialect
    directory: Directory
    beliefs: Beliefs

    def tells(self, subject: Subject) -> bool:
        """Whether this identity provider says anything about such a subject."""
        match subject.kind:
            case Kind.PERSON:
                return True
            case Kind.MANAGER:
                return isinstance(self.dialect, TellsManagers)
            case Kind.TEAM:
                return self.dialect.pushes_teams

    def tell(self, subject: Subject) -> Conversation[None]:
        """The conversation; a subject that was told already has an empty one."""
        match subject.kind:
            case Kind.PERSON:
                return self._tell_person(subject.number)
            case Kind.MANAGER:
                return self._tell_manager(subject.number)
            case Kind.TEAM:
                return self._tell_team(subject.number)

    # --- people

    def _tell_person(self, number: int) -> Conversation[None]:
        link = self.beliefs.links.get(number)
        if self.directory.people.get(number) is None:
            if link is not None and not link.ended:
                yield from self._end_person(number, link)
            elif link is None and number in self.beliefs.asked:
                yield from self._find_gone(number, self.directory.purged[number])
            return
        if link is None or link.gone:
            link = yield from self._link_person(number)
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
        known = replace(link)
        link.told, link.asked, link.found_active = None, wanted, None
        self.beliefs.asks(wanted)
        try:
            yield from self.dialect.update_user(wanted, known)
        except Forgotten:
            del self.beliefs.links[profile.number]
            made = yield from self._link_person(profile.number)
            if made is not None and made.told != wanted:
                raise Unheard(FORGOTTEN) from None
            return
        link.told = wanted

    def _link_person(self, number: int) -> Conversation[Link | None]:
        """Match or create; a 409 after an answer that was never heard is our own earlier request.

        Most create nobody who may not get in (M4), but who was perhaps created before that is looked for.
        """
        profile = self.directory.people[number]
        creates = profile.active or self.dialect.creates_inactive
        if not creates and (number in self.beliefs.links or number not in self.beliefs.asked):
            return None
        found = yield from self.dialect.find_user(profile)
        if found is None and creates:
            request = self.dialect.create_user(profile)
            made = self.dialect.created(profile)
            self.beliefs.asks(made)
            answer = yield from ask(request, 201, 409)
            if answer.status == 201:
                return self._linked(number, Link(str(answer.body["id"]), made, made))
            self.beliefs.errors["create user: 409 uniqueness, matched then"] += 1
            found = yield from self.dialect.find_user(profile)
            if found is None:  # renamed since that request: found by the key that never changes
                found = yield from self.dialect.find_user_by_key(profile)
            if found is None:
                raise Refused(request, answer)
        if found is None:
            found = yield from self.dialect.find_user_by_key(profile)
        return None if found is None else self._linked(number, self._found(number, found))

    def _find_gone(self, number: int, gone: Profile) -> Conversation[None]:
        """Somebody who is gone and was perhaps created before, by a request whose answer was lost."""
        found = yield from self.dialect.find_user_by_key(gone)
        if found is not None:
            link = self.beliefs.links[number] = self._found(number, found)
            yield from self._end_person(number, link)

    def _found(self, number: int, found: dict[str, Any]) -> Link:
        asked = self.beliefs.asked.get(number)
        return Link(str(found["id"]), None, asked, found_active=found.get("active"))

    def _linked(self, number: int, link: Link) -> Link:
        profile = self.directory.people.get(number)
        return self.beliefs.link(number, link, profile.login if profile is not None else "")

    def _end_person(self, number: int, link: Link) -> Conversation[None]:
        if not self.dialect.deletes:
            gone = self.directory.purged.get(number)
            yield from self._update_person(replace(gone, active=False) if gone is not None else None, link)
            return
        link.gone = True
        yield from self.dialect.delete_user(link)
        link.ended = True
        self.beliefs.managers.pop(number, None)

    def _tell_manager(self, number: int) -> Conversation[None]:
        profile, link = self.directory.people.get(number), self.beliefs.links.get(number)
        if profile is None or link is None or link.gone or profile.manager is None:
            return
        boss = self.beliefs.links.get(profile.manager)
        if boss is None or boss.gone or self.beliefs.managers.get(number) == boss.id:
            return
        assert isinstance(self.dialect, TellsManagers), "others are never asked"
        self.beliefs.managers.pop(number, None)  # not known until this is answered
        yield from self.dialect.set_manager(profile, link, boss)
        self.beliefs.managers[number] = boss.id

    # --- teams

    def _tell_team(self, number: int) -> Conversation[None]:
        team, link = self.directory.teams.get(number), self.beliefs.team_links.get(number)
        if team is None:
            if link is not None:
                yield from self.dialect.delete_team(link)
                del self.beliefs.team_links[number]
            return
        if link is None:
            link = yield from self._link_team(team)
            self.beliefs.team_links[number] = link
        members = self.beliefs.members(team.members)
        told = TeamLink(link.id, team.name, frozenset(members))
        if link != told:
            known, link.name = replace(link), ""
            link.members = None if known.members is None else known.members & told.certain
            link.possible = known.certain | known.possible | told.certain
            yield from self.dialect.update_team(team, known, members)
            self.beliefs.team_links[number] = told

    def _link_team(self, team: Team) -> Conversation[TeamLink]:
        found = yield from self.dialect.find_team(team)
        if found is None:
            request = self.dialect.create_team(team)
            answer = yield from ask(request, 201, 409)
            if answer.status == 201:
                return TeamLink(str(answer.body["id"]), team.name, frozenset())
            self.beliefs.errors["create group: 409 uniqueness, matched then"] += 1
            found = yield from self.dialect.find_team(team)
            if found is None:  # renamed since that request: found by the key that never changes
                found = yield from self.dialect.find_team_by_key(team)
            if found is None:
                raise Refused(request, answer)
        if any(found["id"] == other.id for other in self.beliefs.team_links.values()):
            raise Unheard(NAME_TAKEN)
        return TeamLink(str(found["id"]), str(found["displayName"]))
