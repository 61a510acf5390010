"""wam-xplique: wavelet attribution for Xplique.

See where, and at which scale, a model looks. Importing the package publishes its explainers
and metrics into Xplique's namespaces, whichever is imported first, if Xplique is installed; without
it, `wam_xplique.backends`, `wam_xplique.coefficients` and `wam_xplique.algorithms` work on their
own. Nothing is loaded before it is used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from . import registration

if TYPE_CHECKING:
    from .attributions import *  # noqa: F403
    from .explanation import WaveletExplanation as WaveletExplanation
    from .metrics import *  # noqa: F403
    from .registration import register as register
    from .registration import unregister as unregister

__version__ = "0.1.0"

_ROOMS = (
    *("analysis", "attributions", "backends", "coefficients", "datasets", "metrics", "plots"),
    "scale_out",
)
_HOMES = {
    "WaveletExplanation": "explanation",
    "register": "registration",
    "unregister": "registration",
    **{name: home for home, names in registration.NAMES.items() for name in names},
}
__all__ = [*_HOMES]

registration.register()


def __getattr__(name: str) -> Any:
    """A public name, or a package of public names, which is loaded now."""
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_ROOMS})
