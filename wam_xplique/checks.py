"""Checks of the arguments of explainers."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any, ClassVar

import numpy as np

from .backends.wavelets import as_wavelet, check_mode, unknown

_PACKAGE = __name__.partition(".")[0] + "."

MOST = 2**31 - 1
"""The largest count: what is beyond fits no memory, and not the integers of the frameworks."""


def warn(message: str) -> None:
    """Warn the user, at the line that called into the package."""
    frame, depth = sys._getframe(1), 2
    while frame.f_back and frame.f_globals.get("__name__", "").startswith(_PACKAGE):
        frame, depth = frame.f_back, depth + 1
    warnings.warn(message, stacklevel=depth)


def is_number(value: Any) -> bool:
    """Whether a value is a finite real number."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        return False
    try:
        return bool(np.isfinite(float(value)))
    except OverflowError:  # of integers beyond all floats
        return False


def is_integer(value: Any) -> bool:
    """Whether a value is an integer, and no bool."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


class Parameters:
    """A dataclass whose fields may be assigned once it was made: it is made anew, or stays as it
    was. What is in no field is dropped: it was made of them. `__post_init__` ends with `_made =
    True`."""

    _made: bool = False
    __dataclass_fields__: ClassVar[dict[str, Any]]

    def __repr__(self) -> str:
        """The class, the fields that have no default, those in `_told`, and those changed."""
        values, told = self.__dict__, self._told
        shown = (
            f"{field.name}={brief(values[field.name])}"
            for field in sorted(fields(self), key=lambda field: bool(field.kw_only))
            if field.name in told or not _is_same(field.default, values[field.name])
        )
        return f"{type(self).__name__}({', '.join(shown)})"

    @property
    def _told(self) -> tuple[str, ...]:
        """The fields that are told of even where they are as by default."""
        return ()

    def __setattr__(self, name: str, value: Any) -> None:
        known = self.__dataclass_fields__
        if not self._made or name not in known:
            super().__setattr__(name, value)
            return
        before = self.__dict__
        self.__dict__ = {field: before[field] for field in known if field in before} | {name: value}
        try:
            self.__post_init__()  # type: ignore[attr-defined]
        except BaseException:
            self.__dict__ = before
            raise


def brief(value: Any) -> str:
    """What a value is, in a few words."""
    if hasattr(value, "shape"):
        return f"<{type(value).__name__} {value.shape}>"
    told = repr(value)
    is_short = len(told) <= 72 and "\n" not in told and " at 0x" not in told
    return told if is_short else f"<{getattr(value, '__name__', type(value).__name__)}>"


def _is_same(default: Any, value: Any) -> bool:
    is_plain = isinstance(value, (bool, int, float, str, tuple))
    return value is default or (is_plain and type(value) is type(default) and value == default)


def check_whole(name: str, values: Any) -> None:
    """Check that no value of an array, or of arrays in a list, is masked: NumPy would forget it."""
    if isinstance(values, (list, tuple)):
        for value in values:
            check_whole(name, value)
    elif np.ma.is_masked(values):
        raise TypeError(f"{name} must be numbers without gaps, got a masked array; fill it first.")


def _must(ok: Any, name: str, be: str, value: Any) -> None:
    if not ok:
        raise ValueError(f"{name} must be {be}, got {value!r}.")


def check_integer(
    name: str, value: Any, lowest: int, optional: bool = False, highest: int = MOST
) -> None:
    """Check an integer argument."""
    if optional and value is None:
        return
    kind = "None or an integer" if optional else "an integer"
    most = f" and at most {highest}" if is_integer(value) and value > highest else ""
    ok = is_integer(value) and lowest <= value <= highest
    _must(ok, name, f"{kind} of at least {lowest}{most}", value)


def check_seed(seed: Any, name: str = "seed") -> None:
    """Check a seed."""
    check_integer(name, seed, lowest=0, highest=2**64 - 1)


def check_wavelet(wavelet: Any, mode: Any) -> None:
    """Check a wavelet, and the name of a boundary mode."""
    as_wavelet(wavelet)
    check_mode(mode)


def check_choice(name: str, value: Any, choices: tuple[str, ...], optional: bool = True) -> None:
    """Check an argument that is one of a few names (or None, where it is optional)."""
    ok = (optional and value is None) or (isinstance(value, str) and value in choices)
    _must(ok, name, f"{'None or one' if optional else 'one'} of {choices}", value)


def one_of(option: str, name: str, choices: Collection[str]) -> str:
    """The choice that a name means, in any case of letters; else the nearest ones are told."""
    by_lower = {choice.lower(): choice for choice in choices}
    if name in choices:
        return name
    if name.lower() not in by_lower:
        raise unknown(f"{option} {name!r} is unknown", name, by_lower.values())
    return by_lower[name.lower()]


def check_number(name: str, value: Any, lowest: float) -> None:
    """Check a real argument."""
    ok = is_number(value) and value >= lowest
    _must(ok, name, f"a finite number of at least {lowest}", value)


def check_share(name: str, value: Any) -> None:
    """Check an argument that is a share, of which something is left."""
    _must(is_number(value) and 0 < value <= 1, name, "a number in (0, 1]", value)


def check_fraction(name: str, value: Any, optional: bool = True) -> None:
    """Check an argument that is a fraction (or None, where it is optional)."""
    ok = (optional and value is None) or (is_number(value) and 0 < value < 1)
    _must(ok, name, f"{'None or a' if optional else 'a'} number between 0 and 1", value)


def check_range(name: str, value: Any) -> tuple[float, float]:
    """The lowest and the highest value that an argument gives."""
    bounds = tuple(value) if isinstance(value, (tuple, list, np.ndarray)) else ()
    ok = len(bounds) == 2 and all(map(is_number, bounds)) and bounds[0] < bounds[1]
    _must(ok, name, "two finite numbers, the lower first", value)
    return float(bounds[0]), float(bounds[1])


def check_ndim(ndim: Any, name: str = "ndim") -> None:
    """Check a number of spatial axes."""
    ok = ndim is None or (is_integer(ndim) and 1 <= ndim <= 3)
    _must(ok, name, "None, 1, 2 or 3", ndim)


def check_until(until: Any, targets: tuple[str, ...]) -> None:
    """Check the targets of what grows until one is met."""
    if until is None:
        return
    ok = isinstance(until, Mapping) and until and set(until) <= set(targets)
    _must(ok, "until", f"None or a dict with keys among {targets}", until)
    for name, value in until.items():
        check_number(f"until[{name!r}]", value, lowest=0)
    _must(until.get("rank_correlation", 0) <= 1, "until['rank_correlation']", "at most 1", until)


def check_refine(refine: Any) -> None:
    """Check a tolerance or a budget of refinement."""
    if is_integer(refine):
        check_integer("refine", refine, lowest=1)
    else:
        check_fraction("refine", refine)
