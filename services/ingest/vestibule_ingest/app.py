"""The composition: routes, middleware in order, and the one lifespan that opens and closes everything."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from opentelemetry.trace import Tracer
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vestibule.database.persons import PersonChange, Written, read_persons, write_persons
from vestibule.database.pool import Pool, UnsafeRole
from vestibule.probes import Check, probe_routes
from vestibule.process.loops import Supervisor
from vestibule.scim.attributes import ResourceType
from vestibule.scim.errors import (
    InternalError,
    InvalidVersion,
    MethodNotAllowed,
    NotFound,
    NotImplementedHere,
)
from vestibule.scim.limits import Limits
from vestibule.scim.schemas import GROUP, USER
from vestibule.telemetry.logging import Logger, logger
from vestibule.telemetry.metrics import LoopMetrics, RequestMetrics
from vestibule.telemetry.requests import ObservedRequests
from vestibule_ingest import discovery
from vestibule_ingest.admission import Admission, Bounds
from vestibule_ingest.aside import Aside
from vestibule_ingest.base_urls import FlaggedBaseUrls
from vestibule_ingest.bulk import Bulk, Resources
from vestibule_ingest.counting import IngestMetrics
from vestibule_ingest.exchange import WRITES, Call, Exchange, Handler
from vestibule_ingest.finding import Finding
from vestibule_ingest.fingerprints import Fingerprints
from vestibule_ingest.groups import Groups
from vestibule_ingest.lanes import Lanes
from vestibule_ingest.memberships import Memberships
from vestibule_ingest.provisioning import Provisioning
from vestibule_ingest.rendering import error_response
from vestibule_ingest.routing import ShortWay
from vestibule_ingest.sharing import COMMITS_AT_ONCE, MOST_TOGETHER, READS_AT_ONCE, Sharing
from vestibule_ingest.throttling import Buckets
from vestibule_ingest.users import Users

BASE = "/scim/v2/{connection}"
OTHER_VERSION = re.compile(r"/scim/v(?!2/)[0-9.]+(?:/|$)")  # RFC 7644 §3.13
IN_HAND_PER_LANE = 16

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the application is put together from."""

    connect: Callable[[], Awaitable[Pool]]
    pool_size: int
    public_url: str
    request_rate: float  # of one connection, as the next two
    burst_seconds: float
    requests_at_once: int
    body_memory: int
    limits: Limits
    fingerprint_seconds: float  # between two additions to the connections' fingerprints
    tracer: Tracer
    registry: CollectorRegistry
    public_probes: bool = True  # whether the probes are served beside SCIM
    wall_clock: Callable[[], float] = time.time  # Unix seconds
    requests_log: Logger = log  # where logging is set up by then, a bound one costs less for each line


@dataclass(frozen=True, slots=True)
class Service:
    """The application, and what its probes ask where they are served apart."""

    application: Starlette
    checks: Mapping[str, Check]


@dataclass(frozen=True, slots=True)
class Handlers:
    """What answers, by what it answers about."""

    users: Users
    groups: Groups
    bulk: Bulk
    finding: Finding


def build_service(parts: Parts) -> Service:
    """Put the service together; nothing is opened before the lifespan begins."""
    metrics = IngestMetrics(parts.registry)
    lanes = Lanes(parts.connect, parts.pool_size)
    checks = {"database": lanes.ready}
    aside = Aside()
    admission = Admission(
        Buckets(parts.request_rate, time.monotonic, parts.burst_seconds),
        Bounds(parts.pool_size * IN_HAND_PER_LANE, parts.requests_at_once, parts.body_memory),
        aside,
    )
    fingerprints = Fingerprints(lanes, metrics, parts.wall_clock)
    background = Supervisor(LoopMetrics(parts.registry))
    background.add_task("fingerprints", partial(fingerprints.keep_adding, parts.fingerprint_seconds))
    exchange = Exchange(
        lanes, admission, metrics, fingerprints, parts.public_url, parts.limits, parts.requests_log
    )
    routes = routes_of(exchange, handlers_of(parts, lanes, metrics, fingerprints, exchange), parts.limits)
    application = Starlette(
        routes=[*routes, *(probe_routes(checks, parts.registry) if parts.public_probes else ())],
        middleware=[
            Middleware(FlaggedBaseUrls),
            Middleware(
                ObservedRequests,
                tracer=parts.tracer,
                metrics=RequestMetrics(parts.registry),
                clock=time.monotonic,
            ),
            Middleware(ShortWay, routes=routes),
        ],
        exception_handlers={HTTPException: answer_unrouted, Exception: answer_bug},
        lifespan=lifespan_of(lanes, background, aside),
    )
    application.router.redirect_slashes = False
    return Service(application, checks)


def handlers_of(
    parts: Parts, lanes: Lanes, metrics: IngestMetrics, fingerprints: Fingerprints, exchange: Exchange
) -> Handlers:
    """Make the handlers; those of users share what they read and write."""
    reading = Sharing(
        lanes, read_persons, READS_AT_ONCE, metrics.reads_shared, metrics.parted, crowd=MOST_TOGETHER
    )
    writing: Sharing[PersonChange, Written] = Sharing(
        lanes, write_persons, COMMITS_AT_ONCE, metrics.shared, metrics.parted
    )
    users = Users(Provisioning(lanes, metrics, reading, writing, parts.limits, fingerprints))
    groups = Groups(Memberships(lanes, metrics, parts.limits, fingerprints))
    resources = {
        "Users": Resources("users", users.collection, users.item),
        "Groups": Resources("groups", groups.collection, groups.item),
    }
    bulk = Bulk(exchange, metrics, parts.tracer, resources)
    return Handlers(users, groups, bulk, Finding(lanes, reading, parts.wall_clock, parts.limits))


def routes_of(exchange: Exchange, handlers: Handlers, limits: Limits) -> list[Route]:
    """List every path below a connection with what answers there."""
    users, groups, finding = handlers.users, handlers.groups, handlers.finding

    def route(path: str, noun: str, methods: Mapping[str, Handler]) -> Route:
        return Route(f"{BASE}{path}", exchange.endpoint(noun, methods), methods=list(methods))

    def searching(path: str, noun: str, *types: ResourceType) -> Route:
        endpoint = exchange.endpoint(noun, {"POST": finding.searches(*types)}, writes={})
        return Route(f"{BASE}{path}/.search", endpoint, methods=["POST"])

    return [
        searching("", "resources", USER, GROUP),
        route("", "resources", {"GET": finding.lists(USER, GROUP)}),
        searching("/Users", "users", USER),
        searching("/Groups", "groups", GROUP),
        route("/Users", "users", {"GET": finding.lists(USER), **users.collection}),
        route("/Users/{id}", "users", users.item),
        route("/Groups", "groups", {"GET": finding.lists(GROUP), **groups.collection}),
        route("/Groups/{id}", "groups", groups.item),
        route("/Bulk", "bulk", handlers.bulk.collection),
        route("/Me", "me", dict.fromkeys(("GET", *WRITES), refuse_alias)),
        route("/ServiceProviderConfig", "discovery", {"GET": discovery.shows_config(limits)}),
        route("/ResourceTypes", "discovery", {"GET": discovery.RESOURCE_TYPES}),
        route("/ResourceTypes/{id}", "discovery", {"GET": discovery.RESOURCE_TYPE}),
        route("/Schemas", "discovery", {"GET": discovery.SCHEMAS}),
        route("/Schemas/{id}", "discovery", {"GET": discovery.SCHEMA}),
    ]


def lifespan_of(
    lanes: Lanes, background: Supervisor, aside: Aside
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    """Make the lifespan: a role that could see past row level security ends the process at once."""

    @asynccontextmanager
    async def lifespan(_application: Starlette) -> AsyncIterator[None]:
        stopping = asyncio.Event()
        try:
            reached = await lanes.open()
        except UnsafeRole as error:
            log.error("database_role_refused", reason=str(error))
            raise
        opening = None if reached else asyncio.create_task(lanes.keep_opening(stopping))
        adding = asyncio.create_task(background.run(stopping))
        try:
            yield
        finally:
            stopping.set()
            await adding
            if opening is not None:
                await opening
            await lanes.close()
            aside.close()

    return lifespan


async def refuse_alias(call: Call) -> Response:
    """Answer /Me: a token here is an identity provider's and nobody's own (RFC 7644 §3.11)."""
    await call.check_caller()
    raise NotImplementedHere("This service has no /Me: its tokens belong to connections, not to users.")


async def answer_unrouted(request: Request, error: Exception) -> Response:
    """Answer what no route takes, in SCIM as everything else."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        allowed = ", ".join(sorted((error.headers or {})["Allow"].split(", ")))
        return error_response(MethodNotAllowed(f"This URL takes {allowed} only."), {"allow": allowed})
    if OTHER_VERSION.match(request.url.path):
        return error_response(InvalidVersion("This service speaks SCIM 2.0: the base URL begins /scim/v2/."))
    return error_response(
        NotFound(
            "There is no such endpoint: the base URL ends with the connection, then comes /Users or /Groups."
        )
    )


async def answer_bug(_request: Request, _error: Exception) -> Response:
    """Answer a bug of ours; the server logs it."""
    return error_response(InternalError("The service failed: the operator can find the request by its time."))
