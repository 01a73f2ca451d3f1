"""A worker that pretends: python fake_worker.py BEHAVIOUR LOSSES NAME."""

import json
import sys
import time
from typing import Any


def answer(behaviour: str, losses: list[float], action: str) -> dict[str, Any]:
    if action == "check":
        return {"losses": [loss * (1.001 if behaviour == "wrong" else 1) for loss in losses]}
    if action == "build":
        return {"epochs": 1, "seconds": 0.01, "before_mb": 10.0}
    if action == "memory":
        return {"peak_mb": 20.0, "device_mb": None}
    assert action == "round"
    if behaviour == "crash":
        print("something terrible happened", file=sys.stderr)
        sys.exit(3)
    if behaviour == "hang":
        time.sleep(60)
    if behaviour == "refuse":
        return {"error": "ValueError: no"}
    return {"seconds": 0.5}


for number, line in enumerate(sys.stdin):
    if sys.argv[1] == "crash later" and number == 3:  # in the second round
        sys.exit(4)
    found = answer(sys.argv[1], json.loads(sys.argv[2]), json.loads(line)["do"])
    print(json.dumps(found), flush=True)
