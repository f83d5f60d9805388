"""How resources are stored, as far as conditions on them need to know: given by whoever owns the tables."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from vestibule.scim.attributes import ResourceType
from vestibule.scim.errors import TooMany

MOST_COST: Final = (
    200  # a look at one value of a row is 1, a walk through elements 3, another table's rows more
)


@dataclass(frozen=True, slots=True)
class Column:
    """Where a value stands outside of the document, as an expression over the row `r` and `{base}`.

    Texts that are not caseExact are folded there; times are microseconds since 1970. `indexed` is a column
    that an equality with a text that is not empty may ask instead; `identifier` says that it holds UUIDs.
    """

    expression: str | None = None
    indexed: str | None = None
    identifier: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """Where the elements of an attribute stand that is not in the document.

    `elements` selects one column of JSON objects; `identified` is a condition that one has the id `{id}`.
    """

    elements: str
    identified: str | None = None
    cost: int = 5


@dataclass(frozen=True, slots=True)
class Source:
    """One type of resource: where what is not simply in its document stands."""

    resource_type: ResourceType
    columns: Mapping[tuple[str, str | None], Column]
    rows: Mapping[str, Rows]


@dataclass(slots=True)
class Parameters:
    """The values of one statement's conditions: an array of texts that the statement knows as `name`."""

    name: str
    base: str
    values: list[str] = field(default_factory=list)
    cost: int = 0

    def add(self, value: str) -> str:
        """The text that stands for a value."""
        if value not in self.values:
            self.values.append(value)
        return f"{self.name}[{self.values.index(value) + 1}]"

    def charge(self, cost: int) -> None:
        """Raise TooMany where the conditions together look at too much of every resource."""
        self.cost += cost
        if self.cost > MOST_COST:
            raise TooMany("The filter looks at too much of every resource: ask in several requests.")

    def fill(self, expression: str) -> str:
        """An expression of a source with its parameters in place."""
        return expression.replace("{base}", self.add(self.base)) if "{base}" in expression else expression
