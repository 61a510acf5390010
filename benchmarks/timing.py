"""What the benchmarks share: fair times, peak memory, and reports in Markdown and JSON.

glibc's malloc hands large freed blocks back to the kernel, so that a call that allocates its
results spends most of its time on page faults, at random (the same call takes 2 to 40 ms).
`restart` starts the process again with an allocator that keeps them, the same for all contenders.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import importlib.metadata
import math
import os
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wam_xplique.archive import write_json

THREADS = 2
KEEP_FREED_MEMORY = {"MALLOC_TRIM_THRESHOLD_": "2000000000", "MALLOC_MMAP_THRESHOLD_": "33554432"}
PACKAGES = (
    "captum",
    "keras",
    "numpy",
    "ptwt",
    "PyWavelets",
    "tensorflow",
    "tensorflow-wavelets",
    "torch",
    "wam-xplique",
    "xplique",
)

Row = dict[str, Any]
"""Column: value, for a line of a table; None is printed as n/a."""


def restart(keep_freed_memory: bool) -> None:
    """Start the process again in the environment of the benchmarks, unless it is in it."""
    environment = {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_ENABLE_ONEDNN_OPTS": "1",  # the default where the processor has AVX-512
        "OMP_NUM_THREADS": str(THREADS),
        "MALLOC_ARENA_MAX": "1",  # of other arenas, malloc_trim gives back only a part
    }
    if keep_freed_memory:
        environment |= KEEP_FREED_MEMORY
    if any(os.environ.get(name) != value for name, value in environment.items()):
        arguments = [sys.executable, *sys.orig_argv[1:]]
        os.execve(sys.executable, arguments, {**os.environ, **environment})


def limit_threads() -> None:
    """Give each framework that is installed `THREADS` threads; before its first operation."""
    with contextlib.suppress(ImportError):
        import torch

        torch.set_num_threads(THREADS)
    with contextlib.suppress(ImportError):
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(THREADS)
        tf.config.threading.set_inter_op_parallelism_threads(THREADS)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Leave out the warnings of what is known: many levels, eager mode, arrays only read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def time_interleaved(
    calls: Mapping[str, Callable[[], Any]], runs: int, turn: int = 1, warm_up: int = 4
) -> dict[str, list[float]]:
    """
    Time several calls in turns, so that a slow spell of the machine meets all of them.

    Parameters
    ----------
    calls
        What to time, by name.
    runs
        Times to take of each call, at least.
    turn
        Runs of a call in a row before the next one has its turn. With more than one, all but the
        first find the caches as the same call left them.
    warm_up
        Untimed runs of each call beforehand.

    Returns
    -------
    times
        Seconds, by name.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        for _ in range(warm_up):
            call()
    names = list(calls)
    for number in range(math.ceil(runs / turn)):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            for _ in range(turn):
                start = time.perf_counter()
                calls[name]()
                times[name].append(time.perf_counter() - start)
    return times


def medians(times: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """The median of each call's times."""
    return {name: statistics.median(values) for name, values in times.items()}


def ratio(times: Sequence[float], others: Sequence[float]) -> float:
    """The median ratio of the times of two calls that were timed in turns."""
    return statistics.median(a / b for a, b in zip(times, others, strict=True))


def peak_memory(call: Callable[[], Any]) -> float | None:
    """
    Most memory that a call holds at once beyond what was held before, its result included.

    The allocator first gives back all that it keeps, then the kernel's high-water mark of the
    resident memory is reset (Linux with glibc only). TensorFlow gives nothing back; where its own
    count of what its tensors hold is larger, that is the peak.

    Returns
    -------
    peak
        Megabytes; None where it cannot be measured.
    """
    gc.collect()
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
    except (OSError, AttributeError):
        return None
    resident, tensors = _resident("VmRSS"), _tensorflow_memory("current", reset=True)
    call()
    return max(_resident("VmHWM") - resident, _tensorflow_memory("peak") - tensors)


def _tensorflow_memory(which: str, reset: bool = False) -> float:
    if "tensorflow" not in sys.modules:
        return 0.0
    memory = sys.modules["tensorflow"].config.experimental
    try:
        if reset:
            memory.reset_memory_stats("CPU:0")
        return memory.get_memory_info("CPU:0")[which] / 1e6
    except ValueError:  # this build's allocator does not count; it is malloc
        return 0.0


def _resident(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024 / 1e6


@dataclass(frozen=True)
class Target:
    """A ratio that is to be at least, or at most, a bound; None where it cannot be measured."""

    what: str
    ratio: float | None
    bound: float
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the ratio keeps to the bound."""
        if self.ratio is None:
            return None
        return self.ratio >= self.bound if self.at_least else self.ratio <= self.bound

    @property
    def row(self) -> Row:
        """The target as a line of a table."""
        bound = f"{'≥' if self.at_least else '≤'} {self.bound:g}"
        met = {True: "yes", False: "**NO**", None: None}[self.met]
        return {"target": self.what, "ratio": self.ratio, "bound": bound, "met": met}


@dataclass
class Report:
    """What a benchmark found."""

    name: str
    settings: dict[str, Any]
    tables: dict[str, list[Row]] = field(default_factory=dict)
    targets: list[Target] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def spare(self, reason: str) -> None:
        """Leave the targets out."""
        self.targets = []
        self.notes.append(f"The targets are not judged: {reason}.")

    def markdown(self) -> str:
        """The report as Markdown."""
        facts = {**machine(), **self.settings}
        parts = [f"# benchmarks.{self.name}", "\n".join(f"- {k}: {v}" for k, v in facts.items())]
        tables = {**self.tables, "Targets": [target.row for target in self.targets]}
        parts += [f"## {title}\n\n{table(rows)}" for title, rows in tables.items() if rows]
        missed = [target.what for target in self.targets if target.met is False]
        if self.targets:
            parts.append(f"{len(missed)} of {len(self.targets)} targets missed" + _listed(missed))
        if self.notes:
            parts.append("Notes" + _listed(self.notes))
        return "\n\n".join(parts)

    def write(self, path: Path) -> None:
        """Write the report as JSON."""
        content = {
            "machine": machine(),
            "settings": self.settings,
            "tables": self.tables,
            "targets": [{**vars(target), "met": target.met} for target in self.targets],
            "notes": self.notes,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, content)

    def publish(self, path: Path | None) -> None:
        """Print the report and write it, to ``outputs/benchmarks`` by default."""
        path = path or Path("outputs", "benchmarks", f"{self.name}.json")
        self.write(path)
        print(self.markdown(), f"\nWritten to {path}.", sep="\n")


def _listed(lines: Sequence[str]) -> str:
    return ":\n" + "\n".join(f"- {line}" for line in lines) if lines else "."


def table(rows: Sequence[Row]) -> str:
    """A Markdown table; its columns are those of all rows, in the order of their appearance."""
    header = list(dict.fromkeys(column for row in rows for column in row))
    lines = [[_cell(row.get(column)) for column in header] for row in rows]
    rule = ["---"] * len(header)
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, rule, *lines))


def _cell(value: Any) -> str:
    if value is None:
        return "n/a"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)


def machine() -> dict[str, Any]:
    """What the times were taken on."""
    allocator = "glibc's default"
    if all(os.environ.get(name) == value for name, value in KEEP_FREED_MEMORY.items()):
        allocator = "keeps freed memory for all contenders (" + ", ".join(
            f"{name}={value}" for name, value in KEEP_FREED_MEMORY.items()
        )
        allocator += ")"
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": THREADS,
        "load average": round(os.getloadavg()[0], 1),
        "allocator": allocator,
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": ", ".join(_versions()),
    }


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _versions() -> list[str]:
    found = []
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found.append(f"{package} {importlib.metadata.version(package)}")
    return found


def argument_parser(description: str | None, runs: int | None = None) -> argparse.ArgumentParser:
    """The options that all benchmarks have; `runs` where times are taken."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    if runs is not None:
        parser.add_argument("--runs", type=int, help=f"times taken of each call (default: {runs})")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    return parser
