"""Options that several commands have, each written once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from inspect import Parameter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from ..loading.preprocessing import Preprocess
from ..terminal import tell_problems, without_traceback

if TYPE_CHECKING:
    from ..loading.classifiers import Classifier
    from .input_files import Reading
    from .methods import Method

NAME = "wam-xplique"
METHODS = """\b
Methods from gradients: saliency, gradient-input, wam-sg, square-grad, var-grad,
wam-ig. Methods for any model: wcam, fam.

"""
"""What the help of commands says of ``--method``."""

Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILES",
        help="Images, sounds and arrays (.npy, .npz); folders of these, at any depth; patterns "
        "such as 'photos/*.jpg'.",
        show_default=False,
    ),
]
Model = Annotated[
    str,
    typer.Option(
        metavar="PATH_OR_NAME",
        help="A Keras file (.keras, .h5), a SavedModel folder, a TorchScript file, a file of "
        "torch.export (with --trust), or a name of keras.applications.",
        show_default=False,
    ),
]
ClassNames = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Names of the classes, one a line, in their order.", show_default=False
    ),
]


@dataclass(frozen=True)
class Options:
    """How a model is loaded and explained, and files are read."""

    method: Annotated[
        str | None,
        typer.Option(
            help="One of the methods below, or the name of its class, such as WaveletSmoothGrad "
            "(default: WaveletIntegratedGradients where the model has gradients, else WCAM)."
        ),
    ] = None
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False
    wavelet: Annotated[
        str | None, typer.Option(help="A discrete wavelet of PyWavelets (default: haar).")
    ] = None
    level: Annotated[
        int | None,
        typer.Option(
            help="Number of levels (default: 3, one more with each doubling of the inputs' size "
            "beyond 224, fewer where they are too small)."
        ),
    ] = None
    mode: Annotated[
        str | None, typer.Option(help="Boundary mode of PyWavelets (default: periodization).")
    ] = None
    batch_size: Annotated[
        int | None,
        typer.Option(help="Most perturbed inputs at once (default: 32; 256 without gradients)."),
    ] = None
    seed: Annotated[int, typer.Option(help="Seed of all that is random.")] = 0
    parameters: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Another parameter of the method's class, such as steps=100, relative_noise=0.05, "
            "include_approximation=true or grid_size=14. May be repeated.",
            show_default=False,
        ),
    ] = None
    weights: Annotated[
        str,
        typer.Option(
            help="Of a model of keras.applications: imagenet (downloaded on first use), none "
            "(random ones), or a file.",
        ),
    ] = "imagenet"
    preprocess: Annotated[
        Preprocess | None,
        typer.Option(
            help="What is done to the pixels of images, which are between 0 and 255. unit: to "
            "between 0 and 1; imagenet: as torchvision's models take them; standardize: to mean 0 "
            "and variance 1, each image alone. By default what belongs to a model of "
            "keras.applications, none where a Keras model begins with a Rescaling or a "
            "Normalization, else unit.",
            show_default=False,
        ),
    ] = None
    size: Annotated[
        int | None,
        typer.Option(
            help="Height and width that images are resized to, where the model leaves them open "
            "(default: the image's own)."
        ),
    ] = None
    sample_rate: Annotated[
        int | None,
        typer.Option(
            help="Samples a second that sounds are resampled to (default: the file's own)."
        ),
    ] = None
    key: Annotated[
        str | None,
        typer.Option(help="Name of the array in .npz files (default: x, inputs, or the only one)."),
    ] = None
    ndim: Annotated[
        int | None,
        typer.Option(
            help="Axes of arrays that are space or time: 1, 2 or 3. Needed for images and volumes "
            "without channels."
        ),
    ] = None
    trust: Annotated[
        bool,
        typer.Option(
            "--trust",
            help="Load files that can run any code: Lambda layers, torch.export, pickled PyTorch "
            "models; TorchScript files and SavedModels that touch other files. Only for what you "
            "would run as a program.",
        ),
    ] = False

    def find_method(self, scales: bool = False) -> Method:
        """The method of attribution, checked; `scales` if it has to tell of scales."""
        from .methods import find_method

        return find_method(
            self.method,
            self.parameters,
            scales=scales,
            wavelet=self.wavelet,
            level=self.level,
            mode=self.mode,
            batch_size=self.batch_size,
            seed=self.seed,
        )

    def reading(self) -> Reading:
        """How files are read, checked."""
        from .input_files import Reading

        return Reading(self.size, self.sample_rate, self.key, self.ndim)

    def load(self, model: str, class_names: Path | None = None) -> Classifier:
        """Load a model."""
        from ..loading.classifiers import load_model

        return load_model(model, self.weights, self.preprocess, self.trust, class_names)


def with_options(command: Callable[..., dict[str, str]]) -> Callable[..., None]:
    """A command whose last parameter `options` is all of `Options`; its problems are told."""
    hints = get_type_hints(Options, include_extras=True)
    *own, _ = inspect.signature(command, eval_str=True).parameters.values()
    shared = [
        Parameter(f.name, Parameter.KEYWORD_ONLY, default=f.default, annotation=hints[f.name])
        for f in fields(Options)
    ]

    @functools.wraps(command)
    def run(**given: Any) -> None:
        options = Options(**{field.name: given.pop(field.name) for field in fields(Options)})
        with without_traceback(NAME):
            problems = command(**given, options=options)
        tell_problems(problems)

    run.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *shared)}
    return run
