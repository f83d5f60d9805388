"""How a statement reaches the values that a name in a filter stands for: JSON in a row, or rows elsewhere."""

import re
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from vestibule.scim.attributes import Attribute, Returned, Type
from vestibule.scim.comparands import FREE
from vestibule.scim.errors import InvalidFilter
from vestibule.scim.filters import Filter
from vestibule.scim.names import AttributeName
from vestibule.scim.places import Place, place_inside, place_of
from vestibule.scim.sources import Column, Parameters, Rows, Source

_PLAIN: Final = re.compile(r"\$?[A-Za-z][A-Za-z0-9_\-]*")


@dataclass(frozen=True, slots=True)
class Element:
    """Inside brackets: the JSON `value` is one element of the attribute."""

    attribute: Attribute
    value: str


Scope: TypeAlias = Element | None


@dataclass(frozen=True, slots=True)
class Walk:
    """What stands behind `from` and `where` so that `element`, and in it `value`, is one after the other."""

    source: str
    element: str
    value: str
    conditions: tuple[str, ...] = ()


@dataclass(slots=True)
class Access:
    """Reaches values of one source; `unknown` collects the names that no schema of it has."""

    source: Source
    parameters: Parameters
    unknown: set[str] = field(default_factory=set)
    _names: int = 0

    def place(self, name: AttributeName, where: Filter | None, scope: Scope) -> Place:
        """What a name means here; InvalidFilter where it can mean nothing."""
        if scope is not None and where is not None:
            raise InvalidFilter("The filter has brackets inside brackets, which no attribute needs.")
        if scope is None:
            place = place_of(name, self.source.resource_type)
        else:
            place = place_inside(name, scope.attribute)
        if place.attribute is not None and place.attribute.returned is Returned.NEVER:
            raise InvalidFilter(f"The filter names '{place.name}', which is never kept: leave it out.")
        if not place.known:
            self.unknown.add(".".join(part[:40] for part in (name.attribute, name.sub) if part))
        return place

    def column(self, place: Place, scope: Scope) -> Column | None:
        """The column of a value, if it has one."""
        if scope is not None or place.container is not None or place.name is None:
            return None
        return self.source.columns.get((place.name, place.sub))

    def rows(self, place: Place, scope: Scope) -> Rows | None:
        """The rows that are the elements of a value, if they are not in the document."""
        if scope is not None or place.container is not None or place.name is None:
            return None
        return self.source.rows.get(place.name)

    def single(self, place: Place, scope: Scope) -> str | None:
        """The JSON of a value that stands alone; None where there may be several."""
        attribute = place.attribute
        if attribute is None or attribute is FREE or self.rows(place, scope) is not None:
            return None
        if scope is not None:
            assert place.name is not None
            if scope.attribute.type is not Type.COMPLEX:
                return scope.value
            return f"({scope.value} -> {self.key(place.name)})"
        if attribute.multi_valued or (attribute.type is Type.COMPLEX and place.sub is None):
            return None
        value = self._document(place)
        return value if place.sub is None else f"({value} -> {self.key(place.sub)})"

    def elements(self, place: Place, scope: Scope) -> Walk:
        """Walk through the elements of an attribute, each whole."""
        assert place.attribute is not None
        assert place.name is not None
        self.parameters.charge(2)
        element = self._name("e")
        rows = self.rows(place, scope)
        if rows is not None:
            self.parameters.charge(rows.cost)
            return Walk(f"({self.parameters.fill(rows.elements)}) as {element} ({element})", element, element)
        if place.attribute is not FREE:
            source = f"jsonb_path_query({self._document(place)}, '$[*]') as {element} ({element})"
            return Walk(source, element, element)
        self.parameters.charge(2)
        if scope is None:
            body, source = self.body(place)
            source += ", "
        else:
            body, source = _holder(scope.value), ""
        return Walk(source + self._parts(body, place.name, element), element, element)

    def values(self, place: Place, scope: Scope) -> Walk:
        """Walk through the simple values of an attribute: of a complex one its sub-attribute or `value`."""
        walk = self.elements(place, scope)
        assert place.attribute is not None
        sub = place.sub or "value"
        if place.attribute is FREE:
            value = self._name("v")
            parts = self._parts(_holder(walk.element), sub, value)
            return Walk(f"{walk.source}, {parts}", walk.element, value)
        if place.attribute.type is not Type.COMPLEX:
            return walk
        return Walk(walk.source, walk.element, f"({walk.element} -> {self.key(sub)})")

    def body(self, place: Place) -> tuple[str, str]:
        """The name of an extension's body, whatever the letter case of its URN, and where it comes from."""
        assert place.container is not None
        name, body = self._name("u"), self._name("b")
        key = self.parameters.add(place.container)
        folded = f"coalesce(r.search -> {name}.key, {name}.value)"
        return body, (
            f"jsonb_each(r.resource) as {name} (key, value), "
            f'jsonb_path_query(case when lower({name}.key collate "C") = {key} then {folded} end, '
            f"'$ ? (@.type() == \"object\")') as {body} ({body})"
        )

    def key(self, name: str) -> str:
        """A name of a schema as SQL has a text."""
        return f"'{name}'" if _PLAIN.fullmatch(name) else self.parameters.add(name)

    def _parts(self, holder: str, name: str, value: str) -> str:
        """Every element of whatever stands under a name in any letter case."""
        pair, key = self._name("k"), self.parameters.add(name)
        return (
            f"jsonb_each({holder}) as {pair} (key, value), "
            f'jsonb_path_query(case when lower({pair}.key collate "C") = {key} then {pair}.value end, '
            f"'$[*]') as {value} ({value})"
        )

    def _document(self, place: Place) -> str:
        """The JSON of an attribute that a schema has, from the folded part of the document if it is there."""
        assert place.name is not None
        if place.container is None:
            key = self.key(place.name)
            return f"coalesce(r.search -> {key}, r.resource -> {key})"
        urn = next(
            known.id for known in self.source.resource_type.extensions if known.id.lower() == place.container
        )
        key = self.parameters.add(urn)
        return f"(coalesce(r.search -> {key}, r.resource -> {key}) -> {self.key(place.name)})"

    def _name(self, letter: str) -> str:
        self._names += 1
        return f"{letter}{self._names}"


def _holder(element: str) -> str:
    """An element as an object: a simple one is its own `value`."""
    return (
        f"case jsonb_typeof({element}) when 'object' then {element} "
        f"else jsonb_build_object('value', {element}) end"
    )
