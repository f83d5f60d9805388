"""Filters that compare with what a resource has: at the edge where `gt` and `ge`, or `eq` and `sw`, part."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from hypothesis import strategies as st

from tests.integration.ingest.random_resources import quoted

TEXTS: Final = ("eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le")
ORDERS: Final = ("eq", "ne", "gt", "ge", "lt", "le")
EQUAL: Final = ("eq", "ne")
BINARY: Final = ("eq", "ne", "co", "sw", "ew")
TIMES: Final = ("meta.created", "meta.lastModified", ":hiredAt", ":desks.since")
NAMEABLE: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*")


def filters_of(bodies: Sequence[dict[str, Any]]) -> st.SearchStrategy[str]:
    """Comparisons with values of these resources, whole or in part, in brackets or not."""
    leaves = [leaf for body in bodies for leaf in _leaves(body)]
    return st.sampled_from(leaves).flatmap(_compared)


def _leaves(body: dict[str, Any]) -> Iterator[tuple[str, str | None, Any]]:
    """The name of an attribute, of its part, and a simple value."""
    for name, value in body.items():
        if name.startswith("urn:"):
            for inner, what in value.items():
                if NAMEABLE.fullmatch(inner):
                    yield from _values(f"{name}:{inner}", what)
        else:
            yield from _values(name, value)


def _values(name: str, value: Any) -> Iterator[tuple[str, str | None, Any]]:
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict):
            for part, what in one.items():
                if NAMEABLE.fullmatch(part.lstrip("$")) and isinstance(what, str | int | float):
                    yield name, part, what
        elif isinstance(one, str | int | float):
            yield name, None, one


def _compared(leaf: tuple[str, str | None, Any]) -> st.SearchStrategy[str]:
    name, part, value = leaf
    path = name if part is None else f"{name}.{part}"
    paths = [path]
    if part is not None and not name.startswith(("meta", "name", "urn:")):
        paths.append(f"{name}[{part} {{}}]")
    return st.tuples(
        st.sampled_from(paths), st.sampled_from(_operators(path, value)), _literals(path, value)
    ).map(
        lambda three: (
            three[0].format(f"{three[1]} {three[2]}")
            if "{}" in three[0]
            else f"{three[0]} {three[1]} {three[2]}"
        )
    )


def _operators(path: str, value: Any) -> Sequence[str]:
    if isinstance(value, bool):
        return EQUAL
    if not isinstance(value, str) or _is_time(path):
        return ORDERS
    return BINARY if path.startswith("x509") else TEXTS


def _is_time(path: str) -> bool:
    return path.endswith(TIMES)


def _literals(path: str, value: Any) -> st.SearchStrategy[str]:
    if not isinstance(value, str):
        return st.just(str(value).lower() if isinstance(value, bool) else repr(value))
    whole = [quoted(value)]
    if _is_time(path):
        return st.sampled_from(whole)  # half of a time is none
    wild = "_" + value[1:]  # what a pattern of SQL would take for the same
    return st.sampled_from([*whole, *map(quoted, (value.upper(), value[:1], value[-1:], wild, "%"))])
