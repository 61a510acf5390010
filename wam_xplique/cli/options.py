"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..loading.classifiers import Preprocess

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
Weights = Annotated[
    str,
    typer.Option(
        help="Of a model of keras.applications: imagenet (downloaded on first use), none (random "
        "ones), or a file.",
    ),
]
Preprocessing = Annotated[
    Preprocess | None,
    typer.Option(
        help="What is done to the pixels of images, which are between 0 and 255. unit: to between "
        "0 and 1; imagenet: as torchvision's models take them; standardize: to mean 0 and variance "
        "1, each image alone. By default what belongs to a model of keras.applications, none "
        "where a Keras model begins with a Rescaling or a Normalization, else unit.",
        show_default=False,
    ),
]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Load files that can run any code: Lambda layers, torch.export, pickled PyTorch "
        "models; TorchScript files and SavedModels that touch other files. Only for what you would "
        "run as a program.",
    ),
]
Size = Annotated[
    int | None,
    typer.Option(
        help="Height and width that images are resized to, where the model leaves them open "
        "(default: the image's own)."
    ),
]
SampleRate = Annotated[
    int | None,
    typer.Option(help="Samples a second that sounds are resampled to (default: the file's own)."),
]
Key = Annotated[
    str | None,
    typer.Option(help="Name of the array in .npz files (default: x, inputs, or the only one)."),
]
Ndim = Annotated[
    int | None,
    typer.Option(
        help="Axes of arrays that are space or time: 1, 2 or 3. Needed for images and volumes "
        "without channels."
    ),
]
Method = Annotated[
    str | None,
    typer.Option(
        help="One of the methods below, or the name of its class, such as WaveletSmoothGrad "
        "(default: WaveletIntegratedGradients where the model has gradients, else WCAM)."
    ),
]
Wavelet = Annotated[
    str | None, typer.Option(help="A discrete wavelet of PyWavelets (default: haar).")
]
Level = Annotated[
    int | None,
    typer.Option(
        help="Number of levels (default: 3, one more with each doubling of the inputs' size beyond "
        "224, fewer where they are too small)."
    ),
]
Mode = Annotated[
    str | None, typer.Option(help="Boundary mode of PyWavelets (default: periodization).")
]
BatchSize = Annotated[
    int | None,
    typer.Option(help="Most perturbed inputs at once (default: 32; 256 without gradients)."),
]
Seed = Annotated[int, typer.Option(help="Seed of all that is random.")]
Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Another parameter of the method's class, such as steps=100, relative_noise=0.05, "
        "include_approximation=true or grid_size=14. May be repeated.",
        show_default=False,
    ),
]
ClassNames = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Names of the classes, one a line, in their order.", show_default=False
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite what is there.")]
