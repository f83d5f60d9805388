"""Every identity provider that can be simulated, in the order in which a small run chooses them."""

from collections.abc import Callable, Mapping
from typing import Final

from infra.identity_providers.dialect import Dialect
from infra.identity_providers.dialects.authentik import Authentik, AuthentikReplacing
from infra.identity_providers.dialects.cyberark import CyberArk
from infra.identity_providers.dialects.entra import EntraDefault, EntraFlagged, EntraOnDemand
from infra.identity_providers.dialects.google import Google, GooglePatching
from infra.identity_providers.dialects.jumpcloud import JumpCloud, JumpCloudPatching
from infra.identity_providers.dialects.okta import OktaCatalog, OktaWizard
from infra.identity_providers.dialects.onelogin import OneLogin
from infra.identity_providers.dialects.ping import Ping, PingPatching

DIALECTS: Final[Mapping[str, Callable[[], Dialect]]] = {
    kind.name: kind
    for kind in (
        EntraDefault,
        OktaCatalog,
        OktaWizard,
        EntraFlagged,
        OneLogin,
        Google,
        JumpCloud,
        Ping,
        CyberArk,
        Authentik,
    )
}
# Other ways of some of them, which their pages leave open; recorded, too, but no part of a run of many.
VARIANTS: Final[Mapping[str, Callable[[], Dialect]]] = {
    kind.name: kind
    for kind in (AuthentikReplacing, EntraOnDemand, GooglePatching, JumpCloudPatching, PingPatching)
}
SPEAKERS: Final[Mapping[str, Callable[[], Dialect]]] = {**DIALECTS, **VARIANTS}
