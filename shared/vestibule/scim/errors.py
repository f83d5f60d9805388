"""Every way to answer "no": an error knows its status, its scimType and what the customer should do."""

from typing import Any, ClassVar

ERROR_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:Error"


class ScimError(Exception):
    """An answer of RFC 7644 §3.12. `detail` is read by the customer's admin in his IdP's console."""

    status: ClassVar[int] = 400
    scim_type: ClassVar[str | None] = None

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    def as_body(self) -> dict[str, Any]:
        """The error body; `status` is a string there (RFC 7644 §3.12)."""
        body: dict[str, Any] = {"schemas": [ERROR_SCHEMA], "status": str(self.status)}
        if self.scim_type is not None:
            body["scimType"] = self.scim_type
        body["detail"] = self.detail
        return body


class InvalidFilter(ScimError):
    """The filter is malformed, or compares in a way that its attribute does not allow."""

    scim_type = "invalidFilter"


class TooMany(ScimError):
    """The request would cost more than the service gives one request."""

    scim_type = "tooMany"


class Uniqueness(ScimError):
    """A unique value is taken in this connection."""

    status, scim_type = 409, "uniqueness"


class MutabilityViolation(ScimError):
    """The change is not allowed for the attribute."""

    scim_type = "mutability"


class InvalidSyntax(ScimError):
    """The body does not have the structure of the message."""

    scim_type = "invalidSyntax"


class InvalidPath(ScimError):
    """The path is malformed or leads through something that has no parts."""

    scim_type = "invalidPath"


class NoTarget(ScimError):
    """The operation names nothing that could be changed."""

    scim_type = "noTarget"


class InvalidValue(ScimError):
    """A required value is missing, or a value does not fit its attribute."""

    scim_type = "invalidValue"


class InvalidVersion(ScimError):
    """The SCIM version of the request is not served here."""

    scim_type = "invalidVers"


class InvalidCursor(ScimError):
    """The cursor is none of this query's (RFC 9865)."""

    scim_type = "invalidCursor"


class ExpiredCursor(ScimError):
    """The cursor is too old (RFC 9865)."""

    scim_type = "expiredCursor"


class InvalidCount(ScimError):
    """The number of resources wanted behind a cursor is none (RFC 9865)."""

    scim_type = "invalidCount"


class Sensitive(ScimError):
    """The request puts a secret into a URL: RFC 7644 §7.5.2 wants 403 (erratum 6893), table 9 has 400."""

    status, scim_type = 403, "sensitive"


class Unauthorized(ScimError):
    """No valid token: the IdP shows "invalid credentials"."""

    status = 401


class Forbidden(ScimError):
    """The token is good, the operation is switched off."""

    status = 403


class NotFound(ScimError):
    """No such resource here; another connection's id answers the same."""

    status = 404


class MethodNotAllowed(ScimError):
    status = 405


class ReferenceUnfulfilled(ScimError):
    """The operation of a Bulk refers to a resource that another one did not make."""

    status = 409


class PreconditionFailed(ScimError):
    """The resource changed since the version that the request names."""

    status = 412


class TooLarge(ScimError):
    status = 413


class UriTooLong(ScimError):
    status = 414


class UnsupportedMediaType(ScimError):
    status = 415


class TooManyRequests(ScimError):
    status = 429


class InternalError(ScimError):
    """Our bug: the detail never says more than that."""

    status = 500


class NotImplementedHere(ScimError):
    status = 501


class Unavailable(ScimError):
    """We cannot store anything just now; the IdP should repeat the request."""

    status = 503
