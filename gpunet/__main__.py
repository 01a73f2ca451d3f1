"""Entry point of the command line: ``gpunet`` and ``python -m gpunet``."""

import sys


def main() -> None:
    """Run the command line and exit with its status."""
    from gpunet.cli.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
