"""Another reader of SCIM, scim2-models, asked for its opinion in our own terms."""

import sys
from enum import Enum
from typing import Any, TypeAlias, cast

from pydantic import ValidationError
from scim2_models import Context, EnterpriseUser, Group, PatchOp, Resource, SCIMException, ScimPolicy, User

from vestibule.scim.schemas import ENTERPRISE_SCHEMA, GROUP_SCHEMA, USER_SCHEMA

Body: TypeAlias = dict[str, Any]

PATCH_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
# Where the RFC leaves a choice, or Entra can do no other: as we do it.
POLICY = ScimPolicy(
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
)
_USER: Any = User[EnterpriseUser]
_MODELS: dict[str, Any] = {USER_SCHEMA: _USER, GROUP_SCHEMA: Group}
_NOT_KEPT = frozenset({"schemas", "id", "meta", "password"})


def _itself(member: Enum, _memo: object) -> Enum:
    return member


# An undeclared member of an enumeration, as the oracle makes them, cannot be copied before.
if sys.version_info < (3, 11, 4):
    Enum.__deepcopy__ = _itself  # type: ignore[assignment, method-assign]  # as Python has it since


class Refused(Exception):
    """The oracle finds something wrong; `scim_type` is what it would answer with."""

    def __init__(self, error: ValidationError | SCIMException) -> None:
        super().__init__(str(error))
        if isinstance(error, SCIMException):
            self.scim_type = error.scim_type
        else:
            # pydantic's own codes stand for a value that does not fit its attribute
            code = error.errors()[0]["type"]
            self.scim_type = code.removeprefix("scim_") if code.startswith("scim_") else "invalidValue"


def read(schema: str, body: Body) -> Resource[Any]:
    """The resource in the body of a POST."""
    named = [schema, ENTERPRISE_SCHEMA] if ENTERPRISE_SCHEMA in body else [schema]
    found = _validated(_MODELS[schema], {**body, "schemas": named}, Context.RESOURCE_CREATION_REQUEST)
    return cast("Resource[Any]", found)


def read_answer(schema: str, body: Body) -> Resource[Any]:
    """The resource in an answer, which says more: id, meta, groups."""
    return cast("Resource[Any]", _validated(_MODELS[schema], body, Context.RESOURCE_QUERY_RESPONSE))


def written_answer(resource: Resource[Any]) -> Body:
    """An answer as the oracle would write it, but with times in milliseconds."""
    body = resource.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE)
    times = {name: body["meta"][name].replace("000Z", "Z") for name in ("created", "lastModified")}
    return {**body, "meta": {**body["meta"], **times}}


def document_of(resource: Resource[Any]) -> Body:
    """A resource in the form that we keep."""
    dumped = resource.model_dump(scim_ctx=Context.RESOURCE_REPLACEMENT_REQUEST)
    return {name: value for name, value in dumped.items() if name not in _NOT_KEPT}


def patched(resource: Resource[Any], operations: list[Body]) -> Body:
    """The resource's document after a PATCH."""
    body = {"schemas": [PATCH_SCHEMA], "Operations": operations}
    message: Any = PatchOp.__class_getitem__(type(resource))
    request = _validated(message, body, Context.RESOURCE_PATCH_REQUEST)
    try:
        request.patch(resource, scim_policy=POLICY)
    except (ValidationError, SCIMException) as error:
        raise Refused(error) from error
    return document_of(resource)


def _validated(model: Any, body: Body, context: Context) -> Any:
    try:
        return model.model_validate(body, scim_ctx=context, scim_policy=POLICY)
    except (ValidationError, SCIMException) as error:
        raise Refused(error) from error
