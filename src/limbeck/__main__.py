"""The command `limbeck`, also as `python -m limbeck`."""

import sys


def main() -> None:
    """Load the command line and run it; Ctrl-C while it loads ends with exit code 4 too."""
    try:
        from limbeck.cli import main as command
    except KeyboardInterrupt:
        sys.stderr.write("limbeck: stopped\n")
        sys.exit(4)
    command()


if __name__ == "__main__":
    main()
