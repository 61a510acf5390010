"""Rows a second over Ray: beside a plain loop, by one and two workers, and by many in simulation.

    python -m benchmarks.scale_out [--quick] [--rows 384] [--output FILE]

EfficientNet-Lite0 in PyTorch at 224×224, `WaveletSaliency`; photographs are read from files and
prepared in the workers, one thread each. Rates are counted from when all workers are up, by the
times of the parts they write. The loop does the same without Ray, in a process beside it and at the
same time, so that what else the machine does meets both. The cost model: a batch takes a worker as
long as it took two that had the machine to themselves, with the spread that it had by one; and the
driver, which hands batches out and takes back what is told one after the other, as long as it was
seen to be busy over a batch of nothing.
"""

from __future__ import annotations

import heapq
import multiprocessing
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import timing

ROWS, QUICK_ROWS = 384, 96
BATCH, SIZE = 16, 224
SIMULATED = (1, 2, 8, 64, 512)
SETS = {"ImageNet, validation": 50_000, "ImageNet, training": 1_281_167}
EMPTY = 400
"""Batches of nothing."""
NETWORK = "lite0"


class Making:
    """Makes the explainer in a worker, which tells when it is up."""

    def __init__(self, ready: Path):
        self.ready = ready

    def __call__(self) -> Any:
        import torch

        from benchmarks.real.networks import load_torch
        from wam_xplique import WaveletSaliency

        torch.set_num_threads(1)
        explainer = WaveletSaliency(load_torch(NETWORK), level=3, batch_size=BATCH)
        (self.ready / str(os.getpid())).write_text(str(os.nice(0)))
        return explainer, prepare


def prepare(photograph: np.ndarray) -> Any:
    """A photograph as the network takes it."""
    import torch

    from benchmarks.real.networks import preprocess

    return torch.from_numpy(np.moveaxis(preprocess(photograph), -1, 0).copy())


def write_photographs(folder: Path, count: int) -> list[str]:
    """Photographs in files: those of foolbox, again and again, each moved by some pixels."""
    from PIL import Image

    from wam_xplique.datasets import imagenet_photographs

    images = imagenet_photographs(None, SIZE).images.astype(np.uint8)
    for number in range(count):
        moved = np.roll(images[number % len(images)], number // len(images), axis=1)
        Image.fromarray(moved).save(folder / f"{number:06}.jpg", quality=90)
    return sorted(map(str, folder.iterdir()))


def loop(files: Sequence[str], folder: Path, stop: Any) -> None:
    """What a worker does, in a plain loop, until it is told to stop."""
    from wam_xplique.scale_out.parts import Parts
    from wam_xplique.scale_out.rows import Asked
    from wam_xplique.scale_out.worker import Worker

    parts = Parts(folder / "out")
    parts.start({})
    made = Making(folder / "ready")
    worker = Worker(made, None, Asked(), str(parts.folder), str(parts.state))
    for again in range(1000):
        for start in range(0, len(files), BATCH):
            some = files[start : start + BATCH]
            worker({"id": [f"{again} {one}" for one in some], "input": some})
            if stop.is_set():
                return


def ends(folder: Path) -> np.ndarray:
    """When each part was there, since all workers were up."""
    up = max(file.stat().st_mtime for file in (folder / "ready").iterdir())
    times = sorted(file.stat().st_mtime for file in (folder / "out").glob("part-*"))
    return np.array([one for one in times if one >= up])


def rate(times: np.ndarray, low: float = 0.0, high: float = np.inf) -> float:
    """Rows a second, by the ends of batches within a window."""
    inside = times[(times >= low) & (times <= high)]
    return float(BATCH * (len(inside) - 1) / (inside[-1] - inside[0]))


def nice(folder: Path) -> str:
    """The priorities that the processes had: only alike can they be compared."""
    return ", ".join(file.read_text() for file in (folder / "ready").iterdir())


def by_ray(photographs: Path, folder: Path, workers: int) -> tuple[np.ndarray, float]:
    """The ends of the batches over Ray, and the seconds until the workers were up."""
    from wam_xplique.scale_out.running import Run

    start = time.time()
    run = Run(Making(folder / "ready"), batch_size=BATCH, concurrency=workers)
    run.write(photographs, folder / "out")
    up = max(file.stat().st_mtime for file in (folder / "ready").iterdir())
    return ends(folder), up - start


class Nothing:
    """A worker that has nothing to do."""

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        return {"rows": [len(batch["id"])], "failed": [0]}


def driver_seconds() -> float:
    """Seconds of the driver's processor for a batch."""
    from wam_xplique.scale_out import cluster
    from wam_xplique.scale_out.sources import listed

    names = [f"photographs/{number:06}.jpg" for number in range(EMPTY * BATCH)]
    source = listed(names, names, None, BATCH)
    start = time.process_time()
    for _ in cluster.tables(cluster.mapped(source.rows, Nothing, (), BATCH, concurrency=1)):
        pass
    return (time.process_time() - start) / EMPTY


def simulated(
    rows: int, workers: int, batch_seconds: np.ndarray, driver: float, seed: int = 0
) -> float:
    """Seconds until all rows are explained, by workers that are up."""
    generator = np.random.default_rng(seed)
    free = [0.0] * workers  # when each worker has ended what it has
    hands = end = 0.0  # when the driver has its hands free
    for _ in range(-(-rows // BATCH)):
        hands = max(hands, free[0]) + driver
        done = hands + generator.choice(batch_seconds)
        heapq.heapreplace(free, done)
        end = max(end, done)
    return end


def run(rows: int) -> timing.Report:
    """Measure, fit and simulate."""
    from wam_xplique.scale_out import cluster

    report = timing.Report("scale_out", {"rows": rows, "batch": BATCH, "size": SIZE})
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as temporary, cluster.running(workers=2):
        root = Path(temporary)
        folders = {name: root / name for name in ("photographs", "loop", "one", "two")}
        for folder in folders.values():
            (folder / "ready").mkdir(parents=True)
        (folders["photographs"] / "ready").rmdir()
        files = write_photographs(folders["photographs"], rows)
        driver = driver_seconds()

        stop = spawn.Event()
        beside = spawn.Process(target=loop, args=(files, folders["loop"], stop))
        beside.start()
        one, start = by_ray(folders["photographs"], folders["one"], 1)
        stop.set()
        beside.join()
        plain = ends(folders["loop"])
        window = max(one[0], plain[0]), min(one[-1], plain[-1])
        by_loop, by_one = (rate(times, *window) for times in (plain, one))
        two, _ = by_ray(folders["photographs"], folders["two"], 2)
        by_two = rate(two)
        niceness = {name: nice(folders[name]) for name in ("loop", "one", "two")}

    report.targets.append(timing.Target("loop / Ray, one worker beside it", by_loop / by_one, 1.1))
    batch_seconds = np.diff(one)
    batch_seconds *= 2 * BATCH / by_two / batch_seconds.mean()
    report.tables["Rows a second, measured"] = [
        {"": name, "rows a second": found, "niceness": niceness[folder]}
        for name, folder, found in (
            ("plain loop, beside one worker", "loop", by_loop),
            ("Ray, one worker, beside the loop", "one", by_one),
            ("Ray, two workers", "two", by_two),
        )
    ]
    model = {
        "seconds of a batch, median": float(np.median(batch_seconds)),
        "its 90th percentile": float(np.quantile(batch_seconds, 0.9)),
        "seconds of the driver a batch": driver,
        "workers that a driver can feed": float(np.mean(batch_seconds)) / driver,
        "seconds until a worker is up": start,
    }
    report.tables["Cost model"] = [{"": name, "value": value} for name, value in model.items()]
    for name, count in SETS.items():
        alone = simulated(count, 1, batch_seconds, driver)
        report.tables[f"Simulated, {name}"] = [
            {
                "workers": workers,
                "rows a second": count / seconds,
                "share of perfect": alone / seconds / workers,
                "hours, with the start": (seconds + start) / 3600,
            }
            for workers in SIMULATED
            for seconds in [simulated(count, workers, batch_seconds, driver)]
        ]
    return report


def main() -> None:
    """Run the benchmark from the command line."""
    parser = timing.argument_parser(__doc__)
    parser.add_argument("--rows", type=int, help=f"photographs (default: {ROWS})")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # as Ray sets it for its workers
    # What is added to a worker's niceness: 15 by default, so that others go first.
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112
    report = run(arguments.rows or (QUICK_ROWS if arguments.quick else ROWS))
    if arguments.quick:
        report.spare("few rows")
    report.publish(arguments.output)


if __name__ == "__main__":
    main()
