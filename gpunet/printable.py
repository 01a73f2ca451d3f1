"""Words of a file on their way to a terminal."""


def printable(text: str) -> str:
    r"""Return the text with all that could steer a terminal spelled out: ``\x1b[31m``, ``\n``."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
