"""Print the lowest versions that pyproject.toml declares, as pip's requirements.

python3 .ci/lowest.py EXTRA...      the core dependencies and those of the extras
"""

import re
import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text())["project"]


def lowest(requirements: list[str]) -> set[str]:
    """Return them with == in the place of >=; extras of our own by what they stand for."""
    found = set()
    for requirement in requirements:
        if own := re.fullmatch(rf"{project['name']}\[([\w,]+)\]", requirement):
            for extra in own[1].split(","):
                found |= lowest(project["optional-dependencies"][extra])
        else:
            found.add(requirement.partition(",")[0].replace(">=", "=="))
    return found


wanted = lowest([*project["dependencies"], *(f"{project['name']}[{e}]" for e in sys.argv[1:])])
print(*sorted(wanted), sep="\n")
