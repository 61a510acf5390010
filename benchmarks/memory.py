"""Memory of explainers, metrics and analyses, as the number of inputs grows.

    python -m benchmarks.memory [--quick] [--only WCAM,report] [--output FILE]

Photographs of 224×224 go through a small network, 64, 256 and 1024 of them at once. What is told
is the most that a call holds beyond the inputs, which are there before, and its result, which
stays: what `batch_size` bounds. It is not to grow with the number of inputs by more than a
twentieth of what the inputs grow by (holes of the allocator, and scores). Maps are copied once,
into tensors of TensorFlow: they may grow by their own size besides.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from . import timing

COUNTS = (64, 256, 1024)
QUICK = (8, 16)
SIZE, QUICK_SIZE = 224, 32
BATCH = 16
GROWTH = 0.05
MAPS = 1 / 3
"""Of the inputs' size, which have three channels."""
SEED = 0

Call = Callable[[np.ndarray, np.ndarray], Any]


def networks() -> dict[str, Any]:
    """A network of each framework that takes next to no time."""
    import keras
    import torch

    module = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 8, 8), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(), torch.nn.Linear(8, 10),
    )  # fmt: skip
    layers = keras.layers
    net = keras.Sequential(
        [
            layers.Conv2D(8, 8, 8, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10),
        ]
    )
    net.build((None, None, None, 3))
    return {"Keras": net, "PyTorch": module.eval()}


def calls(model: Any) -> dict[str, Call]:
    """What is measured, by name: a function of images and labels."""
    import wam_xplique as wam
    from wam_xplique import analysis, metrics

    size: dict[str, Any] = {"batch_size": BATCH}

    def explained(explainer: Any, **options: Any) -> Call:
        return lambda x, y: explainer(model, **size, **options).explain_wavelet(x, y)

    def scored(metric: Any, **options: Any) -> Call:
        def call(x: np.ndarray, y: np.ndarray) -> Any:
            maps = np.broadcast_to(x.mean(axis=(0, 3), keepdims=True), (*x.shape[:3], 1))
            return metric(model, x, y, **size, **options).evaluate_samples(maps)

        return call

    draws = {"nb_samples": 4}
    wcam: dict[str, Any] = {"grid_size": 4, "nb_design": 4}
    saliency = wam.WaveletSaliency(model, **size)
    return {
        "WaveletSaliency": explained(wam.WaveletSaliency),
        "maps of WaveletSaliency": lambda x, y: wam.WaveletSaliency(model, **size)(x, y),
        "WaveletGradientInput": explained(wam.WaveletGradientInput),
        "WaveletSmoothGrad": explained(wam.WaveletSmoothGrad, **draws),
        "WaveletSquareGrad": explained(wam.WaveletSquareGrad, **draws),
        "WaveletVarGrad": explained(wam.WaveletVarGrad, **draws),
        "WaveletIntegratedGradients": explained(wam.WaveletIntegratedGradients, steps=4),
        "WCAM": explained(wam.WCAM, **wcam),
        "FAM": lambda x, y: wam.FAM(model, **size, **wcam).explain_fourier(x, y),
        "WaveletDeletion": scored(metrics.WaveletDeletion, steps=3),
        "WaveletInsertion": scored(metrics.WaveletInsertion, steps=3),
        "WaveletFaithfulness": scored(metrics.WaveletFaithfulness, steps=3),
        "MatchedFaithfulness": scored(metrics.MatchedFaithfulness),
        "WaveletMuFidelity": scored(metrics.WaveletMuFidelity, nb_samples=4),
        "FaithfulnessOnSpectra": scored(metrics.FaithfulnessOnSpectra),
        "InputFidelity": scored(metrics.InputFidelity),
        "minimal_images": lambda x, y: analysis.minimal_images(model, x, y, max_steps=3, **size),
        "sufficient_images": lambda x, y: analysis.sufficient_images(
            model, x, y, np.broadcast_to(x[:1, ..., :1], (*x.shape[:3], 1)), tries=1, **size
        ),
        "scale_profile": lambda x, y: analysis.scale_profile(saliency, x, y),
        "robustness": lambda x, y: analysis.robustness(
            model, x, np.eye(10)[y], ("brightness",), (1,), **size
        ),
    }


def measured(call: Call, counts: tuple[int, ...], size: int) -> list[float | None]:
    """Megabytes beyond inputs and results, for each number of inputs."""
    found: list[float | None] = []
    generator = np.random.default_rng(SEED)
    for count in (BATCH, counts[0], *counts):  # the first calls load and compile
        images = generator.random((count, size, size, 3), dtype=np.float32)
        found.append(_beyond(call, images, np.arange(count) % 10))
    return found[2:]


def _beyond(call: Call, images: np.ndarray, labels: np.ndarray) -> float | None:
    results: list[Any] = []
    peak = timing.peak_memory(lambda: results.append(call(images, labels)))
    return None if peak is None else peak - held(results) / 1e6


def held(value: Any) -> int:
    """Bytes of the arrays that a result holds."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return held(vars(value))
    if isinstance(value, Mapping):
        return sum(map(held, value.values()))
    if isinstance(value, (list, tuple)):
        return sum(map(held, value))
    if hasattr(value, "numpy"):
        value = value.numpy()
    return value.nbytes if isinstance(value, np.ndarray) else 0


def main() -> None:
    """Measure, print and write the report."""
    timing.restart(keep_freed_memory=False)
    parser = timing.argument_parser(__doc__)
    parser.add_argument("--only", help="names of what is measured, with commas between")
    parser.add_argument("--counts", help="numbers of inputs, with commas between")
    arguments = parser.parse_args()
    counts: tuple[int, ...]
    counts, size = (QUICK, QUICK_SIZE) if arguments.quick else (COUNTS, SIZE)
    if arguments.counts:
        counts = tuple(map(int, arguments.counts.split(",")))
    wanted = arguments.only.split(",") if arguments.only else None
    report = timing.Report("memory", {"size": size, "batch_size": BATCH})
    added = (counts[-1] - counts[0]) * size * size * 3 * 4 / 1e6
    with timing.quiet():
        for framework, model in networks().items():
            rows: list[timing.Row] = []
            chosen = {n: c for n, c in calls(model).items() if wanted is None or n in wanted}
            for name, call in tqdm(chosen.items(), desc=framework):
                peaks = measured(call, counts, size)
                columns = {f"MB of {n} inputs": p for n, p in zip(counts, peaks, strict=True)}
                growth = None if None in peaks else (peaks[-1] - peaks[0]) / added  # type: ignore[operator]
                rows.append({"call": name, **columns, "growth / growth of the inputs": growth})
                bound = GROWTH + MAPS * name.startswith("maps")
                report.targets.append(timing.Target(f"{framework}, {name}", growth, bound))
            report.tables[framework] = rows
    if arguments.quick:
        report.spare("small sizes")
    report.publish(arguments.output and Path(arguments.output))


if __name__ == "__main__":
    main()
