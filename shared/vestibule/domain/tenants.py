"""The states that a tenant, its connections and its desk can be switched to."""

from enum import StrEnum


class Mode(StrEnum):
    """What a connection does with what its IdP sends."""

    SHADOW = "shadow"  # true SCIM answers, the desk is not called at all
    LIVE = "live"
    PAUSED = "paused"  # stored and answered 2xx, held until resumed


class TenantState(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"  # every SCIM request answers 403 with the reason


class DeskState(StrEnum):
    ACTIVE = "active"
    DISABLED = "disabled"  # an operator took it out of service: work for it waits
