"""CuPy's exceptions, with the names, the bases and the texts that it gives them."""


class CUDARuntimeError(RuntimeError):
    """Of cupy_backends.cuda.api.runtime: "name: what CUDA says about it"."""


class OutOfMemoryError(MemoryError):
    """Of cupy.cuda.memory."""

    def __init__(self, size: int, total: int) -> None:
        super().__init__(
            f"Out of memory allocating {size:,} bytes (allocated so far: {total:,} bytes)."
        )


class CompileException(Exception):
    """Of cupy.cuda.compiler: its text is the compiler's log."""


class NotInStandIn(AttributeError):
    """What CuPy has and gpunet does not use."""


def illegal_access(detail: str) -> CUDARuntimeError:
    return CUDARuntimeError(
        f"cudaErrorIllegalAddress: an illegal memory access was encountered ({detail})"
    )


def refused_in_capture(what: str) -> CUDARuntimeError:
    return CUDARuntimeError(
        "cudaErrorStreamCaptureUnsupported: operation not permitted when stream is capturing "
        f"({what})"
    )


def missing(owner: str, name: str) -> NotInStandIn:
    return NotInStandIn(
        f"the stand-in's {owner} has no {name!r}: it has what gpunet uses of CuPy's, so either "
        "this is a mistake or tests/cupy_stand_in is to be extended"
    )
