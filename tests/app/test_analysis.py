from threading import Barrier, Event, Thread
from types import SimpleNamespace

import pytest

from app import analysis
from app.forms import Submission
from app.problems import Problem
from data_modelling.inference.details import Details
from tests.app.conftest import photo

SUBMISSION = Submission(photo(), Details())
ANSWER = SimpleNamespace(status="no_cancer_class")


def analysed(submission):
    """As the page and the API do it."""
    with analysis.slot():
        return analysis.analyse(submission)


class SlowPredictor:
    """Answers once it is told to, and counts how many wait inside."""

    def __init__(self):
        self.inside = Barrier(analysis.SLOTS + 1)
        self.go_on = Event()

    def answer(self, *_args, **_kwargs):
        self.inside.wait(timeout=10)
        assert self.go_on.wait(timeout=10)
        return ANSWER


@pytest.fixture
def slow(app, monkeypatch):
    predictor = SlowPredictor()
    monkeypatch.setattr(app.extensions["bundles"], "predictor", lambda _name=None: predictor)
    monkeypatch.setattr(analysis, "PATIENCE", 0.05)
    return predictor


def test_one_photo_more_than_there_are_slots_is_refused(app, slow):
    answers = []

    def ask():
        with app.app_context():
            answers.append(analysed(SUBMISSION))

    threads = [Thread(target=ask) for _ in range(analysis.SLOTS)]
    for thread in threads:
        thread.start()
    slow.inside.wait(timeout=10)
    with app.app_context(), pytest.raises(Problem) as refused:
        analysed(SUBMISSION)
    slow.go_on.set()
    for thread in threads:
        thread.join(timeout=10)
    assert (refused.value.status, refused.value.faults[0].code) == (503, "busy")
    assert refused.value.retry_after == analysis.RETRY_AFTER
    assert answers == [ANSWER] * analysis.SLOTS


def test_slots_come_back_after_bad_photos(app):
    broken = Submission(b"no photo", Details())
    with app.app_context():
        for _ in range(2 * analysis.SLOTS):
            with pytest.raises(Problem, match="photo_type"):
                analysed(broken)
        assert analysed(SUBMISSION).decision == "MEL"


def test_many_at_once_get_the_answers_of_one_at_a_time(app):
    colours = ["red", "lime", "blue", "#808080"] * 6
    with app.app_context():
        expected = [analysed(Submission(photo(colour), Details())) for colour in colours]
    answers = {}

    def ask(index, colour):
        with app.app_context():
            answers[index] = analysed(Submission(photo(colour), Details()))

    threads = [Thread(target=ask, args=pair) for pair in enumerate(colours)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert [answers[index] for index in range(len(colours))] == expected
