"""Hostile input over HTTP: never a 500, never a partial write, never a hang."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import pytest

from tests.integration.ingest.hostile_bodies import BODIES, wrong_bodies
from tests.integration.ingest.hostile_requests import (
    FILTERS,
    MESSAGES,
    PATHS,
    QUERIES,
    TAILS,
    VALUES,
    paths_of,
)
from tests.integration.ingest.scim_client import ENTERPRISE
from tests.integration.ingest.trials import JSON, Trial, as_json, read_back
from vestibule.scim.schemas import ENTERPRISE_USER, GROUP, USER


async def test_hostile_bodies_make_a_whole_user_or_none(trial: Trial) -> None:
    for name, body in BODIES.items():
        answer = await trial.send(name, "POST", "/Users", data=body, headers=JSON)
        assert answer.status in (201, 400, 413), (name, answer)
        if answer.status == 201:
            await read_back(trial, f"/Users/{answer.id}", answer)
            assert (await trial.scim.delete(f"/Users/{answer.id}")).status == 204


async def test_hostile_bodies_replace_a_user_or_leave_it(trial: Trial) -> None:
    identifier = await trial.scim.create_user("target@corp.example", title="Dr")
    for name, body in BODIES.items():
        answer = await trial.send(name, "PUT", f"/Users/{identifier}", data=body, headers=JSON)
        assert answer.status in (200, 400, 413), (name, answer)
        if answer.status == 200:
            await read_back(trial, f"/Users/{identifier}", answer)


async def test_hostile_bodies_make_a_whole_group_or_none(trial: Trial) -> None:
    for name, body in BODIES.items():
        named = body.replace(b'"userName"', b'"displayName"')
        answer = await trial.send(name, "POST", "/Groups", data=named, headers=JSON)
        assert answer.status in (201, 400, 413), (name, answer)
        if answer.status == 201:
            assert (await trial.scim.delete(f"/Groups/{answer.id}")).status == 204


@pytest.mark.parametrize("kind", ["User", "Group"])
async def test_each_attribute_refuses_or_understands_each_type(trial: Trial, kind: str) -> None:
    for body in wrong_bodies(kind):
        answer = await trial.send(repr(body), "POST", f"/{kind}s", data=body, headers=JSON)
        assert answer.status in (201, 400), (body, answer)
        if answer.status == 201:
            await read_back(trial, f"/{kind}s/{answer.id}", answer)
            assert (await trial.scim.delete(f"/{kind}s/{answer.id}")).status == 204


async def test_hostile_operations_change_a_user_whole_or_not_at_all(trial: Trial) -> None:
    emails = [{"value": "a@corp.example", "type": "work", "primary": True}, {"value": "b@corp.example"}]
    identifier = await trial.scim.create_user("target@corp.example", emails=emails)
    for name, message in {**MESSAGES, **dict(operations())}.items():
        data = as_json(message)
        answer = await trial.send(name, "PATCH", f"/Users/{identifier}", data=data, headers=JSON)
        assert answer.status in (200, 400, 413), (name, answer)
        if answer.status == 200:
            await read_back(trial, f"/Users/{identifier}", answer)


async def test_hostile_operations_change_a_group_whole_or_not_at_all(trial: Trial) -> None:
    member = await trial.scim.create_user("member@corp.example")
    identifier = await trial.scim.create_group("Target", [member])
    for name, message in {**MESSAGES, **dict(operations())}.items():
        data = as_json(message)
        answer = await trial.send(name, "PATCH", f"/Groups/{identifier}", data=data, headers=JSON)
        assert answer.status in (204, 400, 413), (name, answer)
        if answer.status == 204:
            assert (await trial.scim.get(f"/Groups/{identifier}")).status == 200


@pytest.mark.parametrize("kind", ["Users", "Groups"])
async def test_hostile_filters_queries_and_urls_are_answered(trial: Trial, kind: str) -> None:
    await trial.scim.create_user("seen@corp.example")
    await trial.scim.create_group("Seen")
    for text in FILTERS:
        encoded = quote(text, safe="", errors="surrogatepass")
        answer = await trial.send(text, "GET", f"/{kind}?filter={encoded}")
        assert answer.status in (200, 400, 403, 414), (text, answer)
    for query in QUERIES:
        answer = await trial.send(query, "GET", f"/{kind}?{quote(query, safe='%=&+,?;:@!$()*[]')}")
        assert answer.status in (200, 400, 403, 414), (query, answer)


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]
)
async def test_odd_urls_are_answered(trial: Trial, method: str) -> None:
    for tail in TAILS:
        odd = quote(tail, safe="%=&+,?;:@!$()*[]/#{}")
        answer = await trial.send(
            f"{method} {tail}", method, odd.replace("#", "%23"), data=b"{}", headers=JSON
        )
        assert answer.status in (200, 400, 401, 403, 404, 405, 501), (method, tail, answer)


HEADERS: tuple[Mapping[str, str], ...] = (
    {"Content-Type": ""},
    {"Content-Type": ";;;"},
    {"Content-Type": "application/json; charset=utf-16"},
    {"Content-Type": "application/json; charset="},
    {"Content-Type": 'application/json; charset="utf-8'},
    {"Content-Type": "application/json; charset=utf-8; charset=latin-1"},
    {"Content-Type": "application/json" + " " * 5_000},
    {"Content-Type": "multipart/form-data; boundary=x"},
    {"Content-Encoding": "br"},
    {"Content-Encoding": "gzip, gzip"},
    {"If-Match": "*, *"},
    {"If-Match": '"' + "9" * 5_000 + '"'},
    {"If-Match": 'W/"1", ' * 900},
    {"If-None-Match": "\u00e9"},
    {"Accept": "text/html"},
    {"Accept": "*/*;q=x" * 500},
    {"Expect": "200-maybe"},
    {"X-HTTP-Method-Override": "DELETE"},
    {"traceparent": "00-" + "f" * 32 + "-" + "0" * 16 + "-zz"},
    {"traceparent": "x" * 5_000},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer " + "v" * 6_000},
    {"Authorization": "Basic \u00ff"},
    {f"X-{'a' * 900}": "b" * 5_000},
)


async def test_odd_headers_are_answered(trial: Trial) -> None:
    identifier = await trial.scim.create_user("target@corp.example")
    for headers in HEADERS:
        for method, path in (
            ("POST", "/Users"),
            ("PUT", f"/Users/{identifier}"),
            ("GET", f"/Users/{identifier}"),
        ):
            data = b'{"userName": "target@corp.example"}' if method != "GET" else None
            answer = await trial.send(
                f"{method} {headers}", method, path, data=data, headers={**JSON, **headers}
            )
            assert answer.status in (200, 304, 400, 401, 409, 412, 415, 417), (method, headers, answer)


def operations() -> Iterator[tuple[str, Any]]:
    """A message for each odd path and for each attribute, with each odd value."""
    paths = [*PATHS]
    for attribute in dict.fromkeys([*USER.table.values(), *GROUP.table.values()]):
        paths += paths_of(attribute)
    for attribute in ENTERPRISE_USER.attributes:
        paths += paths_of(attribute, f"{ENTERPRISE}:")
    for number, path in enumerate(paths):
        for op in ("add", "replace", "remove"):
            value = VALUES[number % len(VALUES)]
            yield f"{op} {path[:60]!r}", {"Operations": [{"op": op, "path": path, "value": value}]}
