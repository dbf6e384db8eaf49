"""`python -m mlwright`: the command line, without its script."""

import sys

from mlwright.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
