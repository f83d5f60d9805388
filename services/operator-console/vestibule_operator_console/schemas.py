"""Extension schemas of a customer: defined, shown, removed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from vestibule.database.audits import append_audit
from vestibule.database.tenant_schemas import SchemasVersion, insert_schemas_version, read_schemas_version
from vestibule.database.tenants import Tenant
from vestibule.scim.definitions import (
    InvalidDefinition,
    extension_document,
    parse_definition,
    parse_extensions,
    refuse_clashes,
)
from vestibule.scim.resource_types import Extension, ResourceTypes, extended
from vestibule_operator_console.console import Console
from vestibule_operator_console.problems import Conflict, NotThere, Unusable

MOST_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Defined:
    """A customer's schemas at a version; what was stored before fits them since `fitted_at`."""

    tenant: Tenant
    version: int
    extensions: tuple[Extension, ...]
    created_at: datetime | None
    fitted_at: datetime | None

    @property
    def types(self) -> ResourceTypes:
        """Users and groups as they have them."""
        return extended(self.version, self.extensions)

    @property
    def is_fitted(self) -> bool:
        return self.version == 0 or self.fitted_at is not None


def read_definition(text: str, types: Sequence[str], *, required: bool) -> Extension:
    """A definition as an operator brings it; Unusable lists what is wrong with it."""
    if len(text.encode(errors="replace")) > MOST_BYTES:
        raise Unusable(f"the definition is larger than {MOST_BYTES // 1024} KiB.")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unusable(
            "the definition is not JSON.", "Bring a Schema as RFC 7643, section 7, has it."
        ) from error
    try:
        return Extension(parse_definition(document), frozenset(types), required)
    except InvalidDefinition as invalid:
        told = "\n".join(f"  {problem}" for problem in invalid.problems)
        raise Unusable(f"this defines no schema:\n{told}\n", "Nothing was stored.") from invalid


async def read_defined(console: Console, slug: str) -> Defined:
    """The schemas of a customer."""
    tenant = await console.tenant(slug)
    async with console.entering(tenant.id) as connection:
        return _defined(tenant, await read_schemas_version(connection, tenant.id))


def find_extension(defined: Defined, urn: str) -> Extension:
    """The schema of this URN, in any case; NotThere."""
    for extension in defined.extensions:
        if extension.schema.id.lower() == urn.lower():
            return extension
    raise NotThere(
        f"tenant {defined.tenant.slug!r} has no schema {urn!r}.",
        f"`vestibule schema list {defined.tenant.slug}` shows all of them.",
    )


def with_schema(defined: Defined, new: Extension, *, replacing: bool) -> Defined:
    """What the customer will have; Conflict where the URN is taken, or cannot be told from another."""
    urn = new.schema.id.lower()
    others = [one for one in defined.extensions if one.schema.id.lower() != urn]
    if len(others) < len(defined.extensions) and not replacing:
        raise Conflict(
            f"tenant {defined.tenant.slug!r} has this schema already.", "--replace defines it anew."
        )
    try:
        refuse_clashes(new, others)
    except InvalidDefinition as clash:
        raise Conflict(f"{clash}.") from clash
    return Defined(defined.tenant, defined.version + 1, (*others, new), None, None)


def without_schema(defined: Defined, urn: str) -> Defined:
    """What the customer will have; what was stored under the URN is kept as it is. NotThere."""
    gone = find_extension(defined, urn)
    left = tuple(one for one in defined.extensions if one is not gone)
    return Defined(defined.tenant, defined.version + 1, left, None, None)


async def put_in_force(console: Console, wanted: Defined, action: str, urn: str) -> Defined:
    """From now on every request is read by these schemas; Conflict where another operator was faster."""
    tenant = wanted.tenant
    document = [extension_document(extension) for extension in wanted.extensions]
    async with console.entering(tenant.id) as connection:
        if not await insert_schemas_version(connection, tenant.id, wanted.version - 1, document):
            raise Conflict(
                f"the schemas of {tenant.slug!r} were changed at this moment.", "Look at them and try again."
            )
        detail = {"schema": urn, "version": wanted.version}
        await append_audit(connection, tenant.id, console.actor, action, tenant.id, detail)
        return _defined(tenant, await read_schemas_version(connection, tenant.id))


def _defined(tenant: Tenant, stored: SchemasVersion) -> Defined:
    extensions = parse_extensions(stored.document)
    return Defined(tenant, stored.version, extensions, stored.created_at, stored.fitted_at)
