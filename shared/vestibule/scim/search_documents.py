"""What of a document is kept once more for searching: only what a database cannot fold by itself.

ASCII's lower case is the same everywhere, so a comparison folds it as it goes. Letters beyond it are folded
here, once per write and by the same function as everywhere else; most documents have none and keep nothing.
"""

from collections.abc import Mapping
from typing import Any

from vestibule.scim.attributes import Attribute, ResourceType, Type
from vestibule.scim.comparands import FREE
from vestibule.scim.folding import fold
from vestibule.scim.moments import moment
from vestibule.scim.places import lowered
from vestibule.scim.schemas import USER


def search_document(document: Mapping[str, Any], resource_type: ResourceType) -> dict[str, Any] | None:
    """The attributes, each whole, in which something is folded in a way that ASCII does not know."""
    found = {}
    for key, value in document.items():
        if value.__class__ is str and value.isascii():
            continue
        extension = resource_type.extension_table.get(key)
        if extension is not None and isinstance(value, Mapping):
            folded = _fold_parts(value, extension.table)
        elif ":" in key:
            folded = _fold(value, FREE)
        else:
            folded = _fold(value, resource_type.table.get(key, FREE))
        if folded is not value:
            found[key] = folded
    if resource_type.name == USER.name and _several_work(document.get("emails")):
        found.setdefault("emails", document["emails"])
    return found or None


def _several_work(emails: Any) -> bool:
    """Whether somebody has several work addresses: the index has one, by the others he is found here."""
    if emails.__class__ is not list or len(emails) < 2:
        return False
    return sum(str(email.get("type", "")).lower() == "work" for email in emails) > 1


def _fold(value: Any, attribute: Attribute) -> Any:
    """The value as it is compared: the very same object where nothing is to be done."""
    kind = value.__class__
    if kind is str:
        if attribute.type is Type.DATE_TIME:
            found = moment(value)
            return value if found is None else found
        if attribute.case_exact or value.isascii():
            return value
        folded = fold(value)
        return value if folded == lowered(value) else folded
    if kind is dict:
        return _fold_parts(value, attribute.table if attribute is not FREE else {})
    if kind is list:
        parts = [_fold(inner, attribute) for inner in value]
        return value if all(new is old for new, old in zip(parts, value, strict=True)) else parts
    return value


def _fold_parts(value: Any, table: Mapping[str, Attribute]) -> Any:
    changed = {}
    for key, inner in value.items():
        if (
            inner.__class__ is str
            and inner.isascii()
            and (key not in table or table[key].type is Type.STRING)
        ):
            continue
        folded = _fold(inner, table.get(key, FREE))
        if folded is not inner:
            changed[key] = folded
    return {**value, **changed} if changed else value
