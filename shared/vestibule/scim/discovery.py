"""ServiceProviderConfig, ResourceTypes and Schemas (RFC 7644 §4), from the tables that the code uses."""

from typing import Any

from vestibule.scim.attributes import Attribute, ResourceType, Schema, Type
from vestibule.scim.limits import DEFAULTS, Limits
from vestibule.scim.listing import list_body
from vestibule.scim.resource_types import CORE, ResourceTypes

CONFIG_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
RESOURCE_TYPE_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
SCHEMA_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:Schema"


def service_provider_config(base_url: str, limits: Limits = DEFAULTS) -> dict[str, Any]:
    """What works here, and nothing that does not. `base_url` has no slash at its end."""
    return {
        "schemas": [CONFIG_SCHEMA],
        "patch": {"supported": True},
        "bulk": {
            "supported": True,
            "maxOperations": limits.bulk_operations,
            "maxPayloadSize": limits.bulk_bytes,
        },
        "filter": {"supported": True, "maxResults": limits.most_page_size},
        "changePassword": {"supported": False},
        "sort": {"supported": True},
        "etag": {"supported": True},
        # RFC 9865 §4
        "pagination": {
            "cursor": True,
            "index": True,
            "defaultPaginationMethod": "index",
            "defaultPageSize": limits.page_size,
            "maxPageSize": limits.most_page_size,
            "cursorTimeout": limits.cursor_seconds,
        },
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "Bearer token",
                "description": "The connection's token in the Authorization header.",
                "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
                "primary": True,
            }
        ],
        "meta": {"resourceType": "ServiceProviderConfig", "location": f"{base_url}/ServiceProviderConfig"},
    }


def resource_types(base_url: str, types: ResourceTypes = CORE) -> dict[str, Any]:
    return _list([_resource_type(kind, base_url) for kind in types.both])


def resource_type(name: str, base_url: str, types: ResourceTypes = CORE) -> dict[str, Any] | None:
    """One resource type by its name; None when there is none."""
    return next((_resource_type(kind, base_url) for kind in types.both if kind.name == name), None)


def schemas(base_url: str, types: ResourceTypes = CORE) -> dict[str, Any]:
    return _list([_schema(schema, base_url) for schema in types.schemas])


def schema(urn: str, base_url: str, types: ResourceTypes = CORE) -> dict[str, Any] | None:
    """One schema by its URN in any case; None when there is none."""
    lower = urn.lower()
    return next((_schema(known, base_url) for known in types.schemas if known.id.lower() == lower), None)


def _list(items: list[dict[str, Any]]) -> dict[str, Any]:
    return list_body(items, len(items), 1)


def _resource_type(kind: ResourceType, base_url: str) -> dict[str, Any]:
    return {
        "schemas": [RESOURCE_TYPE_SCHEMA],
        "id": kind.name,
        "name": kind.name,
        "endpoint": kind.endpoint,
        "description": kind.description,
        "schema": kind.schema.id,
        "schemaExtensions": [
            {"schema": extension.id, "required": extension.id in kind.required}
            for extension in kind.extensions
        ],
        "meta": {"resourceType": "ResourceType", "location": f"{base_url}/ResourceTypes/{kind.name}"},
    }


def _schema(known: Schema, base_url: str) -> dict[str, Any]:
    meta = {"resourceType": "Schema", "location": f"{base_url}/Schemas/{known.id}"}
    return {"schemas": [SCHEMA_SCHEMA], **definition_body(known), "meta": meta}


def definition_body(known: Schema) -> dict[str, Any]:
    """A schema without what only an answer has (RFC 7643 §7)."""
    return {
        "id": known.id,
        "name": known.name,
        "description": known.description,
        "attributes": [_attribute(attribute) for attribute in known.attributes],
    }


def _attribute(attribute: Attribute) -> dict[str, Any]:
    """An attribute definition (RFC 7643 §7). No nulls: Entra refuses them."""
    body: dict[str, Any] = {
        "name": attribute.name,
        "type": attribute.type.value,
        "multiValued": attribute.multi_valued,
        "description": attribute.description,
        "required": attribute.required,
        "caseExact": attribute.case_exact,
        "mutability": attribute.mutability.value,
        "returned": attribute.returned.value,
        "uniqueness": attribute.uniqueness.value,
    }
    if attribute.canonical_values:
        body["canonicalValues"] = list(attribute.canonical_values)
    if attribute.type is Type.REFERENCE:
        body["referenceTypes"] = list(attribute.reference_types)
    if attribute.type is Type.COMPLEX:
        body["subAttributes"] = [_attribute(sub) for sub in attribute.sub_attributes]
    return body
