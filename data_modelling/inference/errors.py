"""Bad input that its giver can mend, apart from faults of our own."""


class InputError(Exception):
    """The input is wrong; the text is one sentence that names it and says what to do.

    Commands print the text and exit with status 2; the app answers with a problem.
    """


class PhotoError(InputError):
    """A photo that cannot be read; `code` is one of the codes in the README."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class FieldError(InputError):
    """One form field, csv cell or request parameter with a value that is not accepted."""

    def __init__(self, field: str, code: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.code = code


class BundleError(InputError):
    """A bundle that is absent, incomplete or altered."""
