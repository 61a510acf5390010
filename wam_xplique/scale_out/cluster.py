"""Ray: the user's cluster, or one of this machine alone that is started for the while."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from typing import Any

INITIAL_DEATHS = 3
"""Workers that may die in a row before they are ready."""
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


def mapped(rows: Any, worker: type, arguments: tuple[Any, ...], size: int, **room: Any) -> Any:
    """What actors make of rows, `size` of them at once: a `ray.data.Dataset`, which is made as it
    is gone through. A worker that dies is replaced, and what it had is tried again."""
    found = rows.map_batches(
        worker,
        fn_constructor_args=arguments,
        batch_size=size,
        batch_format="numpy",
        compute=_pool(**room),
        num_gpus=room.get("num_gpus") or None,
    )
    context = found.context
    context.enable_progress_bars = context.print_on_execution_start = False
    context.max_consecutive_actor_init_deaths = INITIAL_DEATHS
    context.raise_original_map_exception = True
    return found


def tables(dataset: Any) -> Iterator[Any]:
    """What a `ray.data.Dataset` holds, some rows after the others, as tables of Arrow."""
    from ray.exceptions import RayTaskError

    try:
        yield from dataset.iter_batches(batch_size=None, batch_format="pyarrow")
    except RayTaskError as error:
        raise error.cause from error


def _pool(concurrency: Any = None, num_gpus: float = 0) -> Any:
    """As many actors as are asked for, or as the cluster has room for."""
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
