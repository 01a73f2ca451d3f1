"""Entry point of the command line: ``gpunet`` and ``python -m gpunet``."""

import sys


def main() -> None:
    """Run the command line and exit with its status."""
    try:
        from gpunet.cli.main import run

        status = run(sys.argv[1:])
    except KeyboardInterrupt:  # while the imports were still going on
        status = 130
    sys.exit(status)


if __name__ == "__main__":
    main()
