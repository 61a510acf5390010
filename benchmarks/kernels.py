"""Speed of the wavelet transform beside ptwt, tensorflow-wavelets and PyWavelets.

    python -m benchmarks.kernels [--quick] [--runs 20] [--output FILE] [--default-allocator]

Analysis and synthesis of three levels in mode "symmetric", float32, 2 threads, for signals, images
and volumes, each framework with its own order of axes; and of two large inputs: ten seconds of
sound (eight levels) and a volume of 128 voxels a side. All contenders run in one process, in turns
of five calls, each on equal numbers; their results are first checked against PyWavelets. A cell
that a package cannot do is n/a.

The process restarts itself with an allocator that keeps freed memory, the same for all contenders
(see `benchmarks.timing`), unless ``--default-allocator`` is given. tensorflow-wavelets runs inside
`tf.function`, where it is faster than eagerly.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pywt
from tqdm.auto import tqdm

from . import timing

MODE = "symmetric"
RUNS, QUICK_RUNS, TURN = 20, 5, 5
TOLERANCE = 1e-4

TORCH, TENSORFLOW = "ours, PyTorch", "ours, TensorFlow"
PTWT, TFWAVELETS, PYWAVELETS = "ptwt", "tensorflow-wavelets", "PyWavelets"
OURS = {TORCH: (PTWT, PYWAVELETS), TENSORFLOW: (TFWAVELETS, PYWAVELETS)}
WAVEFORM, LARGE_VOLUME = "waveform", "large-volume"
BOUNDS: dict[str, float] = {PTWT: 3, TFWAVELETS: 3, PYWAVELETS: 1}
BOUNDS_2D: dict[str, float] = {PTWT: 5, TFWAVELETS: 10, PYWAVELETS: 1}
LARGE_BOUNDS: dict[str, float] = {PTWT: 2, PYWAVELETS: 1}  # for both of ours


@dataclass(frozen=True)
class Cell:
    """What is transformed: batches (N, ...) or (N, C, ...), whose last `ndim` axes are spatial."""

    ndim: int
    shape: tuple[int, ...]
    wavelet: str
    levels: int = 3
    kind: str = ""

    @property
    def name(self) -> str:
        """Name in the tables."""
        return f"{self.kind or f'{self.ndim}D'} {self.wavelet}"

    def __str__(self) -> str:
        return f"{self.name} {'×'.join(map(str, self.shape))}, {self.levels} levels"

    @property
    def axes(self) -> tuple[int, ...]:
        """Spatial axes, channels first."""
        return tuple(range(len(self.shape) - self.ndim, len(self.shape)))

    @property
    def axes_channels_last(self) -> tuple[int, ...]:
        """Spatial axes, channels last."""
        return tuple(range(1, 1 + self.ndim))

    def signal(self) -> np.ndarray:
        """The numbers that all contenders transform, channels first."""
        return np.random.default_rng(0).standard_normal(self.shape, dtype=np.float32)

    def channels_last(self, x: np.ndarray) -> np.ndarray:
        """`x` with its channels last, contiguous; signals have none."""
        return np.ascontiguousarray(np.moveaxis(x, 1, -1)) if x.ndim > 1 + self.ndim else x

    def channels_first(self, x: np.ndarray) -> np.ndarray:
        """Undo `channels_last`."""
        return np.moveaxis(x, -1, 1) if x.ndim > 1 + self.ndim else x


CELLS = (
    *(
        Cell(ndim, shape, wavelet)
        for ndim, shape in {1: (64, 16384), 2: (16, 3, 224, 224), 3: (8, 1, 64, 64, 64)}.items()
        for wavelet in ("haar", "db4", "sym8")
    ),
    Cell(1, (1, 441_000), "db4", levels=8, kind=WAVEFORM),
    Cell(3, (1, 1, 128, 128, 128), "haar", kind=LARGE_VOLUME),
)
QUICK_CELLS = (
    Cell(1, (8, 1024), "db4"),
    Cell(2, (2, 3, 64, 64), "db4"),
    Cell(3, (2, 1, 32, 32, 32), "db4"),
    Cell(1, (1, 4096), "db4", levels=8, kind=WAVEFORM),
    Cell(3, (1, 1, 32, 32, 32), "haar", kind=LARGE_VOLUME),
)


class Contender(NamedTuple):
    """A package's transform of a cell, as calls; and how its results come to be channels first."""

    analysis: Callable[[], Any]
    synthesis: Callable[[Any], Any]
    restore: Callable[[np.ndarray], np.ndarray] = np.asarray


def pywavelets(cell: Cell) -> Contender:
    """PyWavelets, channels first."""
    suffix, axes = _suffix_and_axes(cell, "n" if cell.ndim == 3 else str(cell.ndim))
    forward, inverse = getattr(pywt, f"wavedec{suffix}"), getattr(pywt, f"waverec{suffix}")
    return Contender(
        functools.partial(
            forward, cell.signal(), cell.wavelet, mode=MODE, level=cell.levels, **axes
        ),
        functools.partial(inverse, wavelet=cell.wavelet, mode=MODE, **axes),
    )


def ptwt(cell: Cell) -> Contender:
    """ptwt, channels first."""
    import ptwt
    import torch

    suffix, axes = _suffix_and_axes(cell, str(cell.ndim))
    forward, inverse = getattr(ptwt, f"wavedec{suffix}"), getattr(ptwt, f"waverec{suffix}")
    x = torch.from_numpy(cell.signal())
    return _without_gradients(
        functools.partial(forward, x, cell.wavelet, mode=MODE, level=cell.levels, **axes),
        functools.partial(inverse, wavelet=cell.wavelet, **axes),
    )


def _suffix_and_axes(cell: Cell, suffix: str) -> tuple[str, dict[str, Any]]:
    return ("", {"axis": cell.axes[0]}) if cell.ndim == 1 else (suffix, {"axes": cell.axes})


def ours_torch(cell: Cell) -> Contender:
    """Our kernels in PyTorch, channels first."""
    import torch

    return _without_gradients(*_ours(cell, torch.from_numpy(cell.signal()), cell.axes))


def ours_tensorflow(cell: Cell) -> Contender:
    """Our kernels in TensorFlow, channels last."""
    return Contender(*_ours(cell, *_tensorflow_signal(cell)), cell.channels_first)


def tensorflow_wavelets(cell: Cell) -> Contender:
    """tensorflow-wavelets by the engine of that name, channels last, compiled by `tf.function`."""
    import tensorflow as tf

    x, axes = _tensorflow_signal(cell)
    analysis, synthesis = _ours(cell, x, axes, engine="tensorflow-wavelets")
    return Contender(tf.function(analysis), tf.function(synthesis), cell.channels_first)


def _tensorflow_signal(cell: Cell) -> tuple[Any, tuple[int, ...]]:
    import tensorflow as tf

    return tf.constant(cell.channels_last(cell.signal())), cell.axes_channels_last


def _ours(cell: Cell, x: Any, axes: tuple[int, ...], engine: str = "native") -> tuple[Any, Any]:
    from wam_xplique.backends import wavedecn, waverecn

    def analysis() -> Any:
        return wavedecn(x, cell.wavelet, MODE, cell.levels, axes, engine=engine)

    def synthesis(coefficients: Any) -> Any:
        return waverecn(coefficients, cell.wavelet, MODE, axes, engine=engine)

    return analysis, synthesis


def _without_gradients(analysis: Callable, synthesis: Callable) -> Contender:
    import torch

    return Contender(torch.no_grad()(analysis), torch.no_grad()(synthesis))


BUILDERS = {
    TORCH: ours_torch,
    TENSORFLOW: ours_tensorflow,
    PTWT: ptwt,
    TFWAVELETS: tensorflow_wavelets,
    PYWAVELETS: pywavelets,
}


def flatten(coefficients: Any, restore: Callable[[np.ndarray], np.ndarray]) -> list[np.ndarray]:
    """All bands, in the same order whatever package they come from."""
    bands = [coefficients[0]]
    for level in coefficients[1:]:
        if isinstance(level, dict):
            bands += [level[key] for key in sorted(level)]
        elif isinstance(level, tuple):
            horizontal, vertical, diagonal = level
            bands += [vertical, horizontal, diagonal]
        else:
            bands.append(level)
    return [restore(np.asarray(band)) for band in bands]


def check(contender: Contender, reference: Contender, signal: np.ndarray) -> None:
    """
    Check a contender's coefficients against PyWavelets, and its reconstruction.

    Raises
    ------
    ValueError
        If they are further apart than `TOLERANCE`, relative to the largest number.
    """
    coefficients = contender.analysis()
    rebuilt = contender.restore(np.asarray(contender.synthesis(coefficients)))
    found = [*flatten(coefficients, contender.restore), rebuilt]
    expected = [*flatten(reference.analysis(), reference.restore), signal]
    for a, b in zip(found, expected, strict=True):
        if a.shape != b.shape:
            raise ValueError(f"shape {a.shape} in place of {b.shape}")
        error = np.abs(a - b).max() / np.abs(b).max()
        if not error <= TOLERANCE:
            raise ValueError(f"off by {error:.1e} from PyWavelets")


def contenders(cell: Cell, notes: list[str]) -> dict[str, Contender]:
    """Those that can do `cell` and agree with PyWavelets; `notes` has the reasons of the others."""
    reference, able = pywavelets(cell), {}
    for name, build in BUILDERS.items():
        try:
            contender = build(cell)
            check(contender, reference, cell.signal())
        except Exception as error:  # whatever a package raises, it cannot do the cell
            if name in OURS and not isinstance(error, ImportError):
                raise
            reason = (str(error).strip() or repr(error)).splitlines()[-1].strip()
            notes.append(f"{cell.name}, {name}: {reason}")
        else:
            able[name] = contender
    return able


def measure(cell: Cell, runs: int, notes: list[str]) -> list[timing.Row]:
    """A row for each contender: its times in milliseconds and its memory in megabytes."""
    calls: dict[str, dict[str, Callable]] = {}
    for name, (analysis, synthesis, _) in contenders(cell, notes).items():
        calls[name] = {
            "analysis": analysis,
            "synthesis": functools.partial(synthesis, analysis()),
        }
    flat = {f"{name}/{part}": call for name in calls for part, call in calls[name].items()}
    times = timing.medians(timing.time_interleaved(flat, runs, TURN))
    memory = {key: timing.peak_memory(call) for key, call in flat.items()}
    rows = []
    for name in BUILDERS:
        row: dict[str, Any] = {"cell": cell.name, "contender": name}
        for part in ("analysis", "synthesis"):
            seconds = times.get(f"{name}/{part}")
            row[f"{part} ms"] = None if seconds is None else 1e3 * seconds
        row["round trip ms"] = row["analysis ms"] + row["synthesis ms"] if name in calls else None
        for part in ("analysis", "synthesis"):
            row[f"{part} peak MB"] = memory.get(f"{name}/{part}")
        rows.append(row)
    return _with_ratios(rows)


def _with_ratios(rows: Sequence[dict[str, Any]]) -> list[timing.Row]:
    trips = {row["contender"]: row["round trip ms"] for row in rows}
    for row in rows:
        for peer in (PTWT, TFWAVELETS, PYWAVELETS):
            ours, other = row["round trip ms"], trips[peer]
            measured = row["contender"] in OURS and ours and other
            row[f"{peer} ÷ it"] = other / ours if measured else ""
    return [*rows]


def targets(rows: list[timing.Row]) -> list[timing.Target]:
    """The targets of each cell that ours and the peer can both do."""
    found = []
    for row in rows:
        for peer, bound in _bounds(row["cell"], row["contender"]).items():
            if ratio := row[f"{peer} ÷ it"]:
                what = f"{row['cell']}: {row['contender']}, against {peer}"
                found.append(timing.Target(what, ratio, bound, at_least=True))
    return found


def _bounds(cell: str, contender: str) -> dict[str, float]:
    if contender in OURS and cell.startswith((WAVEFORM, LARGE_VOLUME)):
        return LARGE_BOUNDS
    bounds = BOUNDS_2D if cell.startswith("2D") else BOUNDS
    return {peer: bounds[peer] for peer in OURS.get(contender, ())}


def run(cells: Sequence[Cell], runs: int) -> timing.Report:
    """Measure all cells."""
    settings = {"mode": MODE, "runs": runs, "cells": "; ".join(map(str, cells))}
    report = timing.Report("kernels", settings)
    rows: list[timing.Row] = []
    with timing.quiet():
        for cell in tqdm(cells, unit="cell"):
            rows += measure(cell, runs, report.notes)
    report.tables["Medians"] = rows
    report.targets = targets(rows)
    return report


def main() -> None:
    """Run the benchmark from the command line."""
    parser = timing.argument_parser(__doc__, RUNS)
    parser.add_argument(
        "--default-allocator", action="store_true", help="glibc's allocator as it is by default"
    )
    arguments = parser.parse_args()
    timing.restart(keep_freed_memory=not arguments.default_allocator)
    timing.limit_threads()
    if arguments.quick:
        report = run(QUICK_CELLS, arguments.runs or QUICK_RUNS)
        report.spare("the sizes are too small")
    else:
        report = run(CELLS, arguments.runs or RUNS)
    report.publish(arguments.output)


if __name__ == "__main__":
    main()
