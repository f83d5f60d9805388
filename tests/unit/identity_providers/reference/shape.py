"""What a shape is: one exchange as the reference describes it."""

import re
from dataclasses import dataclass
from typing import Any, Final

ONE_USER: Final = r"/Users/\$\{\w+\}"
ONE_GROUP: Final = r"/Groups/\$\{\w+\}"
FOUND_NONE: Final = {"totalResults": 0, "itemsPerPage": 0, "Resources": []}
FOUND_ACTIVE: Final = {"totalResults": 1, "Resources": [{"active": True}]}
FOUND_INACTIVE: Final = {"totalResults": 1, "Resources": [{"active": False}]}
ID: Final = re.compile(r"\$\{\w+\}")
MEMBER: Final = {"value": ID}
BY_FILTER: Final = re.compile(r'members\[value eq "\$\{\w+\}"\]')


@dataclass(frozen=True, slots=True)
class Shape:
    """An exchange that must be there; `request` is its method and a pattern of its path.

    `body` and `answer` are parts, of lists whole ones: texts may be patterns, a type stands for any value of
    it. `then` is what is said next. `never`: it must not be there.
    """

    section: str
    said_by: tuple[str, ...]
    what: str
    request: str
    body: Any = None
    answer: Any = None
    status: int | None = None
    then: str | None = None
    never: bool = False


def patch(*operations: Any) -> dict[str, Any]:
    """The body of a PATCH with exactly these operations."""
    return {"Operations": list(operations)}


def operation(op: str, path: Any, value: Any = ...) -> dict[str, Any]:
    """One operation."""
    return {"op": op, "path": path, **({} if value is ... else {"value": value})}
