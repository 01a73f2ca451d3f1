"""Keeping a trained network, whatever becomes of what is done with it afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from gpunet.cli.run_folder import HISTORY, PICTURES
from gpunet.errors import DivergedError, FileError
from gpunet.nn.model_file import FILE_NAME
from gpunet.nn.network import Network


@contextmanager
def kept(network: Network, folder: Path) -> Iterator[Callable[[], None]]:
    """Provide the function that saves the network in ``folder``.

    Where an error or Ctrl-C ends what is done in this context, the network is saved all the same,
    and it is said where. Only one that has diverged is not worth keeping.
    """
    begun = done = False

    def save() -> None:
        nonlocal begun, done
        begun = True
        _save(network, folder)
        done = True

    try:
        yield save
    except DivergedError:
        raise
    except BaseException:
        if not begun:
            save()
        if done:
            click.echo(f"the trained network is saved in {folder}: {FILE_NAME}", err=True)
        raise


def _save(network: Network, folder: Path) -> None:
    """Save the network, and remove what is left of an earlier run that --force replaces.

    Raises:
        FileError: It could not be saved there, but is in a folder that the message names; or
            nowhere, if that failed too.
    """
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)  # somebody may have removed it meanwhile
    try:
        network.save(folder / FILE_NAME)
    except FileError as error:
        if (elsewhere := _saved_elsewhere(network)) is None:
            raise
        raise FileError(f"{error}. The trained network is in {elsewhere} instead") from error
    for stale in (HISTORY, *PICTURES):
        with suppress(OSError):
            (folder / stale).unlink(missing_ok=True)


def _saved_elsewhere(network: Network) -> Path | None:
    """Save the network where temporary files go; return the file, or None if that fails too."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="gpunet-"))
    except OSError:
        return None
    try:
        network.save(folder / FILE_NAME)
    except FileError:
        with suppress(OSError):
            folder.rmdir()
        return None
    return folder / FILE_NAME
