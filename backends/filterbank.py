"""One level of the wavelet transform along one axis, and the signal beyond its borders (modes).

As sums of weighted slices: in polyphase form every output is a weighted sum of *contiguous* windows
of the even and of the odd samples, so that slicing, concatenation and addition are all it takes; a
compiler fuses them. As products of blocks: the filters of several outputs in a row are the rows of
a small matrix, which multiplies windows of the signal. Where nothing fuses, few of them are faster.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pywt

from .base import Backend, Tensor, constant

PERIODIZATION = "periodization"
ZERO_PERIODIZATION = "zero-periodization"
"""Periodization that completes an odd signal with a zero: the adjoint of dropping a sample."""

# Outputs of each filter in a block, where this is a good size: more of them in a row waste products
# with zeros, fewer do too little at once (measured on CPU by ``python -m benchmarks.kernels``).
BLOCK = 16


class FilterBank(NamedTuple):
    """The filters of a wavelet, as in `pywt.Wavelet.filter_bank`, hashable."""

    dec_lo: tuple[float, ...]
    dec_hi: tuple[float, ...]
    rec_lo: tuple[float, ...]
    rec_hi: tuple[float, ...]

    @classmethod
    def of(cls, wavelet: pywt.Wavelet) -> FilterBank:
        """The filters of `wavelet`."""
        return cls(*(tuple(filters) for filters in wavelet.filter_bank))

    def __str__(self) -> str:
        return f"filter bank of {len(self.dec_lo)} taps"

    @property
    def pullback(self) -> FilterBank:
        """The bank whose analysis is the transposed synthesis of this one."""
        return self._replace(dec_lo=self.rec_lo[::-1], dec_hi=self.rec_hi[::-1])


def analysis(
    backend: Backend, x: Tensor, axis: int, bank: FilterBank, mode: str
) -> tuple[Tensor, Tensor]:
    """The approximation and the detail of `x` along `axis`: ``pywt.dwt``."""
    length, size = len(bank.dec_lo), _size(x, axis)
    if mode in (PERIODIZATION, ZERO_PERIODIZATION):
        left, count = length // 2 - 1, (size + 1) // 2
    else:
        left, count = length - 2, (size + length - 1) // 2
    block = _block_size(backend, x, axis, count, length)
    right = 2 * _round_up(count, block) + length - 2 - left - size
    if block:
        extended = _extend(backend, x, axis, left, right, mode)
        matrices = [[_analysis_matrix(taps, block)] for taps in (bank.dec_lo, bank.dec_hi)]
        low, high = backend.blocks([extended], matrices, axis, 2 * block)
        return _window(backend, low, axis, 0, count), _window(backend, high, axis, 0, count)
    phases = _phases(backend, x, axis, left, right, mode)
    starts = [divmod(length - 1 - tap, 2) for tap in range(length)]
    windows = [_window(backend, phases[phase], axis, start, count) for start, phase in starts]
    return _filter(backend, windows, bank.dec_lo), _filter(backend, windows, bank.dec_hi)


def synthesis(
    backend: Backend,
    approximation: Tensor | None,
    detail: Tensor | None,
    axis: int,
    bank: FilterBank,
    mode: str,
) -> Tensor | None:
    """Put an approximation and a detail together along `axis`: ``pywt.idwt``; None is zero."""
    pairs = ((approximation, bank.rec_lo), (detail, bank.rec_hi))
    bands = [band for band, _ in pairs if band is not None]
    taps = [filters for band, filters in pairs if band is not None]
    if not bands:
        return None
    half, size = len(bank.rec_lo) // 2, _size(bands[0], axis)
    left, count, shift = 0, size - half + 1, 0
    if mode == PERIODIZATION:
        left, count = half // 2, size
        shift = 2 * left - half + 1
    block = _block_size(backend, bands[0], axis, count, 2 * half)
    right = _round_up(count, block) + half - 1 + shift - left - size
    bands = [_extend(backend, band, axis, left, right, "periodic") for band in bands]
    if block:
        matrices = [_synthesis_matrix(filters, block, shift) for filters in taps]
        (joined,) = backend.blocks(bands, [matrices], axis, block)
        return _window(backend, joined, axis, 0, 2 * count)
    phases = []
    for output in (0, 1):
        delay, phase = divmod(output + shift, 2)
        starts = range(delay + half - 1, delay - 1, -1)
        windows = [_window(backend, band, axis, start, count) for band in bands for start in starts]
        phases.append(_filter(backend, windows, [tap for f in taps for tap in f[phase::2]]))
    even, odd = phases
    return backend.interleave(even, odd, axis)


def spread_analysis(
    backend: Backend, x: Tensor, axis: int, bank: FilterBank, step: int
) -> tuple[Tensor, Tensor]:
    """One level of the undecimated transform: the filters over √2, their taps `step` apart."""
    half = len(bank.dec_lo) // 2
    windows = _turns(backend, x, axis, [(half - tap) * step for tap in range(len(bank.dec_lo))])
    low, high = (
        backend.weighted_sum(windows, [float(tap / np.sqrt(2)) for tap in taps])
        for taps in (bank.dec_lo, bank.dec_hi)
    )
    return low, high


def spread_synthesis(
    backend: Backend, low: Tensor, high: Tensor, axis: int, bank: FilterBank, step: int
) -> Tensor:
    """Transpose of `spread_analysis`."""
    half = len(bank.dec_lo) // 2
    turns = [(tap - half) * step for tap in range(len(bank.dec_lo))]
    windows = [window for band in (low, high) for window in _turns(backend, band, axis, turns)]
    return backend.weighted_sum(
        windows, [float(tap / np.sqrt(2)) for tap in (*bank.dec_lo, *bank.dec_hi)]
    )


def _turns(backend: Backend, x: Tensor, axis: int, turns: Sequence[int]) -> list[Tensor]:
    """A periodic signal, begun at each of these places."""
    size = _size(x, axis)
    left, right = max(-min(turns), 0), max(*turns, 0)
    parts = [x] * (left // size + 1 + right // size)  # borders may be longer than it
    if left % size:
        parts.insert(0, _window(backend, x, axis, -left % size, None))
    if right % size:
        parts.append(_window(backend, x, axis, 0, right % size))
    extended = backend.packed(_joined(backend, parts, axis), axis)
    return [_window(backend, extended, axis, left + turn, size) for turn in turns]


def _size(x: Tensor, axis: int) -> int:
    """A size; one that torch.compile leaves open is fixed."""
    return operator.index(x.shape[axis])


def _block_size(backend: Backend, x: Tensor, axis: int, count: int, length: int) -> int:
    """How many outputs of each filter a block makes; 0 where slices are faster."""
    if length == 2 or not backend.prefers_blocks(x, axis):  # two slices are little work
        return 0
    sizes = range(BLOCK // 2, 2 * BLOCK + 1)
    return min(sizes, key=lambda size: (-count % size, abs(size - BLOCK)))


def _round_up(count: int, block: int) -> int:
    return count + (-count % block if block else 0)


@functools.lru_cache(maxsize=1024)
def _analysis_matrix(taps: tuple[float, ...], block: int) -> np.ndarray:
    """The filter, reversed, once a row and two samples further on in each."""
    matrix = np.zeros((block, 2 * block + len(taps) - 2))
    for row in range(block):
        matrix[row, 2 * row : 2 * row + len(taps)] = taps[::-1]
    return matrix


@functools.lru_cache(maxsize=1024)
def _synthesis_matrix(taps: tuple[float, ...], block: int, shift: int) -> np.ndarray:
    """The phases of the filter, reversed, in turn: two rows for each coefficient."""
    half = len(taps) // 2
    matrix = np.zeros((2 * block, block + half - 1 + shift))
    for row in range(2 * block):
        start, phase = divmod(row + shift, 2)
        matrix[row, start : start + half] = taps[phase::2][::-1]
    return matrix


def _filter(backend: Backend, windows: list[Tensor], taps: Sequence[float]) -> Tensor:
    """Weigh `windows` by `taps`; biorthogonal filters are padded with zeros, which cost nothing."""
    kept = [(window, tap) for window, tap in zip(windows, taps, strict=True) if tap]
    kept = kept or [(windows[0], 0.0)]
    return backend.weighted_sum([window for window, _ in kept], [tap for _, tap in kept])


def _window(
    backend: Backend, x: Tensor, axis: int, start: int, size: int | None, step: int = 1
) -> Tensor:
    if start == 0 and step == 1 and size == x.shape[axis]:
        return x
    return backend.slice(x, axis, slice(start, None if size is None else start + size, step))


def _phases(
    backend: Backend, x: Tensor, axis: int, left: int, right: int, mode: str
) -> list[Tensor]:
    """The even and the odd samples of `x` extended by `left` and `right` samples."""
    parts, phases = _extended(backend, x, axis, left, right, mode), []
    for phase in (0, 1):
        samples = [_window(backend, p, axis, (phase - start) % 2, None, 2) for p, start in parts]
        phases.append(backend.packed(_joined(backend, samples, axis), axis))
    return phases


def _extend(backend: Backend, x: Tensor, axis: int, left: int, right: int, mode: str) -> Tensor:
    parts = _extended(backend, x, axis, left, right, mode)
    return _joined(backend, [part for part, _ in parts], axis)


def _joined(backend: Backend, parts: list[Tensor], axis: int) -> Tensor:
    return parts[0] if len(parts) == 1 else backend.concat(parts, axis)


def _extended(
    backend: Backend, x: Tensor, axis: int, left: int, right: int, mode: str
) -> list[tuple[Tensor, int]]:
    """The borders around `x`, where there are any, and `x`: with the place where each begins."""
    parts = [(x, left)]
    if left or right:
        head, tail = border_terms(_size(x, axis), left, right, mode)
        if head:
            parts.insert(0, (_combine(backend, x, axis, head), 0))
        if tail:
            parts.append((_combine(backend, x, axis, tail), left + x.shape[axis]))
    return parts


Term = tuple[tuple[int, ...], tuple[float, ...]]
"""Indices of samples, and the weight of each."""


@constant
def border_terms(size: int, left: int, right: int, mode: str) -> tuple[list[Term], list[Term]]:
    """What extends a signal of `size` samples to the left and to the right."""
    return _border_terms(size, left, right, mode)


@functools.lru_cache(maxsize=1024)
def _border_terms(size: int, left: int, right: int, mode: str) -> tuple[list[Term], list[Term]]:
    """Each border sample as a weighted sum of the signal's, as `pywt.pad` extends unit vectors."""
    # Only the ends of a long signal reach its borders: its middle is left out.
    width = max(left, right, 1)
    units = np.eye(min(size, 2 * (width + 1) + size % 2))
    added = units[:0]
    if mode in (PERIODIZATION, ZERO_PERIODIZATION):
        added = units[len(units) - size % 2 :] * (mode == PERIODIZATION)
        mode = "periodic"
    if size == 1 and mode in ("reflect", "antireflect"):
        raise ValueError(f"mode={mode!r} needs at least 2 samples along an axis, got 1.")
    if size == 1 and mode == "smooth":
        mode = "constant"
    units = np.vstack((units, added))
    padded = np.stack([pywt.pad(unit, width, mode) for unit in units.T], axis=1)
    tail = np.vstack((added, padded[width + len(units) :]))
    return _terms(padded[width - left : width], size), _terms(tail[:right], size)


def _terms(rows: np.ndarray, size: int) -> list[Term]:
    kept = rows.shape[1]
    columns = np.argsort(rows == 0, axis=1, kind="stable")
    weights = np.take_along_axis(rows, columns, 1)
    columns[weights == 0] = 0
    columns[columns >= (kept + 1) // 2] += size - kept
    count = np.maximum(np.count_nonzero(rows, axis=1), 1).max(initial=0)
    pairs = zip(columns.T[:count].tolist(), weights.T[:count].tolist(), strict=True)
    return [(tuple(indices), tuple(of_each)) for indices, of_each in pairs]


def _combine(backend: Backend, x: Tensor, axis: int, terms: list[Term]) -> Tensor:
    total = None
    for indices, weights in terms:
        samples = _pick(backend, x, axis, indices)
        if any(weight != 1.0 for weight in weights):
            column = np.reshape(weights, (-1,) + (1,) * (len(x.shape) - axis - 1))
            samples = samples * backend.asarray(column, like=x)
        total = samples if total is None else total + samples
    return total


def _pick(backend: Backend, x: Tensor, axis: int, indices: tuple[int, ...]) -> Tensor:
    """The samples at `indices`, as slices: a run of indices is one slice, perhaps reversed."""
    steps = {after - before for before, after in itertools.pairwise(indices)}
    if steps <= {1}:
        return _window(backend, x, axis, indices[0], len(indices))
    if steps == {-1}:
        return backend.flip(_window(backend, x, axis, indices[-1], len(indices)), axis)
    return backend.concat([_window(backend, x, axis, index, 1) for index in indices], axis)
