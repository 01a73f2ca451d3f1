"""scikit-learn's tests of its own networks, from the installed wheel, with ours in their place."""

from importlib import util
from pathlib import Path

import pytest

pytestmark = pytest.mark.filterwarnings("default")

THEIRS = "from sklearn.neural_network import MLPClassifier, MLPRegressor"
spec = util.find_spec("sklearn.neural_network.tests.test_mlp")
assert spec is not None
assert spec.origin is not None
source = Path(spec.origin).read_text()
assert source.count(THEIRS) == 1
exec(  # noqa: S102 (the tests of an installed package)
    compile(
        source.replace(THEIRS, THEIRS.replace("sklearn.neural_network", "gpunet")),
        spec.origin,
        "exec",
    ),
    globals(),
)
# These two are about functions that are private to scikit-learn's implementation.
del globals()["test_gradient"], globals()["test_fit"]


@pytest.fixture
def global_random_seed() -> int:
    """Stand in for the fixture of scikit-learn's own configuration."""
    return 42


def test_there_are_tests() -> None:
    assert sum(name.startswith("test_") for name in globals()) > 40
