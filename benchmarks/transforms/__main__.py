"""
What other transforms bring: do explanations move with the image, name directions, name pitches?

    python -m benchmarks.transforms [--quick] [--only shifts,faithfulness,minimal,gratings,tones]
                                    [--output FILE]

- **shifts**: photographs are cut out of larger ones 1 to 7 pixels further down and right, and
  explained again by EfficientNet-Lite0. The maps of both, cut to what both see, are correlated. The
  network itself moves its gradients about with such a shift, for it skips pixels: the row of pixels
  is what it allows, and 32 pixels, its stride, are what it allows best. The second table takes this
  away: the photograph is turned round, and the network with it, so that its gradients move exactly,
  and what is left is the transform's.
- **faithfulness**: insertion and deletion, and halves of like magnitude, of coefficients and of the
  maps in pixels, by transform, beside controls.
- **minimal**: the edges that minimal images invent, and conciseness-preciseness, by transform,
  beside as many coefficients of controls.
- **gratings**: gratings of known direction and scale are planted in photographs. Is the most
  important band theirs? The band of the largest energy, and one at random, are the controls.
- **tones**: CREPE hears harmonic tones under noise of 2.6 times their energy. Is the band of the
  largest importance within a semitone of the pitch or of its harmonics up to the 4th? Octaves
  cannot tell. The band of the largest energy, and one at random, are the controls.
- **time**: an explanation by WAM-IG beside that by the decimated transform.
"""

from __future__ import annotations

from pathlib import Path

from .. import timing
from . import faithfulness, gratings, minimal, shifts, speed, tones
from .settings import QUICK, Settings

PARTS = {
    "shifts": shifts,
    "faithfulness": faithfulness,
    "minimal": minimal,
    "gratings": gratings,
    "tones": tones,
    "time": speed,
}


def main() -> None:
    """Measure, print and write the report."""
    timing.restart(keep_freed_memory=True)
    parser = timing.argument_parser(__doc__)
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas between")
    arguments = parser.parse_args()
    timing.limit_threads()
    settings = QUICK if arguments.quick else Settings()
    report = timing.Report("transforms", vars(settings))
    with timing.quiet():
        for part in arguments.only.split(","):
            PARTS[part].measure(settings, report)
    if arguments.quick:
        report.spare("too few inputs")
    report.publish(arguments.output and Path(arguments.output))


if __name__ == "__main__":
    main()
