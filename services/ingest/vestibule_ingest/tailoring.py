"""The resource types as each tenant has them, kept by immutable version: a request asks nobody for them."""

from collections import OrderedDict
from typing import Final

from vestibule.database.callers import read_schemas
from vestibule.domain.tokens import Credential
from vestibule.scim.definitions import InvalidDefinition, parse_extensions
from vestibule.scim.errors import Unavailable
from vestibule.scim.resource_types import CORE, ResourceTypes, extended
from vestibule.telemetry.logging import logger
from vestibule_ingest.lanes import Lanes

MOST_TAILORED: Final = 1_000  # connections; whoever was learned first is learned anew when it asks again

log = logger(__name__)


class Tailoring:
    """What is known of tenants that defined schemas; nothing is, and need be, of all others.

    What is kept may be old: each statement refuses a request that was read by it (Verdict.OUTDATED), and
    whoever is told so learns and reads it again.
    """

    def __init__(self, lanes: Lanes, most: int = MOST_TAILORED) -> None:
        self._lanes = lanes
        self._most = most
        self._known: OrderedDict[str, ResourceTypes] = OrderedDict()

    def known(self, path: str) -> ResourceTypes:
        """The resource types of a connection, as far as they are known here."""
        return self._known.get(path, CORE)

    async def learn(self, path: str, caller: Credential) -> ResourceTypes:
        """Ask for the resource types of a connection; raises Refused, and what a connection raises."""
        async with self._lanes.take() as connection:
            found = await read_schemas(connection, caller)
        known = self._known.pop(path, None)
        if found.version == 0:
            return CORE
        if known is None or known.version != found.version:
            try:
                known = extended(found.version, parse_extensions(found.document))
            except InvalidDefinition as error:
                log.error("schemas_unreadable", version=found.version, problems=len(error.problems))
                raise Unavailable(
                    "The customer's schemas cannot be read: ask the operator of the service desk."
                ) from error
        self._known[path] = known
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        return known
