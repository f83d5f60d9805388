"""Is everything configured, reachable, migrated, permitted and moving? Looks, and changes nothing."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import asyncpg

from vestibule.database.desk_records import DeskRecord, list_desks
from vestibule.database.group_standings import count_unknown_members
from vestibule.database.health import (
    count_parked,
    list_ending_tokens,
    list_held,
    list_open_fanouts,
    migration_problem,
    read_backlog,
)
from vestibule.database.pool import Connection, UnsafeRole, refuse_unsafe_role
from vestibule.database.tenants import list_tenants
from vestibule.domain.identifiers import TenantId
from vestibule.domain.tenants import DeskState
from vestibule.settings.loading import InvalidSettingsError, load
from vestibule.settings.services import ConsoleSettings
from vestibule_operator_console.console import why_unreachable
from vestibule_operator_console.findings import Finding, Verdict, age
from vestibule_operator_console.words import plain

CONNECT_SECONDS = 5.0
STATEMENT_SECONDS = 15.0
SOON = timedelta(days=14)
TOO_OLD = timedelta(minutes=15)  # the design: what waits longer is told to somebody
ASLEEP = frozenset({"paused", "tenant_suspended"})  # by an operator's own word
STUCK = timedelta(minutes=2)


async def examine(environment: Mapping[str, str]) -> list[Finding]:
    """Configuration, database, work, desks and tokens; the services answer for themselves."""
    try:
        settings = load(ConsoleSettings, environment)
    except InvalidSettingsError as invalid:
        return [
            Finding("configuration", problem.name, Verdict.INVALID, problem.advice)
            for problem in invalid.problems
        ]
    found = [Finding("configuration", "environment", Verdict.OK, "complete")]
    try:
        connection = await asyncpg.connect(
            settings.database_url.reveal(), timeout=CONNECT_SECONDS, command_timeout=STATEMENT_SECONDS
        )
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        wrong, advice = why_unreachable(error)
        return [*found, Finding("database", "connection", Verdict.UNREACHABLE, wrong, advice)]
    try:
        return found + await examine_database(connection, settings)
    finally:
        connection.terminate()


async def examine_database(connection: Connection, settings: ConsoleSettings) -> list[Finding]:
    """All that the database knows; without the right schema nothing further is asked."""
    found = [Finding("database", "connection", Verdict.OK, "reachable")]
    try:
        await refuse_unsafe_role(connection)
        found.append(Finding("database", "role", Verdict.OK, "sees one tenant at a time"))
    except UnsafeRole as unsafe:
        found.append(Finding("database", "role", Verdict.PROBLEM, str(unsafe)))
    problem = await migration_problem(connection)
    if problem is not None:
        return [*found, Finding("database", "migrations", Verdict.PROBLEM, problem)]
    found.append(Finding("database", "migrations", Verdict.OK, "at this version"))
    slugs = {tenant.id: tenant.slug for tenant in await list_tenants(connection)}
    now = datetime.now(UTC)
    return [
        *found,
        *await _work(connection),
        *await _parked(connection, slugs),
        *await _fanouts(connection, slugs, now),
        *_desks(await list_desks(connection), settings.sealing_key.id, now),
        *await _tokens(connection, slugs, now),
        *await _held(connection, slugs, now),
        *await _unknown_members(connection, slugs, now),
    ]


async def _work(connection: Connection) -> list[Finding]:
    found = []
    for backlog in await read_backlog(connection):
        told = f"{backlog.dirty} to do, {backlog.in_flight} in flight, {backlog.deferred} waiting for a retry"
        if backlog.oldest_seconds > TOO_OLD.total_seconds():
            waits = age(backlog.oldest_seconds)
            advice = f"the oldest waits {waits}: check the relay, the {backlog.stage} and the desk"
            found.append(Finding("work", backlog.stage, Verdict.PROBLEM, told, advice))
        else:
            oldest = f", the oldest {age(backlog.oldest_seconds)}" if backlog.dirty else ""
            found.append(Finding("work", backlog.stage, Verdict.OK, told + oldest))
    return found


async def _parked(connection: Connection, slugs: Mapping[TenantId, str]) -> list[Finding]:
    parked = await count_parked(connection)
    if not parked:
        return [Finding("work", "parked", Verdict.OK, "nothing waits for a replay")]
    return [
        Finding(
            "work",
            f"parked {row.kind}",
            Verdict.PROBLEM,
            f"{slugs.get(row.tenant, '?')}: {row.items} gave up with: {plain(row.code)}",
            f"mend the cause, then `vestibule replay {slugs.get(row.tenant, '')} --kind {row.kind}`",
        )
        for row in parked
    ]


async def _held(connection: Connection, slugs: Mapping[TenantId, str], now: datetime) -> list[Finding]:
    try:
        held = await list_held(connection, list(slugs), TOO_OLD)
    except (asyncpg.QueryCanceledError, TimeoutError):
        told = f"too many people to look at in {STATEMENT_SECONDS:.0f} s"
        return [
            Finding("people", "held", Verdict.PROBLEM, told, "ask for one customer: `vestibule standing`")
        ]
    found = []
    for one in held:
        slug = slugs[one.tenant]
        told = f"{slug}: {one.persons} for {age((now - one.oldest).total_seconds())}"
        name = f"{one.standing} {plain(one.detail or 'unknown')}"
        advice = f"`vestibule standing {slug}`, `vestibule case list {slug}`"
        verdict = Verdict.OK if one.detail in ASLEEP else Verdict.PROBLEM
        found.append(Finding("people", name, verdict, told, advice))
    return found or [Finding("people", "held", Verdict.OK, "nobody is held or failed for over 15 minutes")]


async def _unknown_members(
    connection: Connection, slugs: Mapping[TenantId, str], now: datetime
) -> list[Finding]:
    found = []
    for one in await count_unknown_members(connection, list(slugs)):
        slug, waits = slugs[one.tenant], now - one.oldest
        told = (
            f"{slug}: {one.members} in {one.groups} groups are nobody yet, for {age(waits.total_seconds())}"
        )
        verdict = Verdict.PROBLEM if waits > TOO_OLD else Verdict.OK
        found.append(Finding("groups", "members", verdict, told, f"`vestibule group list {slug} --unknown`"))
    return found or [Finding("groups", "members", Verdict.OK, "everybody whom a group names is there")]


async def _fanouts(connection: Connection, slugs: Mapping[TenantId, str], now: datetime) -> list[Finding]:
    found = []
    for fanout in await list_open_fanouts(connection):
        told = (
            f"{slugs.get(fanout.tenant, '?')}: {plain(fanout.scope)} at {plain(fanout.phase)}, "
            f"{fanout.marked} marked, begun {age((now - fanout.created_at).total_seconds())} ago"
        )
        stuck = now - fanout.advanced_at > STUCK
        advice = "no relay carries it on: check that one runs" if stuck else ""
        found.append(Finding("work", "fan-out", Verdict.PROBLEM if stuck else Verdict.OK, told, advice))
    return found or [Finding("work", "fan-outs", Verdict.OK, "none is open")]


def _desks(desks: Iterable[DeskRecord], sealing_key: str, now: datetime) -> list[Finding]:
    found = [_desk(desk, sealing_key, now) for desk in desks]
    return found or [
        Finding("desk", "all", Verdict.PROBLEM, "there is none", "`vestibule desk create --help`")
    ]


def _desk(desk: DeskRecord, sealing_key: str, now: datetime) -> Finding:
    """The worst that can be said about a desk."""
    flow, expire = desk.flow, desk.credentials_expire_at
    renew = f"`vestibule desk renew {desk.name}`"

    def problem(told: str, advice: str) -> Finding:
        return Finding("desk", desk.name, Verdict.PROBLEM, told, advice)

    if flow is None:
        return problem("it has no window: nothing is sent there", "report it: desk create makes one")
    if desk.state is DeskState.DISABLED:
        return problem("it is switched off: work for it waits", "enable it when it may be written to")
    if expire is not None and expire <= now:
        return problem(f"its credentials expired on {expire:%Y-%m-%d}", renew)
    if flow.code is not None and (flow.faults > 0 or flow.probing):
        since = age((now - flow.since).total_seconds())
        told = f"in trouble for {since}: {plain(flow.code)}, {flow.faults} faults in a row"
        return problem(told, "check the desk's own state; for a refused token " + renew)
    if flow.blocked_until is not None and flow.blocked_until > now:
        pause = age((flow.blocked_until - now).total_seconds())
        return Finding("desk", desk.name, Verdict.OK, f"it asked for a pause of another {pause}")
    if expire is not None and expire <= now + SOON:
        return problem(f"its credentials expire on {expire:%Y-%m-%d}", renew)
    sealed = "" if desk.sealing_key_id == sealing_key else f", sealed to the older key {desk.sealing_key_id}"
    return Finding("desk", desk.name, Verdict.OK, f"{desk.kind}, no trouble known{sealed}")


async def _tokens(connection: Connection, slugs: Mapping[TenantId, str], now: datetime) -> list[Finding]:
    return [
        Finding(
            "token",
            f"...{token.hint}",
            Verdict.PROBLEM,
            f"{slugs.get(token.tenant, '?')}: the last token of a connection ends in "
            f"{age((token.expires_at - now).total_seconds())}",
            f"`vestibule token rotate {slugs.get(token.tenant, '')} CONNECTION`, and give it to the customer",
        )
        for token in await list_ending_tokens(connection, SOON)
    ]
