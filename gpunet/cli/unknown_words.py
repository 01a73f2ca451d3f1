"""Words of a table that a network has not learnt from."""

from __future__ import annotations

import click
import numpy as np

from gpunet.datasets import Dataset
from gpunet.datasets.preparation import Preparation


class UnknownWords:
    """Counts them, column by column, to tell of them once.

    Args:
        preparation: What the network has learnt from, if that was a table.
    """

    def __init__(self, preparation: Preparation | None) -> None:
        columns = preparation.columns if preparation else ()
        self._columns = {i: c for i, c in enumerate(columns) if c.categories is not None}
        self._counts = dict.fromkeys(self._columns, 0)

    def see(self, data: Dataset) -> None:
        """Count those among some rows."""
        for i in self._columns:
            self._counts[i] += int(np.isnan(np.asarray(data.X[:, i])).sum())

    def tell(self, name: str) -> str | None:
        """Tell on standard error, and return, what there were; None if there were none."""
        found = [
            f"{self._columns[i].called} ({count:,})" for i, count in self._counts.items() if count
        ]
        if not found:
            return None
        warning = (
            f"{name}: words that training did not have, or none where it had one in each row, in "
            f"the column {', '.join(found)}; they count as none of its categories"
        )
        click.echo(f"warning: {warning}", err=True)
        return warning
