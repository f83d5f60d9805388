"""Whether the services are ready, asked of themselves."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from vestibule_operator_console.findings import Finding, Verdict

NAMES = ("ingest", "relay", "router", "writer")
ASK_SECONDS = 5.0
PART = "service"
ADVICE = {
    "database": "check that PostgreSQL runs and VESTIBULE_DATABASE_URL of the service",
    "broker": "check that RabbitMQ runs and VESTIBULE_AMQP_URL of the service",
    "consumer": "it consumes no queue: check that RabbitMQ runs, and the service's log",
}


def known_services(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Base URLs by name: VESTIBULE_INGEST_URL and the like, else what `make up` wrote down."""
    run = Path(environment.get("VESTIBULE_RUN") or folder / ".local" / "run.json")
    try:
        written = json.loads(run.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        written = {}
    found = {name: environment.get(f"VESTIBULE_{name.upper()}_URL") or written.get(name) for name in NAMES}
    return {name: url.rstrip("/") for name, url in found.items() if isinstance(url, str) and url}


async def ask_services(urls: Mapping[str, str]) -> list[Finding]:
    """One finding for each service, all asked at once and within a bound."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ASK_SECONDS)) as session:
        return list(await asyncio.gather(*(_ask(session, name, urls.get(name)) for name in NAMES)))


async def _ask(session: aiohttp.ClientSession, name: str, url: str | None) -> Finding:
    if url is None:
        return Finding(
            PART, name, Verdict.UNKNOWN, "its address is not known", f"set VESTIBULE_{name.upper()}_URL"
        )
    try:
        async with session.get(f"{url}/readyz") as answer:
            if answer.status == 200:
                return Finding(PART, name, Verdict.OK, f"ready at {url}")
            failing = _failing(await answer.text())
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return Finding(
            PART, name, Verdict.UNREACHABLE, f"no answer at {url}", "check that it runs, and its log"
        )
    advice = "; ".join(ADVICE.get(check, f"see its log about {check}") for check in failing)
    told = f"not ready at {url}: {', '.join(failing) or f'it answers {answer.status}'}"
    return Finding(PART, name, Verdict.PROBLEM, told, advice or "see its log")


def _failing(text: str) -> list[str]:
    try:
        document = json.loads(text)
    except ValueError:
        return []
    found = document.get("failing") if isinstance(document, dict) else None
    return [str(check) for check in found] if isinstance(found, list) else []
