"""`python -m hocket` is the same as `hocket`."""

import sys

from hocket.cli import main

sys.exit(main())
