"""Bad input that its giver can mend, apart from faults of our own."""

import struct
import zlib

# What Pillow and pydicom raise for a damaged file (Pillow's own broken test images and fuzzed ones raise these).
BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    EOFError,
    RuntimeError,
    AssertionError,
    MemoryError,
    struct.error,
    zlib.error,
)


class InputError(Exception):
    """The input is wrong; the text is one sentence that names it and says what to do.

    Commands print the text and exit with status 2; the app answers with a problem.
    """


class PhotoError(InputError):
    """A photo that cannot be read; `code` is one of the codes in the README.

    message: may name values as %(name)s, so that it can be said in other languages too.
    """

    def __init__(self, code: str, message: str, **values: object) -> None:
        super().__init__(message % values if values else message)
        self.code = code
        self.message = message
        self.values = values


class FieldError(InputError):
    """One form field, csv cell or request parameter with a value that is not accepted; message as for PhotoError."""

    def __init__(self, field: str, code: str, message: str, **values: object) -> None:
        super().__init__(message % values if values else message)
        self.field = field
        self.code = code
        self.message = message
        self.values = values


class BundleError(InputError):
    """A bundle that is absent, incomplete or altered."""
