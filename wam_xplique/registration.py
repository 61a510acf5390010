"""Publish the explainers and metrics into Xplique's own namespaces."""

from __future__ import annotations

import importlib
from types import ModuleType

# our package: the Xplique package that it extends
_NAMESPACES = {
    "wam_xplique.attributions": "xplique.attributions",
    "wam_xplique.metrics": "xplique.metrics",
}


def register() -> None:
    """
    Publish wam-xplique's classes into Xplique's namespaces.

    After ``import wam_xplique``, which calls this, ``xplique.attributions.WaveletSmoothGrad`` and
    ``xplique.metrics.WaveletDeletion`` exist. Registering twice is harmless.

    Raises
    ------
    ImportError
        If Xplique is not installed.
    RuntimeError
        If Xplique has another object of the same name; nothing is published then.
    """
    pairs = _pairs()
    for ours, theirs in pairs:
        for name in ours.__all__:
            owned = getattr(theirs, name, getattr(ours, name))
            if owned is not getattr(ours, name):
                raise RuntimeError(
                    f"{theirs.__name__}.{name} exists already and is not wam-xplique's; "
                    "it is left as it is, and nothing is registered."
                )
    for ours, theirs in pairs:
        for name in ours.__all__:
            setattr(theirs, name, getattr(ours, name))
        exported: list[str] = theirs.__dict__["__all__"]
        exported += [name for name in ours.__all__ if name not in exported]


def unregister() -> None:
    """Withdraw what `register` published; what Xplique owns is left alone."""
    for ours, theirs in _pairs():
        for name in ours.__all__:
            if getattr(theirs, name, None) is getattr(ours, name):
                delattr(theirs, name)
                theirs.__all__.remove(name)


def _pairs() -> list[tuple[ModuleType, ModuleType]]:
    return [
        (importlib.import_module(ours), importlib.import_module(theirs))
        for ours, theirs in _NAMESPACES.items()
    ]
