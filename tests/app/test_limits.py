import logging

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.settings import Settings
from tests.app.conftest import encoded, form


def limited(bundles, **settings) -> FlaskClient:
    return create_app(Settings(bundles=bundles, rate_limit="3/minute", **settings)).test_client()


def statuses(client: FlaskClient, path: str, addresses=("10.0.0.1",) * 4) -> list[int]:
    return [
        client.get(path, environ_base={"REMOTE_ADDR": address}, buffered=True).status_code
        for address in addresses
    ]


def test_an_address_that_asks_too_often_has_to_wait(bundles):
    client = limited(bundles)
    assert statuses(client, "/") == [200, 200, 200, 429]
    refused = client.post("/api/v1/predictions", **encoded(form()), environ_base={"REMOTE_ADDR": "10.0.0.1"})
    assert (refused.status_code, refused.mimetype) == (429, "application/problem+json")
    assert 1 <= int(refused.headers["Retry-After"]) <= 61  # a minute, rounded up
    assert refused.json["errors"][0]["code"] == "rate_limited"


def test_requests_that_are_refused_are_counted_and_limited_too(bundles):
    client = limited(bundles, trusted_hosts=("localhost",))
    address = {"REMOTE_ADDR": "10.0.0.1"}

    def ask() -> list[int]:
        """The status of an unknown address, of a wrong method, of another site's post, and under another name."""
        return [
            client.get("/nothing", environ_base=address).status_code,
            client.delete("/limits", environ_base=address).status_code,
            client.post("/", environ_base=address, headers={"Origin": "http://evil.example"}).status_code,
            client.get("/", environ_base=address, base_url="http://evil.example").status_code,
        ]

    assert ask() == [404, 405, 400, 429]  # three a minute
    assert ask() == [429] * 4
    assert statuses(client, "/healthz") == [200] * 4


def test_the_log_does_not_name_who_has_to_wait(bundles, caplog):
    caplog.set_level(logging.INFO)
    assert statuses(limited(bundles), "/")[-1] == 429
    assert " GET pages.form 429 " in caplog.text
    assert "10.0.0.1" not in caplog.text


def test_other_addresses_do_not_wait(bundles):
    client = limited(bundles)
    statuses(client, "/")
    assert statuses(client, "/", ["10.0.0.2"]) == [200]


@pytest.mark.parametrize("path", ["/healthz", "/static/style.css"])
def test_health_and_static_files_are_not_counted(bundles, path):
    client = limited(bundles)
    assert statuses(client, path) == [200] * 4
    assert statuses(client, "/") == [200, 200, 200, 429]


def test_off(bundles):
    client = create_app(Settings(bundles=bundles, rate_limit="off")).test_client()
    assert statuses(client, "/") == [200] * 4


@pytest.mark.parametrize(("proxies", "last"), [(0, 429), (1, 200)])
def test_forwarded_addresses_are_believed_from_trusted_proxies_only(bundles, proxies, last):
    client = limited(bundles, trusted_proxies=proxies)
    found = [
        client.get(
            "/", environ_base={"REMOTE_ADDR": "10.0.0.1"}, headers={"X-Forwarded-For": f"8.8.8.{i}"}
        ).status_code
        for i in range(4)
    ]
    assert found == [200, 200, 200, last]
