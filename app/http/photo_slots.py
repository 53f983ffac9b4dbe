"""The slots for photos: a process works on a few photos at a time, some wait, and further ones are refused."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Semaphore

from flask import Flask, current_app

from app.http.languages import translate as _
from app.http.problems import Problem, problem
from app.settings import Settings

MOST_WAITING = 160  # photos that may wait in all processes; ordinary ones take 40 MB together
LONGEST_WAIT = 4.0  # seconds that a photo waits for its turn
RETRY_AFTER = 5  # seconds after which a refused request may be sent again


class PhotoSlots:
    """Count the photos that are worked on and those that wait; several threads may use it."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self._turns = Semaphore(at_once)
        self._places = Semaphore(at_once + waiting)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold a slot, after waiting for a free one. Raises a 503 Problem when too many wait, or when it waited too long."""
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
    """Hold a slot while a photo is analysed; enter only after the whole request has arrived. Raises Problem when too many wait."""
    slots: PhotoSlots = current_app.extensions["photo_slots"]
    return slots.hold()


def too_many_photos() -> Problem:
    """Return the Problem for a request that has to be sent again later."""
    return problem("busy", _("Too many photos are being read just now. Try again."), retry_after=RETRY_AFTER)
