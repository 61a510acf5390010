"""Whole machines, and the driver itself, may go: what is there stays, and the rest follows."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from typing import Any

import psutil
import pytest

from wam_xplique.scale_out import cluster, explain_dataset

from .helpers import BATCH, COUNT, Slowly, check, meanwhile, parts, until, write_photographs

pytestmark = pytest.mark.slow
ray = pytest.importorskip("ray")

SCRIPT = """
import sys
from typing import Any
from pathlib import Path
from tests.scale_out.helpers import BATCH, Slowly
from wam_xplique.scale_out import explain_dataset

if __name__ == "__main__":
    photographs, out, workers = sys.argv[1:]
    make = Slowly(Path(workers), 0.2)
    explain_dataset(photographs, make, batch_size=BATCH, concurrency=2, path=out)
"""


def test_a_driver_that_is_killed_goes_on_where_it_was(tmp_path):
    x, out = write_photographs(tmp_path / "photographs", COUNT), tmp_path / "out"
    given = [str(tmp_path / name) for name in ("photographs", "out", "workers")]
    first = subprocess.Popen([sys.executable, "-c", SCRIPT, *given])
    until(parts(out, 2))
    others = psutil.Process(first.pid).children(recursive=True)
    first.send_signal(signal.SIGKILL)
    first.wait()
    until(lambda: not Slowly(tmp_path / "workers").workers())  # nothing of it goes on
    there = {file.name: file.stat().st_mtime_ns for file in out.glob("part-*")}
    assert 2 <= len(there) < COUNT / BATCH
    how: dict[str, Any] = {"batch_size": BATCH, "concurrency": 1, "path": out}
    with cluster.running():
        explain_dataset(tmp_path / "photographs", Slowly(tmp_path / "workers", 0), **how)
    check(out, x)
    for process in others:  # Ray's agents, which take their time
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    assert there.items() <= {f.name: f.stat().st_mtime_ns for f in out.glob("part-*")}.items()


def test_a_machine_that_leaves_loses_nothing(tmp_path):
    from ray.cluster_utils import Cluster

    x, out = write_photographs(tmp_path / "photographs", COUNT), tmp_path / "out"
    slowly = Slowly(tmp_path / "workers", 0.3)
    ray.shutdown()
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
