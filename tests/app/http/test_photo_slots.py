from threading import Event, Thread

import pytest

from app.http import photo_slots
from app.http.photo_slots import PhotoSlots
from app.http.problems import Problem
from tests.app.conftest import encoded, form


class Holder:
    """Somebody who holds a slot, or waits for one, until the test lets go."""

    def __init__(self, slots: PhotoSlots) -> None:
        self.works, self._end = Event(), Event()
        self._thread = Thread(target=self._hold, args=(slots,))
        self._thread.start()

    def _hold(self, slots: PhotoSlots) -> None:
        with slots.hold():
            self.works.set()
            assert self._end.wait(10)

    def let_go(self) -> None:
        self._end.set()
        self._thread.join(10)


def until_left(slots: PhotoSlots, places: int) -> None:
    for _ in range(1000):
        if slots._places._value == places:
            return
        Event().wait(0.01)
    pytest.fail("nobody came to wait")


def test_some_wait_for_their_turn_and_one_more_is_told_to_come_back_at_once(app):
    slots = PhotoSlots(at_once=1, waiting=1)
    first = Holder(slots)
    assert first.works.wait(10)
    second = Holder(slots)
    until_left(slots, 0)
    with app.test_request_context(), pytest.raises(Problem) as refused, slots.hold():
        pytest.fail("it has no place")
    assert (refused.value.status, refused.value.faults[0].code) == (503, "busy")
    assert refused.value.retry_after == photo_slots.RETRY_AFTER
    assert not second.works.is_set()
    first.let_go()
    assert second.works.wait(10)
    second.let_go()
    until_left(slots, 2)


def test_who_has_waited_for_long_is_told_to_come_back(app, client, monkeypatch):
    slots = PhotoSlots(at_once=1, waiting=5)
    monkeypatch.setattr(photo_slots, "LONGEST_WAIT", 0.05)
    monkeypatch.setitem(app.extensions, "photo_slots", slots)
    first = Holder(slots)
    assert first.works.wait(10)
    assert client.post("/api/v1/predictions", **encoded(form())).status_code == 503
    assert client.get("/limits").status_code == 200  # which decodes no photo
    first.let_go()
    assert client.post("/api/v1/predictions", **encoded(form())).status_code == 200


def test_a_slot_comes_back_after_a_bad_photo(app, client, monkeypatch):
    slots = PhotoSlots(at_once=1, waiting=0)
    monkeypatch.setitem(app.extensions, "photo_slots", slots)
    for _ in range(3):
        assert client.post("/api/v1/predictions", **encoded(form(b"no photo"))).status_code == 415
    assert client.post("/api/v1/predictions", **encoded(form())).status_code == 200
