"""cupy.cuda.nvrtc: which version it would be."""


def getVersion() -> tuple[int, int]:  # noqa: N802
    return 13, 2
