"""``python -m benchmarks.compare``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from .. import timing
from . import command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare",
        description=command.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_arguments(parser)
    return command.compare(parser.parse_args(arguments))


if __name__ == "__main__":
    timing.restart(keep_freed_memory=False)
    timing.limit_threads()
    raise SystemExit(main())
