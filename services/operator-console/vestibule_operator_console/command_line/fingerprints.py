"""What `vestibule connection fingerprint` shows."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import RenderableType

from vestibule.database.fingerprints import Known
from vestibule.scim.fingerprints import Trait
from vestibule_operator_console.command_line.answers import moment, table
from vestibule_operator_console.fingerprints import Fingerprint, repair_text
from vestibule_operator_console.words import plain

TITLES: Final[Mapping[Trait, str]] = {
    Trait.CLIENT: "program",
    Trait.OPERATION: "operation",
    Trait.ERROR: "answered with",
}


def fingerprint_view(shown: Fingerprint, tenant: str) -> Sequence[RenderableType]:
    """The dialect, and a table for each kind of count."""
    where = f"connection {shown.connection.name} of tenant {tenant}"
    if shown.first_at is None:
        return [f"Nothing was seen of {where} yet: has the identity provider its base URL and its token?"]
    dialect = "none that is known here by name"
    if shown.guess is not None:
        dialect = f"{shown.guess.dialect} ({shown.guess.because})"
    view: list[RenderableType] = [
        f"Dialect  {dialect}; declared: {shown.connection.idp}",
        f"Seen     from {moment(shown.first_at)} to {moment(shown.last_at)} UTC",
    ]
    repairs = shown.of(Trait.REPAIR)
    if repairs:
        told = table("repair", "requests", "last", "what it is", right=("requests",))
        for one in repairs:
            told.add_row(one.code, f"{one.requests}", moment(one.last_at), repair_text(one.code))
        view += ["", told]
    else:
        view += ["", "No repair was needed: it speaks as the RFC has it."]
    for trait, title in TITLES.items():
        counted = shown.of(trait)
        if counted:
            told = table(title, "requests", "first", "last", right=("requests",))
            for one in counted:
                code = plain(one.code) if trait is Trait.ERROR else one.code
                told.add_row(code, f"{one.requests}", moment(one.first_at), moment(one.last_at))
            view += ["", told]
    return view


def fingerprint_document(shown: Fingerprint) -> dict[str, Any]:
    """The same for programs."""
    guess = shown.guess
    return {
        "connection": shown.connection.name,
        "connection_id": shown.connection.id,
        "idp": shown.connection.idp,
        "dialect": None if guess is None else guess.dialect,
        "because": None if guess is None else guess.because,
        "first_at": shown.first_at,
        "last_at": shown.last_at,
        "repairs": [{**_counted(one), "text": repair_text(one.code)} for one in shown.of(Trait.REPAIR)],
        "clients": [_counted(one) for one in shown.of(Trait.CLIENT)],
        "operations": [_counted(one) for one in shown.of(Trait.OPERATION)],
        "errors": [_counted(one) for one in shown.of(Trait.ERROR)],
    }


def _counted(one: Known) -> dict[str, Any]:
    return {"code": one.code, "requests": one.requests, "first_at": one.first_at, "last_at": one.last_at}
