"""`python -m narrows` is `narrows`."""

from __future__ import annotations

import sys

from narrows.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
