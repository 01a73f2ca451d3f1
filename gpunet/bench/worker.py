"""A process that trains with one library when it is told to, and sleeps in between.

python -m gpunet.bench.worker NAME      NAME: a key of registry.ENTRIES

It reads one JSON object a line, {"do": NAME OF AN ACTION, ...}, and answers each with one, which
has the key "error" if something went wrong. It ends when its input does, in the middle of a request
too: whoever asked has died, and a GPU's memory is not to be kept for nobody.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import threading
import time
import warnings
from math import ceil
from typing import Any

from gpunet.bench.job import CHECK_EPOCHS, Job
from gpunet.bench.peers.base import Peer
from gpunet.bench.peers.products import Products
from gpunet.bench.process import ENDING_SECONDS
from gpunet.bench.registry import ENTRIES

WARM_UP_SECONDS = 0.1
# Epochs that last longer than this are not preceded by one for warming up: it is 1 % of them.
LONG_EPOCH = 1.0


class Actions:
    """What a worker can be told to do; each action returns its answer."""

    def __init__(self, name: str) -> None:
        self.entry = ENTRIES[name]
        self.peer: Peer | None = None
        self.warm_up = self.epochs = 1

    def check(self, job: dict[str, Any]) -> dict[str, Any]:
        """Train on the check's examples, from the start: {"losses": [...]}."""
        return {"losses": self.entry.create(Job.from_dict(job)).train(CHECK_EPOCHS)}

    def build(self, job: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Set up for timing; find out how many epochs last for about so many seconds."""
        before = peak_memory()
        self.peer = self.entry.create(Job.from_dict(job))
        self.peer.train(2)  # compiles, allocates; at the second time captures
        epoch = self.peer.seconds(1)
        while self.epochs * epoch < seconds / 4:
            self.epochs *= 2
            epoch = self.peer.seconds(self.epochs)
        self.epochs = max(1, round(seconds / epoch))
        self.warm_up = 0 if epoch > LONG_EPOCH else ceil(WARM_UP_SECONDS / epoch)
        return {
            "epochs": self.epochs,
            "seconds": epoch * (self.epochs + self.warm_up),
            "before_mb": before,
        }

    def round(self) -> dict[str, Any]:
        """Warm up, then train for the epochs of one round: {"seconds": how long one took}."""
        assert self.peer is not None
        if self.warm_up:
            self.peer.train(self.warm_up)
        return {"seconds": self.peer.seconds(self.epochs)}

    def memory(self) -> dict[str, Any]:
        """Return the most memory held so far, in MB: the process's, and the device's or None."""
        return {
            "peak_mb": peak_memory(),
            "device_mb": self.peer.device_peak() if self.peer else None,
        }

    def copy_bandwidth(self, job: dict[str, Any]) -> dict[str, Any]:
        """Return {"gb_per_s": ...}; for the products only."""
        peer = self.entry.create(Job.from_dict(job))
        assert isinstance(peer, Products)
        return {"gb_per_s": peer.copy_bandwidth()}

    def learn(self, job: dict[str, Any], target: float, epochs: int) -> dict[str, Any]:
        """Train until the test accuracy is ``target``: {"accuracy", "epochs", "reached"}."""
        task = Job.from_dict(job)
        peer, test = self.entry.create(task), task.test()
        accuracy, epoch = 0.0, 0
        while accuracy < target and epoch < epochs:
            peer.train(1)
            epoch += 1
            accuracy = float((peer.classes(test.X) == test.y).mean())
        return {"accuracy": accuracy, "epochs": epoch, "reached": accuracy >= target}


def peak_memory() -> float | None:
    """Return the most memory that this process has held, in MB; None where it cannot be told."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def end_with_parent() -> None:
    """Watch for the end of standard input, and end the process group a little later.

    A worker that is idle sees that end by itself, and is gone before.
    """
    if not hasattr(select, "poll"):  # Windows
        return
    hung_up = select.poll()
    hung_up.register(sys.stdin.fileno(), select.POLLHUP)

    def watch() -> None:
        hung_up.poll()
        time.sleep(ENDING_SECONDS)
        if os.getpgrp() == os.getpid():  # then whatever it has started is in its group
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main(arguments: list[str]) -> None:
    """Answer requests until there are no more."""
    end_with_parent()
    # Libraries print things: standard output is kept for answers, theirs goes to standard error.
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        warnings.simplefilter("ignore")
        actions = Actions(arguments[0])
        for line in sys.stdin:
            request = json.loads(line)
            try:
                answer = getattr(actions, request.pop("do"))(**request)
            except Exception as error:  # whatever a library raises is its result
                answer = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
