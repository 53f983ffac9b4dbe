import logging

import pytest

from app import create_app
from app.settings import Settings

FORGED = "/model/IMG_secret%0A2026-01-01%20INFO%20forged?age=83.25"


@pytest.fixture
def failing(bundles):
    """Return an app with a fault on the page of a model."""

    def fail(**_):
        raise LookupError

    app = create_app(Settings(bundles=bundles, rate_limit="off"))
    app.view_functions["models.model"] = fail
    return app.test_client()


def test_a_fault_is_logged_with_its_request_and_place_but_without_the_path(failing, caplog):
    caplog.set_level(logging.INFO)
    response = failing.get(FORGED)
    number = response.headers["X-Request-Id"]
    fault, line = caplog.records
    assert response.status_code == 500
    assert (fault.levelname, fault.getMessage()) == ("ERROR", f"{number} GET models.model failed")
    assert line.getMessage().startswith(f"{number} GET models.model 500 ")
    assert "in fail" in caplog.text
    assert not any(word in caplog.text for word in ("secret", "forged", "83.25"))


@pytest.mark.parametrize(("method", "logged"), [("HEAD", "HEAD"), ("DELETE", "DELETE"), ("JANE-DOE", "-")])
def test_only_a_method_of_http_is_logged(client, caplog, method, logged):
    caplog.set_level(logging.INFO)
    response = client.open("/limits", method=method)
    (line,) = caplog.records
    assert line.getMessage().startswith(f"{response.headers['X-Request-Id']} {logged} ")
    assert "JANE" not in caplog.text
