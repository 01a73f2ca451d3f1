"""Comparing two networks to the bit."""

import numpy as np

import gpunet


def host(network: gpunet.Network) -> dict[str, np.ndarray]:
    return {n: network.backend.to_numpy(p) for n, p in network.parameters.items()}


def assert_same_parameters(one: gpunet.Network, other: gpunet.Network) -> None:
    a, b = host(one), host(other)
    for name, x in a.items():
        np.testing.assert_array_equal(x, b[name])
