"""The writer's process: `python -m vestibule_directory_writer`."""

import sys

from vestibule.process.running import run
from vestibule.settings.loading import EXIT_INVALID, load_or_exit
from vestibule.settings.services import WriterSettings
from vestibule.telemetry.logging import configure_logging
from vestibule_directory_writer.worker import SERVICE, timing_of, write


def main() -> None:
    """Exit codes: 0 stopped, 1 crashed, 2 wrong settings."""
    settings = load_or_exit(WriterSettings)
    problem = timing_of(settings).problem()
    if problem is not None:
        sys.stderr.write(f"VESTIBULE_CLAIM_SECONDS: {problem}\n")
        raise SystemExit(EXIT_INVALID)
    configure_logging(SERVICE, settings.instance, settings.log_level)
    run(lambda stopping: write(settings, stopping), drain_seconds=settings.drain_seconds)


if __name__ == "__main__":
    main()
