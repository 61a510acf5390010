"""Ray: the user's cluster, or one of this machine alone that is started for the while."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from typing import Any

OBJECT_STORE = 512 * 2**20
"""Bytes of shared memory of a cluster that is started here: rows of inputs pass through it."""


def start(address: str | None = None, workers: int | None = None) -> bool:
    """
    Connect to a cluster, or start one that only this machine reaches; whether it was done now.

    One that is connected to already stays; else `address` counts, then the variable RAY_ADDRESS.
    """
    ray = imported()
    if ray.is_initialized():
        return False
    if address or os.environ.get("RAY_ADDRESS"):
        ray.init(address=address, logging_level=logging.ERROR)
        return True
    cores = max(os.cpu_count() or 1, workers or 1)
    with _on_loopback():
        ray.init(
            address="local",
            num_cpus=cores + 1,  # the workers', and one that reads for them
            object_store_memory=OBJECT_STORE,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _node_ip_address="127.0.0.1",
        )
    return True


@contextlib.contextmanager
def running(address: str | None = None, workers: int | None = None) -> Iterator[None]:
    """A cluster for the while; what was started or connected to for it is ended."""
    started = start(address, workers)
    try:
        yield
    finally:
        if started:
            imported().shutdown()


def pool(concurrency: Any, num_gpus: float) -> Any:
    """The actors of a run: as many as are asked for, or as the cluster has room for."""
    import ray.data

    if isinstance(concurrency, tuple):
        return ray.data.ActorPoolStrategy(min_size=concurrency[0], max_size=concurrency[1])
    if concurrency is None:
        found = imported().cluster_resources()
        room = found.get("GPU", 0) / num_gpus if num_gpus else found.get("CPU", 1) - 1
        concurrency = max(1, int(room))
    return ray.data.ActorPoolStrategy(size=concurrency)


def imported() -> Any:
    """Ray, which the extra `cluster` brings."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        told = "Ray is not installed (pip install 'wam-xplique[cluster]')."
        raise ImportError(told) from error
    return ray


@contextlib.contextmanager
def _on_loopback() -> Iterator[None]:
    """Let Ray's servers listen to this machine alone, as they do on macOS and Windows. On Linux it
    takes a loopback address for a mistake, and listens to the network."""
    from ray._private import ray_constants

    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before
