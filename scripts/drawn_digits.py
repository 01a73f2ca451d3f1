#!/usr/bin/env python
"""How well `gpunet predict` reads digits as people draw them.

Draws digits with Pillow in several styles, and puts real test digits on larger canvases; then asks
a trained model for each style, and prints the share that is right. A picture that is refused
counts as wrong. See docs/drawn-digits.md.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from math import cos, pi, sin
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image, ImageDraw

from gpunet import datasets

Point = tuple[float, float]
BLACK, WHITE = (0, 0, 0), (255, 255, 255)


def arc(x: float, y: float, rx: float, ry: float, start: float, stop: float) -> list[Point]:
    """Return points of an ellipse, from one angle to another in degrees; 0 is right, 90 down."""
    angles = np.linspace(start, stop, 24) * pi / 180
    return [(x + rx * cos(a), y + ry * sin(a)) for a in angles]


# The strokes of each digit in a box of 1 by 1.6, from its upper left corner.
DIGITS: dict[str, list[list[Point]]] = {
    "0": [arc(0.5, 0.8, 0.48, 0.8, -90, 270)],
    "1": [[(0.3, 0.25), (0.55, 0.0), (0.55, 1.6)]],
    "2": [[*arc(0.5, 0.42, 0.46, 0.42, 190, 395), (0.05, 1.58), (1.0, 1.58)]],
    "3": [[*arc(0.45, 0.4, 0.45, 0.4, 200, 440), *arc(0.45, 1.18, 0.5, 0.42, 280, 520)]],
    "4": [[(0.65, 0.0), (0.0, 1.05), (1.0, 1.05)], [(0.72, 0.55), (0.72, 1.6)]],
    "5": [
        [(0.92, 0.0), (0.15, 0.0), (0.1, 0.7), *arc(0.45, 1.08, 0.5, 0.5, 240, 510)],
    ],
    "6": [[(0.8, 0.02), (0.35, 0.45), *arc(0.5, 1.12, 0.45, 0.46, 190, 560)]],
    "7": [[(0.0, 0.0), (0.95, 0.0), (0.4, 1.6)]],
    "8": [[*arc(0.5, 0.38, 0.36, 0.38, 80, -260), *arc(0.5, 1.18, 0.45, 0.42, -95, 265)]],
    "9": [[*arc(0.5, 0.45, 0.42, 0.44, 0, 360), (0.9, 0.5), (0.75, 1.6)]],
}


def strokes(digit: str, height: float, random: np.random.Generator) -> list[list[Point]]:
    """Return a digit's strokes so high, leaning and wobbling as a hand's do, from (0, 0) on."""
    lean, wide = random.normal(0, 0.12), random.uniform(0.85, 1.15)
    phase, wobble = random.uniform(0, 2 * pi, 2), random.uniform(0, 0.03)
    points = [
        [
            (
                wide * x - lean * y + wobble * sin(5 * y + phase[0]),
                y + wobble * sin(5 * x + phase[1]),
            )
            for x, y in stroke
        ]
        for stroke in DIGITS[digit]
    ]
    every = np.array([p for stroke in points for p in stroke])
    left, top = every.min(axis=0)
    unit = height / np.ptp(every[:, 1])
    return [[((x - left) * unit, (y - top) * unit) for x, y in stroke] for stroke in points]


def draw(
    digit: str,
    random: np.random.Generator,
    *,
    canvas: tuple[int, int] = (280, 280),
    height: float = 180,
    pen: float = 0.1,
    ink: Any = WHITE,
    paper: Any = BLACK,
    centred: bool = True,
) -> Image.Image:
    """Draw a digit; ``pen`` is the stroke's width as a share of the height."""
    lines = strokes(digit, height, random)
    wide, high = np.array([p for stroke in lines for p in stroke]).max(axis=0)
    width = max(1, round(pen * height))
    room = np.array(canvas) - (wide, high) - 2 * width
    corner = (0.5 if centred else random.uniform(0, 1, 2)) * room + width
    image = Image.new("RGBA" if len(paper) == 4 else "RGB", canvas, paper)
    pencil = ImageDraw.Draw(image)
    for stroke in lines:
        moved = [(x + corner[0], y + corner[1]) for x, y in stroke]
        pencil.line(moved, fill=ink, width=width, joint="curve")
        for x, y in (moved[0], moved[-1]):
            r = width / 2
            pencil.ellipse((x - r, y - r, x + r, y + r), fill=ink)
    return image


def lit(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """Let a lamp stand at one side, and the paper and the camera have some grain."""
    pixels = np.asarray(image, np.float64)
    rows, columns = pixels.shape[:2]
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    angle = random.uniform(0, 2 * pi)
    light = 0.78 + 0.2 * (cos(angle) * x + sin(angle) * y) / 1.42
    grain = random.normal(0, 5, pixels.shape)
    return Image.fromarray((pixels * light[..., None] + grain).clip(0, 255).astype(np.uint8))


def photo(digit: str, random: np.random.Generator) -> Image.Image:
    """A ballpoint's digit on paper, photographed under a lamp."""
    ink, paper, canvas = (40, 45, 90), (235, 232, 220), (640, 480)
    written = draw(
        digit, random, canvas=canvas, height=200, pen=0.05, ink=ink, paper=paper, centred=False
    )
    return lit(written, random)


DRAWN: dict[str, Callable[[str, np.random.Generator], Image.Image]] = {
    "light on dark": draw,
    "thick": lambda d, r: draw(d, r, pen=0.2),
    "thin": lambda d, r: draw(d, r, pen=0.015),
    "off centre": lambda d, r: draw(d, r, height=110, centred=False),
    "large canvas": lambda d, r: draw(d, r, canvas=(1200, 900), height=150, centred=False),
    "dark on light": lambda d, r: draw(d, r, ink=BLACK, paper=WHITE),
    "dark on light, thin, off centre": lambda d, r: draw(
        d, r, ink=BLACK, paper=WHITE, pen=0.02, height=120, centred=False
    ),
    "transparent, dark strokes": lambda d, r: draw(d, r, ink=(0, 0, 0, 255), paper=(0, 0, 0, 0)),
    "transparent, light strokes": lambda d, r: draw(
        d, r, ink=(255, 255, 255, 255), paper=(255, 255, 255, 0)
    ),
    "blue on yellow": lambda d, r: draw(d, r, ink=(20, 40, 160), paper=(250, 220, 90)),
    "red on green": lambda d, r: draw(d, r, ink=(200, 40, 40), paper=(60, 130, 60)),
    "photo of paper": photo,
}


def real(
    pixels: np.ndarray, random: np.random.Generator, dark: bool, canvas: tuple[int, int]
) -> Image.Image:
    """Put a digit of 28 by 28 on a larger canvas, enlarged, somewhere."""
    grown = Image.fromarray(pixels).resize((28 * 5, 28 * 5), Image.Resampling.BICUBIC)
    image = Image.new("L", canvas, 0)
    left, top = (int(random.integers(0, room - 28 * 5 + 1)) for room in canvas)
    image.paste(grown, (left, top))
    return Image.fromarray(255 - np.asarray(image)) if dark else image


REAL = {
    "28 x 28": lambda p, r: Image.fromarray(p),
    "28 x 28, dark on light": lambda p, r: Image.fromarray(255 - p),
    "enlarged to 140 x 140": lambda p, r: real(p, r, False, (140, 140)),
    "on 400 x 300": lambda p, r: real(p, r, False, (400, 300)),
    "on 400 x 300, dark on light": lambda p, r: real(p, r, True, (400, 300)),
    "the same, lit from one side": lambda p, r: lit(real(p, r, True, (400, 300)).convert("RGB"), r),
}


def answers(program: str, model: str, files: list[Path], options: list[str]) -> list[str]:
    """Return the class of each file; "" where it was refused."""
    command = [program, "predict", "--model", model, "--device", "cpu", "--json", *options]
    done = subprocess.run(  # noqa: S603 (our own command)
        [*command, *map(str, files)], check=False, capture_output=True, text=True
    )
    if done.returncode == 0:
        found = {row["input"]: row["class"] for row in json.loads(done.stdout)["predictions"]}
        return [found[str(file)] for file in files]
    if len(files) == 1:
        return [""]
    half = len(files) // 2
    return [
        *answers(program, model, files[:half], options),
        *answers(program, model, files[half:], options),
    ]


@click.command()
@click.option("--model", required=True, help="What `gpunet train` has saved.")
@click.option("--program", default=str(Path(sys.executable).parent / "gpunet"), show_default=True)
@click.option("--data-dir", help="Folder with MNIST, for a model of all ten digits.")
@click.option("--each", default=10, show_default=True, help="Pictures of each digit and style.")
@click.option("--part", type=click.Choice(["drawn", "real"]), help="[default: both]")
@click.option("--options", default="", help="More for gpunet predict, such as --invert.")
@click.option("--keep", type=click.Path(), help="Folder to leave the pictures in.")
def main(
    model: str,
    program: str,
    data_dir: str | None,
    each: int,
    part: str | None,
    options: str,
    keep: str | None,
) -> None:
    """Print the share of digits that are read rightly, a style each."""
    name = "mnist" if data_dir else "mnist58"
    test = datasets.load(name, data_dir=data_dir)[1]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(keep or scratch)
        for title, styles in (("drawn with Pillow", DRAWN), ("real test digits", REAL)):
            if part is not None and part not in title:
                continue
            right = total = 0
            print(f"{title}:")
            for number, (style, make) in enumerate(styles.items()):
                random = np.random.default_rng(number)
                place = folder / f"{title}/{style}".replace(",", "").replace(" ", "-")
                place.mkdir(parents=True, exist_ok=True)
                files, truth = [], []
                for k, digit in enumerate(test.classes):
                    rows = np.flatnonzero(test.y == k)[:each]
                    for i in range(each):
                        pixels = test.X[rows[i]].reshape(28, 28)
                        image = make(digit if styles is DRAWN else pixels, random)
                        # Cameras write JPEG.
                        suffix = "jpg" if style.startswith("photo") else "png"
                        files.append(place / f"{digit}-{i}.{suffix}")
                        image.save(files[-1])
                        truth.append(digit)
                found = answers(program, model, files, options.split())
                hits = sum(a == b for a, b in zip(found, truth, strict=True))
                refused = f"  ({found.count('')} refused)" if "" in found else ""
                print(f"  {style:<34} {hits / len(truth):6.1%}{refused}", flush=True)
                right, total = right + hits, total + len(truth)
            print(f"  {'all':<34} {right / total:6.1%} of {total}")


if __name__ == "__main__":
    main()
