import json
import logging
import sys
from datetime import datetime

import requests

from app.http.log_format import FORMAT, Formatter, JsonLines
from tests.app.conftest import encoded, form
from tools.serving import run_app

HEAD = "Traceback (most recent call last):"


def shown(error: BaseException) -> str:
    """Return an exception in the log's format."""
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


def test_in_json_a_record_is_one_object_with_its_own_fields():
    record = logging.LogRecord("app.requests", logging.INFO, "a.py", 1, "%s done", ("4f",), None)
    record.status = 200
    (line,) = JsonLines().format(record).splitlines()
    entry = json.loads(line)
    assert datetime.fromisoformat(entry.pop("time")).tzinfo is not None
    assert entry == {"level": "INFO", "logger": "app.requests", "message": "4f done", "status": 200}


def test_in_json_an_exception_is_told_without_its_words_too():
    error = KeyError("IMG_secret.jpg")
    record = logging.LogRecord("a", logging.ERROR, "a.py", 1, "it failed", (), (type(error), error, None))
    (line,) = JsonLines().format(record).splitlines()
    assert json.loads(line)["exception"].splitlines() == [HEAD, "KeyError"]
    assert "secret" not in line


def test_with_the_setting_every_line_of_the_running_app_is_json(bundles, tmp_path):
    with run_app(tmp_path / "log", {"BUNDLES": str(bundles), "LOG_FORMAT": "json"}) as running:
        fields = form(age="83", sex="female")
        for path in ("/limits", "/nothing/IMG_secret.jpg"):
            requests.get(running.url + path, timeout=30)
        body = encoded(fields)
        headers = {"Content-Type": body["content_type"]}
        requests.post(f"{running.url}/api/v1/predictions", body["data"], headers=headers, timeout=30)
    entries = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    answered = [entry for entry in entries if entry["logger"] == "app.requests"]
    assert [(entry["endpoint"], entry["status"]) for entry in answered] == [
        ("knowledge.limits", 200),
        (None, 404),
        ("api.predictions", 200),
    ]
    assert all(entry["milliseconds"] >= 0 for entry in answered)
    assert "secret" not in (tmp_path / "log").read_text()
