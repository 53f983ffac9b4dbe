"""Photo slots limit memory: a process analyses one or a few photos at a time, some wait, the others are refused."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Semaphore

from flask import Flask, current_app

from app.http.languages import translate as _
from app.http.problems import Problem, problem
from app.settings import Settings

MOST_WAITING = 160  # photos that may wait in all processes together; 160 ordinary files take 40 MB
LONGEST_WAIT = 4.0  # seconds that a photo waits for its turn
RETRY_AFTER = 5  # seconds after which a refused request may be sent again


class PhotoSlots:
    """Limit how many photos are analysed at once, and how many wait. Several threads may use one object."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self._turns = Semaphore(at_once)
        self._places = Semaphore(at_once + waiting)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Wait for a free slot and hold it. Raises a 503 Problem if too many photos wait, or after LONGEST_WAIT."""
        if not self._places.acquire(blocking=False):
            raise too_many_photos()
        try:
            if not self._turns.acquire(timeout=LONGEST_WAIT):
                raise too_many_photos()
            try:
                yield
            finally:
                self._turns.release()
        finally:
            self._places.release()


def init_app(app: Flask, settings: Settings) -> None:
    """Create the slots of a process."""
    app.extensions["photo_slots"] = PhotoSlots(settings.photo_slots, MOST_WAITING // settings.process_count)


def photo_slot() -> AbstractContextManager[None]:
    """Return a context that holds a slot (see PhotoSlots.hold). Enter it only after the whole request has arrived."""
    slots: PhotoSlots = current_app.extensions["photo_slots"]
    return slots.hold()


def too_many_photos() -> Problem:
    """Return the Problem for a request that has to be sent again later."""
    return problem("busy", _("Too many photos are being read just now. Try again."), retry_after=RETRY_AFTER)
