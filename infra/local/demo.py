"""`make demo`: three customers' simulated IdPs feed one service desk over real HTTP.

Each lives through the first chapters of its recording, and every request that it makes of them is compared
with the recorded one. Runs against a gateway that is up (its settings come from the environment, see
`Stack.console_environ`); everything that an operator would do is done with the command line.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from rich.console import Console
from rich.table import Table

from infra.identity_providers.catalogue import DIALECTS
from infra.identity_providers.directory import Directory
from infra.identity_providers.exchanges import Refused, Unheard
from infra.identity_providers.performing import perform
from infra.identity_providers.provider import IdentityProvider
from infra.identity_providers.script import Cast, ScriptError
from infra.identity_providers.speaking import Speaker
from infra.identity_providers.transcript import TranscriptError, read_transcripts
from infra.identity_providers.wire import Endpoint
from infra.local.environment import PYTHON
from infra.local.places import ROOT

SETTLE_SECONDS: Final = 45.0
COMMAND_SECONDS: Final = 30
POLL_SECONDS: Final = 0.3
TRANSCRIPTS: Final = ROOT / "tests" / "transcripts"
CHAPTERS: Final = 3  # of each recording; the later ones have what somebody else does, and lost answers
COMMAND: Final = PYTHON.with_name("vestibule")


class DemoError(Exception):
    """Something is not as it should be; the message says what was expected and what was found."""


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer company and its identity provider."""

    slug: str
    name: str
    dialect: str


@dataclass(slots=True)
class Actor:
    """A customer's simulated identity provider at its connection."""

    customer: Customer
    speaker: Speaker
    cast: Cast
    kept: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expected:
    """What must be at the desk in the end: display names by organization, and whom nobody may find there."""

    organizations: Mapping[str, tuple[str, ...]]
    without_access: tuple[str, ...]


CUSTOMERS: Final = (
    Customer("acme", "Acme", "okta-catalog"),
    Customer("borealis", "Borealis", "entra-default"),
    Customer("cobalt", "Cobalt", "onelogin"),
)
EXPECTED: Final[Mapping[str, Expected]] = {
    "acme": Expected(
        {
            "Acme": ("Ana Li", "Chloé Martin", "Dev Patel", "Eva Novák-Horák"),
            "IT": ("Ana Li", "Dev Patel"),
            "Customer Care": ("Chloé Martin", "Dev Patel"),
        },
        ("Bruno Reis",),
    ),
    "borealis": Expected(
        {
            "Borealis": ("Freya Berglund", "Goran Kos", "Hana Sato", "Ivo Marek"),
            "IT": ("Goran Kos",),
        },
        (),
    ),
    "cobalt": Expected(
        {"Cobalt": ("Jane Doe",), "Field team": ("Jane Doe",)},
        ("Kay Lim", "Mia Ross"),
    ),
}


class Demonstration:
    """The story from an empty gateway to the proof at its end."""

    def __init__(self, environ: Mapping[str, str], screen: Console, session: aiohttp.ClientSession) -> None:
        self._environ = environ
        self._screen = screen
        self._session = session
        self._desk = environ["SANDBOX_DESK_URL"]

    async def run(self) -> None:
        """Raises DemoError, or what `perform` raises, when anything is not as it should be."""
        began = time.monotonic()
        await self._onboard_desk()
        actors = [await self._onboard(customer) for customer in CUSTOMERS]
        await self._converse(actors)
        self._screen.print("waiting until everything is at the desk …", style="dim")
        state = await self._settled()
        self._show(state)
        await self._command("standing", shown=True)
        await self._command("case", "list", shown=True)
        self._screen.print(
            f"\n[bold green]Everything is where it should be[/] ({time.monotonic() - began:.0f} s)."
        )

    async def _onboard_desk(self) -> None:
        credentials = json.dumps(
            {"email": self._environ["SANDBOX_DESK_USER"], "api_token": self._environ["SANDBOX_DESK_TOKEN"]}
        )
        site = f"{self._desk}/jsm/csm/cloudid/demo/api/v1"
        await self._command(
            *("desk", "create", "main", "--base-url", self._desk, "--service-desk-id", "1"),
            *("--csm-url", site, "--credentials-file", "-"),
            given=credentials,
        )
        self._screen.print(
            "desk [bold]main[/] registered; its credentials are sealed to the writer", style=""
        )

    async def _onboard(self, customer: Customer) -> Actor:
        dialect = DIALECTS[customer.dialect]()
        await self._command("tenant", "create", customer.slug, "--name", customer.name, "--desk", "main")
        made = await self._command("connection", "create", customer.slug, "--idp", dialect.vendor)
        self._screen.print(
            f"customer [bold]{customer.name}[/] onboarded: {dialect.name} at {made['base_url']}",
            soft_wrap=True,
        )
        idp = IdentityProvider(dialect, Directory(f"{customer.slug}.example"))
        speaker = Speaker(idp, Endpoint(made["base_url"], made["token"]))
        return Actor(customer, speaker, Cast(idp.directory))

    async def _converse(self, actors: Sequence[Actor]) -> None:
        """All identity providers speak at once; between two chapters the desk catches up, as in life."""
        for number in range(CHAPTERS):
            await asyncio.gather(*(self._speak(actor, number) for actor in actors))
            await self._nobody_pending()

    async def _speak(self, actor: Actor, number: int) -> None:
        chapter = read_transcripts(TRANSCRIPTS / actor.customer.dialect)[number]
        said = await perform(chapter, actor.speaker, actor.cast, actor.kept)
        self._screen.print(
            f"  {actor.customer.name:<9} {chapter.title} [dim]({said} requests, as recorded)[/]",
            soft_wrap=True,
        )

    async def _nobody_pending(self) -> None:
        ends = time.monotonic() + SETTLE_SECONDS
        while (await self._command("standing", may_fail=True))["totals"]["pending"]:
            if time.monotonic() > ends:
                raise DemoError(f"persons are still pending after {SETTLE_SECONDS:.0f} s")
            await asyncio.sleep(POLL_SECONDS)

    async def _settled(self) -> dict[str, Any]:
        """The desk once it is as expected and nobody is pending; else DemoError with the last difference."""
        ends = time.monotonic() + SETTLE_SECONDS
        while True:
            async with self._session.get(f"{self._desk}/sandbox/state") as answer:
                state: dict[str, Any] = await answer.json()
            difference = difference_of(state)
            if difference is None:
                counted = await self._command("standing", may_fail=True)
                if counted["holds"] and not counted["totals"]["pending"]:
                    return state
                difference = f"{counted['totals']['pending']} persons are pending"
            if time.monotonic() > ends:
                raise DemoError(f"after {SETTLE_SECONDS:.0f} s: {difference}")
            await asyncio.sleep(POLL_SECONDS)

    def _show(self, state: Mapping[str, Any]) -> None:
        table = Table(title="\nAt the service desk", title_justify="left", box=None, padding=(0, 2, 0, 0))
        for heading in ("customer", "organization", "desk id", "members"):
            table.add_column(heading, overflow="fold")
        for customer in CUSTOMERS:
            for organization in organizations_of(state, customer):
                members = ", ".join(sorted(names_in(state, organization))) or "[dim]nobody[/]"
                table.add_row(customer.name, organization["name"], str(organization["id"]), members)
        self._screen.print(table)
        stripped = sorted(
            person["displayName"] for person in state["customers"] if not person["organizations"]
        )
        self._screen.print(f"at the desk without any access: {', '.join(stripped)}\n")

    async def _command(
        self, *words: str, given: str = "", shown: bool = False, may_fail: bool = False
    ) -> dict[str, Any]:
        """Run `vestibule`; its JSON answer, or its table on the screen."""
        argv = [str(COMMAND), *words, *([] if shown else ["--json"])]
        done = await asyncio.to_thread(
            subprocess.run,
            argv,
            input=given,
            text=True,
            cwd=ROOT,
            env={**os.environ, **self._environ},
            timeout=COMMAND_SECONDS,
            stdout=None if shown else subprocess.PIPE,
            check=False,
        )
        if done.returncode != 0 and not may_fail:
            raise DemoError(f"`vestibule {' '.join(words)}` ended with {done.returncode}")
        answer: dict[str, Any] = {} if shown else json.loads(done.stdout)
        return answer


def organizations_of(state: Mapping[str, Any], customer: Customer) -> list[dict[str, Any]]:
    """A customer's organizations at the desk, the home one first; names begin with the customer's prefix."""
    found = [one for one in state["organizations"] if one["name"].startswith(customer.name)]
    return sorted(found, key=lambda one: len(one["name"]))


def names_in(state: Mapping[str, Any], organization: Mapping[str, Any]) -> set[str]:
    """The display names of an organization's members."""
    people = {person["accountId"]: person["displayName"] for person in state["customers"]}
    return {people[member] for member in organization["members"]}


def difference_of(state: Mapping[str, Any]) -> str | None:
    """What is not yet as it should be, in one sentence; None when all is."""
    for customer in CUSTOMERS:
        expected = EXPECTED[customer.slug]
        there = organizations_of(state, customer)
        if len(there) != len(expected.organizations):
            return f"{customer.name} has {len(there)} organizations, not {len(expected.organizations)}"
        for name, members in expected.organizations.items():
            fitting = [one for one in there if one["name"].endswith(name)]
            if len(fitting) != 1:
                return f"{customer.name} has {len(fitting)} organizations that end with {name!r}"
            if names_in(state, fitting[0]) != set(members):
                return f"in {fitting[0]['name']!r} are {sorted(names_in(state, fitting[0]))}"
    names = [person["displayName"] for person in state["customers"]]
    if len(names) != len(set(names)):
        return "somebody is there twice"
    reachable = {person["displayName"] for person in state["customers"] if person["organizations"]}
    left = {name for expected in EXPECTED.values() for name in expected.without_access}
    if reachable & left:
        return f"{sorted(reachable & left)} still have access"
    if "Sam Shared" in names:
        return "a person is there whose address belongs to another customer"
    return None


async def demonstrate(screen: Console) -> int:
    """0 when everything came out as it should, else 1."""
    async with aiohttp.ClientSession() as session:
        try:
            await Demonstration(os.environ, screen, session).run()
        except (DemoError, TranscriptError, ScriptError, Refused, Unheard, TimeoutError) as error:
            screen.print(f"[bold red]The demo failed:[/] {error}")
            return 1
    return 0


def main(arguments: Sequence[str]) -> int:
    """Takes no arguments; `make demo` starts the gateway before and stops it after."""
    if arguments:
        sys.stderr.write("usage: make demo [KEEP=1]\n")
        return 2
    return asyncio.run(demonstrate(Console(highlight=False)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
