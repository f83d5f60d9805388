"""The router's process: `python -m vestibule_tenant_router`."""

from vestibule.process.running import run
from vestibule.settings.loading import load_or_exit
from vestibule.settings.services import RouterSettings
from vestibule.telemetry.logging import configure_logging
from vestibule_tenant_router.worker import SERVICE, route


def main() -> None:
    """Exit codes: 0 stopped, 1 crashed, 2 wrong settings."""
    settings = load_or_exit(RouterSettings)
    configure_logging(SERVICE, settings.instance, settings.log_level)
    run(lambda stopping: route(settings, stopping), drain_seconds=settings.drain_seconds)


if __name__ == "__main__":
    main()
