"""Strategies for valid resources and changes to them, made from the tables that the service reads."""

import base64
import string
from collections.abc import Iterable
from typing import Any, TypeAlias

from hypothesis import strategies as st

from vestibule.scim.attributes import Attribute, Mutability, ResourceType, Returned, Type
from vestibule.scim.schemas import ENTERPRISE_SCHEMA, ENTERPRISE_USER, GROUP, USER, USER_SCHEMA

Body: TypeAlias = dict[str, Any]
Strategy: TypeAlias = st.SearchStrategy[Any]

LETTERS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Zs", "Zl", "Zp")),
    min_size=1,
    max_size=10,
)
URIS = st.builds("https://{}.example/{}".format, st.sampled_from("abc"), st.integers(0, 9999))
EMAILS = st.builds(
    "{}@{}.example".format,
    st.text(string.ascii_letters + string.digits, min_size=1, max_size=8),
    st.sampled_from(["corp", "sub.corp"]),
)
BASE64 = st.binary(min_size=6, max_size=9).map(lambda raw: base64.b64encode(raw).decode())
SELECTIONS = ('type eq "work"', 'type eq "home"', "primary eq true", 'type ne "work"', 'not (type eq "work")')


def writable(attributes: Iterable[Attribute]) -> list[Attribute]:
    """Those that a client may set and see again."""
    return [
        attribute
        for attribute in attributes
        if attribute.mutability is not Mutability.READ_ONLY and attribute.returned is not Returned.NEVER
    ]


def values(attribute: Attribute, parent: str = "") -> Strategy:
    """Valid values of an attribute; of a multi-valued one a list."""
    if attribute.type is Type.COMPLEX:
        element = elements(attribute)
        if not attribute.multi_valued:
            return element
        return st.lists(element.filter(bool), max_size=3, unique_by=what_it_is).map(with_one_primary)
    if attribute.type is Type.BOOLEAN:
        return st.booleans()
    if attribute.type is Type.REFERENCE:
        return URIS
    if attribute.type is Type.BINARY:
        return BASE64
    if (parent, attribute.name) == ("emails", "value"):
        return EMAILS
    if attribute.required:
        return LETTERS.map("n{}".format)  # invisible signs alone are no name
    if attribute.canonical_values:
        canonical = {value.lower() for value in attribute.canonical_values}
        others = LETTERS.filter(lambda text: text.lower() not in canonical)
        return st.sampled_from(attribute.canonical_values) | others
    return LETTERS


def elements(attribute: Attribute, *, whole: bool = False) -> st.SearchStrategy[Body]:
    """One value of a complex attribute, with its `value` where it can have one, or with every part."""
    parts = {sub.name: values(sub, attribute.name) for sub in writable(attribute.sub_attributes)}
    said = {name: parts.pop(name) for name in list(parts) if whole or name in ("value", "$ref")}
    return st.fixed_dictionaries(said, optional=parts)


def what_it_is(element: Body) -> str:
    """What tells two values apart; where it is the same they are one."""
    told = {name: inner for name, inner in element.items() if name in ("value", "type")}
    return repr(sorted((told if "value" in element else element).items()))


def with_one_primary(listed: list[Body]) -> list[Body]:
    """Only the first primary stays one."""
    places = [place for place, element in enumerate(listed) if element.get("primary")]
    return [
        {**element, "primary": False} if place in places[1:] else element
        for place, element in enumerate(listed)
    ]


def _bodies(kind: ResourceType, required: str, extensions: dict[str, Strategy]) -> st.SearchStrategy[Body]:
    parts = {attribute.name: values(attribute) for attribute in writable(kind.schema.attributes)}
    said = {required: parts.pop(required)}
    return st.fixed_dictionaries(said, optional={"externalId": LETTERS, **parts, **extensions})


ENTERPRISE = st.fixed_dictionaries(
    {}, optional={attribute.name: values(attribute) for attribute in ENTERPRISE_USER.attributes}
)
USERS = _bodies(USER, "userName", {ENTERPRISE_SCHEMA: ENTERPRISE})
GROUPS = _bodies(GROUP, "displayName", {})


@st.composite
def operations(draw: st.DrawFn, wrong: Strategy | None = None) -> Body:
    """One PATCH operation on a user; with `wrong`, where there is no filter, with such a value."""
    extension = draw(st.booleans()) and draw(st.booleans())
    attribute = draw(st.sampled_from(writable((ENTERPRISE_USER if extension else USER.schema).attributes)))
    prefix = f"{ENTERPRISE_SCHEMA}:" if extension else draw(st.sampled_from(["", f"{USER_SCHEMA}:"]))
    path, value, has_filter = draw(_places(attribute, prefix))
    if wrong is not None and not has_filter:
        value = wrong
    # a value's own value is not removed: that is a difference by itself (test_oracle, "the value of a value")
    verbs = ["add", "replace"] if path.endswith("].value") else ["add", "replace", "remove"]
    verb = draw(st.sampled_from(verbs))
    if verb == "remove":
        return {"op": verb, "path": path}
    if not has_filter and draw(st.integers(0, 3)) == 0:
        return {"op": verb, "value": {path: draw(value)}}
    return {"op": verb, "path": path, "value": draw(value)}


@st.composite
def _places(draw: st.DrawFn, attribute: Attribute, prefix: str) -> tuple[str, Strategy, bool]:
    """A path to an attribute or a part of it, valid values for it, and whether it has a filter."""
    path = prefix + attribute.name
    is_manager = attribute.has_value and not attribute.multi_valued
    if attribute.type is not Type.COMPLEX or is_manager or draw(st.booleans()):
        return path, values(attribute), False
    subs = writable(attribute.sub_attributes)
    if not attribute.multi_valued:
        sub = draw(st.sampled_from(subs))
        return f"{path}.{sub.name}", values(sub, attribute.name), False
    path = f"{path}[{draw(st.sampled_from(SELECTIONS))}]"
    if draw(st.booleans()):
        return path, elements(attribute, whole=True), True
    sub = draw(st.sampled_from(subs))
    return f"{path}.{sub.name}", values(sub, attribute.name), True
