"""The transforms, by the names that they have on the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from .. import transforms
from ..checks import unknown

NAMES: dict[str, type[Any]] = {
    "dwt": transforms.DWT,
    "stationary": transforms.Stationary,
    "steerable": transforms.Steerable,
    "constant-q": transforms.ConstantQ,
    "packets": transforms.Packets,
}


def with_transform(text: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a method, with the transform that a text such as "steerable,level=4" names;
    its wavelet, level and mode may stand among those given."""
    if text is None:
        return dict(given)
    name, *told = text.split(",")
    classes = {key.replace("-", ""): key for key in NAMES}
    key = classes.get(name.strip().lower().replace("-", "").replace("_", ""))
    if key is None:
        raise unknown(f"--transform {name!r} is unknown", name, NAMES)
    known = [field.name for field in fields(NAMES[key]) if field.name != "axes"]
    found = dict(setting("--transform", part) for part in told)
    for part in found:
        if part not in known:
            raise unknown(f"--transform {key} has no {part}", part, known)
    others = dict(given)
    for option in ("wavelet", "level", "mode"):
        if option not in others:
            continue
        if option not in known:
            raise ValueError(
                f"--{option} must be left out: --transform {key} takes {', '.join(known)}."
            )
        if option in found:
            raise ValueError(f"--{option} must be left out, or {option}= of --transform.")
        found[option] = others.pop(option)
    if NAMES[key] is transforms.DWT:  # which takes a level by default
        return {**others, **found}
    try:
        return {**others, "transform": NAMES[key](**found)}
    except TypeError as error:
        raise ValueError(f"--transform {key}: {error}") from error


def setting(option: str, text: str) -> tuple[str, Any]:
    """The name and the value of a text "NAME=VALUE", the value as JSON or as it is."""
    name, equals, value = text.strip().partition("=")
    if not (name and equals):
        raise ValueError(f"{option} must be NAME=VALUE, got {text!r}.")
    name = name.replace("-", "_")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value
