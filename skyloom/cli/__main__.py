"""`python -m skyloom.cli` is `skyloom`."""

import sys

from skyloom.cli import main

sys.exit(main())
