"""Bodies that say one thing twice: names have no case (RFC 7643 §2.1), so only equal values may come again.

Which of two values was meant nobody can know; taking either would drop the other in silence.
"""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from vestibule.scim.attributes import ResourceType
from vestibule.scim.paths import parse_path_or_none
from vestibule.scim.sameness import same
from vestibule.scim.targets import ExtensionTarget, FreeTarget, Target, resolve
from vestibule.scim.values import duplicate

Place: TypeAlias = tuple[str | None, ...]


def refuse_twice(body: Mapping[str, object]) -> None:
    """Raise InvalidSyntax where two names that differ in letter case only have different values."""
    if len(body) > 1:
        seen: dict[str, object] = {}
        for name, value in body.items():
            lower = name.lower()
            if lower in seen and not same(seen[lower], value):
                raise duplicate(name)
            seen[lower] = value


def refuse_contradictions(resource_type: ResourceType, body: Mapping[str, object]) -> None:
    """Raise InvalidSyntax where two keys, qualified in any way, give one attribute different values."""
    if len(body) < 2:
        only = next(iter(body.values()), None)
        if not isinstance(only, dict):
            return
    seen: dict[Place, object] = {}
    for key, value in body.items():
        for place, claimed in _claims(resource_type, key, value):
            if place in seen and not same(seen[place], claimed):
                raise duplicate(key[:80])
            seen[place] = claimed


def _claims(resource_type: ResourceType, key: str, value: object) -> Iterator[tuple[Place, object]]:
    """Each attribute that a key speaks of, with the value it gives; what no schema has speaks of nothing."""
    path = parse_path_or_none(key)
    target = None if path is None else resolve(resource_type, path.name, set())
    match target:
        case None:
            return
        case ExtensionTarget(urn, schema) if schema is not None and isinstance(value, dict):
            for name, inner in value.items():
                attribute = schema.table.get(name.lower())
                if attribute is not None:
                    yield (urn, attribute.name, None, ""), inner
        case ExtensionTarget() | FreeTarget():
            yield (key.lower(),), value
        case Target(container, attribute, sub):
            assert path is not None
            where = "" if path.where is None else repr(path.where)
            yield (container, attribute.name, None if sub is None else sub.name, where), value
