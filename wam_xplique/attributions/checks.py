"""Checks of the arguments of explainers."""

from __future__ import annotations

from typing import Any

import numpy as np


def check_integer(name: str, value: Any, lowest: int, optional: bool = False) -> None:
    """
    Check an integer argument.

    Raises
    ------
    ValueError
        If `value` is no integer of at least `lowest` (nor None, where it is optional).
    """
    if optional and value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < lowest:
        kind = "None or an integer" if optional else "an integer"
        raise ValueError(f"{name} must be {kind} of at least {lowest}, got {value!r}.")


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """
    Check an argument that is None or one of a few names.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if value is not None and value not in choices:
        raise ValueError(f"{name} must be None or one of {choices}, got {value!r}.")


def check_number(name: str, value: Any, lowest: float) -> None:
    """
    Check a real argument.

    Raises
    ------
    ValueError
        If `value` is not a finite number of at least `lowest`.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float, np.number))
        or not np.isfinite(value)
        or value < lowest
    ):
        raise ValueError(f"{name} must be a finite number of at least {lowest}, got {value!r}.")
