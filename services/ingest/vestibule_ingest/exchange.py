"""One request from its headers to its answer: the same steps for every endpoint."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from vestibule.database.callers import Refusal, admit, refuse
from vestibule.database.verdicts import Refused, Verdict
from vestibule.domain.identifiers import parse_id
from vestibule.domain.tokens import Credential
from vestibule.scim.errors import NotFound, ScimError, Sensitive, Unauthorized, Unavailable
from vestibule.scim.limits import Limits
from vestibule.scim.resource_types import ResourceTypes
from vestibule.telemetry.logging import Logger, logger
from vestibule.telemetry.tracing import traceparent
from vestibule_ingest.admission import Admission, Admitted
from vestibule_ingest.authentication import credential_of, headers_of
from vestibule_ingest.base_urls import FLAGGED
from vestibule_ingest.bodies import Abandoned, Received, read_json
from vestibule_ingest.counting import IngestMetrics
from vestibule_ingest.fingerprints import Fingerprints
from vestibule_ingest.lanes import Lanes
from vestibule_ingest.parameters import check_length, parse_query
from vestibule_ingest.rejections import DATABASE_TROUBLES, rejection, rejection_of_caller, trouble
from vestibule_ingest.rendering import error_response
from vestibule_ingest.tailoring import Tailoring

# Refusals of the request itself: the IdP's admin has to change something, so somebody must be told.
RECORDED: Final = frozenset({400, 403, 409, 413, 415})
# Answers that may come before a statement has seen the caller.
UNSEEN: Final = frozenset({400, 413, 414, 415})
WRITES: Final = {"POST": "create", "PUT": "replace", "PATCH": "patch", "DELETE": "remove"}
CLIENT_CLOSED: Final = 499
MOST_READINGS: Final = 3  # of one request, while the schemas that it is read by are changed

log = logger(__name__)


@dataclass(slots=True, eq=False)  # not frozen: made for each request, at a third of the price
class Call:
    """What a handler knows of a request; `base` is the connection's own base URL, `trace` a write's only.

    `types` are the resource types of its tenant, by which the request is read.
    """

    request: Request
    headers: Mapping[bytes, bytes]
    caller: Credential
    base: str
    trace: str | None
    admitted: Admitted
    lanes: Lanes
    limits: Limits
    types: ResourceTypes
    received: Received

    def query(self) -> Mapping[str, str]:
        """The URL's parameters by lower-case name."""
        return parse_query(self.request.scope["query_string"])

    async def json(self, most: int) -> Any:
        """The parsed body, of at most `most` bytes."""
        received = self.received
        if not received.is_there:
            received.value = await read_json(
                self.request.receive, self.headers, self.admitted, most, self.check_caller, self.limits
            )
            received.is_there = True
        return received.value

    async def resource_id(self) -> UUID:
        """The id in the path; what cannot be one is as missing as any, once the caller is known."""
        found = parse_id(self.request.path_params["id"])
        if found is None:
            await self.check_caller()
            raise NotFound("There is no such resource in this connection: look it up by a filter.")
        return found

    async def check_caller(self) -> None:
        """Authenticate where no other statement does."""
        async with self.lanes.take() as connection:
            verdict = await admit(connection, self.caller)
        if verdict is Verdict.OUTDATED:
            raise Refused(verdict)
        error = rejection_of_caller(verdict)
        if error is not None:
            raise error
        self.admitted.know()


Handler: TypeAlias = Callable[[Call], Awaitable[Response]]
Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


class Outdated(Exception):
    """The request was read by schemas that are not the tenant's any more; nothing came of it."""


class Exchange:
    """Makes endpoints of handlers: authentication, admission, errors and the log line around each."""

    def __init__(
        self,
        lanes: Lanes,
        admission: Admission,
        metrics: IngestMetrics,
        fingerprints: Fingerprints,
        public_url: str,
        limits: Limits,
        log: Logger,
    ) -> None:
        self._lanes = lanes
        self._fingerprints = fingerprints
        self._tailoring = Tailoring(lanes)
        self._admission = admission
        self._metrics = metrics
        self._public_url = public_url
        self._limits = limits
        self._log = log

    def endpoint(
        self, noun: str, handlers: Mapping[str, Handler], writes: Mapping[str, str] = WRITES
    ) -> Endpoint:
        """An endpoint with one handler per method; `noun` and the method name what is done."""

        async def answer(request: Request) -> Response:
            method = request.method
            handler = handlers["GET" if method == "HEAD" else method]
            began = time.monotonic()
            response, code = await self._answer(request, handler, f"{noun}.{writes.get(method, 'read')}")
            self._tell(method, noun, response.status_code, code, began)
            return response

        return answer

    async def answer_part(self, call: Call, method: str, noun: str, handler: Handler) -> Response:
        """Answer one of the many that an admitted request consists of, as if it had come alone."""
        began = time.monotonic()
        operation = f"{noun}.{WRITES[method]}"
        response, code = await self._answer_admitted(call, handler, operation)
        if call.admitted.is_known:
            self._fingerprints.answered(call.caller, operation, code)
        self._tell(method, noun, response.status_code, code, began)
        return response

    async def _answer(
        self, request: Request, handler: Handler, operation: str
    ) -> tuple[Response, str | None]:
        scope = request.scope
        headers: Mapping[bytes, bytes] = {}
        caller = None
        try:
            headers = headers_of(scope["headers"])
            path = request.path_params["connection"]
            caller = credential_of(path, headers, self._admission.is_known)
            with self._admission.admit(caller) as admitted:
                base = f"{self._public_url}/scim/v2/{path}"
                types = self._tailoring.known(path)
                call = Call(
                    request,
                    headers,
                    caller.reading_by(types.version) if types.version else caller,
                    base,
                    None if operation.endswith(".read") else traceparent(),
                    admitted,
                    self._lanes,
                    self._limits,
                    types,
                    Received(),
                )
                response, code = await self._answer_admitted(call, handler, operation)
        except ScimError as error:
            response, code = error_response(error), code_of(error)
        if caller is not None and self._admission.is_known(caller):
            self._fingerprints.answered(caller, operation, code)
            self._fingerprints.spoke(caller, headers.get(b"user-agent", b""), flagged=FLAGGED in scope)
        return response, code

    async def _answer_admitted(
        self, call: Call, handler: Handler, operation: str
    ) -> tuple[Response, str | None]:
        for _ in range(MOST_READINGS):
            try:
                return await self._attempt(call, handler, operation)
            except Outdated:
                try:
                    path = call.caller.path.partition(";")[0]
                    types = await self._tailoring.learn(path, call.caller)
                except (Refused, ScimError, *DATABASE_TROUBLES) as error:
                    answer = _as_error(error)
                    return error_response(answer), code_of(answer)
                call = replace(call, caller=call.caller.reading_by(types.version), types=types)
        answer = Unavailable("The customer's schemas change at this moment: repeat the request.")
        return error_response(answer), code_of(answer)

    async def _attempt(self, call: Call, handler: Handler, operation: str) -> tuple[Response, str | None]:
        try:
            scope = call.request.scope
            check_length(scope["path"], scope["query_string"], self._limits.url_length)
            response = await handler(call)
        except Abandoned:
            return Response(status_code=CLIENT_CLOSED), "client_closed"
        except ScimError as error:
            answer = await self._record(call, operation, error)
        except Refused as refused:
            if refused.verdict is Verdict.OUTDATED:
                raise Outdated from refused
            if refused.verdict is not Verdict.UNAUTHORIZED:
                call.admitted.know()
            answer = await self._record(call, operation, rejection(refused))
        except DATABASE_TROUBLES as error:
            log.warning("database_refused", exc_info=error)
            answer = await self._record(call, operation, trouble(error))
        else:
            call.admitted.know()
            return response, None
        if isinstance(answer, Unauthorized):
            call.admitted.forget()
        return error_response(answer), code_of(answer)

    def _tell(self, method: str, noun: str, status: int, code: str | None, began: float) -> None:
        self._log.info(
            "request_answered",
            method=method,
            route=noun,
            status=status,
            code=code,
            duration=round(time.monotonic() - began, 4),
        )

    async def _record(self, call: Call, operation: str, error: ScimError) -> ScimError:
        """Record a refused write; a caller that turns out to be unknown hears nothing but that."""
        writes = not operation.endswith(".read")
        unseen = error.status in UNSEEN or isinstance(error, Sensitive)
        if not (writes and error.status in RECORDED) and not unseen:
            return error
        try:
            async with self._lanes.take() as connection:
                if writes:
                    refusal = Refusal(operation, error.status, code_of(error), call.trace)
                    verdict = await refuse(connection, call.caller, refusal)
                else:
                    verdict = await admit(connection, call.caller)
        except (ScimError, *DATABASE_TROUBLES):
            self._metrics.refusals_lost.inc()
            log.warning("refusal_not_recorded", operation=operation, code=code_of(error))
            return error
        if verdict is Verdict.OUTDATED:
            raise Outdated
        rejected = rejection_of_caller(verdict)
        if not isinstance(rejected, Unauthorized):
            call.admitted.know()
        return rejected or error


def _as_error(error: Exception) -> ScimError:
    match error:
        case ScimError():
            return error
        case Refused():
            return rejection(error)
        case _:
            return trouble(error)


def code_of(error: ScimError) -> str:
    """A word for an error: its scimType where it has one, else its name, in snake case."""
    word = error.scim_type or type(error).__name__
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in word).lstrip("_")
