"""The command line: ``wam-xplique demo`` and ``wam-xplique benchmark``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .benchmarks.compare import command as comparison

MODALITIES = ("image", "audio", "volume")


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command line.

    Parameters
    ----------
    arguments
        Arguments; those of the process by default.

    Returns
    -------
    status
        0, or 1 after an error that is told to the user.
    """
    options = _parser().parse_args(arguments)
    if options.command == "benchmark":
        return comparison.compare(options)
    from .demo import RUNS, DemoError, explain_photograph

    try:
        if options.samples < 1:
            raise DemoError(f"--samples must be at least 1, got {options.samples}.")
        if options.image is None:
            RUNS[options.modality](options.out, options.samples)
        elif options.modality == "image":
            explain_photograph(options.image, options.model, options.out)
        else:
            raise DemoError(f"--image needs --modality image, got {options.modality}.")
    except DemoError as error:
        print(f"wam-xplique: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="wam-xplique", description="Wavelet attribution: where a model looks, at which scale."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser(
        "demo",
        help="train a classifier of textures, sounds or shapes, and explain it",
        description="Train a classifier in Keras and in PyTorch, explain it, measure the "
        "explanations, and draw them: on textures of scikit-image's photographs, on sounds or on "
        "volumes. Or explain an ImageNet model on a photograph of your own.",
        epilog="examples: wam-xplique demo --modality audio; "
        "wam-xplique demo --image cat.jpg --model MobileNetV2",
    )
    demo.add_argument(
        "--modality",
        choices=MODALITIES,
        default=MODALITIES[0],
        help="what is explained: photographs of textures, spoken digits (synthetic sounds where "
        "espeak-ng is not installed), or volumes with a shape each (default: %(default)s)",
    )
    demo.add_argument("--image", type=Path, help="explain this photograph instead")
    demo.add_argument(
        "--model",
        default="MobileNetV2",
        help="with --image: a model of keras.applications (default: %(default)s)",
    )
    demo.add_argument(
        "--samples", type=int, default=30, help="held-out inputs to explain (default: %(default)s)"
    )
    demo.add_argument(
        "--out", type=Path, default=Path("outputs/demo"), help="folder (default: %(default)s)"
    )
    benchmark = commands.add_parser(
        "benchmark",
        help="compare attribution methods on models and data of your choice",
        description=comparison.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    comparison.add_arguments(benchmark)
    return parser
