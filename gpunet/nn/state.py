"""What a network is apart from the device that it is on: for copies and for Python's pickle.

Model files are something else (gpunet/nn/model_file.py): nothing here reads one, and gpunet itself
never unpickles anything.
"""

from __future__ import annotations

from copy import deepcopy
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from gpunet.backends import Backend, get_backend
from gpunet.errors import GpunetError
from gpunet.nn.mlp import MLP

if TYPE_CHECKING:
    from gpunet.nn.network import Network

N = TypeVar("N", bound="Network")

# What belongs to the device or to a thread, and is made anew.
MADE_ANEW = frozenset({"backend", "mlp", "_evaluated", "_logits", "_training", "_trainer"})


def state_of(network: Network) -> dict[str, Any]:
    """Return all of the network on the host: NumPy arrays, names and numbers.

    "step" is the number of training steps so far, from which dropout goes on; "device" and "xp"
    say where it was.
    """
    mlp, backend = network.mlp, network.backend

    def read() -> dict[str, Any]:
        parameters = {name: backend.to_numpy(x) for name, x in mlp.parameters.items()}
        return {"parameters": parameters, "step": backend.to_numpy(mlp.step)}

    kept = {k: v for k, v in vars(network).items() if k not in MADE_ANEW}
    # Another array library than a device's own is known by its module's name.
    xp = None if backend.name in ("numpy", "cupy") else backend.name
    return {"kept": kept, "device": backend.device, "xp": xp} | mlp.turns.take(read)


def rebuild(network: Network, state: dict[str, Any], backend: Backend) -> None:
    """Make ``network``, which has no attributes yet, what ``state`` says, on a backend."""
    vars(network).update(state["kept"])
    network.start_on(MLP(backend, network.architecture, network.seed))
    for name, host in state["parameters"].items():
        backend.assign(network.mlp.parameters[name], host)
    backend.assign(network.mlp.step, state["step"])


def copied(network: N) -> N:
    """Return a network of the same kind, with arrays of its own on the same backend.

    What else was set on it is copied deeply too.
    """
    copy = object.__new__(type(network))
    state = state_of(network)
    rebuild(copy, state | {"kept": deepcopy(state["kept"])}, network.backend)
    return copy


def backend_of(state: dict[str, Any]) -> Backend:
    """Return the backend that a state was taken from, or the CPU with the reason."""
    device, xp = state["device"], state["xp"]
    try:
        return get_backend(device) if xp is None else get_backend(xp=import_module(xp))
    except (GpunetError, ImportError, TypeError, ValueError) as error:
        backend = get_backend("cpu")
        backend.reason = f"the network was pickled on {xp or device}, which is not here: {error}"
        return backend
