"""What was stored before a customer defined its schemas, brought into their shape: in chunks, resumable."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias
from uuid import UUID

from vestibule.database.audits import append_audit
from vestibule.database.connections import list_connections, mark_connection
from vestibule.database.pool import Connection
from vestibule.database.tenant_schemas import (
    Refitted,
    StoredResource,
    count_resources,
    note_fitting,
    open_transactions,
    read_page,
    read_schemas_version,
    refit_resources,
    unfitted_documents,
)
from vestibule.domain.identifiers import ConnectionId
from vestibule.scim.attributes import ResourceType
from vestibule.scim.fitting import fit
from vestibule.scim.search_documents import search_document
from vestibule_operator_console.console import Console
from vestibule_operator_console.problems import Conflict
from vestibule_operator_console.schemas import Defined

PAGE: Final = 500
SETTLE_ATTEMPTS: Final = 600
SETTLE_PAUSE: Final = 0.05  # seconds
MOST_TOLD: Final = 10
MOST_COUNTED: Final = 100  # attributes; their names come from customers
FIRST: Final = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Fitting:
    """How far it has come: `seen` of `total` resources, and of how many the document has changed.

    It goes on behind `after` in `kind` of `connection`; `left_out` counts resources by attribute.
    """

    total: int
    seen: int = 0
    changed: int = 0
    connection: UUID = FIRST
    kind: str = "User"
    after: UUID = FIRST
    left_out: Mapping[str, int] = field(default_factory=dict)


Tell: TypeAlias = Callable[[Fitting], None]


@dataclass(frozen=True, slots=True)
class _Page:
    connection: ConnectionId
    kind: ResourceType
    resources: Sequence[StoredResource]


async def find_misfits(console: Console, wanted: Defined) -> Mapping[str, int]:
    """What fitting would leave out, by attribute with its URN: of how many resources."""
    found: Counter[str] = Counter()
    urns = [extension.schema.id.lower() for extension in wanted.extensions]
    async for page in _pages(console, wanted, Fitting(0), urns, PAGE):
        for resource in page.resources:
            if resource.document is not None:
                _count(found, fit(page.kind, resource.document).left_out)
    return found


def refuse_misfits(misfits: Mapping[str, int]) -> None:
    """Raise Conflict where something would be left out."""
    if not misfits:
        return
    ordered = sorted(misfits.items(), key=lambda pair: (-pair[1], pair[0]))
    told = [f"  {name}: of {count}" for name, count in ordered[:MOST_TOLD]]
    if len(ordered) > MOST_TOLD:
        told.append(f"  and {len(ordered) - MOST_TOLD} more")
    raise Conflict(
        "people or groups have values that the definition has no place for:\n" + "\n".join(told) + "\n",
        "Nothing was stored. Correct the definition, or leave these values out with --leave-out.",
    )


async def fit_stored(console: Console, defined: Defined, tell: Tell, size: int = PAGE) -> Fitting:
    """Bring everything into the shape of the schemas in force, `size` resources in each transaction.

    It goes on where another call was ended.

    Conflict where they are replaced meanwhile, or a request of before does not end.
    """
    tenant = defined.tenant
    await _settle(console)
    async with console.entering(tenant.id) as connection:
        stored = await read_schemas_version(connection, tenant.id)
        total = await count_resources(connection, tenant.id)
        documents = await unfitted_documents(connection, tenant.id, defined.version)
    urns = sorted({one["schema"]["id"].lower() for document in documents for one in document})
    state = replace(_read_state(stored.fitted_to), total=total)
    async for page in _pages(console, defined, state, urns, size):
        async with console.entering(tenant.id) as connection:
            state = await _fit_page(connection, defined, page, state)
            await _note(connection, defined, state, done=False)
        tell(state)
    async with console.entering(tenant.id) as connection:
        await _note(connection, defined, state, done=True)
        if state.changed:  # what a mapping takes from an extension may have changed
            for onboarded in await list_connections(connection, tenant.id):
                await mark_connection(
                    connection, tenant.id, tenant.desk, onboarded.connection.id, console.trace
                )
        detail = {"version": defined.version, "resources": state.seen, "changed": state.changed}
        await append_audit(connection, tenant.id, console.actor, "schema.fit", tenant.id, detail)
    return state


async def _settle(console: Console) -> None:
    """Wait until every request is over that may have been read by older schemas."""
    earlier = await open_transactions(console.pool)
    for _ in range(SETTLE_ATTEMPTS):
        if not earlier & await open_transactions(console.pool):
            return
        await asyncio.sleep(SETTLE_PAUSE)
    raise Conflict(
        "a request that began before does not end.",
        "The definition is in force; bring what is stored into its form with `vestibule schema fit`.",
    )


async def _pages(
    console: Console, defined: Defined, start: Fitting, urns: Sequence[str], size: int
) -> AsyncIterator[_Page]:
    """Users, then groups, of one connection after the other, by id; each page in a transaction of its own."""
    tenant = defined.tenant
    async with console.entering(tenant.id) as connection:
        listed = await list_connections(connection, tenant.id)
    for of in sorted(onboarded.connection.id for onboarded in listed):
        for kind in defined.types.both:
            place, begun = (of, kind.name == "Group"), (start.connection, start.kind == "Group")
            if place < begun or not urns:
                continue
            after = start.after if place == begun else FIRST
            while True:
                async with console.entering(tenant.id) as connection:
                    found = await read_page(connection, tenant.id, of, kind.name, after, size, urns)
                if not found:
                    break
                yield _Page(of, kind, found)
                after = found[-1].id


async def _fit_page(connection: Connection, defined: Defined, page: _Page, state: Fitting) -> Fitting:
    left_out = Counter(state.left_out)
    changed = 0
    many = []
    for resource in page.resources:
        if resource.document is None:
            continue
        fitted = fit(page.kind, resource.document)
        search = search_document(fitted.document, page.kind)
        _count(left_out, fitted.left_out)
        if fitted.document is not resource.document or search != resource.search:
            changed += fitted.document is not resource.document
            many.append(Refitted(resource.id, resource.version, fitted.document, search))
    if many:
        await refit_resources(connection, defined.tenant.id, page.connection, page.kind.name, many)
    return Fitting(
        state.total,
        state.seen + len(page.resources),
        state.changed + changed,
        page.connection,
        page.kind.name,
        page.resources[-1].id,
        dict(left_out),
    )


def _count(counter: Counter[str], names: Iterable[str]) -> None:
    for name in set(names):
        counter[name if name in counter or len(counter) < MOST_COUNTED else "others"] += 1


async def _note(connection: Connection, defined: Defined, state: Fitting, *, done: bool) -> None:
    document: dict[str, Any] = {
        "seen": state.seen,
        "changed": state.changed,
        "connection": str(state.connection),
        "kind": state.kind,
        "after": str(state.after),
        "left_out": dict(state.left_out),
    }
    if not await note_fitting(connection, defined.tenant.id, defined.version, document, done=done):
        raise Conflict(
            f"the schemas of {defined.tenant.slug!r} were changed meanwhile.",
            "Whoever changed them fits what is stored.",
        )


def _read_state(document: Mapping[str, Any]) -> Fitting:
    if not document:
        return Fitting(0)
    return Fitting(
        0,
        document["seen"],
        document["changed"],
        UUID(document["connection"]),
        document["kind"],
        UUID(document["after"]),
        document["left_out"],
    )
