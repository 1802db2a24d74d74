"""Makes `python -m relay` the same as `ringrelay`."""

import sys

from relay.cli import main

sys.exit(main())
