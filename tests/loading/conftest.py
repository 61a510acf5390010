"""The models in files that the command line is tested with."""

from ..cli.conftest import *  # noqa: F403
