"""An endpoint in memory for identity providers under test; the pure SCIM core keeps what it was told."""

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from infra.identity_providers.dialect import GROUP, USER
from infra.identity_providers.exchanges import NOT_HEARD, Answer, Conversation, Refused, Request, Unheard
from infra.identity_providers.provider import IdentityProvider
from vestibule.scim.group_patch import patch_group
from vestibule.scim.groups import MemberRef, parse_group
from vestibule.scim.patch import patch_user
from vestibule.scim.resources import parse_user

EQUALITY = re.compile(r'(\w+) eq ("(?:[^"\\]|\\.)*")', re.IGNORECASE)
MOST_ROUNDS = 60


@dataclass
class Endpoint:
    """Users and groups by id, and every request that came."""

    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    made: int = 0
    losing: float = 0.0  # the share of answers that nobody hears

    def answer(self, request: Request) -> Answer:
        """Carry a request out; its answer may be lost."""
        self.requests.append(request)
        answer = self.carry_out(request)
        lost = random.Random(len(self.requests)).random() < self.losing  # noqa: S311 - to be repeatable
        return Answer(NOT_HEARD) if lost else answer

    def carry_out(self, request: Request) -> Answer:
        """What the request does, and its answer."""
        parts = urlsplit(request.path)
        place = parts.path.strip("/").split("/")
        match place:
            case ["Users"]:
                return self._collection(request, dict(parse_qsl(parts.query)), self.users)
            case ["Groups"]:
                return self._collection(request, dict(parse_qsl(parts.query)), self.groups)
            case ["Users", identifier]:
                return self._user(request, identifier)
            case ["Groups", identifier]:
                return self._group(request, identifier)
            case ["ServiceProviderConfig"]:
                return Answer(200, {"patch": {"supported": True}, "filter": {"supported": True}})
            case _:
                return Answer(200, {"id": place[-1]})

    def _collection(self, request: Request, query: dict[str, str], kept: dict[str, dict[str, Any]]) -> Answer:
        if request.method == "GET":
            found = [one for one in kept.values() if _fits(one, query.get("filter", ""))]
            start, count = int(query.get("startIndex", 1)), int(query.get("count", 100))
            page = [self._shown(one) for one in found[start - 1 : start - 1 + count]]
            return Answer(200, {"totalResults": len(found), "itemsPerPage": len(page), "Resources": page})
        users = kept is self.users
        document = _user_of(request.body) if users else _group_of(request.body)
        name = "userName" if users else "displayName"
        key = document.get("externalId")
        if any(
            one[name].casefold() == document[name].casefold() or (key and one.get("externalId") == key)
            for one in kept.values()
        ):
            return Answer(409, {"status": "409", "scimType": "uniqueness"})
        self.made += 1
        identifier = str(UUID(int=self.made))
        kept[identifier] = {**document, "id": identifier}
        return Answer(201, kept[identifier])

    def _shown(self, resource: dict[str, Any]) -> dict[str, Any]:
        """With what the endpoint adds: what it is, and whom it is with."""
        if "userName" not in resource:
            return {**resource, "meta": {"resourceType": "Group"}}
        inside = [
            {"value": key}
            for key, group in self.groups.items()
            if resource["id"] in {member["value"] for member in group["members"]}
        ]
        more = {"groups": inside} if inside else {}
        return {**resource, **more, "meta": {"resourceType": "User"}}

    def _user(self, request: Request, identifier: str) -> Answer:
        if identifier not in self.users:
            return Answer(404, {"status": "404"})
        match request.method:
            case "GET":
                return Answer(200, self._shown(self.users[identifier]))
            case "PUT":
                self.users[identifier] = {**_user_of(request.body), "id": identifier}
            case "PATCH":
                stored = {name: value for name, value in self.users[identifier].items() if name != "id"}
                patched = patch_user(stored, request.body).document
                self.users[identifier] = {**patched, "schemas": [USER], "id": identifier}
            case _:
                del self.users[identifier]
                return Answer(204)
        return Answer(200, self.users[identifier])

    def _group(self, request: Request, identifier: str) -> Answer:
        if identifier not in self.groups:
            return Answer(404, {"status": "404"})
        match request.method:
            case "GET":
                left = {"members"} if "excludedAttributes=members" in request.path else set()
                shown = self._shown(self.groups[identifier])
                return Answer(200, {name: shown[name] for name in shown if name not in left})
            case "PUT":
                self.groups[identifier] = {**_group_of(request.body), "id": identifier}
                return Answer(200, self.groups[identifier])
            case "PATCH":
                self.groups[identifier] = self._patched(self.groups[identifier], request)
            case _:
                del self.groups[identifier]
        return Answer(204)

    def _patched(self, stored: dict[str, Any], request: Request) -> dict[str, Any]:
        before = {member["value"] for member in stored["members"]}
        kept = {name: stored[name] for name in stored if name not in ("id", "members", "schemas")}
        change = patch_group(kept, request.body)
        members = set() if change.members.replaced else before - set(change.members.removed)
        members |= {member.value for member in change.members.added}
        return {**change.document, "schemas": [GROUP], "id": stored["id"], "members": _listed(members)}


def _user_of(body: object) -> dict[str, Any]:
    return {**parse_user(body).document, "schemas": [USER]}


def _group_of(body: object) -> dict[str, Any]:
    parsed = parse_group(body)
    members: tuple[MemberRef, ...] = parsed.members or ()
    return {**parsed.document, "schemas": [GROUP], "members": _listed({one.value for one in members})}


def _listed(members: set[str]) -> list[dict[str, str]]:
    return [{"value": member} for member in sorted(members)]


def _fits(document: dict[str, Any], text: str) -> bool:
    for name, value in EQUALITY.findall(text):
        wanted = json.loads(value)
        if name == "members":
            if wanted not in {member["value"] for member in document["members"]}:
                return False
        elif str(document.get(name, "")).casefold() != wanted.casefold():
            return False
    return True


def hear_out(
    conversation: Conversation[None], answer_to: Callable[[Request], Answer]
) -> Refused | Unheard | None:
    """Have one conversation to its end; the problem that ended it, if one did."""
    answer: Answer | None = None
    while True:
        try:
            request = next(conversation) if answer is None else conversation.send(answer)
        except StopIteration:
            return None
        except (Refused, Unheard) as problem:
            return problem
        answer = answer_to(request)


def speak(idp: IdentityProvider, endpoint: Endpoint, now: float = 0.0, losing: tuple[int, ...] = ()) -> float:
    """Have it say everything that it has to say, round after round; answers of these numbers are lost.

    Returns the time at the end; each round is a second.
    """
    heard = 0

    def answer_to(request: Request) -> Answer:
        nonlocal heard
        answer = endpoint.answer(request)
        heard += 1
        return Answer(NOT_HEARD) if heard in losing else answer

    for _ in range(MOST_ROUNDS):
        idp.advance(now)
        while (task := idp.take(now)) is not None:
            idp.finish(task, now, hear_out(task.conversation, answer_to))
        if idp.agenda.settled:
            return now
        now += 1.0
    raise AssertionError(f"not settled after {MOST_ROUNDS} rounds: {idp.agenda.dirty}")
