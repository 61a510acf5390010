"""The multilevel wavelet transform in any number of dimensions, and its transpose."""

from __future__ import annotations

import difflib
import functools
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pywt

from . import tensorflow_wavelets
from .base import Backend, Tensor, constant
from .filterbank import (
    PERIODIZATION,
    ZERO_PERIODIZATION,
    FilterBank,
    analysis,
    spread_analysis,
    spread_synthesis,
    synthesis,
)
from .registry import get_backend

Coefficients = list[Any]
"""``[cA, {"ad": ..., "da": ..., "dd": ...}, ..., {...}]``, coarsest first, as PyWavelets has it."""

WaveletLike: TypeAlias = "str | pywt.Wavelet | Iterable[str | pywt.Wavelet]"


FEW = 12
"""As many known names are told together, beside the nearest."""


class _Step(NamedTuple):
    """How one axis is transformed."""

    axis: int
    bank: FilterBank
    mode: str


@constant
def bank_of(wavelet: Any) -> FilterBank:
    """The filters of the discrete wavelet of a name, or the four filters that are given."""
    return _bank_of(wavelet)


@functools.lru_cache(maxsize=256)
def _bank_of(wavelet: Any) -> FilterBank:
    return FilterBank.of(as_wavelet(wavelet))


def as_wavelet(wavelet: Any) -> pywt.Wavelet:
    """The discrete wavelet of a name, or of four filters."""
    if isinstance(wavelet, pywt.Wavelet):
        return wavelet
    if isinstance(wavelet, (tuple, list)) and len(wavelet) == 4:
        try:
            return pywt.Wavelet("custom", filter_bank=wavelet)
        except (TypeError, ValueError) as error:
            raise TypeError(f"wavelet must be four filters of one length: {error}.") from error
    if not isinstance(wavelet, str):
        raise TypeError(
            f"wavelet must be a name, a pywt.Wavelet or its four filters, got {wavelet!r}."
        )
    known = pywt.wavelist(kind="discrete")
    if wavelet.lower() not in known:
        raise unknown(f"{wavelet=} is not a discrete wavelet of PyWavelets", wavelet, known)
    return pywt.Wavelet(wavelet)


def plain_wavelet(wavelet: Any) -> str | FilterBank:
    """A wavelet as its name, or as its filters where PyWavelets has no such wavelet."""
    if isinstance(wavelet, str):
        return wavelet
    found = as_wavelet(wavelet)
    bank = FilterBank.of(found)
    known = found.name in pywt.wavelist(kind="discrete")
    return found.name if known and FilterBank.of(pywt.Wavelet(found.name)) == bank else bank


def check_mode(mode: str) -> str:
    """Check the name of a boundary mode."""
    if not isinstance(mode, str) or mode not in pywt.Modes.modes:
        raise unknown(f"{mode=} is not a boundary mode of PyWavelets", str(mode), pywt.Modes.modes)
    return mode


def unknown(what: str, name: str, known: Iterable[str]) -> ValueError:
    """The error of a name that is none of those known, which tells the nearest ones."""
    known = list(known)
    by_lower = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.3)
    told = [f"the nearest are {', '.join(by_lower[one] for one in close)}"] if close else []
    if not close or len(known) <= FEW:
        told.append(f"known: {', '.join(known)}")
    return ValueError(f"{what}; {'; '.join(told)}.")


def wavedecn(
    x: Tensor,
    wavelet: WaveletLike,
    mode: str | Sequence[str] = "symmetric",
    level: int | None = None,
    axes: int | Sequence[int] | None = None,
    *,
    engine: str = "native",
) -> Coefficients:
    """
    Multilevel discrete wavelet transform: `pywt.wavedecn` in the framework of `x`.

    Differentiable, and traceable by `tf.function` and `torch.compile`; on a large eager TensorFlow
    tensor compiled by XLA, once per shape. Ref. Mallat, A theory for multiresolution signal
    decomposition (1989).

    Parameters
    ----------
    x
        Signal, image or volume, with any axes besides: `np.ndarray` (transformed by PyWavelets
        itself), `tf.Tensor` or `torch.Tensor` of floating-point numbers, else a TypeError; of
        static size along the axes transformed.
    wavelet
        Name of a discrete wavelet or a `pywt.Wavelet`; one for all axes, or one for each.
    mode
        Boundary mode among `pywt.Modes.modes`; one for all axes, or one for each.
    level
        Number of levels, at least 0; the highest without boundary effects by default.
    axes
        Axes to transform, all by default.
    engine
        ``"native"``, or ``"tensorflow-wavelets"``: that package's layers, for TensorFlow images
        and signals in mode ``"symmetric"`` only.

    Returns
    -------
    coefficients
        ``[cA, {"ad": ..., "da": ..., "dd": ...}, ..., {...}]``: the approximation, then the
        details from the coarsest level to the finest; the letters follow `axes`. A ValueError is
        raised if the wavelet, the mode, the level, the axes or the engine are not valid.

    Examples
    --------
    >>> approximation, details = wavedecn(np.array([4.0, 2.0, 5.0, 5.0]), "haar", level=1)
    >>> approximation / np.sqrt(2), details["d"] / np.sqrt(2)
    (array([3., 5.]), array([1., 0.]))
    """
    steps, level = plan(x, wavelet, mode, axes, level)
    if engine != "native":
        return tensorflow_wavelets.wavedecn(
            x, wavelet, mode, level, [s.axis for s in steps], engine
        )
    if isinstance(x, np.ndarray):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # _check_level has warned already
            return pywt.wavedecn(x, _for_pywt(wavelet, steps), mode, level, axes)
    return get_backend(x).run(_decompose, x, steps, level)


def waverecn(
    coeffs: Sequence[Any],
    wavelet: WaveletLike,
    mode: str | Sequence[str] = "symmetric",
    axes: int | Sequence[int] | None = None,
    *,
    engine: str = "native",
) -> Tensor:
    """
    Inverse of `wavedecn`: `pywt.waverecn` in the framework of the coefficients.

    Parameters
    ----------
    coeffs
        Coefficients as `wavedecn` gives them. A detail that is left out counts as zero.
    wavelet, mode, axes, engine
        As given to `wavedecn`.

    Returns
    -------
    x
        The reconstruction; one sample longer than the original along an axis of odd size.

    Raises
    ------
    ValueError
        If the list is empty, a coefficient is None, or the shapes do not fit together.
    TypeError
        If a level is not a dict, or the coefficients are no tensors of a known framework.
    """
    if len(coeffs) < 1 or coeffs[0] is None:
        came = "None" if len(coeffs) else "an empty list"
        raise ValueError(f"coeffs[0], the approximation, must be a tensor, got {came}.")
    approximation, *details = coeffs
    steps, _ = plan(approximation, wavelet, mode, axes, 0)
    _check_details(approximation, details, steps)
    if engine != "native":
        return tensorflow_wavelets.waverecn(coeffs, wavelet, mode, [s.axis for s in steps], engine)
    if isinstance(approximation, np.ndarray):
        return pywt.waverecn(list(coeffs), _for_pywt(wavelet, steps), mode, axes)
    given = approximation, [dict(level) for level in details]
    return get_backend(approximation).run(_reconstruct, given, steps)


def pullback(
    gradient: Tensor,
    wavelet: WaveletLike,
    mode: str | Sequence[str] = "symmetric",
    level: int | None = None,
    axes: int | Sequence[int] | None = None,
) -> Coefficients:
    """
    Transposed inverse transform: the gradient with respect to the coefficients.

    With ``x = waverecn(z)`` cut to the size of `gradient`, ``df/dz`` is the transpose of `waverecn`
    applied to ``df/dx`` (WAM eq. 1). It is itself a filter bank: the synthesis filters reversed,
    over a signal extended by zeros. For an orthogonal wavelet with ``mode="periodization"`` and
    sizes that the levels divide it is `wavedecn`.

    Parameters
    ----------
    gradient
        Gradient with respect to the signal, of the signal's shape.
    wavelet, mode, level, axes
        As given to `wavedecn` for the signal.

    Returns
    -------
    gradients
        Gradients with respect to the coefficients, of the shapes of `wavedecn`'s.
    """
    steps, level = plan(gradient, wavelet, mode, axes, level)
    adjoint = tuple(
        _Step(axis, bank.pullback, ZERO_PERIODIZATION if mode == PERIODIZATION else "zero")
        for axis, bank, mode in steps
    )
    return get_backend(gradient).run(_decompose, gradient, adjoint, level)


def swtn(x: Tensor, wavelet: Any, level: int, axes: tuple[int, ...]) -> Coefficients:
    """`pywt.swtn` with ``trim_approx=True, norm=True`` and any sizes, taken as periodic."""
    return get_backend(x).run(_decompose_undecimated, x, bank_of(wavelet), level, axes)


def iswtn(coeffs: Coefficients, wavelet: Any, axes: tuple[int, ...]) -> Tensor:
    """The transpose of `swtn`, and its inverse."""
    return get_backend(coeffs[0]).run(_reconstruct_undecimated, coeffs, bank_of(wavelet), axes)


def _decompose(backend: Backend, x: Tensor, steps: tuple[_Step, ...], level: int) -> Coefficients:
    def split(band: Tensor, place: int, _: int) -> Sequence[Tensor]:
        return analysis(backend, band, *steps[place])

    return _split_levels(x, level, len(steps), split)


def _decompose_undecimated(
    backend: Backend, x: Tensor, bank: FilterBank, level: int, axes: tuple[int, ...]
) -> Coefficients:
    def split(band: Tensor, place: int, depth: int) -> Sequence[Tensor]:
        return spread_analysis(backend, band, axes[place], bank, 2**depth)

    return _split_levels(x, level, len(axes), split)


def _split_levels(
    x: Tensor, level: int, ndim: int, split: Callable[[Tensor, int, int], Sequence[Tensor]]
) -> Coefficients:
    """The bands that ``split(band, place, depth)`` makes along one axis after the other, of the
    approximation again and again."""
    coefficients: Coefficients = []
    for depth in range(level):
        bands = {"": x}
        for place in range(ndim):
            bands = {
                key + letter: part
                for key, band in bands.items()
                for letter, part in zip("ad", split(band, place, depth), strict=True)
            }
        x = bands.pop("a" * ndim)
        coefficients.insert(0, bands)
    return [x, *coefficients]


def _reconstruct(backend: Backend, coefficients: Any, steps: tuple[_Step, ...]) -> Tensor:
    def join(low: Tensor | None, high: Tensor | None, place: int) -> Tensor | None:
        return synthesis(backend, low, high, *steps[place])

    x, details = coefficients
    for level in details:
        for band in level.values():
            x = x[tuple(slice(size) for size in band.shape)]
        x = _join_level(x, level, len(steps), join)
    return x


def _reconstruct_undecimated(
    backend: Backend, coefficients: Coefficients, bank: FilterBank, axes: tuple[int, ...]
) -> Tensor:
    x, *details = coefficients
    for depth, level in zip(reversed(range(len(details))), details, strict=True):

        def join(low: Tensor, high: Tensor, place: int, step: int = 2**depth) -> Tensor:
            return spread_synthesis(backend, low, high, axes[place], bank, step)

        x = _join_level(x, level, len(axes), join)
    return x


def _join_level(
    x: Tensor, level: dict[str, Tensor], ndim: int, join: Callable[..., Tensor | None]
) -> Tensor:
    """What ``join(low, high, place)`` makes of an approximation and a level, axis by axis."""
    bands = {**level, "a" * ndim: x}
    for place in reversed(range(ndim)):
        keys = ("".join(key) for key in product("ad", repeat=place))
        bands = {key: join(bands.get(key + "a"), bands.get(key + "d"), place) for key in keys}
    return bands[""]


@constant
def plan(
    x: Tensor, wavelet: Any, mode: Any, axes: int | Sequence[int] | None, level: int | None
) -> tuple[tuple[_Step, ...], int]:
    """The steps and the level, checked: they depend on the type and shape of `x` alone."""
    backend, ndim = get_backend(x), len(x.shape)
    if backend.name != "numpy" and not backend.is_floating(x):
        raise TypeError(f"The transform takes floating-point tensors, got {x.dtype}.")
    if axes is None:
        axes = range(ndim)
    elif isinstance(axes, int):
        axes = (axes,)
    axes = [axis + ndim if axis < 0 else axis for axis in axes]
    if not axes or len(set(axes)) < len(axes) or not all(0 <= axis < ndim for axis in axes):
        raise ValueError(f"axes must be distinct axes of a {ndim}-dimensional tensor, got {axes}.")
    for axis in axes:
        if not x.shape[axis]:
            raise ValueError(
                f"axis {axis} must have a static size of at least 1, got shape {tuple(x.shape)}."
            )
    banks = map(bank_of, _per_axis("wavelet", wavelet, len(axes)))
    modes = map(check_mode, _per_axis("mode", mode, len(axes)))
    steps = tuple(map(_Step, axes, banks, modes))
    return steps, _check_level(x, steps, level)


def _for_pywt(wavelet: Any, steps: Sequence[_Step]) -> list[pywt.Wavelet]:
    """The wavelet of each axis as PyWavelets has it, which does not take filters."""
    return [*map(as_wavelet, _per_axis("wavelet", wavelet, len(steps)))]


def _per_axis(name: str, value: Any, count: int) -> list[Any]:
    if isinstance(value, (str, FilterBank)) or not isinstance(value, Iterable):
        return [value] * count
    values = list(value)
    if len(values) not in (1, count):
        raise ValueError(f"{name} must be one, or one per axis ({count}), got {len(values)}.")
    return values * count if len(values) == 1 else values


def _check_level(x: Tensor, steps: tuple[_Step, ...], level: int | None) -> int:
    highest = min(pywt.dwt_max_level(x.shape[s.axis], len(s.bank.dec_lo)) for s in steps)
    if level is None:
        return highest
    if level < 0:
        raise ValueError(f"level={level} is too low; the lowest is 0.")
    if level > highest:
        warnings.warn(
            f"Level value of {level} is too high: all coefficients will experience "
            "boundary effects.",
            stacklevel=4,  # of the caller of wavedecn
        )
    return int(level)


def _check_details(approximation: Tensor, details: list[Any], steps: tuple[_Step, ...]) -> None:
    keys = {"".join(key) for key in product("ad", repeat=len(steps))} - {"a" * len(steps)}
    sizes = list(approximation.shape)
    for index, level in enumerate(details, start=1):
        name = f"coeffs[{index}]"
        if not isinstance(level, Mapping):
            raise TypeError(f"{name} must be a dict of details, got {type(level)}.")
        missing = [key for key, band in level.items() if band is None]
        if missing:
            raise ValueError(f"{name} has None at {missing}; leave out what is zero.")
        if not level.keys() <= keys:
            raise ValueError(f"{name} must have keys among {keys}, got {set(level)}.")
        shapes = {tuple(band.shape) for band in level.values()} or {tuple(sizes)}
        if len(shapes) > 1:
            raise ValueError(f"{name} must hold bands of one shape, got {shapes}.")
        (shape,) = shapes
        if len(shape) != len(sizes) or not all(map(_follows, sizes, shape)):
            raise ValueError(
                f"{name} has shape {shape}, which does not follow the levels before, of shape "
                f"{tuple(sizes)}."
            )
        sizes = list(shape)
        for axis, bank, mode in steps:
            overlap = 0 if mode == PERIODIZATION else len(bank.rec_lo) - 2
            sizes[axis] = 2 * sizes[axis] - overlap


def _follows(approximation: int | None, detail: int | None) -> bool:
    """Whether sizes fit: the inverse of an odd size has a sample too many, which is dropped."""
    return approximation is None or detail is None or 0 <= approximation - detail <= 1
