"""Every shape that `idp-behaviours.md` lists for each identity provider, and who says it: what is recorded.

What that page itself marks as not known is not listed, unless it asks for both ways: then a variant says the
other one. Rippling (section 8) is not listed, as no capture of it was found.
"""

from typing import Final

from tests.unit.identity_providers.reference.entra import ENTRA
from tests.unit.identity_providers.reference.okta import OKTA
from tests.unit.identity_providers.reference.sections import OTHERS
from tests.unit.identity_providers.reference.shape import Shape

SHAPES: Final[tuple[Shape, ...]] = (*OKTA, *ENTRA, *OTHERS)
