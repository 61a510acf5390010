"""Cost of the wavelet metrics beside Xplique's, for the same work.

    python -m benchmarks.metrics [--quick] [--runs 7] [--samples 16] [--steps 10] ...

The deletion score of the same maps, at the same steps, in batches of the same size: Xplique's
`Deletion`, and `WaveletDeletion` without a transform (`level=0`), which gives the same score, and
with one of three levels of haar. PyTorch models are scored by Xplique through its `TorchWrapper`.
"Forwards alone" is the model on as many inputs, in batches of the same size, which nobody can
undercut; where it takes most of the time, that of the metrics does not matter. So what is judged
beside Xplique are small models, and beside the forwards alone those that are in use (random
weights, 224x224). All contenders of a model run in turns in one process, after a warm-up which
traces and compiles.

How much memory grows with the number of steps is measured on the small models.

`TorchWrapper` switches all of TensorFlow to eager mode, so Keras comes first.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from . import models, timing

PIXELS, WAVELETS = "WaveletDeletion, level=0", "WaveletDeletion, haar, level=3"
XPLIQUE, FORWARDS = "Xplique's Deletion", "forwards alone"
FASTER = 2.0  # than Xplique
OVERHEAD = 1.25  # of the forwards alone, for a model in use
SAME = 1e-5
MEMORY_KEPT = 0.1  # of the added inputs: none, but for the allocator's holes
MEMORY_STEPS = (10, 40)


@dataclass(frozen=True)
class Settings:
    """How much is scored."""

    samples: int = 16
    steps: int = 10
    batch_size: int = 64
    runs: int = 7
    size: int = 224

    def inputs(self, classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Images with channels last, one-hot targets, and maps to be scored."""
        generator = np.random.default_rng(0)
        images = generator.random((self.samples, self.size, self.size, 3), dtype=np.float32)
        maps = generator.random((self.samples, self.size, self.size, 1), dtype=np.float32)
        return images, np.eye(classes, dtype=np.float32)[np.arange(self.samples) % classes], maps

    @property
    def forwards(self) -> int:
        """Number of perturbed inputs."""
        return self.samples * (self.steps + 1)


@dataclass(frozen=True)
class Subject:
    """A model as ours and as Xplique's metrics take it, and its forwards by themselves."""

    name: str
    model: Any
    wrapped: Any
    classes: int
    forward: Callable[[np.ndarray], Any]
    is_small: bool


def keras_subject(size: int, is_small: bool) -> Subject:
    """A model in Keras."""
    import tensorflow as tf

    model = models.small_cnn(size) if is_small else models.mobilenet(size)
    compiled = tf.function(lambda x: model(x, training=False), reduce_retracing=True)
    name = "Keras small CNN" if is_small else "Keras MobileNetV2"
    return Subject(
        name, model, model, model.output_shape[-1], lambda x: compiled(x).numpy(), is_small
    )


def torch_subject(size: int, is_small: bool) -> Subject:
    """A model in PyTorch, on the CPU; it takes images of any size."""
    import torch
    from xplique.wrappers import TorchWrapper

    model: Any = models.small_resnet() if is_small else models.mobilenet_torch()

    def forward(x: np.ndarray) -> Any:
        with torch.no_grad():
            return model(torch.tensor(np.ascontiguousarray(np.moveaxis(x, -1, 1)))).numpy()

    name = "PyTorch small ResNet" if is_small else "PyTorch MobileNetV2"
    wrapped = TorchWrapper(model, "cpu", is_channel_first=True)
    return Subject(name, model, wrapped, model[-1].out_features, forward, is_small)


def contenders(subject: Subject, settings: Settings) -> dict[str, Callable[[], Any]]:
    """What is timed; each call scores all maps."""
    from xplique.metrics import Deletion

    from wam_xplique.metrics import WaveletDeletion

    x, y, maps = settings.inputs(subject.classes)
    options: dict[str, Any] = {"steps": settings.steps, "batch_size": settings.batch_size}
    counts = [
        min(settings.batch_size, settings.forwards - start)
        for start in range(0, settings.forwards, settings.batch_size)
    ]
    batches = [np.resize(x, (count, *x.shape[1:])) for count in counts]
    ours = functools.partial(WaveletDeletion, subject.model, x, y, **options)
    return {
        PIXELS: functools.partial(ours(level=0).evaluate, maps),
        WAVELETS: functools.partial(ours(level=3).evaluate, maps),
        XPLIQUE: functools.partial(Deletion(subject.wrapped, x, y, **options), maps),
        FORWARDS: lambda: [subject.forward(batch) for batch in batches],
    }


def cost(report: timing.Report, subject: Subject, settings: Settings) -> None:
    """Time the contenders, and check that the same work has the same result."""
    calls = contenders(subject, settings)
    difference = float(abs(calls[PIXELS]() - calls[XPLIQUE]()))
    times = timing.time_interleaved(calls, settings.runs, warm_up=1)
    medians = timing.medians(times)
    report.tables.setdefault("Cost: medians of scoring all maps", []).extend(
        {
            "model": subject.name,
            "contender": name,
            "forwards": settings.forwards,
            "s": seconds,
            "Xplique ÷ it": timing.ratio(times[XPLIQUE], times[name]),
            "it ÷ forwards alone": timing.ratio(times[name], times[FORWARDS]),
        }
        for name, seconds in medians.items()
    )
    report.targets.append(
        timing.Target(f"{subject.name}: difference of the scores", difference, SAME)
    )
    if subject.is_small:
        ratio = timing.ratio(times[XPLIQUE], times[PIXELS])
        what = f"{subject.name}: time of {XPLIQUE} ÷ {PIXELS}"
        report.targets.append(timing.Target(what, ratio, FASTER, at_least=True))
        return
    for name in (PIXELS, WAVELETS):
        ratio = timing.ratio(times[name], times[FORWARDS])
        what = f"{subject.name}: time of {name} ÷ {FORWARDS}"
        report.targets.append(timing.Target(what, ratio, OVERHEAD))


def memory(report: timing.Report, subject: Subject, settings: Settings) -> None:
    """Measure how much of the perturbed inputs stays in memory, as their number grows."""
    rows = report.tables.setdefault("Peak extra memory by number of steps", [])
    each = settings.inputs(subject.classes)[0].nbytes / 1e6
    added = (MEMORY_STEPS[1] - MEMORY_STEPS[0]) * each
    calls = [contenders(subject, replace(settings, steps=steps)) for steps in MEMORY_STEPS]
    for name in (PIXELS, WAVELETS, XPLIQUE):
        for call in calls:
            call[name]()  # compiles, which takes memory once
        few, many = (timing.peak_memory(call[name]) for call in calls)
        kept = None if few is None or many is None else (many - few) / added
        peaks = {f"MB at {MEMORY_STEPS[0]}": few, f"MB at {MEMORY_STEPS[1]}": many}
        growth = {f"growth ÷ {added:.0f} MB of added inputs": kept}
        rows.append({"model": subject.name, "contender": name, **peaks, **growth})
        if name != XPLIQUE:
            what = f"{subject.name}, {name}: growth of memory ÷ added inputs"
            report.targets.append(timing.Target(what, kept, MEMORY_KEPT))


def run(settings: Settings) -> timing.Report:
    """Run all studies."""
    report = timing.Report("metrics", vars(settings))
    studies = [
        (build, small) for build in (keras_subject, torch_subject) for small in (True, False)
    ]
    with timing.quiet(), tqdm(studies, unit="model") as progress:
        for build, is_small in progress:
            subject = build(settings.size, is_small)
            progress.set_description(subject.name)
            cost(report, subject, settings)
            if is_small:
                memory(report, subject, settings)
    return report


def main() -> None:
    """Run the benchmark from the command line."""
    parser = timing.argument_parser(__doc__, Settings.runs)
    parser.add_argument("--samples", type=int, help="images whose maps are scored")
    parser.add_argument("--steps", type=int, help="steps of the deletion")
    parser.add_argument("--batch-size", type=int, help="most images in a batch")
    arguments = parser.parse_args()
    timing.restart(keep_freed_memory=False)
    timing.limit_threads()
    settings = Settings(runs=2, size=64) if arguments.quick else Settings()
    given = {
        name: getattr(arguments, name)
        for name in ("samples", "steps", "batch_size", "runs")
        if getattr(arguments, name) is not None
    }
    report = run(replace(settings, **given))
    if arguments.quick:
        report.spare("the images are too small")
    report.publish(arguments.output)


if __name__ == "__main__":
    main()
