"""POST /Bulk (RFC 7644 §3.7): many requests in one body, each carried out as if it had come alone."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import orjson
from opentelemetry.trace import Tracer
from starlette.requests import Request
from starlette.responses import Response

from vestibule.scim.arranging import Arrangement, arrange, resolve
from vestibule.scim.bulk import (
    BulkOperation,
    BulkRequest,
    BulkResult,
    Method,
    bulk_body,
    parse_bulk,
)
from vestibule.scim.errors import MethodNotAllowed, NotFound, TooLarge, Unavailable
from vestibule.scim.limits import Limits
from vestibule.telemetry.tracing import fail, span, traceparent
from vestibule_ingest.bodies import Abandoned, TooManyParts, check_size, is_abandoned
from vestibule_ingest.counting import IngestMetrics
from vestibule_ingest.exchange import Call, Exchange, Handler
from vestibule_ingest.rendering import ScimResponse


@dataclass(frozen=True, slots=True)
class Resources:
    """The handlers of one resource type's endpoint; `noun` names what is done in records and logs."""

    noun: str
    collection: Mapping[str, Handler]
    item: Mapping[str, Handler]


@dataclass(slots=True, eq=False)
class Part(Call):
    """An operation as the request that it stands for; its body came with the whole."""

    data: Any

    async def json(self, most: int) -> Any:
        """The body, of at most `most` bytes."""
        check_size(len(orjson.dumps(self.data)), most)
        return self.data


@dataclass(slots=True)
class Progress:
    """What has been done of a Bulk: results by position; `made` has the ids of new resources by bulkId."""

    arrangement: Arrangement
    until: float
    made: dict[str, str]
    results: dict[int, BulkResult]
    errors: int = 0

    def note(self, result: BulkResult) -> None:
        """Take the result of the next operation in."""
        operation = result.operation
        before = self.results.get(operation.position)
        if before is None:
            self.results[operation.position] = result
        elif result.status < 400:
            self.results[operation.position] = replace(before, version=result.version)
        else:  # the resource is there, but not as it was asked for
            detail = replace(result, operation=before.operation, location=before.location)
            self.results[operation.position] = detail
        if result.status >= 400:
            self.errors += 1
        elif operation.method is Method.POST and operation.bulk_id and result.location:
            self.made[operation.bulk_id] = result.location.rpartition("/")[2]

    def awaits(self, operation: BulkOperation) -> bool:
        """Whether an operation is the rest of one whose first part was carried out."""
        before = self.results.get(operation.position)
        return before is not None and before.status < 400


@dataclass(frozen=True, slots=True)
class Bulk:
    """The handler of a Bulk; `resources` are the endpoints that its operations may name, by path."""

    exchange: Exchange
    metrics: IngestMetrics
    tracer: Tracer
    resources: Mapping[str, Resources]

    @property
    def collection(self) -> Mapping[str, Handler]:
        """The methods of /Bulk."""
        return {"POST": self.carry_out}

    async def carry_out(self, call: Call) -> Response:
        """POST /Bulk; Abandoned before the next operation once the client is gone.

        What is sent is understood beside the event loop, and each operation waits for the database: nobody
        waits for a Bulk longer than for its next operation.
        """
        body = await _body(call)
        await call.check_caller()
        request, arrangement = await call.admitted.aside(partial(_understood, body, call.limits))
        return ScimResponse(bulk_body(await self._carry_out_all(call, request, arrangement)))

    async def _carry_out_all(
        self, call: Call, request: BulkRequest, arrangement: Arrangement
    ) -> Iterable[BulkResult]:
        until = asyncio.get_running_loop().time() + call.limits.bulk_seconds
        progress = Progress(arrangement, until, {}, {})
        most_errors = request.fail_on_errors or len(request.operations) + 1
        for operation in arrangement.order:
            if is_abandoned(call.request.receive):
                raise Abandoned
            is_begun = operation.position in progress.results
            if progress.awaits(operation) if is_begun else progress.errors < most_errors:
                progress.note(await self._carry_out(call, operation, progress))
        return progress.results.values()

    async def _carry_out(self, call: Call, operation: BulkOperation, progress: Progress) -> BulkResult:
        """Carry out one operation: an error of it, a reference that leads nowhere included, is its result."""
        method = operation.method.value
        segment = operation.path.split("/")[1]
        resources = self.resources.get(segment)
        noun = "bulk" if resources is None else resources.noun
        location = None if operation.references else call.base + operation.path

        async def act(call: Call) -> Response:
            nonlocal location
            if not progress.awaits(operation):
                await _wait_for_rate(call, progress.until)
            resolved = resolve(operation, progress.arrangement, progress.made)
            location = call.base + resolved.path
            return await _handler(resources, resolved)(_part(call, resolved))

        with span(self.tracer, f"bulk {method} {noun}") as started:
            own = replace(call, trace=traceparent())
            response = await self.exchange.answer_part(own, method, noun, act)
            started.set_attribute("http.response.status_code", response.status_code)
            if response.status_code >= 500:
                fail(started, str(response.status_code))
        self.metrics.bulk_operations.of(method, str(response.status_code)).inc()
        if operation.method is Method.POST:
            location = response.headers.get("location")
        return _result(operation, response, location)


def _understood(body: object, limits: Limits) -> tuple[BulkRequest, Arrangement]:
    request = parse_bulk(body, most=limits.bulk_operations)
    return request, arrange(request.operations)


async def _body(call: Call) -> Any:
    try:
        return await call.json(call.limits.bulk_bytes)
    except TooManyParts:
        raise
    except TooLarge:
        raise TooLarge(
            f"The size of the bulk operation exceeds the maxPayloadSize ({call.limits.bulk_bytes}): "
            "send several requests."
        ) from None


async def _wait_for_rate(call: Call, until: float) -> None:
    """Count an operation as a request of the connection's rate; Unavailable when the time is over."""
    loop = asyncio.get_running_loop()
    while (left := until - loop.time()) > 0:
        seconds = call.admitted.take_another()
        if seconds == 0:
            return
        await asyncio.sleep(min(seconds, left))
    raise Unavailable(
        "The time of one Bulk was over before this operation was begun: send it again in another one."
    )


def _handler(resources: Resources | None, operation: BulkOperation) -> Handler:
    segments = operation.path.count("/")
    if resources is None or segments > 2:
        raise NotFound("A Bulk has operations on /Users and /Groups, and on one resource below them.")
    handlers = resources.collection if segments == 1 else resources.item
    handler = handlers.get(operation.method.value)
    if handler is None:
        rule = "POST only" if segments == 1 else "PUT, PATCH and DELETE only"
        raise MethodNotAllowed(f"In a Bulk this path takes {rule}.")
    return handler


def _part(call: Call, operation: BulkOperation) -> Part:
    headers = {}
    if operation.version is not None:
        headers[b"if-match"] = operation.version.encode("utf-8", "replace")
    scope: dict[str, Any] = {
        "type": "http",
        "method": operation.method.value,
        "path": operation.path,
        "query_string": b"",
        "headers": [],
        "path_params": {"id": operation.path.rpartition("/")[2]},
    }
    return Part(
        Request(scope),
        headers,
        call.caller,
        call.base,
        call.trace,
        call.admitted,
        call.lanes,
        call.limits,
        call.types,
        call.received,
        operation.data,
    )


def _result(operation: BulkOperation, response: Response, location: str | None) -> BulkResult:
    failed = response.status_code >= 400
    version = None if failed else response.headers.get("etag")
    shown = orjson.Fragment(bytes(response.body)) if failed else None
    return BulkResult(operation, response.status_code, location, version, shown)
