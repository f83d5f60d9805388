"""`python -m sandbox_desk`: serve one sandbox desk until told to stop."""

import os
import sys

import uvicorn

from sandbox_desk.app import SandboxDesk
from sandbox_desk.connection import CuttableProtocol
from sandbox_desk.journal import Journal, JournalUnusable
from sandbox_desk.settings import Settings, SettingsWrong, read_settings
from sandbox_desk.site import Site

MISCONFIGURED = 2


def server(settings: Settings, site: Site) -> uvicorn.Server:
    """The HTTP server over a site; for a test, or for `main`."""
    return uvicorn.Server(
        uvicorn.Config(
            SandboxDesk(site, settings.user, settings.token),
            host=settings.host,
            port=settings.port,
            http=CuttableProtocol,
            loop="uvloop",
            ws="none",
            access_log=False,
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=2,
            backlog=2048,
        )
    )


def main() -> int:
    """Exit code 2 and every problem on stderr where the settings or the state cannot be used."""
    try:
        settings = read_settings(os.environ)
        journal = Journal(settings.state) if settings.state is not None else None
        site = Site(journal)
    except SettingsWrong as wrong:
        sys.stderr.writelines(f"sandbox desk: {problem}\n" for problem in wrong.problems)
        return MISCONFIGURED
    except JournalUnusable as unusable:
        sys.stderr.write(f"sandbox desk: {unusable}\n")
        return MISCONFIGURED
    server(settings, site).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
