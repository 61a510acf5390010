"""``python -m wam_xplique``."""

import sys

from .cli import main

sys.exit(main())
