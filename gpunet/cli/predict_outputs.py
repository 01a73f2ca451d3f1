"""What a network answers, row by row: as text, CSV, JSON lines or Parquet."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, BinaryIO

import click
import numpy as np
from numpy.typing import NDArray

from gpunet.cli.drawn_in_text import drawn_in_text
from gpunet.cli.text import printable
from gpunet.datasets.parquet import PARQUET_SUFFIXES, pyarrow_parquet
from gpunet.errors import ArgumentError
from gpunet.files import written_atomically
from gpunet.nn.network import Network

FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"} | dict.fromkeys(
    PARQUET_SUFFIXES, "parquet"
)
# Rows by which the text's columns are made wide enough.
LOOKED_AT = 4096


@dataclass(frozen=True)
class Answers:
    """What a network says of some rows of a file.

    Attributes:
        name: The file.
        start: The number of the first row, from 0.
        classes: (n, k) names of the most probable classes, the best first; None of a regression.
        numbers: (n, k) their probabilities; or (n, 1), the values.
        pictures: What each row was to the network, (rows, columns) as lists; or none.
    """

    name: str
    start: int
    classes: NDArray | None
    numbers: NDArray
    pictures: tuple[list[list[float]], ...] = ()

    def columns(self) -> dict[str, list[Any]]:
        """Return the columns of a table of answers, by name."""
        n, k = self.numbers.shape
        found: dict[str, list[Any]] = {
            "input": [self.name] * n,
            "row": list(range(self.start, self.start + n)),
        }
        if self.classes is None:
            return found | {"value": self.numbers[:, 0].tolist()}
        for i in range(k):
            more = f"_{i + 1}" if i else ""
            found["class" + more] = self.classes[:, i].tolist()
            found["probability" + more] = self.numbers[:, i].tolist()
        return found

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield one object a row; of several classes a list, the best first, under "top"."""
        columns = self.columns()
        names = [name for name in columns if name in ("input", "row", "class", "probability")]
        names += [name for name in ("value",) if name in columns]
        for i, row in enumerate(zip(*(columns[name] for name in names), strict=True)):
            answer = dict(zip(names, row, strict=True))
            if self.classes is not None and self.numbers.shape[1] > 1:
                pairs = zip(self.classes[i].tolist(), self.numbers[i].tolist(), strict=True)
                answer["top"] = [{"class": name, "probability": p} for name, p in pairs]
            if self.pictures:
                answer["picture"] = self.pictures[i]
            yield answer


def answers(network: Network, name: str, start: int, data: Any, top: int) -> Answers:
    """Return what the network says of the rows of a piece; the ``top`` most probable classes.

    Raises:
        DataError: The rows do not fit the network.
    """
    if not network.classifies:
        return Answers(name, start, None, np.asarray(network.predict(data)).reshape(len(data), -1))
    A = network.probabilities(data)
    known = network.input_format.classes or tuple(str(k) for k in range(A.shape[1]))
    best = np.argsort(-A, axis=1, kind="stable")[:, :top]
    return Answers(name, start, np.array(known)[best], np.take_along_axis(A, best, axis=1))


def format_of(out: str | None, wanted: str | None) -> str:
    """Return the format to write; raises ArgumentError for a file that has none."""
    if out is None:
        if wanted == "parquet":
            raise ArgumentError("Parquet is for a file; name one with --out FILE.parquet")
        return wanted or "text"
    suffix = Path(out).suffix.lower()
    if wanted is None and suffix not in FORMATS:
        raise ArgumentError(
            f"--out {out}: expected a file that ends in {', '.join(FORMATS)}, or a --format"
        )
    chosen = wanted or FORMATS[suffix]
    if chosen == "parquet":
        pyarrow_parquet()  # found out before anything is computed
    return chosen


def write(found: Iterable[Answers], out: str | None, format: str) -> int:
    """Write the answers as they come, to a file (all of it or nothing) or to standard output.

    Returns:
        How many rows there were.

    Raises:
        FileError: The file cannot be written.
    """
    counter = _Counter(found)
    with ExitStack() as stack:
        binary: BinaryIO | None = None
        text: IO[str] = sys.stdout
        if out is not None:
            binary = stack.enter_context(written_atomically(out))
            if format != "parquet":
                text = TextIOWrapper(binary, encoding="utf-8", newline="", write_through=True)
                stack.callback(text.detach)
        if format == "parquet":
            assert binary is not None
            _write_parquet(counter, binary)
        else:
            {"csv": _write_csv, "jsonl": _write_jsonl, "text": _write_text}[format](counter, text)
    return counter.rows


class _Counter:
    """Answers, counted as they pass."""

    def __init__(self, found: Iterable[Answers]) -> None:
        self._found, self.rows = found, 0

    def __iter__(self) -> Iterator[Answers]:
        for some in self._found:
            self.rows += len(some.numbers)
            yield some


def _write_csv(found: Iterable[Answers], file: IO[str]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    for i, some in enumerate(found):
        columns = some.columns()
        if not i:
            writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def _write_jsonl(found: Iterable[Answers], file: IO[str]) -> None:
    for some in found:
        lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) for row in some.rows())
        file.writelines(f"{line}\n" for line in lines)


def _write_parquet(found: Iterable[Answers], file: BinaryIO) -> None:
    import pyarrow

    writer = None
    for some in found:
        table = pyarrow.table(some.columns())
        if writer is None:
            writer = pyarrow_parquet().ParquetWriter(file, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _write_text(found: Iterable[Answers], file: IO[str]) -> None:
    lines = (_line(row) for some in found for row in some.rows())
    first = list(islice(lines, LOOKED_AT))
    width = max((len(label) for label, _, _ in first), default=0)
    for label, answer, picture in chain(first, lines):
        if picture is not None:
            click.echo(drawn_in_text(picture), file=file)
        click.echo(f"{label:<{width}}  {answer}", file=file)


def _line(row: dict[str, Any]) -> tuple[str, str, list[list[float]] | None]:
    label, picture = f"{row['input']}[{row['row']}]", row.get("picture")
    if "value" in row:
        return label, f"{row['value']:.6g}", picture
    pairs = row.get("top", [row])
    text = "  ".join(f"{printable(p['class'])}  {p['probability']:.4f}" for p in pairs)
    return label, text, picture
