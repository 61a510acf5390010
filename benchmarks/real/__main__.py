"""What holds on real networks: EfficientNet-Lite on labelled photographs of ImageNet's classes.

    python -m benchmarks.real [--quick] [--only tables scales ...] [--networks lite0 lite1 ...]
                              [--photographs 20] [--folder FOLDER] [--seed 0] [--out FOLDER]

- tables: how faithful explanations are, in wavelets and in pixels, beside controls that look at no
  network and beside the paper's numbers (WAM tables 1, 3 and 4).
- scales, zoom: the shares of the scales, and those of a closer look (WCAM table 1).
- randomization: explanations of a network that forgets (WAM figure 8).
- corruptions: how importance moves under corruptions, and the robustness of each photograph
  (WCAM 4.1, B.3).
- agreement: explanations in Keras beside those in PyTorch, with the same weights.

Figure 3B of WAM, minimal images, is in `benchmarks.minimal`. What is found is kept in the folder,
part by part: a run that was stopped goes on where it was. `tables.md` holds the tables as they
stand in RESULTS.md. The photographs of the package foolbox are taken by default (extra `real`);
the folder may be any whose files tell their classes, as ImageNet's for validation.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from wam_xplique.archive import write_text

from .. import timing
from ..compare.runner import check_settings
from . import agreement, corruptions, randomization, scales, scores
from .photographs import NETWORKS
from .settings import QUICK, Run, Settings

SECTIONS: dict[str, Callable[[Run], str]] = {
    "tables": scores.section,
    "scales": scales.section,
    "zoom": scales.zoom,
    "randomization": randomization.section,
    "corruptions": corruptions.section,
    "agreement": agreement.section,
}
"""What is measured, by the names that ``--only`` takes."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    given = _parser().parse_args(arguments)
    settings = replace(QUICK if given.quick else Settings(), seed=given.seed, folder=given.folder)
    if given.photographs is not None:
        settings = replace(settings, photographs=given.photographs)
    markdown = measure(Run(settings, given.out, tuple(given.networks)), given.only)
    print(f"{markdown}\nWritten to {given.out}/")
    return 0


def measure(run: Run, only: Sequence[str]) -> str:
    """Measure what is not there yet; the tables are also written to ``tables.md``."""
    check_settings(run.settings, run.out)
    with timing.quiet():
        parts = [SECTIONS[name](run) for name in SECTIONS if name in only]
    markdown = "\n\n".join(parts) + "\n"
    write_text(run.out / "tables.md", markdown)
    facts = {"machine": timing.machine(), "settings": asdict(run.settings)}
    return markdown + "\n" + "\n".join(f"- {k}: {v}" for k, v in facts.items()) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--only", nargs="+", choices=[*SECTIONS], default=[*SECTIONS], help="what is measured")
    add("--networks", nargs="+", choices=[*NETWORKS], default=[*NETWORKS], help="of what")
    add("--photographs", type=_count, help="how many (default: 20)")
    add("--folder", default="", help="folder of labelled photographs")
    add("--seed", type=int, default=0)
    add("--out", type=Path, default=Path("outputs", "real"), help="folder of the results")
    add("--quick", action="store_true", help="small sizes, to see that it works")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 2, got {text}")
    return int(text)


if __name__ == "__main__":
    timing.restart(keep_freed_memory=False)
    timing.limit_threads()
    raise SystemExit(main())
