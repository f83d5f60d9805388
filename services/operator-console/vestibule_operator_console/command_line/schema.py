"""`vestibule schema ...`"""

import sys
import time
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any

from cyclopts import App, Parameter

from vestibule.scim.attributes import Attribute
from vestibule.scim.definitions import extension_document
from vestibule_operator_console.command_line.answers import Answer, Json, coloured, number, table
from vestibule_operator_console.command_line.session import Session
from vestibule_operator_console.fitting import Fitting, Tell, find_misfits, fit_stored, refuse_misfits
from vestibule_operator_console.schemas import (
    MOST_BYTES,
    Defined,
    find_extension,
    put_in_force,
    read_defined,
    read_definition,
    with_schema,
    without_schema,
)

TOLD_EVERY = 1.0  # seconds


class Extended(StrEnum):
    """What a schema adds attributes to."""

    USER = "User"
    GROUP = "Group"


class SchemaCommands:
    """Extension schemas that customers define."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def register(self, app: App) -> None:
        group = App(name="schema", help="Extension schemas of a customer: add, list, show, remove, fit.")
        for command in (self.add, self.list, self.show, self.remove, self.fit):
            group.command(command)
        app.command(group)

    async def add(
        self,
        tenant: str,
        file: Annotated[str, Parameter(allow_leading_hyphen=True)],
        /,
        *,
        resource_type: Annotated[tuple[Extended, ...], Parameter(name="--for")] = (Extended.USER,),
        required: Annotated[bool, Parameter(negative="")] = False,
        replace: Annotated[bool, Parameter(negative="")] = False,
        leave_out: Annotated[bool, Parameter(negative="")] = False,
        json: Json = False,
    ) -> Answer:
        """Define an extension schema, for all connections of a customer, from the next request on.

        The file is a Schema in JSON as RFC 7643, section 7, has it: id (its URN), name, attributes. What was
        stored under the URN before gets the form that the schema gives it.

        Example: `vestibule schema add acme badge.json --for User --for Group`

        Parameters
        ----------
        tenant
            Short name of the customer.
        file
            File with the definition, `-` for standard input.
        resource_type
            What it extends, User unless given; may be there twice.
        required
            Refuse new and replaced resources that do not have it.
        replace
            Define a schema anew that is there already.
        leave_out
            Leave out what was stored before and does not fit; without this it is told, and nothing is done.
        """
        text = self._session.read(file, MOST_BYTES)
        new = read_definition(text, [one.value for one in resource_type], required=required)
        async with self._session.console() as console:
            wanted = with_schema(await read_defined(console, tenant), new, replacing=replace)
            if not leave_out:
                refuse_misfits(await find_misfits(console, wanted))
            defined = await put_in_force(console, wanted, "schema.add", new.schema.id)
            fitted = await fit_stored(console, defined, telling(quiet=json))
        told = f"Schema {new.schema.id} is in force for {tenant}: {_parts(new.schema.attributes)}."
        return Answer(
            json,
            {"schema": extension_document(new), "version": defined.version, "fitted": document(fitted)},
            [
                told,
                *said(fitted),
                f"Its connections show it at /Schemas; mappings may name {new.schema.id}:...",
            ],
        )

    async def list(self, tenant: str, /, *, json: Json = False) -> Answer:
        """List the schemas that a customer has defined.

        Example: `vestibule schema list acme`

        Parameters
        ----------
        tenant
            Short name of the customer.
        """
        async with self._session.console() as console:
            defined = await read_defined(console, tenant)
        view = table("schema", "name", "extends", "required", "attributes", "stored", right=("attributes",))
        state = "active" if defined.is_fitted else "pending"
        for one in defined.extensions:
            view.add_row(
                one.schema.id,
                one.schema.name,
                ", ".join(sorted(one.types)),
                "yes" if one.required else "no",
                number(len(one.schema.attributes)),
                coloured(state),
            )
        hint = f"{tenant} has defined no schema: `vestibule schema add --help`"
        shown = [view] if defined.extensions else [hint]
        return Answer(json, listing(defined), [*shown, *unfitted(defined)])

    async def show(self, tenant: str, urn: str, /, *, json: Json = False) -> Answer:
        """Show a schema with its attributes and their characteristics.

        Example: `vestibule schema show acme urn:example:params:scim:schemas:extension:acme:2.0:User`

        Parameters
        ----------
        tenant
            Short name of the customer.
        urn
            URN of the schema.
        """
        async with self._session.console() as console:
            found = find_extension(await read_defined(console, tenant), urn)
        view = table("attribute", "type", "mutability", "returned", "more")
        for name, attribute in _rows(found.schema.attributes):
            view.add_row(
                name,
                f"{attribute.type.value}{' list' if attribute.multi_valued else ''}",
                attribute.mutability.value,
                attribute.returned.value,
                ", ".join(
                    word
                    for word, holds in (
                        ("required", attribute.required),
                        ("caseExact", attribute.case_exact),
                        (f"e.g. {', '.join(attribute.canonical_values)}", bool(attribute.canonical_values)),
                    )
                    if holds
                ),
            )
        return Answer(json, {"schema": extension_document(found)}, [f"{found.schema.id}", "", view])

    async def remove(self, tenant: str, urn: str, /, *, json: Json = False) -> Answer:
        """Remove a definition. What is stored under its URN stays, and is kept freely from now on.

        Example: `vestibule schema remove acme urn:example:params:scim:schemas:extension:acme:2.0:User`

        Parameters
        ----------
        tenant
            Short name of the customer.
        urn
            URN of the schema.
        """
        async with self._session.console() as console:
            wanted = without_schema(await read_defined(console, tenant), urn)
            defined = await put_in_force(console, wanted, "schema.remove", urn)
            fitted = await fit_stored(console, defined, telling(quiet=json))
        return Answer(
            json,
            {"removed": urn, "version": defined.version, "fitted": document(fitted)},
            [f"{tenant} does not define {urn} any more; what is stored under it is kept.", *said(fitted)],
        )

    async def fit(self, tenant: str, /, *, json: Json = False) -> Answer:
        """Go on with bringing stored values into the form of the schemas, where that was broken off.

        Example: `vestibule schema fit acme`

        Parameters
        ----------
        tenant
            Short name of the customer.
        """
        async with self._session.console() as console:
            defined = await read_defined(console, tenant)
            if defined.is_fitted:
                return Answer(
                    json, listing(defined), [f"Everything of {tenant} has the form of its schemas."]
                )
            fitted = await fit_stored(console, defined, telling(quiet=json))
        return Answer(json, {"version": defined.version, "fitted": document(fitted)}, said(fitted))


def telling(*, quiet: bool) -> Tell:
    """Say on standard error how far it has come, now and then."""
    last = time.monotonic()

    def tell(state: Fitting) -> None:
        nonlocal last
        now = time.monotonic()
        if not quiet and now - last >= TOLD_EVERY:
            last = now
            sys.stderr.write(f"vestibule: looked at {number(state.seen)} of {number(state.total)}\n")

    return tell


def said(fitted: Fitting) -> list[str]:
    """What became of what was stored before."""
    lines = [f"Looked at {number(fitted.seen)} people and groups, {number(fitted.changed)} got another form."]
    lines += [f"Left out: {name} of {count}." for name, count in sorted(fitted.left_out.items())]
    return lines


def unfitted(defined: Defined) -> list[str]:
    """A line where fitting was broken off."""
    if defined.is_fitted:
        return []
    slug = defined.tenant.slug
    return [
        f"Not everything stored has their form yet, so filters may miss some: `vestibule schema fit {slug}`"
    ]


def document(fitted: Fitting) -> dict[str, Any]:
    """A fitting for programs."""
    return {
        "resources": fitted.seen,
        "changed": fitted.changed,
        "left_out": dict(sorted(fitted.left_out.items())),
    }


def listing(defined: Defined) -> dict[str, Any]:
    """All schemas for programs."""
    return {
        "version": defined.version,
        "created_at": defined.created_at,
        "fitted_at": defined.fitted_at,
        "fitted": defined.is_fitted,
        "schemas": [extension_document(one) for one in defined.extensions],
    }


def _rows(attributes: Iterable[Attribute]) -> Iterable[tuple[str, Attribute]]:
    for attribute in attributes:
        yield attribute.name, attribute
        for sub in attribute.sub_attributes:
            yield f"{attribute.name}.{sub.name}", sub


def _parts(attributes: tuple[Attribute, ...]) -> str:
    return "1 attribute" if len(attributes) == 1 else f"{len(attributes)} attributes"
