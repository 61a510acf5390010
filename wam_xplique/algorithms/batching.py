"""Batches that fit the device: halved where memory runs out."""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

from ..backends import Backend, ScoreFunction, Tensor
from ..backends.base import check_scores
from ..per_input import joined

logger = logging.getLogger(__name__)

Item = TypeVar("Item")


class BatchSize:
    """How many perturbed inputs are scored at once: `most` (None: all), or as many as fit."""

    def __init__(self, most: int | None):
        self.most = most
        self.untold = False

    @classmethod
    def of(cls, owner: Any) -> BatchSize:
        """That of what has a `batch_size`, as far as it is known to fit."""
        return owner.__dict__.setdefault("_batch_size", cls(owner.batch_size))

    def apply(self, function: Callable[..., Any], backend: Backend, *rows: Tensor) -> Any:
        """A function of rows, batch by batch, of as many tensors as it gives."""

        def part(places: list[int]) -> Any:
            return function(*(tensor[places[0] : places[-1] + 1] for tensor in rows))

        found = list(in_batches(iter(range(len(rows[0]))), part, self, backend))
        if len(found) == 1:
            return found[0]
        if not isinstance(found[0], tuple):
            return backend.concat(found, 0)
        return tuple(backend.concat(parts, 0) for parts in zip(*found, strict=True))

    def filled(self, array: np.ndarray, backend: Backend) -> np.ndarray:
        """The rows of a batch, filled up to a size that is compiled already."""
        count = len(array)
        filled = max(count, min(backend.batch_shape(count), self.most or count))
        return np.pad(array, [(0, filled - count)] + [(0, 0)] * (array.ndim - 1), mode="edge")


class Progress:
    """The bar of work block by block, which tells its whole from what a block takes."""

    def __init__(self, unit: str = "input", verbose: bool = False):
        self._share, self._start, self._expected, self._done = 1.0, 0, 0, 0
        self._bar: Any = None
        if verbose:
            from tqdm.auto import tqdm

            self._bar = tqdm(unit=unit)

    def begin(self, share: float) -> None:
        """Go on to a block that is this share of the inputs left."""
        self._share, self._start, self._expected = share, self._done, 0

    def expect(self, count: int) -> None:
        """More work on this block."""
        self._expected += count
        if self._bar is not None:
            self._bar.total = self._start + round(self._expected / self._share)
            self._bar.refresh()

    def update(self, count: int) -> None:
        """Work that is done."""
        self._done += count
        if self._bar is not None:
            self._bar.update(count)

    def close(self) -> None:
        """The end of all work."""
        if self._bar is not None:
            self._bar.close()


def by_blocks(
    count: int,
    function: Callable[[slice], Any],
    batch_size: BatchSize,
    backend: Backend,
    progress: Progress | None = None,
) -> Any:
    """What a function makes of blocks of `count` inputs; a block that does not fit is halved."""
    progress = progress or Progress()

    def of_block(numbers: list[int]) -> Any:
        progress.begin(len(numbers) / (count - numbers[0]))
        return function(slice(numbers[0], numbers[-1] + 1))

    with contextlib.closing(progress):
        return joined(in_batches(iter(range(count)), of_block, batch_size, backend), count)


def in_batches(
    items: Iterator[Item],
    score: Callable[[list[Item]], Any],
    batch_size: BatchSize,
    backend: Backend,
) -> Iterator[Any]:
    """Score items in batches, smaller ones from where the device has too little memory."""
    while batch := list(itertools.islice(items, batch_size.most)):
        try:
            scores = score(batch)
        except Exception as error:
            if len(batch) == 1 or not backend.is_out_of_memory(error):
                raise
        else:
            if batch_size.untold:
                logger.warning(
                    "batch_size: too large for the device; going on with %d.", batch_size.most
                )
            batch_size.untold = False
            yield scores
            continue
        # Outside of the handler, whose traceback would keep the tensors that did not fit.
        batch_size.most = min(len(batch) // 2, batch_size.most or len(batch))
        batch_size.untold = True
        yield from in_batches(iter(batch), score, batch_size, backend)


def first_to_stand(rounds: Iterator[tuple[Any, np.ndarray]], count: int) -> Any:
    """What is told of each of `count` inputs in the first round in which it stands. A round tells
    of those that did not stand in the rounds before, and which of them do."""
    left, parts, places = np.arange(count), [], []
    while len(left):
        found, stands = next(rounds)
        if stands.any():
            parts.append(found[stands])
            places.append(left[stands])
        left = left[~stands]
    return joined(parts, count)[np.argsort(np.concatenate(places))]


def finite_scores(backend: Backend, scores: ScoreFunction, x: Tensor, y: Tensor) -> np.ndarray:
    """The scores of a batch of perturbed inputs, in double precision."""
    found = backend.to_numpy(scores(x, y))
    check_scores(found.shape, len(x))
    if not np.isfinite(found).all():
        raise ValueError(
            f"The model gives NaN or infinite scores for {np.sum(~np.isfinite(found))} of "
            f"{len(x)} perturbed inputs."
        )
    return found.astype(np.float64)
