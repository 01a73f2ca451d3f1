"""Build gpunet/datasets/mnist58.xz from the four original MNIST files."""

from pathlib import Path

import click

from gpunet.datasets.checksums import MNIST_SHA256, checksum_problem
from gpunet.datasets.idx_folder import find_idx, read_idx_folder
from gpunet.datasets.mnist58 import EMBEDDED, pack_mnist58
from gpunet.errors import DataError, GpunetError
from gpunet.files import write_atomically


def build(data_dir: Path, out: Path) -> int:
    """Write the embedded subset to ``out`` and return its size in bytes."""
    train, test = read_idx_folder(data_dir)
    for name, sha256 in MNIST_SHA256.items():
        path = find_idx(data_dir, name.partition("-idx")[0])
        if path is not None and (problem := checksum_problem(path, sha256)):
            raise DataError(f"{path} is not MNIST's file: {problem}. Download it again")
    content = pack_mnist58(train, test)
    write_atomically(out, content)
    return len(content)


@click.command(help=__doc__)
@click.option(
    "--data-dir",
    envvar="GPUNET_DATA_DIR",
    show_envvar=True,
    required=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder with the four files, plain or .gz.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=EMBEDDED,
    help="The file to write; by default the one in the package.",
)
def main(data_dir: Path, out: Path) -> None:
    try:
        size = build(data_dir, out)
    except GpunetError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"wrote {out}: {size} bytes")


if __name__ == "__main__":
    main()
