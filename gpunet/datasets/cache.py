"""Where downloaded files are kept."""

import os
import sys
from pathlib import Path

from gpunet.errors import FileError


def cache_folder(platform: str = sys.platform) -> Path:
    """Return the user's cache folder for gpunet; it may not exist yet.

    GPUNET_CACHE_DIR, else what the platform has for caches: $XDG_CACHE_HOME/gpunet
    or ~/.cache/gpunet, ~/Library/Caches/gpunet, %LOCALAPPDATA%\\gpunet\\Cache.
    Raises FileError where no home folder can be found.
    """
    if chosen := os.environ.get("GPUNET_CACHE_DIR"):
        return Path(chosen).expanduser()
    if platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "gpunet" / "Cache"
    # The XDG specification says to ignore a relative path.
    if platform not in ("win32", "darwin") and os.path.isabs(
        xdg := os.environ.get("XDG_CACHE_HOME", "")
    ):
        return Path(xdg) / "gpunet"
    try:
        home = Path.home()
    except RuntimeError as error:
        raise FileError(
            f"expected a home folder to keep downloads in, but found none ({error}); "
            "set GPUNET_CACHE_DIR to a folder"
        ) from error
    if platform == "win32":
        return home / "AppData" / "Local" / "gpunet" / "Cache"
    if platform == "darwin":
        return home / "Library" / "Caches" / "gpunet"
    return home / ".cache" / "gpunet"
