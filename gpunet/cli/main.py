"""The command group, and how every error ends."""

from __future__ import annotations

import contextlib
import os
import sys
from importlib import import_module

import click

from gpunet import __version__
from gpunet.cli.text import printable
from gpunet.errors import GpunetError, did_you_mean

# Each command with its help line: a command's module is imported when it runs, not before.
COMMANDS = {
    "train": "Train a network, and save it with its history and pictures.",
    "evaluate": "Measure a saved network on a data set.",
    "predict": "Classify images or the rows of a table with a saved network.",
    "show": "Tell what a saved network is: its layers, what it learnt from, and how well.",
    "reproduce": "Run the worked examples beside their published figures.",
    "doctor": "Find out why the GPU is not used, and what mends it.",
    "verify": "Prove that each device computes what the formulas say.",
    "explain": "Show the text of a training step, and the program made of it.",
    "bench": "Train with gpunet and other libraries side by side, on this machine.",
    "fetch": "Download a data set into the cache folder.",
}

INTERRUPTED_STATUS = 130  # 128 + SIGINT, what shells expect


class LazyGroup(click.Group):
    """A group that knows its commands' names, and imports one when it is wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which one meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        return getattr(import_module(f"gpunet.cli.{cmd_name}"), cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the nearest command for an unknown one."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            ctx.fail(f"unknown command {name!r}{did_you_mean(name, COMMANDS)}; see gpunet --help")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="gpunet %(version)s")
def cli() -> None:
    """Multi-layer perceptrons written from scratch, on NVIDIA GPUs and CPUs."""


def run(arguments: list[str], command: click.Command = cli, name: str = "gpunet") -> int:
    """Run the command line; return its exit status: 0, 1 for a failure, 2 for wrong usage."""
    debug = "--debug" in arguments
    try:
        # A command's own exit status comes back as a value, whatever else as None.
        status = command.main(arguments, prog_name=name, standalone_mode=False)
        return status if isinstance(status, int) else 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return INTERRUPTED_STATUS
    except BrokenPipeError:  # the reader of our output has had enough
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except GpunetError as error:
        if debug:
            raise
        _tell(str(error))
        return error.exit_status
    except OSError as error:  # of a path that can't even be looked up, or of the output
        if debug:
            raise
        what = "write the output" if error.filename is None else f"use {error.filename}"
        _tell(f"cannot {what} ({error.strerror or error})")
        return 1
    except MemoryError as error:
        if debug:
            raise
        _tell(f"out of memory ({error}); try smaller layers or batches")
        return 1
    except Exception as error:  # whatever it is, a user sees a sentence, not a traceback
        if debug:
            raise
        _tell(
            f"{type(error).__name__}: {error}\nThis should not happen; --debug shows where it came "
            "from."
        )
        return 1


def _tell(error: str) -> None:
    """Print an error's message; it may hold words of a file."""
    lines = [printable(line) for line in error.split("\n")]
    click.echo("\n".join([f"error: {lines[0]}", *lines[1:]]), err=True)
