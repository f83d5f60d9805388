"""Mappings: which of a person's attributes become the account; versions that never change."""

import json
from dataclasses import dataclass

from vestibule.database.audits import append_audit
from vestibule.database.connections import IdpConnection, mark_connection, read_mapping, replace_mapping
from vestibule.mapping.extension_sources import ExtensionSource
from vestibule.mapping.rules import InvalidMapping, Mapping, parse_mapping
from vestibule.scim.attributes import Schema
from vestibule.scim.schemas import ENTERPRISE_USER
from vestibule_operator_console.connections import locked
from vestibule_operator_console.console import Console
from vestibule_operator_console.problems import Unusable
from vestibule_operator_console.schemas import read_defined

MOST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class ShownMapping:
    """A connection and the mapping that is in force for it."""

    connection: IdpConnection
    mapping: Mapping


async def show_mapping(console: Console, slug: str, name: str) -> ShownMapping:
    """The mapping of a connection."""
    tenant = await console.tenant(slug)
    async with console.entering(tenant.id) as connection:
        found = await locked(connection, tenant, name)
        return ShownMapping(found, parse_mapping(await read_mapping(connection, tenant.id, found.id)))


async def set_mapping(console: Console, slug: str, name: str, text: str) -> ShownMapping:
    """A new mapping; everybody of the connection is judged by it, in chunks. Unusable for what is none."""
    mapping = read_rules(text)
    defined = await read_defined(console, slug)
    refuse_unknown(mapping, [ENTERPRISE_USER, *(one.schema for one in defined.extensions)])
    tenant = defined.tenant
    async with console.entering(tenant.id) as connection:
        found = await locked(connection, tenant, name)
        version = await replace_mapping(connection, tenant.id, found.id, mapping.as_document())
        await mark_connection(connection, tenant.id, tenant.desk, found.id, console.trace)
        detail = {"name": name, "version": version, "trace": console.trace}
        await append_audit(connection, tenant.id, console.actor, "mapping.set", found.id, detail)
        return ShownMapping(await locked(connection, tenant, name), mapping)


def read_rules(text: str) -> Mapping:
    """A mapping as an operator writes it; Unusable lists what is wrong with it."""
    if len(text) > MOST_BYTES:
        raise Unusable(f"the mapping is larger than {MOST_BYTES // 1024} KiB.")
    try:
        return parse_mapping(json.loads(text))
    except InvalidMapping as invalid:
        raise Unusable(f"this is no mapping: {invalid}.", "`vestibule mapping show` shows one.") from invalid
    except (ValueError, RecursionError) as error:
        raise Unusable("the mapping is not JSON.", "`vestibule mapping show --json` shows one.") from error


def refuse_unknown(mapping: Mapping, schemas: list[Schema]) -> None:
    """Raise Unusable for an attribute that its schema does not have; in an undefined one any may be."""
    known = {schema.id.lower(): schema for schema in schemas}
    for source in mapping.extension_sources:
        schema = known.get(source.urn)
        if schema is not None and not _has(schema, source):
            raise Unusable(
                f"{schema.id} has no attribute as {source.text!r} names it.", "Correct its spelling."
            )


def _has(schema: Schema, source: ExtensionSource) -> bool:
    attribute = schema.table.get(source.attribute)
    return attribute is not None and (source.part is None or source.part in attribute.table)
