"""One account in hand: its plan carried out step by step, and what the desk has confirmed of it so far."""

from dataclasses import replace
from typing import Final, assert_never
from uuid import UUID

import asyncpg

from vestibule.database.outcomes import AccountRecord, ClaimedAccount, Identity, IdentityState, Result
from vestibule.domain.outcomes import FailedCode, Form, HeldReason, RefusedReason
from vestibule.messages.redelivery import Faulted
from vestibule.telemetry.logging import logger
from vestibule_directory_writer.claims import AccountClaims, SafeStop
from vestibule_directory_writer.connectors.failures import DeskFailure, DeskRefusesCredentials
from vestibule_directory_writer.connectors.service_desk import ServiceDesk
from vestibule_directory_writer.creation import (
    Creation,
    Foreign,
    Invisible,
    Made,
    create,
    find_ours,
    had_no_effect,
)
from vestibule_directory_writer.desks import CREDENTIALS_PAUSE_SECONDS, OpenDesk
from vestibule_directory_writer.judging import ENDED_EVENT, Judgement, credentials_code, end, judge
from vestibule_directory_writer.permits import NoPermit
from vestibule_directory_writer.planning import (
    UNCERTAIN,
    AddToDesk,
    Change,
    Create,
    Hold,
    LookUp,
    Plan,
    RemoveFromDesk,
    RenameCustomer,
    Step,
    Wanted,
    plan,
)
from vestibule_directory_writer.timing import Timing
from vestibule_directory_writer.work import Means

NOT_VISIBLE_SECONDS: Final = (1.0, 2.0, 5.0, 10.0)  # look-ups at a desk are late
ADOPTION: Final = "adoption"

log = logger(__name__)


class AccountInHand:
    """Mutable on purpose: wherever the work stops, the record tells what the desk had confirmed by then."""

    def __init__(
        self, account: ClaimedAccount, planned: Plan, desk: OpenDesk, means: Means, trace: str | None
    ) -> None:
        self.account = account
        self.trace = trace
        self.stopped = False
        self._plan = planned
        self._desk = desk
        self._means = means
        self._wanted = Wanted(account.email, account.display_name, account.access)
        found = account.identity
        self._identity = found.id if found else None
        self._state = found.state if found else IdentityState.IDLE
        self._email = found.email if found else account.email
        self._desk_account_id = found.desk_account_id if found else None
        self._display_name = found.display_name if found else None
        self._at_desk = found.at_desk if found else False
        if self._state in UNCERTAIN:
            self._at_desk = None  # whatever that earlier work did after its create
        self._made = False
        self._about = RefusedReason.REQUEST

    def intent_saved(self, identity: UUID | None) -> None:
        """The create may be called under this identity; None: it may not, stop."""
        self.stopped = identity is None
        if identity is not None:
            self._identity = identity
            self._email = self.account.email
            if self._state not in UNCERTAIN:
                self._state = IdentityState.IDLE  # until the call is made

    def steps_saved(self, saved: bool) -> None:
        """The plan's steps may be called; or they may not, stop."""
        self.stopped = not saved

    async def carry_out(self, claims: AccountClaims) -> AccountRecord:
        """Carry the plan out as far as it goes; every failure of the desk becomes a record."""

        async def ready() -> None:
            await claims.ensure(self.account, Timing.needed(self._desk.call_seconds))

        service = self._desk.service.paced_by(self._desk.permits.paced(self.account.urgent, ready))
        try:
            return await self._follow(self._plan, service, claims)
        except SafeStop:
            return self.released()
        except (DeskFailure, NoPermit) as failure:
            return await self._failed(failure)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            raise
        except Exception:
            log.exception("account_failed", account=self.account.id, tenant=self.account.tenant)
            return self._ended(Judgement(Faulted(FailedCode.BUG)))

    async def _follow(self, planned: Plan, service: ServiceDesk, claims: AccountClaims) -> AccountRecord:
        match planned:
            case Hold(reason):
                return replace(self._record(Result.DONE), held=reason, event="held")
            case Create(email, display_name, uncertain):
                return await self._created(
                    await self._create(service, email, display_name, uncertain), service, claims
                )
            case LookUp(email):
                return await self._looked_up(await find_ours(service, email), service, claims)
            case Change():
                return await self._change(planned, service, claims)
            case _:
                assert_never(planned)

    async def _create(self, service: ServiceDesk, email: str, display_name: str, uncertain: bool) -> Creation:
        before = self._state
        self._state = IdentityState.UNKNOWN
        self._about = RefusedReason.EMAIL
        try:
            return await create(service, email, display_name, uncertain)
        except (DeskFailure, NoPermit, SafeStop) as failure:
            if had_no_effect(failure):
                self._state = before
            raise

    async def _created(
        self, creation: Creation, service: ServiceDesk, claims: AccountClaims
    ) -> AccountRecord:
        match creation:
            case Made():
                return await self._take(creation, service, claims)
            case Foreign(reason):
                if self.account.identity is None or self.account.identity.state not in UNCERTAIN:
                    self._state = IdentityState.IDLE
                return replace(
                    self._record(Result.PARK), code=reason, held=reason, event="held", case_kind=ADOPTION
                )
            case Invisible():
                return self._not_visible()
            case _:
                assert_never(creation)

    async def _looked_up(
        self, creation: Creation, service: ServiceDesk, claims: AccountClaims
    ) -> AccountRecord:
        """Somebody leaves, or has another address now, while an earlier create is not settled."""
        match creation:
            case Made():
                return await self._take(creation, service, claims)
            case Foreign():
                self._state = IdentityState.IDLE  # whoever it is, it is not what our call made
            case Invisible():
                if self.account.attempts < len(NOT_VISIBLE_SECONDS):
                    return self._not_visible()  # look-ups are late: an empty answer proves nothing yet
                if self._wanted.access:
                    self._state = IdentityState.IDLE
            case _:
                assert_never(creation)
        if self._wanted.access:
            return self.released()  # the next claim creates under the address of today
        return self._done(Form.ABSENT, None)

    async def _take(self, made: Made, service: ServiceDesk, claims: AccountClaims) -> AccountRecord:
        """The customer is ours: whatever else is wanted follows."""
        self._state = IdentityState.PRESENT
        self._desk_account_id = made.desk_account_id
        self._display_name = made.display_name
        self._made = True
        assert self._identity is not None
        found = Identity(
            self._identity,
            self._state,
            made.desk_account_id,
            self._email,
            made.display_name,
            self._at_desk,
        )
        return await self._follow(plan(self._wanted, found, self._desk.service.capabilities), service, claims)

    async def _change(self, change: Change, service: ServiceDesk, claims: AccountClaims) -> AccountRecord:
        called = self._made
        for step in change.steps:
            if called:
                await claims.confirm(self.account)
            await self._carry_out_step(step, service)
            called = True
        return self._done(change.form, change.held)

    async def _carry_out_step(self, step: Step, service: ServiceDesk) -> None:
        before = self._display_name, self._at_desk
        try:
            await self._call_step(step, service)
        except (DeskFailure, NoPermit, SafeStop) as failure:
            if had_no_effect(failure):
                self._display_name, self._at_desk = before
            raise

    async def _call_step(self, step: Step, service: ServiceDesk) -> None:
        """Make the call; what it changes is unknown until it is answered."""
        assert self._desk_account_id is not None
        match step:
            case RenameCustomer(display_name):
                self._about = RefusedReason.DISPLAY_NAME
                self._display_name = None
                await service.rename_customer(self._desk_account_id, display_name)
                self._display_name = display_name
            case AddToDesk():
                self._about = RefusedReason.REQUEST
                self._at_desk = None
                await service.add_to_desk([self._desk_account_id])
                self._at_desk = True
            case RemoveFromDesk():
                self._about = RefusedReason.REQUEST
                self._at_desk = None
                await service.remove_from_desk([self._desk_account_id])
                self._at_desk = False
            case _:
                assert_never(step)

    def released(self) -> AccountRecord:
        """Nothing to tell: stopped at a safe point, and free to be picked again."""
        return self._record(Result.RELEASE)

    def _done(self, form: Form, held: HeldReason | None) -> AccountRecord:
        return replace(
            self._record(Result.DONE),
            hash=self.account.wanted_hash if held is None else None,
            form=form,
            held=held,
            event="applied" if held is None else "held",
        )

    def _not_visible(self) -> AccountRecord:
        tried = self.account.attempts
        if tried >= len(NOT_VISIBLE_SECONDS):
            return replace(self._record(Result.PARK), code=FailedCode.EXISTS_NOT_VISIBLE, event="parked")
        return replace(
            self._record(Result.RETRY), seconds=NOT_VISIBLE_SECONDS[tried], code=FailedCode.EXISTS_NOT_VISIBLE
        )

    async def _failed(self, failure: DeskFailure | NoPermit) -> AccountRecord:
        permits = self._desk.permits
        if isinstance(failure, DeskRefusesCredentials):
            await permits.pause(credentials_code(failure), CREDENTIALS_PAUSE_SECONDS)
        return self._ended(judge(failure, permits.troubled, self._about))

    def _ended(self, judgement: Judgement) -> AccountRecord:
        ending = end(judgement, self.account.attempts, self._means.jitter())
        hold = self._desk.call_seconds if judgement.late else 0.0
        return replace(
            self._record(ending.result),
            seconds=ending.seconds,
            counted=ending.counted,
            code=ending.code,
            detail=judgement.detail,
            event=ENDED_EVENT[ending.result] if ending.counted else None,
            hold=hold,
        )

    def _record(self, result: Result) -> AccountRecord:
        """What every record carries: the key, and the identity as the desk has confirmed it."""
        account = self.account
        known = self._identity is not None
        return AccountRecord(
            tenant=account.tenant,
            account=account.id,
            desk=account.desk,
            version=account.version,
            result=result,
            trace=self.trace,
            identity=self._identity,
            identity_state=self._state if known else None,
            desk_account_id=self._desk_account_id,
            display_name=self._display_name,
            at_desk=self._at_desk,
            tell_organizations=self._made,
            was_held=account.held,
        )
