"""Options that several commands have, each written once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from inspect import Parameter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from ..checks import check_integer, check_ndim
from ..terminal import without_traceback

if TYPE_CHECKING:
    from ..loading.classifiers import Classifier

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
    ),
]
Target = Annotated[
    str | None,
    typer.Option(
        metavar="CLASS",
        help="Class that is explained: its number, from 0 on, or its name (default: what the model "
        "predicts).",
    ),
]
ClassNames = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Names of the classes, one a line, in their order."),
]
Workers = Annotated[
    int | None,
    typer.Option(
        help="Explain by as many processes, over Ray (extra cluster), and write the rows as "
        "Parquet: a run that was stopped goes on with the same command."
    ),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Ray cluster that explains, by as many workers as it has room for without --workers "
        "(default: one of this machine, which nobody else reaches).",
    ),
]


def _option(text: str, *names: str, default: Any = None, **more: Any) -> Any:
    """A field, and how it is given on the command line."""
    return field(default=default, metadata={"option": typer.Option(*names, help=text, **more)})


@dataclass(frozen=True)
class Options:
    """How a model is loaded and explained, and files are read."""

    method: str | None = _option(
        "One of the methods below, or the name of its class, such as WaveletSmoothGrad (default: "
        "WaveletIntegratedGradients where the model has gradients, else WCAM)."
    )
    force: bool = _option("Overwrite what is there.", "--force", default=False)
    transform: str | None = _option(
        "dwt, the one of the papers (default); stationary, for any files; steerable, with "
        "directions, for images and volumes; constant-q, with notes, for sounds; packets, with "
        "bands of one width, for images and sounds. After a comma each, its parameters: "
        "steerable,orientations=8 or constant-q,octaves=6,analytic=true.",
        metavar="NAME[,FIELD=VALUE...]",
    )
    wavelet: str | None = _option("A discrete wavelet of PyWavelets (default: the transform's).")
    level: int | None = _option(
        "Number of levels (default: the transform's; of dwt 3, one more with each doubling of the "
        "inputs' size beyond 224, fewer where they are too small)."
    )
    mode: str | None = _option("Boundary mode of dwt, of PyWavelets (default: periodization).")
    batch_size: int | None = _option(
        "Most perturbed inputs at once (default: 32; 256 without gradients)."
    )
    seed: int = _option("Seed of all that is random.", default=0)
    parameters: list[str] | None = _option(  # noqa: RUF009
        "Another parameter of the method's class, such as steps=100, relative_noise=0.05, "
        "include_approximation=true or grid_size=14. May be repeated.",
        "--set",
        metavar="NAME=VALUE",
    )
    weights: str = _option(
        "Of a model of keras.applications: imagenet (downloaded on first use), none (random ones), "
        "or a file.",
        default="imagenet",
    )
    preprocess: str | None = _option(
        "What is done to the pixels of images, which are between 0 and 255. none, or "
        "[0,255]; unit, or [0,1]; symmetric, or [-1,1]; imagenet: as torchvision's models "
        "take them; standardize: to mean 0 and variance 1, each image alone; mean=0.5,std=0.25: "
        "after the division by 255, a number for each channel as mean=0.5/0.4/0.4, another "
        "division as scale=1; a .json file of these, such as Hugging Face's "
        "preprocessor_config.json; or a .py file of yours that defines preprocess(pixels). By "
        "default what belongs to a model of keras.applications, what the model's own scaling is "
        "for, where it has one, else unit.",
        metavar="NAME|NUMBERS|FILE",
    )
    size: int | None = _option(
        "Height and width of the middle of images that is seen, where the model leaves them open, "
        "as TorchScript does (default: 224 for ImageNet's 1000 classes, else the image's own)."
    )
    sample_rate: int | None = _option(
        "Samples a second that sounds are resampled to (default: the file's own)."
    )
    key: str | None = _option(
        "Name of the array in .npz files (default: x, inputs, or the only one)."
    )
    ndim: int | None = _option(
        "Axes of arrays that are space or time: 1, 2 or 3. Needed for images and volumes without "
        "channels."
    )
    device: str | None = _option(
        "Where the model runs: cuda, mps (of PyTorch) or cpu (default: the fastest there is)."
    )
    trust: bool = _option(
        "Load files that can run any code: Lambda layers, torch.export, pickled PyTorch models; "
        "TorchScript files and SavedModels that touch other files. Only for what you would run as "
        "a program.",
        "--trust",
        default=False,
    )

    def __post_init__(self) -> None:
        check_integer("--size", self.size, lowest=1, optional=True)
        check_integer("--sample-rate", self.sample_rate, lowest=1, optional=True)
        check_ndim(self.ndim, "--ndim")

    def load(self, model: str, class_names: Path | None = None) -> Classifier:
        """Load a model."""
        from ..loading.classifiers import load_model

        how = (self.weights, self.preprocess, self.trust, class_names, self.device)
        return load_model(model, *how)


def with_options(command: Callable[..., dict[str, str]]) -> Callable[..., None]:
    """A command whose last parameter `options` is all of `Options`; its problems are told."""
    hints = get_type_hints(Options)
    *own, _ = inspect.signature(command, eval_str=True).parameters.values()
    shared = [
        Parameter(
            f.name,
            Parameter.KEYWORD_ONLY,
            default=f.default,
            annotation=Annotated[hints[f.name], f.metadata["option"]],
        )
        for f in fields(Options)
    ]

    @functools.wraps(command)
    def run(**given: Any) -> None:
        with without_traceback(NAME):
            options = Options(**{f.name: given.pop(f.name) for f in fields(Options)})
            problems = command(**given, options=options)
        if problems:
            told = (f"{name}: {problem}" for name, problem in problems.items())
            typer.echo("\n  ".join(["These could not be used:", *told]), err=True)
            raise typer.Exit(1)

    run.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *shared)}
    return run
