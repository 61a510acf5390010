"""Over a cluster: nothing is lost, and nothing is there twice, whoever is killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wam_xplique.analysis import scale_profile
from wam_xplique.scale_out import cluster, explain_dataset, profile_dataset

from .helpers import (
    BATCH,
    COUNT,
    Slowly,
    check,
    images,
    make,
    meanwhile,
    network,
    parts,
    shares,
    until,
    write_photographs,
)

pytestmark = pytest.mark.slow
ray = pytest.importorskip("ray")


@pytest.fixture(scope="module")
def local() -> Iterator[None]:
    """A cluster of this machine, for all tests that need no other."""
    with cluster.running(workers=2):
        yield


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
    with pytest.raises(TypeError, match="explainer must be"):
        profile_dataset(images(2), network, concurrency=1)


class Malicious:
    """What writes a file where it is unpickled."""

    def __init__(self, file: Path):
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.file), "w")


@pytest.mark.usefixtures("local")
def test_nothing_is_unpickled_from_the_data(tmp_path):
    from ray.data.extensions import ArrowPythonObjectArray

    objects = ArrowPythonObjectArray.from_objects([Malicious(tmp_path / "ran")])
    pq.write_table(pa.table({"id": [0], "input": objects}), tmp_path / "in.parquet")
    with pytest.raises(ValueError, match="unpickling"):
        profile_dataset(tmp_path / "in.parquet", make, concurrency=1)
    assert not (tmp_path / "ran").exists()


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
