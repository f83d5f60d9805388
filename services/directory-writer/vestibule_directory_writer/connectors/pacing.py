"""The pace a desk allows: asked before every call, told about every throttle and every answer."""

from typing import Protocol

from vestibule_directory_writer.connectors.failures import Scope


class Pacing(Protocol):
    """Who decides when the next call may go out. `endpoint` is a path template: no id, safe as a label."""

    async def permit(self, endpoint: str, method: str) -> None:
        """Return when one call may be made, or raise to keep it from being made. Before EVERY call."""
        ...

    async def throttled(self, endpoint: str, method: str, retry_after_seconds: float, scope: Scope) -> None:
        """The desk wants a pause, of this endpoint and method or of the whole desk."""
        ...

    async def answered(self, ok: bool) -> None:
        """A call ended. Not `ok`: the desk did not answer, or said that it cannot (the circuit's food)."""
        ...


class Unpaced:
    """No pace at all: for tests and for single probes by hand."""

    async def permit(self, endpoint: str, method: str) -> None:
        """Every call may go at once."""

    async def throttled(self, endpoint: str, method: str, retry_after_seconds: float, scope: Scope) -> None:
        """Forget it: the caller sees `Throttled` anyway."""

    async def answered(self, ok: bool) -> None:
        """Forget it."""
