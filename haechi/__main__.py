"""`python -m haechi`."""

import sys

from haechi.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
