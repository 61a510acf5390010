"""Checks of the arguments of explainers."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from .backends.wavelets import as_wavelet, check_mode


def warn(message: str) -> None:
    """Warn the user, at the line that called into the package."""
    frame, depth = sys._getframe(1), 2
    while frame.f_back and frame.f_globals.get("__name__", "").startswith(_PACKAGE):
        frame, depth = frame.f_back, depth + 1
    warnings.warn(message, stacklevel=depth)


_PACKAGE = __name__.partition(".")[0] + "."


def check_whole(name: str, values: Any) -> None:
    """Check that no value of an array, or of arrays in a list, is masked: NumPy would forget it."""
    if isinstance(values, (list, tuple)):
        for value in values:
            check_whole(name, value)
    elif np.ma.is_masked(values):
        raise TypeError(f"{name} must be numbers without gaps, got a masked array; fill it first.")


def check_integer(name: str, value: Any, lowest: int, optional: bool = False) -> None:
    """Check an integer argument."""
    if optional and value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < lowest:
        kind = "None or an integer" if optional else "an integer"
        raise ValueError(f"{name} must be {kind} of at least {lowest}, got {value!r}.")


def check_wavelet(wavelet: Any, mode: Any) -> None:
    """Check a wavelet, and the name of a boundary mode."""
    as_wavelet(wavelet)
    check_mode(mode)


def check_choice(name: str, value: Any, choices: tuple[str, ...], optional: bool = True) -> None:
    """Check an argument that is one of a few names (or None, where it is optional)."""
    if optional and value is None:
        return
    if value not in choices:
        kind = "None or one" if optional else "one"
        raise ValueError(f"{name} must be {kind} of {choices}, got {value!r}.")


def check_number(name: str, value: Any, lowest: float) -> None:
    """Check a real argument."""
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float, np.number))
        or not np.isfinite(value)
        or value < lowest
    ):
        raise ValueError(f"{name} must be a finite number of at least {lowest}, got {value!r}.")


def check_ndim(ndim: Any) -> None:
    """Check a number of spatial axes."""
    if ndim is not None and (isinstance(ndim, bool) or ndim not in (1, 2, 3)):
        raise ValueError(f"ndim must be None, 1, 2 or 3, got {ndim!r}.")


def check_front_end(front_end: Any) -> None:
    """Check what stands between the inputs and the model."""
    if front_end is not None and not callable(front_end):
        raise TypeError(f"front_end must be None or a callable, got {front_end!r}.")


def check_fraction(name: str, value: Any, optional: bool = True) -> None:
    """Check an argument that is a fraction (or None, where it is optional)."""
    if optional and value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (float, np.floating)) or not 0 < value < 1:
        kind = "None or a number" if optional else "a number"
        raise ValueError(f"{name} must be {kind} between 0 and 1, got {value!r}.")


def check_until(until: Any, targets: tuple[str, ...]) -> None:
    """Check the targets of what grows until one is met."""
    if until is None:
        return
    if not isinstance(until, Mapping) or not until or not set(until) <= set(targets):
        raise ValueError(f"until must be None or a dict with keys among {targets}, got {until!r}.")
    for name, value in until.items():
        check_number(f"until[{name!r}]", value, lowest=0)
    if until.get("rank_correlation", 0) > 1:
        raise ValueError(f"until['rank_correlation'] must be at most 1, got {until!r}.")


def check_refine(refine: Any) -> None:
    """Check a tolerance or a budget of refinement."""
    if isinstance(refine, (int, np.integer)):
        check_integer("refine", refine, lowest=1)
    else:
        check_fraction("refine", refine)
