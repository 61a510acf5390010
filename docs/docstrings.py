"""What griffe does not read in our docstrings as numpydoc does."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

# "The others are those of ..." ends a list of parameters, and is none of them.
REMARK = re.compile(r"^(The others are .*)", re.MULTILINE)
RETURNS = re.compile(r"^Returns\n-+\n(?:.+\n?|\n(?!\S+\n-))+", re.MULTILINE)
NAME = re.compile(r"^(\w+)$(?=\n )", re.MULTILINE)


class Docstrings(Extension):
    """Brings docstrings into the form that griffe expects."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Tell remarks from parameters, and the names of what is returned from its types."""
        if obj.docstring is not None:
            text = REMARK.sub(r"Notes\n-----\n\1", obj.docstring.value)
            obj.docstring.value = RETURNS.sub(lambda part: NAME.sub(r"\1 :", part[0]), text)
