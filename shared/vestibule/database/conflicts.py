"""What is taken already: a unique constraint's violation, told by the noun that it is about."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg


class Taken(Exception):
    """A value that must be unique is another's; `constraint` is the constraint's name in the database."""

    def __init__(self, constraint: str) -> None:
        super().__init__(constraint)
        self.constraint = constraint


@contextmanager
def telling_what_is_taken() -> Iterator[None]:
    """Turns a unique violation into Taken; the transaction around it is over."""
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        raise Taken(error.constraint_name or "") from error
