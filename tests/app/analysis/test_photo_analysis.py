from threading import Thread

from app.analysis.form_fields import Submission
from app.analysis.photo_analysis import analyse
from data_modelling.inference.details import Details
from tests.app.conftest import photo


def test_many_at_once_get_the_answers_of_one_at_a_time(app):
    colours = ["red", "lime", "blue", "#808080"] * 6
    with app.app_context():
        expected = [analyse(Submission(photo(colour), Details())) for colour in colours]
    answers = {}

    def ask(index, colour):
        with app.app_context():
            answers[index] = analyse(Submission(photo(colour), Details()))

    threads = [Thread(target=ask, args=pair) for pair in enumerate(colours)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert [answers[index] for index in range(len(colours))] == expected
