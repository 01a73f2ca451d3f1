"""What a table goes through before it enters a network, and how its columns are found again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpunet.datasets.preparation.column import Column, Target
from gpunet.errors import DataError, did_you_mean

# Rows that are prepared at a time: what is computed in between stays small.
ROWS = 4096


@dataclass(frozen=True)
class Preparation:
    """Learnt from the training rows of a table; what is stored in a Dataset stays as it was.

    A Dataset's X holds a number where the table has one, NaN where it is missing, and for a word
    its place among the column's categories (NaN for one that is none of them).

    Attributes:
        columns: Those that become features, in this order; none where X is taken as it is.
        width: How many columns the table had.
        target_name, target_position: What its label column was called ("" without a header), and
            where it was.
        target: Of a regression, how its values are standardised.
    """

    columns: tuple[Column, ...] = ()
    width: int = 0
    target_name: str = ""
    target_position: int = 0
    target: Target | None = None

    @property
    def features(self) -> int:
        """How many inputs a network needs."""
        return sum(column.features for column in self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names; none if the table had no header."""
        names = tuple(column.name for column in self.columns)
        return names if any(names) else ()

    def apply(self, X: NDArray) -> NDArray:
        """Return features, float64 (n, features), for stored rows X (n, columns).

        Raises:
            DataError: X has another number of columns.
        """
        X = np.asarray(X)
        if X.ndim != 2 or X.shape[1] != len(self.columns):
            raise DataError(
                f"expected a table of {len(self.columns)} columns, as the network has learnt from; "
                f"got shape {X.shape}"
            )
        prepared = np.empty((len(X), self.features))
        for start in range(0, len(X), ROWS):
            rows = slice(start, start + ROWS)
            first = 0
            for i, column in enumerate(self.columns):
                last = first + column.features
                prepared[rows, first:last] = column.features_of(X[rows, i])
                first = last
        return prepared

    def stored(self, X: NDArray, columns: Sequence[Column], table: str) -> NDArray:
        """Return rows of another table as a Dataset stores them: see the class.

        Args:
            X: (n, columns) numbers, NaN where missing; for words, their places in the categories.
            columns: The other table's, with all their words as categories.
            table: What messages call it.

        Raises:
            DataError: A column is missing, or holds words instead of numbers.
        """
        names = [column.name for column in columns]
        at = self.positions(names if any(names) else (), len(names), table)
        kept = [
            column.stored(X[:, i], columns[i].categories, table)
            for i, column in zip(at, self.columns, strict=True)
        ]
        return np.column_stack(kept)

    def same_columns(self, other: Preparation) -> bool:
        """Return whether the stored rows of both mean the same: numbers and codes alike."""

        def what(preparation: Preparation) -> list[Any]:
            return [(column.name, column.categories) for column in preparation.columns]

        return what(self) == what(other)

    def positions(self, names: Sequence[str], width: int, table: str) -> list[int]:
        """Return where in another table the columns are: by name, or else as in training.

        Args:
            names: The other table's; none if it has no header.
            width: How many columns it has.
            table: What messages call it.

        Raises:
            DataError: Some are missing, or it is not clear which are meant.
        """
        if names and self.names:
            return self._by_name(names, table)
        if width == self.width and (not names or width > len(self.columns)):
            return [column.position for column in self.columns]
        if width == len(self.columns):  # the same without the label
            return list(range(width))
        expected = f"{len(self.columns)}" + f" or, with the label, {self.width}" * (self.width > 0)
        raise DataError(
            f"{table} has {width} columns; the network has learnt from {expected}, and without "
            "names on both sides they are taken in their order"
        )

    def _by_name(self, names: Sequence[str], table: str) -> list[int]:
        missing = [name for name in self.names if name not in names]
        if missing:
            hint = did_you_mean(missing[0], [name for name in names if name not in self.names])
            raise DataError(
                f"{table} has no column {', '.join(map(repr, missing[:10]))}"
                f"{', ...' if len(missing) > 10 else ''}{hint}; the network has learnt from the "
                f"columns {', '.join(self.names[:20])}{', ...' if len(self.names) > 20 else ''}"
            )
        for name in self.names:
            if list(names).count(name) > 1:
                raise DataError(f"{table} has several columns called {name!r}; expected one")
        return [list(names).index(name) for name in self.names]

    def to_dict(self) -> dict[str, Any]:
        """Return what ``from_dict`` reads, for JSON."""
        about: dict[str, Any] = {
            "columns": [column.to_dict() for column in self.columns],
            "width": self.width,
            "target_name": self.target_name,
            "target_position": self.target_position,
        }
        return about | ({"target": vars(self.target)} if self.target else {})

    @staticmethod
    def from_dict(about: dict[str, Any]) -> Preparation:
        """Return the preparation; raises KeyError, TypeError or ValueError for anything else."""
        target = about.get("target")
        return Preparation(
            tuple(Column.from_dict(column) for column in about["columns"]),
            int(about["width"]),
            str(about["target_name"]),
            int(about["target_position"]),
            target and Target(str(target["name"]), float(target["mean"]), float(target["scale"])),
        )

    def contradiction(self, features: int, outputs: int) -> str:
        """Return why no network with so many inputs and outputs can have it, else ""."""
        parts: list[Column | Target] = [*self.columns, *([self.target] if self.target else [])]
        for part in parts:
            if problem := part.problem():
                return f"{part.name or 'a column'} is standardised by {problem}"
        if self.columns and self.features != features:
            return f"columns that become {self.features} features for {features} inputs"
        if self.target and outputs != 1:
            return f"one column of values for {outputs} outputs"
        return ""
