"""Show the sections `Example:` of docstrings as mkdocstrings shows `Examples:`, highlighted."""

import re
from typing import Any

import griffe


class Examples(griffe.Extension):
    """Rename the heading before docstrings are parsed."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of a module, class, function or attribute."""
        if obj.docstring:
            text = obj.docstring.value
            obj.docstring.value = re.sub(r"^Example:$", "Examples:", text, flags=re.MULTILINE)
