"""Which row of ours an organization is: known by its id from the first moment, whoever needs it first."""

from vestibule.domain.accounts import OrganizationSource
from vestibule.domain.identifiers import OrganizationId, TenantId


def organization_id(tenant: TenantId, source: OrganizationSource) -> OrganizationId:
    """The id follows from what the organization stands for: the tenant's own, or its group's.

    So a member may be judged before its group, and the console and the router never make two rows of one.
    """
    group = source.group
    return OrganizationId(tenant if group is None else group)
