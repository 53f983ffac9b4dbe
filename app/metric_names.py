"""Names of the keys in a bundle's files that pages show; a key without a name is shown and marked as English."""

from __future__ import annotations

from markupsafe import Markup


class UntranslatedText(str):
    """Hold text of a bundle's files for which there is no message."""

    __slots__ = ()


def plain_name(key: str) -> UntranslatedText:
    """Return the text for a key that has no name, with spaces for its underscores."""
    return UntranslatedText(key.replace("_", " ").capitalize())


def in_its_language(text: str) -> str:
    """Return text for a page; text without a translation is marked as English."""
    return Markup('<span lang="en">{}</span>').format(text) if isinstance(text, UntranslatedText) else text
