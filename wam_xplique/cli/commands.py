"""The commands' arguments and help.

What they do is imported when they run: help and wrong arguments wait for no framework.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from ..checks import check_integer
from ..terminal import without_traceback
from .options import (
    NAME,
    ClassNames,
    Files,
    Model,
    Options,
    RayAddress,
    Target,
    Workers,
    with_options,
)

EXPLAIN = """Examples:

\b
wam-xplique explain cat.jpg --model MobileNetV2
wam-xplique explain cat.jpg --model MobileNetV2 --top 3 --style overlay --cmap turbo --alpha 0.6
wam-xplique explain cat.jpg --model my.pt --target "tabby cat" --signed
wam-xplique explain photos 'more/**/*.png' --model my.keras --out maps
wam-xplique explain bark.wav --model sounds.pt --sample-rate 16000 --wavelet db4 --level 6
wam-xplique explain scan.npz --model saved_model --method wcam --set nb_design=16
wam-xplique explain cat.jpg --model my.keras --transform steerable,orientations=8
"""
REPORT = """Examples:

\b
wam-xplique report wrong/*.jpg --model my.keras --out wrong.html
wam-xplique report photos --model ResNet50 --reference outputs/profile/ResNet50.npz
wam-xplique report calls/*.wav --model birds.pt --class-names birds.txt --labels folders
wam-xplique report photos --model before.keras --model after.keras --labels labels.csv
wam-xplique report photos --model my.keras --method wam-ig --other-method square-grad
"""
PROFILE = """Examples:

\b
wam-xplique profile imagenet/val --model ResNet50 --model MobileNetV2
wam-xplique profile 'crops/*.png' --model before.keras --model after.keras --out profile
wam-xplique profile scans.npz --model volumes.pt --method wcam --set refine=0.03
wam-xplique profile imagenet/val --model my.keras --workers 4
"""
EXPLORE = """Examples:

\b
wam-xplique explore --model MobileNetV2
wam-xplique explore --model sounds.pt --sample-rate 16000 --wavelet db4
"""
DEMO = """Examples:

\b
wam-xplique demo
wam-xplique demo --modality texture
wam-xplique demo --modality audio
wam-xplique demo --image cat.jpg --model MobileNetV2
"""


@with_options
def explain(
    files: Files,
    model: Model,
    target: Target = None,
    top: Annotated[int, typer.Option(help="Explain so many classes, the likeliest first.")] = 1,
    style: Annotated[
        str | None,
        typer.Option(
            metavar="STYLE",
            help="overlay: in colour on the photograph; strip: all scales side by side; mosaic: "
            "all coefficients (default: a strip, and of images an overlay besides).",
        ),
    ] = None,
    signed: Annotated[
        bool,
        typer.Option(
            "--signed", help="Tell what speaks for the class, red, from what speaks against it."
        ),
    ] = False,
    cmap: Annotated[
        str | None,
        typer.Option(help="Colours of overlays, a colour map of matplotlib (default: inferno)."),
    ] = None,
    alpha: Annotated[
        float, typer.Option(help="Opacity of the most important places of overlays, in (0, 1].")
    ] = 0.9,
    out: Annotated[Path, typer.Option(help="Folder of what is written.")] = Path("outputs/explain"),
    class_names: ClassNames = None,
    workers: Workers = None,
    ray_address: RayAddress = None,
    *,
    options: Options,
) -> dict[str, str]:
    """
    Explain a classifier on images, sounds and arrays.

    Where does it look, and at which scale? Of each file pictures are written, and the explanation
    as .npz, which wam_xplique.WaveletExplanation.load reads (FourierExplanation.load for fam). The
    pictures of an array of several inputs are in a folder of its name.

    Of images the middle is seen, resized to what the model takes. Sounds are mixed down to one
    channel, and cut or filled up with zeros where the model takes a fixed length. Arrays are as the
    model takes them, for PyTorch with the channels first. A file that cannot be explained does not
    stop the others; it is told at the end, and the exit status is 1.

    With --workers or --ray-address there are no pictures: a row of each file, with its prediction,
    score, shares of the scales, map of pixels and perhaps error, is written as Parquet.
    """
    from .explain import Asked, explain_files
    from .pictures import Look

    asked, look = Asked(target, top), Look(style, cmap, alpha, signed)
    if workers is not None or ray_address is not None:
        from .over_ray import Cluster, explain_rows

        if top > 1 or look != Look():
            without = "--top, --style, --cmap, --alpha and --signed"
            raise ValueError(f"{without} are of pictures, which --workers and --ray-address lack.")
        cluster = Cluster(workers, ray_address)
        return explain_rows(files, model, target, out, class_names, options, cluster)
    return explain_files(files, model, asked, out, class_names, look, options)


@with_options
def report(
    files: Files,
    models: Annotated[
        list[str],
        typer.Option(
            "--model",
            metavar="PATH_OR_NAME",
            help="As for explain; twice, to compare two side by side.",
        ),
    ],
    other_method: Annotated[
        str | None,
        typer.Option(metavar="METHOD", help="Method to compare --method with, side by side."),
    ] = None,
    target: Target = None,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="What is true: a CSV file with a file and its class a line, or 'folders' where "
            "files are in folders of these names. Wrong predictions are marked.",
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Profile of the same model by the same method, as profile writes it: what is "
            "unusual is marked.",
        ),
    ] = None,
    class_names: ClassNames = None,
    title: Annotated[str | None, typer.Option(help="Title of the page.")] = None,
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("outputs/report.html"),
    *,
    options: Options,
) -> dict[str, str]:
    """
    Write a page on what a classifier makes of each file.

    The page tells the prediction, at which scales it rests, where, and what part of the input is
    enough for it, and warns of what is odd. It needs no network, and is read in any browser: inputs
    are sorted and filtered, maps laid over them and taken away, sounds played. All images and
    arrays on a page have one shape: pass --size where the model leaves it open. Sounds may differ
    in length.
    """
    from .report import report_files

    asked = {"target": target, "labels": labels, "title": title}
    return report_files(files, models, out, options, other_method, reference, class_names, **asked)


@with_options
def profile(
    files: Files,
    models: Annotated[
        list[str],
        typer.Option(
            "--model",
            metavar="PATH_OR_NAME",
            help="As for explain; may be repeated, to compare others with the first.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of what is written.")] = Path("outputs/profile"),
    workers: Workers = None,
    ray_address: RayAddress = None,
    *,
    options: Options,
) -> dict[str, str]:
    """
    Tell at which scales classifiers look, over many files.

    The class that a model predicts is explained for each input, and the share of each scale, and
    of each orientation in it, is averaged. Written are a table (profile.csv), a picture
    (profile.png) and the profile of each model as .npz, which report takes as --reference and
    wam_xplique.analysis.ScaleProfile.load reads. With --workers or --ray-address a row of each
    file is written as well, in a folder for each model.
    """
    from .profile import profile_files

    cluster = None
    if workers is not None or ray_address is not None:
        from .over_ray import Cluster

        cluster = Cluster(workers, ray_address)
    return profile_files(files, models, out, options, cluster)


@with_options
def explore(
    model: Model,
    class_names: ClassNames = None,
    port: Annotated[int, typer.Option(help="Port of this machine.", min=1, max=65535)] = 5006,
    show: Annotated[bool, typer.Option(help="Whether to open a browser.")] = True,
    *,
    options: Options,
) -> dict[str, str]:
    """
    Explain a classifier on a page, to which files are dropped.

    The page, of this machine alone, takes an image or a sound, and shows the answer for a class,
    by a method, a transform and a number of levels, scale by scale; the important part of each
    scale of a sound can be heard. Nothing is sent elsewhere. Needs the extra explore.
    """
    from .explore import serve

    serve(model, class_names, port, show, options)
    return {}


class Modality(str, Enum):
    """What the demo explains."""

    image = "image"
    texture = "texture"
    audio = "audio"
    volume = "volume"


def demo(
    modality: Annotated[
        Modality,
        typer.Option(
            help="What is explained: photographs and an ImageNet classifier (extra real), crops "
            "of textures, spoken digits (synthetic sounds where espeak-ng is not installed), or "
            "volumes with a shape each."
        ),
    ] = Modality.image,
    image: Annotated[Path | None, typer.Option(help="Explain this photograph instead.")] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="With --image: a model of keras.applications. By default EfficientNet-Lite0, or "
            "MobileNetV2 where the extra real is not installed."
        ),
    ] = None,
    samples: Annotated[
        int, typer.Option(help="Most inputs to explain; photographs are three.")
    ] = 30,
    out: Annotated[Path, typer.Option(help="Folder of what is written.")] = Path("outputs/demo"),
) -> None:
    """
    Explain a classifier of photographs, textures, sounds or shapes.

    It runs in Keras and in PyTorch, and is explained, measured and drawn: EfficientNet-Lite0 on
    photographs of a dog, a cat and a car, or a small network, trained at once, on textures,
    sounds or volumes. Or an ImageNet model is explained on a photograph of your own.
    """
    with without_traceback(NAME):
        check_integer("--samples", samples, lowest=1)
        if image is not None and modality is not Modality.image:
            raise ValueError(f"--image needs --modality image, got {modality.value}.")
        from ..demo import RUNS, explain_photograph

        if image is None:
            RUNS[modality.value](out, samples)
        else:
            explain_photograph(image, model, out)
