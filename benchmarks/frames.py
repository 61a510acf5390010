"""Speed of the transforms that are not decimated, beside PyWavelets, ptwt and bare FFTs.

    python -m benchmarks.frames [--quick] [--runs 10] [--output FILE] [--default-allocator]

Analysis and synthesis of three levels, float32, 2 threads, both frameworks: `Stationary` beside
``pywt.swtn`` and, of signals, ptwt's ``swt`` (which has no other); `Steerable` beside the FFTs that
it needs: one of the input, and one there and back of each band. The contenders take turns.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import ptwt
import pywt
import tensorflow as tf
import torch

from wam_xplique.transforms import Stationary, Steerable, Transform

from . import timing

RUNS, QUICK_RUNS, LEVELS = 10, 3, 3
IMAGES, SIGNALS = (16, 3, 224, 224), (16, 16384)
OF_FFTS, OF_PEERS = 1.5, 5.0
TORCH, TENSORFLOW, PYWAVELETS, PTWT = "ours, PyTorch", "ours, TensorFlow", "PyWavelets", "ptwt"
FFTS = {TORCH: "FFTs alone, PyTorch", TENSORFLOW: "FFTs alone, TensorFlow"}


def undecimated(x: np.ndarray, wavelet: str, axes: tuple[int, ...]) -> dict[str, Callable[[], Any]]:
    """`Stationary` in both frameworks, and its peers."""

    def pywavelets() -> Any:
        found = pywt.swtn(x, wavelet, LEVELS, 0, axes, trim_approx=True, norm=True)
        return pywt.iswtn(found, wavelet, axes, norm=True)

    calls = _ours(Stationary(wavelet, LEVELS, axes), x) | {PYWAVELETS: pywavelets}
    if len(axes) == 1:
        tensor = torch.asarray(x)
        calls[PTWT] = lambda: ptwt.iswt(ptwt.swt(tensor, wavelet, LEVELS), wavelet)
    return calls


def oriented(x: np.ndarray, axes: tuple[int, ...]) -> dict[str, Callable[[], Any]]:
    """`Steerable` in both frameworks, and the FFTs that it needs."""
    frame = Steerable(LEVELS, axes=axes)
    bands, sizes = 2 + frame.level * frame.orientations, [x.shape[axis] for axis in axes]
    tensors = torch.asarray(x), tf.constant(x)

    def in_torch() -> None:
        spectrum = torch.fft.rfft2(tensors[0])
        for _ in range(bands):
            torch.fft.rfft2(torch.fft.irfft2(spectrum, sizes))
        torch.fft.irfft2(spectrum, sizes)

    def in_tensorflow() -> None:
        spectrum = tf.signal.rfft2d(tensors[1])
        for _ in range(bands):
            tf.signal.rfft2d(tf.signal.irfft2d(spectrum, sizes))
        tf.signal.irfft2d(spectrum, sizes)

    return _ours(frame, x) | {FFTS[TORCH]: in_torch, FFTS[TENSORFLOW]: in_tensorflow}


def _ours(transform: Transform, x: np.ndarray) -> dict[str, Callable[[], Any]]:
    def there_and_back(tensor: Any) -> Callable[[], Any]:
        found = transform.inverse(transform.forward(tensor), x.shape)
        np.testing.assert_allclose(found, x, atol=1e-5)
        return lambda: transform.inverse(transform.forward(tensor), x.shape)

    tensors = {TORCH: torch.asarray(x), TENSORFLOW: tf.constant(x)}
    return {name: there_and_back(tensor) for name, tensor in tensors.items()}


def targets(name: str, times: dict[str, list[float]]) -> list[timing.Target]:
    """Peers take so many times ours; ours at most so many times what it is made of."""
    found = []
    for ours, other in itertools.product((TORCH, TENSORFLOW), (PYWAVELETS, PTWT)):
        if other in times:
            ratio = timing.ratio(times[other], times[ours])
            found.append(timing.Target(f"{name}: {other} / {ours}", ratio, OF_PEERS, True))
    for ours, needed in FFTS.items():
        if needed in times:
            ratio = timing.ratio(times[ours], times[needed])
            found.append(timing.Target(f"{name}: {ours} / {needed}", ratio, OF_FFTS))
    return found


def main() -> None:
    """Measure, print and write the report."""
    parser = timing.argument_parser(__doc__, RUNS)
    parser.add_argument("--default-allocator", action="store_true", help="glibc's own")
    arguments = parser.parse_args()
    timing.restart(keep_freed_memory=not arguments.default_allocator)
    timing.limit_threads()
    runs = arguments.runs or (QUICK_RUNS if arguments.quick else RUNS)
    scale = 4 if arguments.quick else 1
    draw = np.random.default_rng(0).standard_normal
    images, signals = (
        draw([size // scale if size > 16 else size for size in shape], np.float32)
        for shape in (IMAGES, SIGNALS)
    )
    report = timing.Report("frames", {"runs": runs})
    cells = {
        "Stationary haar, images": undecimated(images, "haar", (2, 3)),
        "Stationary db4, images": undecimated(images, "db4", (2, 3)),
        "Stationary haar, signals": undecimated(signals, "haar", (1,)),
        "Stationary db4, signals": undecimated(signals, "db4", (1,)),
        "Steerable, images": oriented(images, (2, 3)),
    }
    rows = report.tables["Milliseconds"] = []
    for name, calls in cells.items():
        times = timing.time_interleaved(calls, runs, warm_up=2)
        rows.append({"cell": name} | {k: 1e3 * v for k, v in timing.medians(times).items()})
        report.targets += targets(name, times)
    if arguments.quick:
        report.spare("small sizes")
    report.publish(arguments.output)


if __name__ == "__main__":
    main()
