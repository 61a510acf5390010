"""``wam-xplique demo``."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from ..terminal import telling

EXAMPLES = """Examples:

\b
wam-xplique demo
wam-xplique demo --modality texture
wam-xplique demo --modality audio
wam-xplique demo --image cat.jpg --model MobileNetV2
"""


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
    image: Annotated[
        Path | None, typer.Option(help="Explain this photograph instead.", show_default=False)
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="With --image: a model of keras.applications. By default EfficientNet-Lite0, or "
            "MobileNetV2 where the extra real is not installed.",
            show_default=False,
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
    with telling("wam-xplique"):
        if samples < 1:
            raise ValueError(f"--samples must be at least 1, got {samples}.")
        if image is not None and modality is not Modality.image:
            raise ValueError(f"--image needs --modality image, got {modality.value}.")
        from ..demo import RUNS, explain_photograph

        if image is None:
            RUNS[modality.value](out, samples)
        else:
            explain_photograph(image, model, out)
