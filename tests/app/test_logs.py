import logging
import sys

from app.logs import FORMAT, Formatter

HEAD = "Traceback (most recent call last):"


def shown(error: BaseException) -> str:
    """An exception as the log has it."""
    record = logging.LogRecord("a", logging.ERROR, "a.py", 1, "it failed", (), (type(error), error, None))
    return Formatter(FORMAT).format(record)


def test_an_exception_is_told_without_its_words_and_with_what_it_came_from():
    def read(value: str) -> float:
        return float(value)

    def parse(value: str) -> float:
        try:
            return read(value)
        except ValueError as error:
            raise LookupError(f"no age: {value}") from error

    sent = "83.25 years\n2026-01-01 INFO forged"
    try:
        parse(sent)
    except LookupError:
        text = Formatter(FORMAT).formatException(sys.exc_info())
    lines = text.splitlines()
    assert "83.25" not in text
    assert "forged" not in text
    assert [line for line in lines if not line.startswith(" ")] == [HEAD, "ValueError", HEAD, "LookupError"]
    places = [line.split(" in ")[1] for line in lines if line.startswith("  File")]
    assert places == [
        "parse",
        "read",
        "test_an_exception_is_told_without_its_words_and_with_what_it_came_from",
        "parse",
    ]


def test_an_exception_that_is_its_own_cause_is_told_once():
    outer, inner = LookupError(), ValueError()
    outer.__cause__, inner.__context__ = inner, outer
    assert shown(outer).splitlines()[1:] == [HEAD, "ValueError", HEAD, "LookupError"]


def test_a_record_is_a_line_and_its_exception_below():
    first, *others = shown(KeyError("secret")).splitlines()
    assert first.endswith(" ERROR it failed")
    assert others == [HEAD, "KeyError"]
