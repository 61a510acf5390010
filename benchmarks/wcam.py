"""Cost of WCAM beside bare forwards and Xplique's Sobol attribution; what refinement saves.

    python -m benchmarks.wcam [--quick] [--runs 5] [--only overhead] [--crops 20] [--output FILE]

overhead: a whole explanation of one input, intervals included, over as many forwards of the same
model on ready-made batches of the same size: compiled by `tf.function`, or ``model(x)`` under
`torch.inference_mode`, beside which our score function, which scores in smaller parts, is timed
too. Ratios are medians over pairs of runs next to each other, which a slow spell meets alike.

xplique: the time of a forward within `SobolAttributionMethod`, which masks pixels, and within
WCAM; one has the cells of the approximation more. Its masks are made beforehand, when the explainer
is; WCAM makes its own within the explanation. The PyTorch models come last, as `TorchWrapper`
switches all of TensorFlow to eager mode.

memory: its growth with the number of designs, over the masks that these add.

refinement: how well few forwards find the indices that very many converge to, and the shares of
the levels in their sum, which may be off where correlations are perfect, on crops that the
demo's texture classifier (in Keras, which is the faster here) has not seen. The converged indices
come from another seed: no contender shares their designs.

All contenders of a model run in turns in one process, after a warm-up which traces and compiles.
The process restarts itself with an allocator that keeps freed memory (see `benchmarks.timing`),
unless ``--default-allocator`` is given.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import scipy.stats
from tqdm.auto import tqdm

from wam_xplique.attributions import WCAM
from wam_xplique.demo import data, networks
from wam_xplique.model import Model

from . import models, timing

STUDIES = ("overhead", "xplique", "memory", "refinement")
KERAS, TORCH = "Keras", "PyTorch"
OURS = "WCAM"
XPLIQUE, WRAPPER = "Xplique", "Xplique through TorchWrapper"
BARE, BARE_SCORES = "bare model(x)", "bare score function"
MEMORY_KEPT = 0.1  # of the added masks: none, but for the allocator's holes and the scores

PERTURBED, HELD = "perturbed", "held"
SAVINGS = {PERTURBED: 8, HELD: 4}
CORRELATION_LOST = 0.01
TOLERANCE = 0.03  # the one that is judged
TOLERANCES = (0.01, TOLERANCE, 0.1)


@dataclass(frozen=True)
class Workload:
    """
    A model, and how an input of it is explained.

    Parameters
    ----------
    name
        Name in the tables.
    shape
        Shape of an input, channels last.
    grid_size, nb_design, batch_size
        As for WCAM.
    bound
        Most that an explanation may take of the time of its forwards alone.
    """

    name: str
    shape: tuple[int, int, int]
    grid_size: int
    nb_design: int
    batch_size: int
    bound: float

    @property
    def options(self) -> dict[str, Any]:
        """Options of an explainer of Xplique or of ours."""
        return {name: getattr(self, name) for name in ("grid_size", "nb_design", "batch_size")}

    def batches(self, count: int) -> list[np.ndarray]:
        """`count` inputs, channels last, in batches."""
        inputs = np.random.default_rng(0).standard_normal((count, *self.shape), np.float32)
        return np.split(inputs, range(self.batch_size, count, self.batch_size))


TEXTURES, MOBILENET = "texture CNN", "MobileNetV2"


@dataclass(frozen=True)
class Settings:
    """
    How much is measured.

    Parameters
    ----------
    workloads
        What the overhead is measured on.
    runs
        Times taken of each call.
    memory
        What the memory is measured on.
    memory_designs
        The numbers of designs between which memory may grow.
    training, crops
        Crops of each texture to train the classifier, and crops to explain.
    grid_size, nb_design, few, converged
        Cells a side; designs of the full design that is the standard, of the one that saves
        forwards by having fewer, and of the indices taken for the truth.
    """

    workloads: tuple[Workload, ...] = (
        Workload(TEXTURES, (64, 64, 1), 16, 8, 256, 1.10),
        Workload(MOBILENET, (224, 224, 3), 8, 4, 32, 1.05),
    )
    runs: int = 5
    memory: Workload = Workload("small CNN", (64, 64, 3), 32, 8, 256, MEMORY_KEPT)
    memory_designs: tuple[int, int] = (8, 64)
    training: int = 200
    crops: int = 20
    grid_size: int = 16
    nb_design: int = 32
    few: int = 8
    converged: int = 256


QUICK = Settings(
    workloads=(
        Workload(TEXTURES, (64, 64, 1), 4, 2, 16, 1.10),
        Workload(MOBILENET, (64, 64, 3), 2, 2, 8, 1.05),
    ),
    runs=2,
    memory=Workload("small CNN", (32, 32, 3), 8, 2, 32, MEMORY_KEPT),
    memory_designs=(2, 8),
    training=10,
    crops=2,
    grid_size=16,
    nb_design=4,
    few=2,
    converged=8,
)


@dataclass(frozen=True)
class Subject:
    """
    A model, an input to explain, and the model's bare forwards.

    Parameters
    ----------
    framework
        Framework of the model.
    workload
        How the input is explained.
    model
        The model.
    bare
        The ways, by name, to score ready-made batches (channels last) by nothing but the model.
    """

    framework: str
    workload: Workload
    model: Any
    bare: Callable[[list[np.ndarray]], dict[str, Callable[[], Any]]]

    @property
    def name(self) -> str:
        """Name in the tables."""
        return f"{self.framework} {self.workload.name}"

    @property
    def sample(self) -> tuple[np.ndarray, np.ndarray]:
        """An input, channels last, and its target, as if in a batch."""
        (x,) = self.workload.batches(1)
        if self.framework == KERAS:
            classes = self.model.output_shape[-1]
        else:
            classes = self.model[-1].out_features
        return x, np.eye(classes, dtype=np.float32)[:1]

    def wcam(self, **options: Any) -> Callable[[], Any]:
        """Our explanation."""
        explainer = WCAM(self.model, **{**self.workload.options, **options})
        return functools.partial(explainer.explain_wavelet, *self.sample)

    def xplique(self, **options: Any) -> Callable[[], Any]:
        """Xplique's explanation; of a PyTorch model, it switches TensorFlow to eager mode."""
        from xplique.attributions import SobolAttributionMethod
        from xplique.wrappers import TorchWrapper

        model = self.model
        if self.framework == TORCH:
            model = TorchWrapper(model, "cpu", is_channel_first=True)
        explainer = SobolAttributionMethod(model, **{**self.workload.options, **options})
        return functools.partial(explainer.explain, *self.sample)


def keras_subject(workload: Workload) -> Subject:
    """A workload's model in Keras."""
    import tensorflow as tf

    if workload.name == TEXTURES:
        model = networks.train_keras(*data.crops("left", 1, seed=0))
    elif workload.name == MOBILENET:
        model = models.mobilenet(workload.shape[0])
    else:
        model = models.small_cnn(workload.shape[0])
    compiled = tf.function(lambda x: model(x, training=False))

    def bare(batches: list[np.ndarray]) -> dict[str, Callable[[], Any]]:
        ready = [tf.constant(batch) for batch in batches]
        return {BARE: lambda: [compiled(batch).numpy() for batch in ready]}

    return Subject(KERAS, workload, model, bare)


def torch_subject(workload: Workload) -> Subject:
    """A workload's model in PyTorch."""
    import torch

    if workload.name == TEXTURES:
        model = networks.train_torch(*data.crops("left", 1, seed=0))
    else:
        model = models.mobilenet_torch() if workload.name == MOBILENET else models.small_resnet()
    score = Model(model).scores

    def bare(batches: list[np.ndarray]) -> dict[str, Callable[[], Any]]:
        ready = [torch.tensor(np.moveaxis(batch, -1, 1).copy()) for batch in batches]
        target = torch.eye(model[-1].out_features)[0]
        targets = [target.repeat(len(batch), 1) for batch in ready]

        def alone() -> None:
            with torch.inference_mode():
                for batch in ready:
                    model(batch)

        def scored() -> None:
            for batch, y in zip(ready, targets, strict=True):
                score(batch, y)

        return {BARE: alone, BARE_SCORES: scored}

    return Subject(TORCH, workload, model, bare)


BUILDERS = {KERAS: keras_subject, TORCH: torch_subject}


def overhead(report: timing.Report, subject: Subject, runs: int) -> None:
    """Time explanations beside their forwards alone."""
    explain = subject.wcam()
    forwards = int(explain().sobol.forwards[0])
    bare = subject.bare(subject.workload.batches(forwards))
    times = timing.time_interleaved({OURS: explain, **bare}, runs, warm_up=1)
    report.tables.setdefault("Overhead: medians of an explanation of one input", []).extend(
        {
            "model": subject.name,
            "contender": name,
            "forwards": forwards,
            "s": seconds,
            "µs a forward": 1e6 * seconds / forwards,
            f"it ÷ {BARE}": timing.ratio(times[name], times[BARE]),
        }
        for name, seconds in timing.medians(times).items()
    )
    what = f"{subject.name}: time of {OURS} ÷ {BARE}"
    ratio = timing.ratio(times[OURS], times[BARE])
    report.targets.append(timing.Target(what, ratio, subject.workload.bound))


def against_xplique(report: timing.Report, subject: Subject, runs: int) -> None:
    """Time a forward within WCAM, and within Xplique's Sobol attribution."""
    workload = subject.workload
    ours = subject.wcam()
    forwards = {
        OURS: int(ours().sobol.forwards[0]),
        XPLIQUE: workload.nb_design * (workload.grid_size**2 + 2),
    }
    calls = {OURS: ours, XPLIQUE: subject.xplique()}
    times = timing.medians(timing.time_interleaved(calls, runs, warm_up=1))
    each = {name: 1e6 * times[name] / forwards[name] for name in calls}
    report.tables.setdefault("Xplique: medians of an explanation of one input", []).extend(
        {
            "model": subject.name,
            "contender": WRAPPER if name == XPLIQUE and subject.framework == TORCH else name,
            "forwards": forwards[name],
            "s": times[name],
            "µs a forward": each[name],
            "WCAM ÷ it": each[OURS] / each[name],
        }
        for name in calls
    )


def memory(report: timing.Report, subject: Subject, designs: tuple[int, int]) -> None:
    """Measure how memory grows with the number of designs."""
    contenders: dict[str, Callable[[int], Any]] = {
        OURS: lambda count: subject.wcam(nb_design=count)()
    }
    if subject.framework == KERAS:
        contenders[XPLIQUE] = lambda count: subject.xplique(nb_design=count)()
    cells = subject.wcam()().sobol.total.shape[1]
    masks = [count * (cells + 2) * cells * 4 / 1e6 for count in designs]
    rows = report.tables.setdefault("Peak extra memory by number of designs", [])
    for name, explain in contenders.items():
        for count in designs:
            explain(count)  # compiles, which takes memory once
        few, many = (timing.peak_memory(functools.partial(explain, count)) for count in designs)
        kept = None if few is None or many is None else (many - few) / (masks[1] - masks[0])
        peaks = {f"MB at {designs[0]}": few, f"MB at {designs[1]}": many}
        growth = {f"growth ÷ {masks[1] - masks[0]:.0f} MB of added masks": kept}
        rows.append({"model": subject.name, "contender": name, **peaks, **growth})
        if name == OURS:
            what = f"{subject.name}: growth of memory ÷ added masks"
            report.targets.append(timing.Target(what, kept, MEMORY_KEPT))


def refinement_study(report: timing.Report, settings: Settings) -> None:
    """Compare forwards, and correlation with converged indices, of full and refined designs."""
    model = networks.train_keras(*data.crops("left", settings.training, seed=0))
    count = math.ceil(settings.crops / len(data.CLASSES))
    x, y = (values[: settings.crops] for values in data.crops("right", count, seed=1))
    for case, saving in SAVINGS.items():

        def explain(nb_design: int, case: str = case, **options: Any) -> Any:
            options = {"include_approximation": case == PERTURBED, "confidence": None, **options}
            explainer = WCAM(model, settings.grid_size, nb_design, **options)
            return explainer.explain_wavelet(x, y).sobol

        tqdm.write(f"Approximation {case}: {settings.converged} designs, then fewer.")
        converged = explain(settings.converged, seed=1, verbose=True)
        rows = _refined(explain, converged, settings, saving)
        report.tables.setdefault(
            f"Refinement: medians over {settings.crops} crops of the correlation with "
            f"{settings.converged} designs",
            [],
        ).extend({"approximation": case, **row} for row in rows)
        _judge(report, case, rows, saving)


def _refined(
    explain: Callable[..., Any], converged: Any, settings: Settings, saving: int
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    full = settings.nb_design * (converged.total.shape[1] + 2)
    tries: dict[str, tuple[int, dict[str, Any]]] = {
        f"{nb_design} designs": (nb_design, {}) for nb_design in (settings.nb_design, settings.few)
    }
    for refine in (*TOLERANCES, *(full // share for share in (saving // 2, saving, 2 * saving))):
        tries[f"refine={refine}"] = (settings.nb_design, {"refine": refine})
    for name, (nb_design, options) in tqdm(tries.items(), unit="design"):
        start = time.perf_counter()
        sobol = explain(nb_design, **options)
        seconds = time.perf_counter() - start
        pairs = list(zip(sobol.total, converged.total, strict=True))
        # What is held has no share: NaN in both.
        shares, truth = (np.nan_to_num(found.importance()) for found in (sobol, converged))
        forwards = float(np.median(sobol.forwards))
        rows.append(
            {
                "design": name,
                "forwards a crop": forwards,
                "s a crop": seconds / len(pairs),
                "fewer forwards": full / forwards,
                "Pearson": float(np.median([_correlation(*pair) for pair in pairs])),
                "Spearman": float(
                    np.median([_correlation(*map(scipy.stats.rankdata, pair)) for pair in pairs])
                ),
                "Pearson, lowest": min(_correlation(*pair) for pair in pairs),
                "largest error of a share": float(np.median(abs(shares - truth).max(axis=1))),
                "coarsest share": float(np.median(shares[:, _coarsest(truth)])),
                "converged": float(np.median(truth[:, _coarsest(truth)])),
                "judged": "yes" if options.get("refine") in (TOLERANCE, full // saving) else "",
            }
        )
    return rows


def _coarsest(shares: np.ndarray) -> int:
    """The coarsest level that has a share: the approximation, where it is perturbed."""
    return int(np.flatnonzero(shares.any(axis=0))[0])


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if np.ptp(a) and np.ptp(b) else 0.0


def _judge(report: timing.Report, case: str, rows: list[dict[str, Any]], saving: int) -> None:
    for row in rows:
        if row["judged"]:
            what = f"approximation {case}, {row['design']}"
            lost = rows[0]["Pearson"] - row["Pearson"]
            report.targets += [
                timing.Target(f"{what}: fewer forwards", row["fewer forwards"], saving, True),
                timing.Target(f"{what}: correlation lost", lost, CORRELATION_LOST),
            ]


def _on_each(
    study: Callable[..., None], framework: str, workloads: tuple[Workload, ...], *rest: Any
) -> Callable[[], None]:
    def run_study() -> None:
        for workload in workloads:
            study(BUILDERS[framework](workload), *rest)

    return run_study


def run(settings: Settings, only: tuple[str, ...] = STUDIES) -> timing.Report:
    """Run the studies chosen; what needs the eager mode of TensorFlow comes last."""
    facts = {**vars(settings), "workloads": [asdict(w) for w in settings.workloads]}
    report = timing.Report("wcam", {**facts, "memory": asdict(settings.memory)})
    costs, runs = settings.workloads, settings.runs
    for_overhead, for_xplique, for_memory = (
        functools.partial(study, report) for study in (overhead, against_xplique, memory)
    )
    studies: list[tuple[str, str, Callable[[], None]]] = []
    for framework in BUILDERS:
        studies.append(("overhead", framework, _on_each(for_overhead, framework, costs, runs)))
        studies.append(
            (
                "memory",
                framework,
                _on_each(for_memory, framework, (settings.memory,), settings.memory_designs),
            )
        )
    studies.append(("refinement", KERAS, functools.partial(refinement_study, report, settings)))
    for framework in (KERAS, TORCH):
        studies.append(("xplique", framework, _on_each(for_xplique, framework, costs, runs)))
    chosen = [study for study in studies if study[0] in only]
    with timing.quiet(), tqdm(chosen, unit="study") as progress:
        for name, framework, study in progress:
            progress.set_description(f"{name}, {framework}")
            study()
    return report


def main() -> None:
    """Run the benchmark from the command line."""
    parser = timing.argument_parser(__doc__, Settings.runs)
    parser.add_argument(
        "--only", choices=STUDIES, nargs="+", default=STUDIES, help="leave the other studies out"
    )
    parser.add_argument("--crops", type=int, help="crops of the refinement study")
    parser.add_argument(
        "--default-allocator", action="store_true", help="glibc's allocator as it is by default"
    )
    arguments = parser.parse_args()
    timing.restart(keep_freed_memory=not arguments.default_allocator)
    timing.limit_threads()
    given = {
        name: getattr(arguments, name)
        for name in ("runs", "crops")
        if getattr(arguments, name) is not None
    }
    settings = replace(QUICK if arguments.quick else Settings(), **given)
    report = run(settings, tuple(arguments.only))
    if arguments.quick:
        report.spare("the sizes are too small")
    report.publish(arguments.output)


if __name__ == "__main__":
    main()
