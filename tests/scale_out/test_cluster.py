"""Over a cluster: nothing is lost, and nothing is there twice, whoever is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wam_xplique.analysis import scale_profile
from wam_xplique.scale_out import cluster, explain_dataset, profile_dataset

from .helpers import images, make, network, prepare, shares, write_photographs, written

pytestmark = pytest.mark.slow
ray = pytest.importorskip("ray")
COUNT, BATCH = 40, 4


@pytest.fixture(scope="module")
def local() -> Iterator[None]:
    """A cluster of this machine, for all tests that need no other."""
    with cluster.running(workers=2):
        yield


class Slowly:
    """Makes an explainer whose worker tells its process id, and takes its time over each input."""

    def __init__(self, folder: Path, seconds: float = 0.1):
        self.folder, self.seconds = folder, seconds
        folder.mkdir(exist_ok=True)

    def __call__(self) -> Any:
        (self.folder / str(os.getpid())).touch()
        return make(), self.prepare

    def prepare(self, photograph: np.ndarray) -> np.ndarray:
        time.sleep(self.seconds)
        return prepare(photograph)

    def workers(self) -> list[int]:
        """The process ids of those that are alive."""
        return [
            int(file.name) for file in self.folder.iterdir() if psutil.pid_exists(int(file.name))
        ]


def meanwhile(act: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    return thread


def until(met: Callable[[], Any], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not met() and time.monotonic() < end:
        time.sleep(0.05)
    assert met()


def parts(folder: Path, count: int) -> Callable[[], bool]:
    return lambda: len([*folder.glob("part-*")]) >= count


def check(folder: Path, x: np.ndarray) -> None:
    """All rows are there, once, as the explainer by itself tells them."""
    rows = written(folder)
    assert sorted(rows) == [*(f"{number:04}.png" for number in range(len(x))), "broken.png"]
    assert "cannot be read as an image" in rows.pop("broken.png")["error"]
    assert {row["error"] for row in rows.values()} == {None}
    found = [rows[f"{number:04}.png"]["scale_importance"] for number in range(len(x))]
    np.testing.assert_allclose(found, shares(x), rtol=1e-5)


@pytest.mark.usefixtures("local")
def test_a_worker_that_is_killed_loses_nothing(tmp_path):
    x, out = write_photographs(tmp_path / "photographs", COUNT), tmp_path / "out"
    slowly = Slowly(tmp_path / "workers")

    def kill() -> None:
        until(parts(out, 2))
        os.kill(slowly.workers()[0], signal.SIGKILL)

    killing = meanwhile(kill)
    how: dict[str, Any] = {"batch_size": BATCH, "concurrency": 2, "path": out}
    rows = explain_dataset(tmp_path / "photographs", slowly, **how)
    killing.join()
    assert len([*slowly.folder.iterdir()]) > 2  # one was killed, and another came
    check(out, x)
    assert rows.count() == COUNT + 1
    assert not [*out.glob(".*")]

    before = {file: file.stat().st_mtime_ns for file in out.iterdir()}
    with pytest.warns(UserWarning, match="1 rows could not be explained"):
        found = profile_dataset(tmp_path / "photographs", slowly, **how)
    assert {file: file.stat().st_mtime_ns for file in out.iterdir()} == before
    expected = scale_profile(make(), x, "predicted")
    for name in ("mean", "std", "band_mean", "band_std"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-6)
    assert (found.count, found.bands) == (COUNT, expected.bands)


@pytest.mark.usefixtures("local")
def test_nobody_else_reaches_the_cluster_of_this_machine():
    processes = psutil.Process().children(recursive=True)
    assert len(processes) > 2
    sockets = [one for p in processes for one in p.net_connections("tcp")]
    heard = {one.laddr.ip for one in sockets if one.status == psutil.CONN_LISTEN}
    assert heard
    assert {ip.removeprefix("::ffff:") for ip in heard} == {"127.0.0.1"}


class Greedy:
    """An explainer whose process is killed, as by a system without memory, over four inputs."""

    def __init__(self) -> None:
        self.inner = make()
        self.model = self.inner.model

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["inner"], name)

    def explain_wavelet(self, x: Any, y: Any) -> Any:
        if len(x) > 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.inner.explain_wavelet(x, y)


@pytest.mark.usefixtures("local")
def test_a_worker_that_dies_of_memory_is_tried_with_half_the_batch(tmp_path):
    x = images(6)
    lists = pa.array(x.reshape(6, -1).tolist(), pa.list_(pa.float32()))
    pq.write_table(pa.table({"id": range(6), "input": lists}), tmp_path / "in.parquet")
    made = lambda: (Greedy(), lambda flat: flat.reshape(x.shape[1:]))  # noqa: E731
    found = profile_dataset(tmp_path / "in.parquet", made, batch_size=6, concurrency=1)
    np.testing.assert_allclose(found.mean, shares(x).mean(0), atol=1e-6)
    assert found.count == 6


@pytest.mark.usefixtures("local")
def test_what_is_wrong_in_the_workers_is_told(tmp_path):
    table = pa.table({"id": range(2), "image": range(2)})
    with pytest.raises(ValueError, match="columns id and input"):
        explain_dataset(ray.data.from_arrow(table), make)
    with pytest.raises(ValueError, match="make_explainer"):
        profile_dataset(images(2), lambda: network(), concurrency=1)


class Numbered:
    """Images that are made as they are asked for."""

    def __init__(self, count: int):
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, place: int) -> tuple[np.ndarray, int]:
        return np.random.default_rng(place).random((3, 16, 16), np.float32), place % 3


class Weighed:
    """Makes an explainer whose worker writes down its memory."""

    def __init__(self, folder: Path):
        self.folder, self.count = folder, 0

    def __call__(self) -> Any:
        return make(), self.prepare

    def prepare(self, x: np.ndarray) -> np.ndarray:
        self.count += 1
        if self.count % 1000 == 0:
            resident = psutil.Process().memory_info().rss
            (self.folder / f"{self.count:05}").write_text(str(resident))
        return x


@pytest.mark.usefixtures("local")
def test_memory_does_not_grow_with_the_rows(tmp_path):
    (tmp_path / "memory").mkdir()
    out, driver = tmp_path / "out", []

    def watch() -> None:
        while not parts(out, 156)():
            driver.append((len([*out.glob("part-*")]), psutil.Process().memory_info().rss))
            time.sleep(0.2)

    watching = meanwhile(watch)
    how: dict[str, Any] = {"batch_size": 64, "concurrency": 1, "path": out}
    explain_dataset(Numbered(10_000), Weighed(tmp_path / "memory"), **how)
    watching.join(60)
    worker = [int(file.read_text()) for file in sorted((tmp_path / "memory").iterdir())]
    assert len(worker) == 10
    own = [resident for count, resident in driver if count >= 15]
    assert max(worker) - worker[0] < 50e6
    assert max(own) - own[0] < 50e6


SCRIPT = """
import sys
from pathlib import Path
from tests.scale_out.test_cluster import BATCH, Slowly
from wam_xplique.scale_out import explain_dataset

if __name__ == "__main__":
    photographs, out, workers, seconds = sys.argv[1:]
    make = Slowly(Path(workers), float(seconds))
    explain_dataset(photographs, make, batch_size=BATCH, concurrency=2, path=out)
"""


def test_a_driver_that_is_killed_goes_on_where_it_was(tmp_path):
    x, out = write_photographs(tmp_path / "photographs", COUNT), tmp_path / "out"

    def driver(seconds: float) -> subprocess.Popen[bytes]:
        given = [str(tmp_path / name) for name in ("photographs", "out", "workers")]
        return subprocess.Popen([sys.executable, "-c", SCRIPT, *given, str(seconds)])

    first = driver(0.2)
    until(parts(out, 2))
    first.send_signal(signal.SIGKILL)
    first.wait()
    until(lambda: not Slowly(tmp_path / "workers").workers())  # nothing of it goes on
    there = {file.name: file.stat().st_mtime_ns for file in out.glob("part-*")}
    assert 2 <= len(there) < COUNT / BATCH
    assert driver(0).wait(120) == 0
    check(out, x)
    assert there.items() <= {f.name: f.stat().st_mtime_ns for f in out.glob("part-*")}.items()


def test_a_machine_that_leaves_loses_nothing(tmp_path):
    from ray.cluster_utils import Cluster

    x, out = write_photographs(tmp_path / "photographs", COUNT), tmp_path / "out"
    slowly = Slowly(tmp_path / "workers", 0.3)
    small = {"object_store_memory": 128 * 2**20, "include_dashboard": False}
    machines = Cluster(True, head_node_args={"num_cpus": 2, **small})
    try:
        ray.init(address=machines.address, log_to_driver=False)
        leaving = machines.add_node(num_cpus=1, object_store_memory=small["object_store_memory"])

        def leave() -> None:
            until(lambda: parts(out, 3)() and len(slowly.workers()) == 2)
            machines.remove_node(leaving, allow_graceful=False)

        going = meanwhile(leave)
        explain_dataset(
            tmp_path / "photographs", slowly, batch_size=BATCH, concurrency=(1, 2), path=out
        )
        going.join()
        check(out, x)
        assert ray.is_initialized()  # it is the user's
    finally:
        ray.shutdown()
        machines.shutdown()
