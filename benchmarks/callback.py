"""What watching a training costs: the demo's classifier of textures, with the callback and without.

    python -m benchmarks.callback [--inputs 9] [--epochs 40] [--runs 2]

The network is trained as the demo does, on 600 crops. For two `every`, what the callback says of
itself is printed, and the median, over runs with it and without it in turns, of the processor's
seconds an epoch: these do not depend on what else runs.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import keras
import numpy as np

from wam_xplique.analysis import ScaleProfileCallback
from wam_xplique.demo import data, networks


class Watch(keras.callbacks.Callback):
    """Seconds from the end of an epoch to the end of the next, so that callbacks count."""

    def on_train_begin(self, logs: Any = None) -> None:
        self.ends: list[float] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.ends.append(time.process_time())


def seconds(model: keras.Model, x: Any, y: Any, epochs: int, *callbacks: Any) -> float:
    """Mean seconds of the processor an epoch, after those that compile."""
    watch = Watch()
    model.fit(x, y, batch_size=32, epochs=epochs, verbose=0, callbacks=[*callbacks, watch])
    return float(np.mean(np.diff(watch.ends[3:])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("inputs", 9), ("epochs", 40), ("runs", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    told = parser.parse_args()
    x, y = data.crops("left", 200, seed=0)
    inputs, targets = (v[: told.inputs] for v in data.crops("right", told.inputs, seed=1))
    model = networks.train_keras(x, y)
    for every in (1, 4):
        callback = ScaleProfileCallback(inputs, targets, every=every)
        found = [
            (seconds(model, x, y, told.epochs), seconds(model, x, y, told.epochs, callback))
            for _ in range(told.runs)
        ]
        without, with_it = np.median(found, axis=0)
        more = f"{with_it / without - 1:.1%} more"
        print(f"every={every}: {with_it:.3f} s an epoch with it, {without:.3f} s without, {more}")


if __name__ == "__main__":
    main()
