"""The command line: ``wam-xplique demo``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


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
    from .demo import DemoError, explain_photograph, run

    try:
        if options.image is None:
            run(options.out, options.samples)
        else:
            explain_photograph(options.image, options.model, options.out)
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
        help="train a texture classifier on real photographs and explain it",
        description="Train a texture classifier on scikit-image's photographs in Keras and in "
        "PyTorch, explain it, score the explanations, and draw them; or explain an "
        "ImageNet model on a photograph of your own.",
        epilog="example: wam-xplique demo --image cat.jpg --model MobileNetV2",
    )
    demo.add_argument("--image", type=Path, help="explain this photograph instead")
    demo.add_argument(
        "--model",
        default="MobileNetV2",
        help="with --image: a model of keras.applications (default: %(default)s)",
    )
    demo.add_argument(
        "--samples", type=int, default=30, help="held-out crops to explain (default: %(default)s)"
    )
    demo.add_argument(
        "--out", type=Path, default=Path("outputs/demo"), help="folder (default: %(default)s)"
    )
    return parser
