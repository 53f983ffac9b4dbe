"""Two mappings of one memory stand for two processes, but for the lock, which is held by a real one."""

import os
import signal
import time

import pytest

from app import shared
from app.keeper import shared_memory
from app.shared import Shared


@pytest.fixture
def pair():
    file = shared_memory()
    yield Shared(file), Shared(file)
    os.close(file)


def test_what_one_process_was_asked_counts_in_the_other(pair):
    one, other = pair
    assert [one.ask("a", 60), other.ask("a", 60), one.ask("b", 60), other.ask("a", 60, 2)] == [1, 2, 1, 4]
    count, end = one.asked("a")
    assert count == 4
    assert time.time() + 55 < end <= time.time() + 60


def test_after_its_time_it_is_counted_anew(pair):
    one, other = pair
    one.ask("a", 0.05)
    one.ask("a", 0.05)
    time.sleep(0.06)
    assert other.asked("a")[0] == 0
    assert other.ask("a", 60) == 1


def test_one_name_or_all_are_forgotten(pair):
    one, other = pair
    for name in "abc":
        one.ask(name, 60)
    other.forget("a")
    assert [one.asked(name)[0] for name in "abc"] == [0, 1, 1]
    other.forget_all()
    assert [one.asked(name)[0] for name in "abc"] == [0, 0, 0]


def test_where_there_is_no_place_left_who_is_forgotten_first_makes_it(monkeypatch):
    monkeypatch.setattr(shared, "NAMES", shared.NEIGHBOURS + 1)  # so that all names stand in the same places
    alone = Shared()
    names = [f"address {number}" for number in range(shared.NEIGHBOURS)]
    for number, name in enumerate(names):
        alone.ask(name, 60 + number)
    assert alone.ask("one more", 100) == 1
    assert [alone.asked(name)[0] for name in names[1:]] == [1] * (shared.NEIGHBOURS - 1)
    assert alone.asked(names[0])[0] == 0


def test_a_process_that_is_killed_with_the_lock_lets_go_of_it(pair):
    one, _ = pair
    woken, wake = os.pipe()
    child = os.fork()
    if child == 0:
        with one.locked():
            os.write(wake, b"1")
            time.sleep(60)
        os._exit(0)
    assert os.read(woken, 1) == b"1"
    os.kill(child, signal.SIGKILL)
    assert one.ask("a", 60) == 1
    os.waitpid(child, 0)
    os.close(woken)
    os.close(wake)


def test_who_may_accept_a_connection(pair):
    one, other = pair
    assert one.has_fewest(0, 5)  # nobody else is there
    other.sit(1, 4)
    assert one.has_fewest(0, 4)
    assert one.has_fewest(0, 5)  # a quarter more
    assert not one.has_fewest(0, 6)
    assert other.has_fewest(1, 5)
    other.leave(1)
    assert one.has_fewest(0, 6)


def test_a_process_that_says_nothing_for_long_is_not_waited_for(pair, monkeypatch):
    one, other = pair
    other.sit(1, 0)
    assert not one.has_fewest(0, 3)
    monkeypatch.setattr(shared, "FRESH_SECONDS", 0.01)
    time.sleep(0.02)
    assert one.has_fewest(0, 3)
