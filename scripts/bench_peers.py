"""The full benchmark against all libraries: one JSON file, and its tables in Markdown.

pip install '.[bench]'
python scripts/bench_peers.py                       writes bench.json and bench.md
python scripts/bench_peers.py --from bench.json     writes bench.md again, without measuring
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from gpunet.bench.job import parse_network  # noqa: E402 (found in the checkout)
from gpunet.bench.registry import PEERS  # noqa: E402
from gpunet.bench.report import Settings, run  # noqa: E402
from gpunet.bench.tables import markdown  # noqa: E402
from gpunet.cli.main import run as run_command  # noqa: E402
from gpunet.files import write_atomically  # noqa: E402

NETWORKS = ("784-196-1", "784-196-10", "784-2048-2048-10")
BATCHES = (32, 128, 512, 1024, None)
TARGET = 0.98


def measure(device: str, data_dir: str | None, networks: list[str]) -> dict[str, Any]:
    """Run all parts; libraries that are not installed are listed with their remedy."""
    from gpunet.backends import get_backend

    # The workers have to find this checkout, too.
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))
    )
    everything = Settings(
        tuple(map(parse_network, networks)),
        BATCHES,
        tuple(PEERS),
        data_dir=data_dir,
        to_accuracy=TARGET,
        scaling=True,
    )
    return run(everything, get_backend(device), lambda text: click.echo(text, err=True))


@click.command()
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--network", "networks", multiple=True, default=NETWORKS, show_default=True, help="Only these."
)
@click.option("--data-dir", type=click.Path(exists=True), help="Folder with MNIST's ten digits.")
@click.option("--from", "source", type=click.Path(exists=True), help="Only make tables of this.")
@click.option("--json", "json_path", default="bench.json", show_default=True, type=click.Path())
@click.option("--markdown", "page", default="bench.md", show_default=True, type=click.Path())
@click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks.")
def main(
    device: str,
    networks: tuple[str, ...],
    data_dir: str | None,
    source: str | None,
    json_path: str,
    page: str,
) -> None:
    """Compare gpunet with all other libraries, and write the figures down."""
    if source is None:
        report = measure(device, data_dir, list(networks))
        write_atomically(json_path, json.dumps(report, indent=1, allow_nan=False) + "\n")
    else:
        report = json.loads(Path(source).read_text(encoding="utf-8"))
    write_atomically(page, markdown(report))
    click.echo(f"the tables are in {page}" + ("" if source else f", the figures in {json_path}"))


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:], main, "bench_peers.py"))
