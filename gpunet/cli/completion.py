"""Names that a shell completes beside those of options: of data sets, examples and devices."""

from __future__ import annotations

from typing import Any

import click
from click.shell_completion import CompletionItem


class DataSet(click.ParamType):
    """A data set's name, or a path."""

    name = "NAME|PATH"

    def shell_complete(self, ctx: Any, param: Any, incomplete: str) -> list[CompletionItem]:
        """Return the names that begin so, and files."""
        from gpunet.datasets.registry import names

        return [*_beginning(names(), incomplete), CompletionItem(incomplete, type="file")]


class ExampleName(click.ParamType):
    """A worked example's name, or all."""

    name = "NAME"

    def shell_complete(self, ctx: Any, param: Any, incomplete: str) -> list[CompletionItem]:
        """Return the names that begin so."""
        from gpunet.examples import EXAMPLES

        return _beginning(("all", *EXAMPLES), incomplete)


class Device(click.ParamType):
    """Where to compute."""

    name = "auto|cpu|cuda|cuda:N"

    def shell_complete(self, ctx: Any, param: Any, incomplete: str) -> list[CompletionItem]:
        """Return the kinds; asking which GPUs there are would take seconds."""
        return _beginning(("auto", "cpu", "cuda"), incomplete)


def _beginning(names: Any, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
