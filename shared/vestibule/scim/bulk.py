"""The message of a Bulk (RFC 7644 §3.7): its operations, what they refer to, and the order that follows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from vestibule.scim.errors import InvalidSyntax, InvalidValue, TooLarge
from vestibule.scim.limits import DEFAULTS
from vestibule.scim.operations import lower_names
from vestibule.scim.references import references_in

RESPONSE_SCHEMA: Final = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"


class Method(StrEnum):
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"


@dataclass(frozen=True, slots=True)
class BulkOperation:
    """One operation; `path` begins with a slash and has no query, `references` are the bulkIds it names."""

    position: int
    method: Method
    path: str
    bulk_id: str | None
    version: str | None
    data: Any
    references: frozenset[str]


@dataclass(frozen=True, slots=True)
class BulkRequest:
    """All operations as they came; after `fail_on_errors` errors none is begun any more (None: go on)."""

    operations: tuple[BulkOperation, ...]
    fail_on_errors: int | None


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What became of one operation; `response` is an error's body."""

    operation: BulkOperation
    status: int
    location: str | None
    version: str | None
    response: Any

    def as_body(self) -> dict[str, Any]:
        """The result as RFC 7644 §3.7.3 shows it: what there is not is left out, `status` is a string."""
        body = {
            "method": self.operation.method.value,
            "bulkId": self.operation.bulk_id,
            "version": self.version,
            "location": self.location,
            "status": str(self.status),
            "response": self.response,
        }
        return {name: value for name, value in body.items() if value is not None}


_METHODS = {method.value: method for method in Method}


def bulk_body(results: Iterable[BulkResult]) -> dict[str, Any]:
    """The answer to a Bulk: a result for each operation that was begun, in the order of the request."""
    ordered = sorted(results, key=lambda result: result.operation.position)
    return {"schemas": [RESPONSE_SCHEMA], "Operations": [result.as_body() for result in ordered]}


def parse_bulk(body: object, *, most: int = DEFAULTS.bulk_operations) -> BulkRequest:
    """Read a Bulk; a SCIM error for a message that is wrong in any part, so that nothing of it is begun."""
    if not isinstance(body, Mapping):
        raise InvalidSyntax("The body of a Bulk must be one JSON object with 'Operations'.")
    message = lower_names(body)
    found = message.get("operations")
    if not isinstance(found, list) or not found:
        raise InvalidSyntax("The body of a Bulk must have a list 'Operations' with at least one operation.")
    if len(found) > most:
        raise TooLarge(f"The number of operations exceeds the maxOperations ({most}): send several requests.")
    fail_on_errors = message.get("failonerrors")
    if fail_on_errors is not None and (type(fail_on_errors) is not int or fail_on_errors < 1):
        raise InvalidValue("The 'failOnErrors' of a Bulk must be a whole number from 1 on, or be left out.")
    operations = tuple(_parse_operation(position, one) for position, one in enumerate(found))
    _refuse_duplicates(operations)
    return BulkRequest(operations, fail_on_errors)


def _parse_operation(position: int, body: object) -> BulkOperation:
    which = f"Operation {position + 1} of the Bulk"
    if not isinstance(body, Mapping):
        raise InvalidSyntax(f"{which} must be an object with 'method' and 'path'.")
    body = lower_names(body)
    word = body.get("method")
    method = _METHODS.get(word.upper()) if isinstance(word, str) else None
    if method is None:
        raise InvalidSyntax(f"{which}: its 'method' must be POST, PUT, PATCH or DELETE.")
    path = _text(body, "path", which)
    bulk_id = _text(body, "bulkId", which)
    if path is None:
        raise InvalidSyntax(f"{which} needs a 'path', for example /Users.")
    if bulk_id is None and method is Method.POST:
        raise InvalidSyntax(f"{which} is a POST and needs a 'bulkId' that no other operation has.")
    path = "/" + path.partition("?")[0].strip("/")
    data = _data(method, body.get("data"), which)
    version = _text(body, "version", which)
    return BulkOperation(position, method, path, bulk_id, version, data, references_in(path, data))


def _text(body: Mapping[str, Any], name: str, which: str) -> str | None:
    value = body.get(name.lower())
    if value is None or (isinstance(value, str) and value):
        return value
    raise InvalidSyntax(f"{which}: its '{name}' must be a text that is not empty.")


def _data(method: Method, data: object, which: str) -> object:
    if method is Method.DELETE:
        if data is not None:
            raise InvalidSyntax(f"{which} is a DELETE, which takes no 'data'.")
        return None
    if data is None:
        raise InvalidSyntax(f"{which} needs the body of its {method} as 'data'.")
    if method is Method.PATCH and isinstance(data, list):
        return {"Operations": data}  # the example of RFC 7644 §3.7.3 sends the bare list
    return data


def _refuse_duplicates(operations: Iterable[BulkOperation]) -> None:
    seen: set[str] = set()
    for operation in operations:
        if operation.bulk_id in seen:
            raise InvalidSyntax(
                f"Operation {operation.position + 1} of the Bulk has the 'bulkId' of an earlier one: "
                "each must be unique in the request."
            )
        if operation.bulk_id is not None:
            seen.add(operation.bulk_id)
