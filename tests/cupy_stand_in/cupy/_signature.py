"""What a kernel's text says about its parameters, and what is put in place of its pointers."""

import re
from dataclasses import dataclass

import numpy as np

TYPES = {
    "unsigned char": np.uint8,
    "unsigned short": np.uint16,
    "unsigned int": np.uint32,
    "unsigned long long": np.uint64,
    "long long": np.int64,
    "index": np.int64,  # gpunet's own name
    "int": np.int32,
    "float": np.float32,
    "double": np.float64,
    "bool": np.bool_,
}
_TYPE = "|".join(sorted(TYPES, key=len, reverse=True))
_POINTER = re.compile(rf"\b((?:(?:const|volatile)\s+)*)({_TYPE})\s*\*\s*(\w+)")
_PARAMETER = re.compile(rf"(?:(?:const|volatile)\s+)*({_TYPE})\s*(\*?)\s*(\w+)")
_WAITING = r"__syncthreads|__syncwarp|__\w+_sync"


@dataclass(frozen=True)
class Parameter:
    name: str
    c_type: str
    pointer: bool

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(TYPES[self.c_type])


def _split(text: str, name: str) -> tuple[str, str, str]:
    """Return what stands before the kernel, between its parentheses, and after."""
    found = re.search(rf"__global__\s+void\s+{re.escape(name)}\s*\(([^)]*)\)", text)
    if found is None:
        raise ValueError(f"the text has no kernel {name!r}")
    return text[: found.start()], found[1], text[found.end() :]


def parameters(text: str, name: str) -> list[Parameter]:
    """Return the kernel's parameters in their order."""
    result = []
    for part in _split(text, name)[1].split(","):
        found = _PARAMETER.fullmatch(part.strip())
        if found is None:
            raise ValueError(f"kernel {name}: the stand-in does not understand {part.strip()!r}")
        result.append(Parameter(found[3], found[1], bool(found[2])))
    return result


def checked(text: str) -> str:
    """Return the text with a checked ``Pointer`` for each pointer of a kernel."""
    start = text.index("__global__")
    replaced = _POINTER.sub(lambda m: f"Pointer<{m[1]}{m[2]}> {m[3]}", text[start:])
    return text[:start] + replaced


def threads_wait(text: str, name: str) -> bool:
    """Return whether the kernel's threads wait for each other, by themselves or in a function."""
    before, _, body = _split(text, name)
    waiting = _WAITING
    for function in re.split(r"\b__device__\b", before)[1:]:
        called = re.search(r"(\w+)\s*\(", function)
        if called and re.search(_WAITING, function):
            waiting += f"|{called[1]}"
    return bool(re.search(rf"\b(?:{waiting})\b", body))
