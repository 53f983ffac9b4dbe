"""The formats of the log, text or JSON; both leave out the messages of exceptions."""

import logging
import traceback
from types import TracebackType

from pythonjsonlogger.json import JsonFormatter

FORMAT = "%(asctime)s %(levelname)s %(message)s"
TEXT_FORMAT, JSON_FORMAT = LOG_FORMATS = ("text", "json")


class QuietExceptions:
    """Write an exception's class and its place in the code, but not its message, which may quote a request."""

    def formatException(  # noqa: N802 - the name in logging
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        chain: list[BaseException] = []
        error = ei[1]
        while error is not None and error not in chain:  # an error raised again may be its own cause
            chain.append(error)
            error = error.__cause__ or error.__context__
        places = [("".join(traceback.format_tb(error.__traceback__)), error) for error in reversed(chain)]
        return "\n".join(
            f"Traceback (most recent call last):\n{lines}{type(error).__qualname__}"
            for lines, error in places
        )


class Formatter(QuietExceptions, logging.Formatter):
    """Write a record as a line of text."""


class JsonLines(QuietExceptions, JsonFormatter):
    """Write a record as a line of JSON: time, level, logger, message and the record's own fields."""

    def __init__(self) -> None:
        super().__init__(
            "%(levelname)s %(name)s %(message)s",
            rename_fields={"levelname": "level", "name": "logger", "exc_info": "exception"},
            timestamp="time",
        )


def log_formatter(log_format: str) -> logging.Formatter:
    """Return the formatter of a log format, "text" or "json"."""
    return JsonLines() if log_format == JSON_FORMAT else Formatter(FORMAT)


def start_logging(log_format: str = TEXT_FORMAT) -> None:
    """Start to log to standard error, in the format "text" or "json"."""
    handler = logging.StreamHandler()
    handler.setFormatter(log_formatter(log_format))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
