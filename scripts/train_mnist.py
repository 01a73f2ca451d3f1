"""Train 784-196-1 on the MNIST digits 5 and 8: gpunet's whole job in one page.

python scripts/train_mnist.py                        mini-batches, a few seconds
python scripts/train_mnist.py --batch-size 0 --learning-rate 0.1 --momentum 0 --epochs 1000
                                                     the tutorial's full-batch run
"""

import json
import sys
from pathlib import Path

import click

import gpunet
from gpunet.cli.main import INTERRUPTED_STATUS, run
from gpunet.cli.run_folder import writable
from gpunet.cli.train_options import Layers
from gpunet.streams import protect_standard_streams
from gpunet.training.progress import Progress


@click.command()
@click.option("--hidden", type=Layers(), default="196", show_default=True, help="Or 392,196,98.")
@click.option("--activation", default="sigmoid", show_default=True)
@click.option("--learning-rate", default=0.1, show_default=True)
@click.option("--momentum", default=0.9, show_default=True)
@click.option("--batch-size", default=32, show_default=True, help="0 for all examples at once.")
@click.option("--epochs", default=8, show_default=True)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--dtype", default="float32", show_default=True, help="float32 or float64.")
@click.option("--seed", default=0, show_default=True)
@click.option("--save", type=click.Path(dir_okay=False), help="Write the model to this file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks.")
def main(
    hidden: list[int],
    activation: str,
    learning_rate: float,
    momentum: float,
    batch_size: int,
    epochs: int,
    device: str,
    dtype: str,
    seed: int,
    save: str | None,
    as_json: bool,
) -> None:
    """Train a network on the MNIST digits 5 and 8, which come with gpunet."""
    if save:
        writable(Path(save).parent, "--save")  # found out before training, not after
    train, test = gpunet.datasets.load("mnist58")  # uint8 images (n, 784), labels 0 and 1

    net = gpunet.Network(
        [784, *hidden, 1], hidden=activation, device=device, dtype=dtype, seed=seed
    )
    if not as_json:
        click.echo(f"{net.backend.describe()}  {net.backend.reason}", err=True)

    history = gpunet.fit(
        net,
        train,
        optimizer=gpunet.SGD(learning_rate, momentum),
        epochs=epochs,
        batch_size=batch_size or None,
        callbacks=[] if as_json else [Progress()],
    )

    if save:
        net.save(save)
    result = {
        "train_accuracy": net.evaluate(train)["accuracy"],
        "test_accuracy": net.evaluate(test)["accuracy"],
        "loss": history.loss[-1],
        "epochs": history.epochs,
        "steps": history.steps,
        "seconds": history.seconds,
        "device": net.backend.device,
        "dtype": dtype,
        "seed": seed,
    }
    if as_json:
        click.echo(json.dumps(result))
    else:
        click.echo(f"test accuracy {result['test_accuracy']:.2%} in {history.seconds:.1f} s")
    if history.stopped:  # by Ctrl-C: what was learnt is saved, but it is no complete run
        click.get_current_context().exit(INTERRUPTED_STATUS)


if __name__ == "__main__":
    protect_standard_streams()
    # gpunet's own ending for errors: a sentence and an exit status instead of a traceback.
    sys.exit(run(sys.argv[1:], main, "train_mnist.py"))
