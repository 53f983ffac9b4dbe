"""The log, of every process: where it goes and what it leaves out."""

import logging
import traceback
from types import TracebackType

FORMAT = "%(asctime)s %(levelname)s %(message)s"


class Formatter(logging.Formatter):
    """Tells of an exception its class and where it arose; its message may hold what somebody sent."""

    def formatException(  # noqa: N802 - as logging asks for it
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        chain: list[BaseException] = []
        error = ei[1]
        while error is not None and error not in chain:  # one that is raised again may be its own cause
            chain.append(error)
            error = error.__cause__ or error.__context__
        return "\n".join(_told(one) for one in reversed(chain))


def _told(error: BaseException) -> str:
    where = "".join(traceback.format_tb(error.__traceback__))
    return f"Traceback (most recent call last):\n{where}{type(error).__qualname__}"


def start() -> None:
    """Log to standard error from now on."""
    handler = logging.StreamHandler()
    handler.setFormatter(Formatter(FORMAT))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
