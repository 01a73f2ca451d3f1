"""Two checkouts of gpunet train the same networks in turns: is the new one slower?

    python scripts/compare_checkouts.py ../old . [--rounds 7]

Each runs in a process of its own, kept for all rounds; a turn is some 0.4 s of whole epochs, after
a rest, since a BLAS's threads go on spinning for a while. Prints medians of milliseconds a step,
and of each round's ratio new / old with its quartiles.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

TURN, REST = 0.4, 0.2  # seconds
MOMENTUM, ADAM = "SGD(0.01, momentum=0.9)", "Adam()"
BATCHES = (32, 128, 512, 1024, None)
# Sizes, settings of Network, optimizer, batch, examples (None: all).
JOBS: list[tuple[list[int], dict[str, Any], str, int | None, int | None]] = [
    *(([784, 196, 1], {}, MOMENTUM, batch, None) for batch in BATCHES),
    *(([784, 196, 10], {}, MOMENTUM, batch, None) for batch in BATCHES),
    ([784, 300, 100, 10], {"hidden": "relu"}, MOMENTUM, 128, 4096),
    ([784, 300, 100, 10], {"hidden": "relu"}, ADAM, 32, 4096),
    ([784, 196, 1], {"dropout": 0.2}, MOMENTUM, 128, 4096),
    ([784, 100, 50, 1], {"hidden": "gelu"}, ADAM, 200, 4096),
]


class Trainer:
    """One checkout, which trains when it is asked to."""

    def __init__(self, checkout: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603 (our own file)
            [sys.executable, os.path.abspath(__file__), "--serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.path.abspath(checkout)},
        )

    def ask(self, message: Any) -> Any:
        """Return its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(message), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())


def serve() -> None:
    """Answer a job with True when it is ready, and null with milliseconds a step."""
    import numpy as np

    import gpunet
    from gpunet.training.loop import Training

    train, _ = gpunet.datasets.load("mnist58")
    X, _ = train.arrays("float32")
    training: Any = None
    for line in sys.stdin:
        job = json.loads(line)
        if job is not None:
            sizes, settings, optimizer, batch, n = job
            classes = sizes[-1]
            if classes > 1:
                settings |= {"output": "softmax", "loss": "categorical_crossentropy"}
            network = gpunet.Network(sizes, device="cpu", **settings)
            rule = eval(f"gpunet.{optimizer}", {"gpunet": gpunet})  # noqa: S307 (one of JOBS)
            data: tuple[Any, ...] = (train.part(slice(0, n or len(train))),)
            if classes > 1:  # made up, as mnist58 has two
                data = X[:n], np.arange(len(X[:n])) % classes
            training = Training(network, *data, optimizer=rule, batch_size=batch, epochs=1)
            training.advance(1)
            print("true", flush=True)
            continue
        epochs, began = 0, time.perf_counter()
        while time.perf_counter() < began + TURN:
            training.advance(1)
            epochs += 1
        seconds = time.perf_counter() - began
        print(1e3 * seconds / epochs / training.steps_per_epoch, flush=True)


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", help="a checkout")
    parser.add_argument("new", help="another one")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    trainers = [Trainer(options.old), Trainer(options.new)]
    print("network, settings, optimizer, batch: old ms, new ms, new / old (quartiles)")
    for job in JOBS:
        for trainer in trainers:
            trainer.ask(job)
        times: list[list[float]] = [[], []]
        for turn in range(options.rounds):
            for which in (0, 1) if turn % 2 == 0 else (1, 0):
                time.sleep(REST)
                times[which].append(trainers[which].ask(None))
        ratios = [new / old for old, new in zip(*times, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        old, new = (statistics.median(each) for each in times)
        sizes, settings, optimizer, batch, _ = job
        name = f"{'-'.join(map(str, sizes))} {settings or ''} {optimizer}, {batch or 'full'}"
        print(f"{name}: {old:.3g}, {new:.3g}, {middle:.3f} ({low:.3f} to {high:.3f})", flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve"]:
        serve()
    else:
        main()
