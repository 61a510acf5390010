"""Publish the explainers and metrics into Xplique's own namespaces, now or once they are loaded."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from types import ModuleType
from typing import Any

NAMES = {
    "attributions": (
        "FAM",
        "WCAM",
        "WaveletGradientInput",
        "WaveletIntegratedGradients",
        "WaveletSaliency",
        "WaveletSmoothGrad",
        "WaveletSquareGrad",
        "WaveletVarGrad",
    ),
    "metrics": (
        "FaithfulnessOnSpectra",
        "InputFidelity",
        "MatchedFaithfulness",
        "WaveletDeletion",
        "WaveletFaithfulness",
        "WaveletInsertion",
        "WaveletMuFidelity",
        "cascading_randomization",
        "control",
    ),
}
"""What our package of a name adds to Xplique's of the same name."""

_registered = False


class _Published:
    """A module's `__getattr__`, which loads ours when they are asked for."""

    def __init__(self, home: str, before: Any):
        self.home, self.before = home, before

    def __call__(self, name: str) -> Any:
        if name in NAMES[self.home]:
            return getattr(importlib.import_module(f"wam_xplique.{self.home}"), name)
        if self.before is not None:
            return self.before(name)
        raise AttributeError(f"module 'xplique.{self.home}' has no attribute {name!r}")


def register() -> None:
    """
    Publish wam-xplique's classes into Xplique's namespaces.

    After ``import wam_xplique``, which calls this, ``xplique.attributions.WaveletSmoothGrad`` and
    ``xplique.metrics.WaveletDeletion`` exist, be Xplique imported before or after. Registering
    twice is harmless. A RuntimeError is raised, and nothing published, if Xplique has another
    object of the same name.
    """
    global _registered
    loaded = _loaded()
    for theirs in loaded:
        _check_free(theirs)
    _registered = True
    for theirs in loaded:
        _publish(theirs)


def unregister() -> None:
    """Withdraw what `register` published; what Xplique owns is left alone."""
    global _registered
    _registered = False
    for theirs in _loaded():
        published = vars(theirs).get("__getattr__")
        if isinstance(published, _Published):
            del theirs.__getattr__, theirs.__dir__
            if published.before is not None:
                theirs.__getattr__ = published.before  # type: ignore[method-assign]
            ours = set(NAMES[published.home]) - set(vars(theirs))
            theirs.__all__[:] = [name for name in theirs.__all__ if name not in ours]


def _loaded() -> list[ModuleType]:
    modules = (sys.modules.get(f"xplique.{home}") for home in NAMES)
    return [module for module in modules if module is not None and hasattr(module, "__all__")]


def _check_free(theirs: ModuleType) -> None:
    for name in NAMES[theirs.__name__.rpartition(".")[2]]:
        if name in vars(theirs):
            told = f"{theirs.__name__}.{name} exists already and is not wam-xplique's"
            raise RuntimeError(f"{told}; it is left as it is, and nothing is registered.")


def _publish(theirs: ModuleType) -> None:
    home, before = theirs.__name__.rpartition(".")[2], vars(theirs).get("__getattr__")
    if not isinstance(before, _Published):
        theirs.__getattr__ = _Published(home, before)  # type: ignore[method-assign]
        theirs.__dir__ = lambda: sorted({*vars(theirs), *theirs.__all__})  # type: ignore
        exported: list[str] = vars(theirs)["__all__"]
        exported += [name for name in NAMES[home] if name not in exported]


def _publish_if_free(theirs: ModuleType) -> None:
    """`_publish` once Xplique is loaded, whose import is not to fail for it."""
    try:
        if _registered:
            _check_free(theirs)
            _publish(theirs)
    except RuntimeError as error:
        warnings.warn(str(error), stacklevel=2)


if importlib.util.find_spec("xplique") is not None:
    from wrapt import register_post_import_hook

    for _home in NAMES:
        register_post_import_hook(_publish_if_free, f"xplique.{_home}")
