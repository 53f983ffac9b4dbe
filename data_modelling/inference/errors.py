"""Defines the exceptions for bad input that the user can mend. Faults of the program raise other exceptions."""

import struct
import zlib
from collections.abc import Sequence

# Pillow and pydicom raise these for damaged files (seen with Pillow's broken test images and with fuzzed files).
DAMAGED_FILE_ERRORS = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, EOFError),
    *(RuntimeError, AssertionError, MemoryError, struct.error, zlib.error),
)


def join_names(names: Sequence[str]) -> str:
    """Return names as `a`, `a and b` or `a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


class InputError(Exception):
    """An error in the input; the text is one sentence that names the input and says what to do.

    Commands print the text and exit with status 2; the app answers with a problem (an error answer, RFC 9457).
    """


class FieldError(InputError):
    """A wrong value of a form field, csv cell or request parameter; `code` is one of the codes in docs/api.md.

    message: the sentence, with placeholders such as %(frames)s. It is translated before `values` are filled in.
    """

    def __init__(self, field: str, code: str, message: str, **values: object) -> None:
        super().__init__(message % values if values else message)
        self.field = field
        self.code = code
        self.message = message
        self.values = values


class PhotoError(FieldError):
    """An error that says why a photo cannot be read."""

    def __init__(self, code: str, message: str, **values: object) -> None:
        super().__init__("photo", code, message, **values)


class BundleError(InputError):
    """A bundle that is absent, incomplete or altered."""
