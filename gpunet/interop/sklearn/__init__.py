"""scikit-learn's MLPClassifier and MLPRegressor: the same models, by gpunet's passes."""

from gpunet.errors import MissingExtraError

# The first release whose networks weigh their examples.
LOWEST = (1, 7)

_INSTALL = "pip install 'gpunet[sklearn]'"
try:
    import sklearn
except ImportError as error:
    raise MissingExtraError(
        f"MLPClassifier and MLPRegressor need scikit-learn; {_INSTALL}"
    ) from error
if tuple(int(number) for number in sklearn.__version__.split(".")[:2]) < LOWEST:
    raise MissingExtraError(
        f"MLPClassifier and MLPRegressor need scikit-learn {'.'.join(map(str, LOWEST))} or newer, "
        f"not {sklearn.__version__}; {_INSTALL}"
    )

from gpunet.interop.sklearn.classifier import MLPClassifier  # noqa: E402
from gpunet.interop.sklearn.regressor import MLPRegressor  # noqa: E402

__all__ = ["MLPClassifier", "MLPRegressor"]
