"""cupy.cuda.nvrtc: which version it would be."""


def getVersion() -> tuple[int, int]:
    return 13, 2
