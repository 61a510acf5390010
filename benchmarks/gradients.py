"""Cost of WAM's explanations beside plain gradients, Xplique's explainers and captum's.

    python -m benchmarks.gradients [--quick] [--runs 7] [--samples 2] [--nb-samples 16] ...

WAM-SG beside SmoothGrad and WAM-IG beside Integrated Gradients, for a MobileNetV2 in Keras and a
ResNet-18 in PyTorch (random weights, 224x224), with equal numbers of noisy inputs (or steps) and
equal batches; WAM-SG also for models of ten seconds of sound (M5, db4, 8 levels) and of volumes
(VoxNet's convolutions, 64x64x64, haar). "Plain gradients" is our own code without the wavelets: the
mean gradient of the same perturbed inputs. The ResNet-18 is also explained by Xplique through its
`TorchWrapper`, and under `torch.autocast` in bfloat16; all of PyTorch's models also on a GPU where
there is one. All contenders of a model and method run in turns in one process, after a warm-up
which traces and compiles.

Whether memory grows with the number of noisy inputs is measured on small models, whose activations
do not drown what an explainer itself holds.

`TorchWrapper` switches all of TensorFlow to eager mode, so Keras comes first. Without TensorFlow
or Xplique the PyTorch part runs by itself.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.stats
from tqdm.auto import tqdm

from wam_xplique.algorithms import gradients, sampling
from wam_xplique.algorithms.batching import BatchSize
from wam_xplique.algorithms.perturbations import GaussianNoise, Perturbation, StraightPath
from wam_xplique.backends.registry import load_backend
from wam_xplique.coefficients import Coefficients, WaveletTransform, map_bands

from . import models, timing

WAM, PLAIN, XPLIQUE = "WAM", "plain gradients", "Xplique"
CAPTUM, WRAPPER = "captum", "Xplique through TorchWrapper"
WAM_HALF, PLAIN_HALF = "WAM, bfloat16", "plain gradients, bfloat16"


def _smooth_grad(*task: Any) -> Coefficients:
    """WAM-SG without its errors, as tensors."""
    values = sampling.smooth_grad(*task).values
    assert values is not None
    return values.mean


METHODS: dict[str, tuple[str, Callable[..., Coefficients]]] = {
    "SmoothGrad": ("WaveletSmoothGrad", _smooth_grad),
    "IntegratedGradients": ("WaveletIntegratedGradients", gradients.integrated_gradients),
}
# contender, peer, most that the one may take of the other's time
BOUNDS = (
    (WAM, PLAIN, 1.05),
    (WAM, XPLIQUE, 1.05),
    (WAM, CAPTUM, 1.05),
    (WAM, WRAPPER, 0.9),
    (WAM_HALF, PLAIN_HALF, 1.05),
    (WAM_HALF, WRAPPER, 0.55),
)
GPU_BOUND = 0.5
RANK_CORRELATION = 0.99
MEMORY_KEPT = 0.1  # of the added inputs: none, but for the allocator's holes
MEMORY_SHARES = (2, 32)  # of the setting; from several batches on, for both
NOISE = 0.2
COUNTS = ("samples", "nb_samples", "batch_size", "runs")


@dataclass(frozen=True)
class Domain:
    """A kind of inputs, without N and with channels last; their models and their transform."""

    shape: tuple[int, ...]
    in_keras: tuple[str, Callable[[int], Any]]
    in_torch: tuple[str, Callable[[], Any]]
    wavelet: str = "haar"
    level: int = 3

    def transform(self, first: int) -> WaveletTransform:
        """The transform of inputs whose first spatial axis is `first`."""
        axes = tuple(range(first, first + len(self.shape) - 1))
        return WaveletTransform(self.wavelet, self.level, "periodization", axes)

    def __str__(self) -> str:
        return "×".join(map(str, self.shape))


def images(size: int) -> Domain:
    """Images of models that are in use."""
    return Domain(
        (size, size, 3), ("MobileNetV2", models.mobilenet), ("ResNet-18", models.resnet18)
    )


def small_images(size: int) -> Domain:
    """Images of small models."""
    return Domain(
        (size, size, 3), ("small", models.small_cnn), ("small ResNet", models.small_resnet)
    )


def waveforms(size: int) -> Domain:
    """Sounds of one channel."""
    return Domain((size, 1), ("M5", models.m5), ("M5", models.m5_torch), "db4", 8)


def volumes(size: int) -> Domain:
    """Volumes of one channel."""
    return Domain((size,) * 3 + (1,), ("VoxNet", models.voxnet), ("VoxNet", models.voxnet_torch))


IMAGES, OTHERS = images(224), (waveforms(441_000), volumes(64))


@dataclass(frozen=True)
class Settings:
    """How much is explained; `nb_samples` counts the steps of a path, too."""

    samples: int = 2
    nb_samples: int = 16
    batch_size: int = 32
    runs: int = 7
    domain: Domain = IMAGES
    others: tuple[Domain, ...] = OTHERS

    def options(self, method: str) -> dict[str, Any]:
        """Options of an explainer of Xplique or of ours."""
        if method == "SmoothGrad":
            return {"batch_size": self.batch_size, "nb_samples": self.nb_samples, "noise": NOISE}
        return {"batch_size": self.batch_size, "steps": self.nb_samples}

    def perturbation(self, method: str) -> Perturbation:
        """The perturbed inputs of a method."""
        if method == "SmoothGrad":
            return GaussianNoise(self.nb_samples, NOISE)
        return StraightPath(self.nb_samples, baseline_value=0.0)

    def inputs(self, classes: int) -> tuple[np.ndarray, np.ndarray]:
        """Inputs with channels last, and one-hot targets."""
        shape = (self.samples, *self.domain.shape)
        inputs = np.random.default_rng(0).random(shape, dtype=np.float32)
        return inputs, np.eye(classes, dtype=np.float32)[np.arange(self.samples) % classes]


@dataclass(frozen=True)
class Subject:
    """A model, its inputs and targets, and the same as our algorithms take them."""

    name: str
    model: Any
    x: Any
    y: Any
    problem: gradients.GradientProblem


def keras_subject(settings: Settings) -> Subject:
    """The domain's model in Keras."""
    import tensorflow as tf

    from wam_xplique.model import Model

    domain = settings.domain
    name, make = domain.in_keras
    model = make(domain.shape[0])
    x, y = settings.inputs(model.output_shape[-1])
    problem = gradients.GradientProblem(
        load_backend("tensorflow"),
        Model(model, differentiable=True).gradients,
        tf.constant(x),
        tf.constant(y),
        domain.transform(first=1),
        BatchSize(settings.batch_size),
    )
    return Subject(f"Keras {name}", model, x, y, problem)


def torch_subject(settings: Settings, device: str = "cpu") -> Subject:
    """The domain's model in PyTorch, on a device."""
    import torch

    from wam_xplique.backends.torch_runner import TorchRunner

    domain = settings.domain
    name, make = domain.in_torch
    model = make().to(device)
    inputs, classes = settings.inputs(model[-1].out_features)
    x = torch.tensor(np.ascontiguousarray(np.moveaxis(inputs, -1, 1)), device=device)
    y = torch.tensor(classes, device=device)
    runner = TorchRunner(model)  # which a machine without TensorFlow has, too

    def score(seen: Any, targets: Any) -> Any:
        return (model(seen) * targets).sum(-1)

    problem = gradients.GradientProblem(
        load_backend("torch"),
        lambda x, y: runner.differentiate(score, x, y)[1],
        x,
        y,
        domain.transform(first=2),
        BatchSize(settings.batch_size),
    )
    return Subject(f"PyTorch {name}, {device}", model, x, y, problem)


def wam(subject: Subject, method: str, settings: Settings) -> Callable[[], Coefficients]:
    """Our explanation; by the algorithm alone where there is no Xplique to subclass."""
    name, algorithm = METHODS[method]
    try:
        attributions = importlib.import_module("wam_xplique.attributions")
    except ImportError:
        perturbation = settings.perturbation(method)
        to_numpy = subject.problem.backend.to_numpy
        return lambda: map_bands(to_numpy, algorithm(subject.problem, perturbation))
    wavelet = {"wavelet": settings.domain.wavelet, "level": settings.domain.level}
    explainer = getattr(attributions, name)(subject.model, **settings.options(method), **wavelet)
    return lambda: explainer.explain_wavelet(subject.x, subject.y).coefficients


def plain(subject: Subject, method: str, settings: Settings) -> Callable[[], np.ndarray]:
    """The mean gradient that our explanation pulls back, by itself."""
    problem, perturbation = subject.problem, settings.perturbation(method)
    return lambda: problem.backend.to_numpy(gradients.mean_gradient(problem, perturbation)[0])


def xplique(model: Any, classes: int, method: str, settings: Settings) -> Callable[[], Any]:
    """Xplique's explainer."""
    from xplique import attributions

    explainer = getattr(attributions, method)(model, **settings.options(method))
    return functools.partial(explainer.explain, *settings.inputs(classes))


def through_wrapper(subject: Subject, method: str, settings: Settings) -> Callable[[], Any]:
    """Xplique's explainer of a PyTorch model; switches TensorFlow to eager mode."""
    from xplique.wrappers import TorchWrapper

    wrapper = TorchWrapper(subject.model, subject.x.device, is_channel_first=True)
    return xplique(wrapper, subject.y.shape[-1], method, settings)


def captum(subject: Subject, method: str, settings: Settings) -> Callable[[], Any]:
    """captum's explainer, in batches of the same size."""
    from captum import attr

    x, target = subject.x, subject.y.argmax(-1)
    if method == "SmoothGrad":
        tunnel = attr.NoiseTunnel(attr.Saliency(subject.model))
        options: dict[str, Any] = {
            "nt_samples": settings.nb_samples,
            "nt_samples_batch_size": max(1, settings.batch_size // len(x)),
            "stdevs": NOISE,
            "abs": False,
        }
    else:
        tunnel = attr.IntegratedGradients(subject.model)
        options = {
            "n_steps": settings.nb_samples,
            "internal_batch_size": settings.batch_size,
            "method": "riemann_trapezoid",
        }
    return lambda: tunnel.attribute(x, target=target, **options).cpu()


def in_bfloat16(call: Callable[[], Any], device: str) -> Callable[[], Any]:
    """`call` under the automatic mixed precision of PyTorch."""
    import torch

    def under_autocast() -> Any:
        with torch.autocast(device, dtype=torch.bfloat16):
            return call()

    return under_autocast


def keras_calls(subject: Subject, method: str, settings: Settings) -> dict[str, Callable]:
    """The contenders for a Keras model."""
    return {
        WAM: wam(subject, method, settings),
        PLAIN: plain(subject, method, settings),
        XPLIQUE: xplique(subject.model, subject.y.shape[-1], method, settings),
    }


def torch_calls(subject: Subject, method: str, settings: Settings) -> dict[str, Callable]:
    """The contenders for a PyTorch model; without those that are not installed."""
    device = subject.x.device.type
    calls = {WAM: wam(subject, method, settings), PLAIN: plain(subject, method, settings)}
    calls |= {f"{name}, bfloat16": in_bfloat16(call, device) for name, call in calls.items()}
    for name, build in ((CAPTUM, captum), (WRAPPER, through_wrapper)):
        try:
            calls[name] = build(subject, method, settings)
        except ImportError as error:
            tqdm.write(f"Skipped {name}: {error}.")
    return calls


def cost(
    report: timing.Report, subject: Subject, method: str, calls: dict[str, Callable], runs: int
) -> None:
    """Time the contenders and judge ours."""
    times = timing.medians(timing.time_interleaved(calls, runs, warm_up=1))
    where = f"{subject.name}, {method}"
    report.tables.setdefault("Cost: medians of an explanation of all samples", []).extend(
        {
            "model": subject.name,
            "method": method,
            "contender": name,
            "s": seconds,
            "WAM ÷ it": times[WAM] / seconds,
        }
        for name, seconds in times.items()
    )
    for contender, peer, bound in BOUNDS:
        if contender in times and peer in times:
            if peer == WRAPPER and "cuda" in subject.name:
                bound = GPU_BOUND
            ratio = times[contender] / times[peer]
            what = f"{where}: time of {contender} ÷ {peer}"
            report.targets.append(timing.Target(what, ratio, bound))
    if WAM_HALF in calls:
        ranks = rank_correlation(calls[WAM](), calls[WAM_HALF]())
        what = f"{where}: rank correlation of bfloat16 to float32, lowest of the samples"
        report.targets.append(timing.Target(what, ranks, RANK_CORRELATION, at_least=True))


def rank_correlation(a: Coefficients, b: Coefficients) -> float:
    """Lowest rank correlation of the details of a sample."""
    return min(
        float(scipy.stats.spearmanr(*sample).statistic)
        for sample in zip(_details(a), _details(b), strict=True)
    )


def _details(coefficients: Coefficients) -> np.ndarray:
    bands = [np.asarray(band) for level in coefficients[1:] for band in level.values()]
    return np.concatenate([band.reshape(len(band), -1) for band in bands], axis=1)


def memory(
    report: timing.Report, subject: Subject, contenders: dict[str, Callable], settings: Settings
) -> None:
    """Measure how much of the noisy inputs (or steps) stays in memory, as their number grows."""
    rows = report.tables.setdefault("Peak extra memory by number of samples, small models", [])
    counts = [share * settings.nb_samples for share in MEMORY_SHARES]
    added = (counts[1] - counts[0]) * settings.inputs(1)[0].nbytes / 1e6
    for method in METHODS:
        for name, build in contenders.items():
            few, many = (
                timing.peak_memory(build(subject, method, replace(settings, nb_samples=count)))
                for count in counts
            )
            kept = None if few is None or many is None else (many - few) / added
            where = {"model": subject.name, "method": method, "contender": name}
            peaks = {f"MB at {counts[0]}": few, f"MB at {counts[1]}": many}
            rows.append({**where, **peaks, f"growth ÷ {added:.0f} MB of added inputs": kept})
            if name == WAM:
                what = f"{subject.name}, {method}: growth of memory ÷ added inputs"
                report.targets.append(timing.Target(what, kept, MEMORY_KEPT))


def bare_gradients(report: timing.Report, settings: Settings) -> None:
    """Time input gradients of a PyTorch model by themselves, by how many images at once."""
    import torch

    settings = replace(settings, samples=settings.batch_size)
    subject = torch_subject(settings)
    formats = {"default": torch.contiguous_format, "channels_last": torch.channels_last}
    calls, rows = {}, {}
    for layout, memory_format in formats.items():
        twin = torch_subject(settings).model.to(memory_format=memory_format)
        x = subject.x.contiguous(memory_format=memory_format)
        for size in (settings.batch_size, max(1, settings.batch_size // 4)):
            call = functools.partial(_bare, twin, x, subject.y, size)
            for precision, timed in (("float32", call), ("bfloat16", in_bfloat16(call, "cpu"))):
                name = f"{layout}/{size}/{precision}"
                calls[name] = timed
                rows[name] = {"layout": layout, "images at once": size, "precision": precision}
    times = timing.medians(timing.time_interleaved(calls, settings.runs, warm_up=1))
    title = f"Bare input gradients of {settings.batch_size} images, {subject.name}"
    report.tables[title] = [{**rows[name], "s": times[name]} for name in calls]


def _bare(model: Any, x: Any, y: Any, size: int) -> None:
    import torch

    for images, targets in zip(x.split(size), y.split(size), strict=True):
        images = images.detach().requires_grad_()
        torch.autograd.grad((model(images) * targets).sum(), images)


def other_domains(
    report: timing.Report, settings: Settings, subject_of: Callable[[Settings], Subject]
) -> None:
    """Time WAM-SG of signals and volumes beside the plain gradients."""
    method = "SmoothGrad"
    for domain in settings.others:
        here = replace(settings, domain=domain)
        subject = subject_of(here)
        calls = {WAM: wam(subject, method, here), PLAIN: plain(subject, method, here)}
        cost(report, subject, method, calls, here.runs)


def keras_study(report: timing.Report, settings: Settings) -> None:
    """The cost of the Keras models, and the memory of a small one."""
    subject = keras_subject(settings)
    for method in METHODS:
        cost(report, subject, method, keras_calls(subject, method, settings), settings.runs)
    other_domains(report, settings, keras_subject)
    contenders = {WAM: wam, XPLIQUE: lambda s, *rest: xplique(s.model, s.y.shape[-1], *rest)}
    settings = replace(settings, domain=small_images(settings.domain.shape[0]))
    memory(report, keras_subject(settings), contenders, settings)


def torch_study(report: timing.Report, settings: Settings, device: str) -> None:
    """The cost of the PyTorch models, and the memory of a small one on the CPU."""
    subject = torch_subject(settings, device)
    for method in METHODS:
        cost(report, subject, method, torch_calls(subject, method, settings), settings.runs)
    other_domains(report, settings, functools.partial(torch_subject, device=device))
    if device == "cpu":
        settings = replace(settings, domain=small_images(settings.domain.shape[0]))
        memory(report, torch_subject(settings), {WAM: wam}, settings)


def run(settings: Settings) -> timing.Report:
    """Run all studies that the machine allows."""
    inputs = ", ".join(map(str, (settings.domain, *settings.others)))
    counts = {name: getattr(settings, name) for name in COUNTS}
    report = timing.Report("gradients", {**counts, "inputs": inputs})
    studies: dict[str, Callable[[], None]] = {
        "Keras": functools.partial(keras_study, report, settings),
        "PyTorch, bare": functools.partial(bare_gradients, report, settings),
        "PyTorch": functools.partial(torch_study, report, settings, "cpu"),
        "PyTorch, GPU": functools.partial(_gpu_study, report, settings),
    }
    with timing.quiet(), tqdm(studies.items(), unit="study") as progress:
        for name, study in progress:
            progress.set_description(name)
            try:
                study()
            except ImportError as error:
                report.notes.append(f"{name} skipped: {error}.")
    return report


def _gpu_study(report: timing.Report, settings: Settings) -> None:
    import torch

    if torch.cuda.is_available():
        torch_study(report, settings, "cuda")
    else:
        report.notes.append("PyTorch, GPU skipped: no GPU that PyTorch can use.")


def main() -> None:
    """Run the benchmark from the command line."""
    parser = timing.argument_parser(__doc__, Settings.runs)
    parser.add_argument("--samples", type=int, help="images explained at once")
    parser.add_argument("--nb-samples", type=int, help="noisy images, and steps, of each")
    parser.add_argument("--batch-size", type=int, help="most images in a batch")
    parser.add_argument(
        "--keep-freed-memory", action="store_true", help="not glibc's default allocator"
    )
    arguments = parser.parse_args()
    timing.restart(arguments.keep_freed_memory)
    timing.limit_threads()
    quick = Settings(
        nb_samples=4,
        batch_size=8,
        runs=2,
        domain=small_images(64),
        others=(waveforms(8192), volumes(24)),
    )
    given = {
        name: getattr(arguments, name) for name in COUNTS if getattr(arguments, name) is not None
    }
    report = run(replace(quick if arguments.quick else Settings(), **given))
    if arguments.quick:
        report.spare("the models are too small")
    report.publish(arguments.output)


if __name__ == "__main__":
    main()
