"""Where each type of SCIM resource keeps what is not simply in its document (see vestibule.scim.sources)."""

from collections.abc import Mapping
from typing import Final

from vestibule.scim.schemas import GROUP, USER
from vestibule.scim.sources import Column, Rows, Source

_META: Final = {
    "resourceType": "'{kind}'",
    "created": "(extract(epoch from date_trunc('milliseconds', r.created_at)) * 1000000)::bigint",
    "lastModified": "(extract(epoch from date_trunc('milliseconds', r.modified_at)) * 1000000)::bigint",
    "location": "{base} || '{endpoint}/' || r.id",
    "version": "'W/\"' || r.version || '\"'",
}
_SCHEMAS: Final = (
    "select to_jsonb(s.urn) from (select '{schema}' as urn union all "
    "select k.urn from jsonb_object_keys(r.resource) as k (urn) where strpos(k.urn, ':') > 0) s"
)
_OF_PERSON: Final = (
    "m.tenant_id = r.tenant_id and m.connection_id = r.connection_id and m.person_id = r.id "
    "and m.removed_at is null"
)
_GROUPS: Final = (
    "select jsonb_build_object('value', g.id, '$ref', {base} || '/Groups/' || g.id, "
    "'type', case when o.direct then 'direct' else 'indirect' end, "
    "'display', coalesce(g.search -> 'displayName', g.resource -> 'displayName')) "
    "from (select x.id, bool_or(x.direct) as direct from ("
    "select m.group_id as id, true as direct from ingest.group_member m where {of person} "
    "union all select e.outer_id, false from ingest.group_member m join ingest.enclosure e "
    "on e.inner_id = m.group_id and e.connection_id = m.connection_id and e.tenant_id = m.tenant_id "
    "where {of person}) x group by x.id) o "
    'join ingest."group" g on g.tenant_id = r.tenant_id and g.connection_id = r.connection_id '
    "and g.id = o.id where g.removed_at is null"
).replace("{of person}", _OF_PERSON)
# $1 and $2: the tenant and the connection, in the statement that has the conditions (migration 0004, search)
_IN_GROUP: Final = "r.id in (select ingest.persons_within($1, $2, {id}))"
_MEMBERS: Final = (
    "select jsonb_build_object('value', m.person_id, '$ref', {base} || '/Users/' || m.person_id, "
    "'type', 'User', 'display', case when p.resource -> 'displayName' <> '\"\"'::jsonb "
    "then coalesce(p.search -> 'displayName', p.resource -> 'displayName') end) "
    "from ingest.group_member m join ingest.person p on p.tenant_id = m.tenant_id "
    "and p.connection_id = m.connection_id and p.id = m.person_id "
    "where m.tenant_id = r.tenant_id and m.connection_id = r.connection_id and m.group_id = r.id "
    "and m.removed_at is null "
    "union all select jsonb_build_object('value', s.member_id, '$ref', {base} || '/Groups/' || s.member_id, "
    "'type', 'Group', 'display', coalesce(g.search -> 'displayName', g.resource -> 'displayName')) "
    'from ingest.subgroup s join ingest."group" g on g.tenant_id = s.tenant_id '
    "and g.connection_id = s.connection_id and g.id = s.member_id "
    "where s.tenant_id = r.tenant_id and s.connection_id = r.connection_id and s.group_id = r.id"
)
_HAS_MEMBER: Final = (
    "r.id in (select m.group_id from ingest.group_member m where m.person_id = {id} and m.removed_at is null "
    "union all select s.group_id from ingest.subgroup s where s.member_id = {id})"
)


def _meta(kind: str, endpoint: str) -> Mapping[str, str]:
    return {
        name: expression.replace("{kind}", kind).replace("{endpoint}", endpoint)
        for name, expression in _META.items()
    }


def _columns(kind: str, endpoint: str) -> dict[tuple[str, str | None], Column]:
    return {
        ("id", None): Column("r.id::text", indexed="r.id", identifier=True),
        ("externalId", None): Column(indexed="r.external_id"),
        ("displayName", None): Column(indexed="r.display_name_ci"),
        **{("meta", name): Column(expression) for name, expression in _meta(kind, endpoint).items()},
    }


def _rows(kind: str, endpoint: str, schema: str) -> dict[str, Rows]:
    parts = ", ".join(f"'{name}', {expression}" for name, expression in _meta(kind, endpoint).items())
    return {
        "meta": Rows(f"select jsonb_build_object({parts})", cost=1),
        "schemas": Rows(_SCHEMAS.replace("{schema}", schema), cost=1),
    }


PERSONS: Final = Source(
    USER,
    {
        **_columns("User", "/Users"),
        ("userName", None): Column("r.user_name_ci", indexed="r.user_name_ci"),
    },
    {**_rows("User", "/Users", USER.schema.id), "groups": Rows(_GROUPS, _IN_GROUP)},
)
GROUPS: Final = Source(
    GROUP,
    _columns("Group", "/Groups"),
    {**_rows("Group", "/Groups", GROUP.schema.id), "members": Rows(_MEMBERS, _HAS_MEMBER)},
)
