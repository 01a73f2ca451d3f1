"""gpunet fetch."""

from __future__ import annotations

import click

from gpunet.cli.data import download_bar
from gpunet.cli.options import Folder, Name, output_options, print_json


@click.command()
@click.argument("name", type=Name(["mnist"]), default="mnist")
@click.option(
    "--data-dir", type=Folder(), help="Where to put it.  [default: the user's cache folder]"
)
@click.option(
    "--mirror",
    "mirrors",
    multiple=True,
    help="Folder to download from; several are tried in turn.  "
    "[default: $GPUNET_MIRRORS, else public ones]",
)
@output_options
def fetch(
    name: str, data_dir: str | None, mirrors: tuple[str, ...], as_json: bool, quiet: bool
) -> None:
    """Download the data set NAME and check it.

    What is there and right is kept, and a broken download goes on where it stopped.
    """
    from gpunet.datasets import fetch_mnist

    with download_bar(quiet or as_json) as report:
        folder = fetch_mnist(data_dir, mirrors or None, report)
    if as_json:
        print_json({"dataset": name, "folder": str(folder)})
    else:
        click.echo(f"{name} is in {folder}, checked")
