"""Entry point of the command line: ``gpunet`` and ``python -m gpunet``."""

import sys

from gpunet.streams import protect_standard_streams


def main() -> None:
    """Run the command line and exit with its status."""
    protect_standard_streams()
    try:
        from gpunet.cli.main import run

        status = run(sys.argv[1:])
    except KeyboardInterrupt:  # while the imports were still going on
        status = 130
    sys.exit(status)


if __name__ == "__main__":
    main()
