"""Groups: how many are in each, and whom a group names that nobody is yet."""

from vestibule.database.group_standings import GroupStanding, list_group_standings
from vestibule_operator_console.console import Console

LISTED_AT_MOST = 2_000


async def list_groups(console: Console, slug: str, only_unknown: bool) -> list[GroupStanding]:
    """A customer's groups, those with unknown members first; at most 2,000."""
    tenant = await console.tenant(slug)
    async with console.entering(tenant.id) as connection:
        return await list_group_standings(connection, tenant.id, only_unknown, LISTED_AT_MOST)


def group_text(group: GroupStanding) -> str:
    """What to do about a group; empty when it is well."""
    if group.unknown == 0:
        return ""
    named = f"{group.users + group.groups + group.unknown} members, {group.unknown} of them nobody yet"
    if group.users + group.groups == 0:
        return f"{named}: have the customer assign the application to the group"
    return f"{named}: they join by themselves when the identity provider creates them"
