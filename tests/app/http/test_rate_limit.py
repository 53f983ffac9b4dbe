import logging
import socket
import time

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
        """Return the statuses for an unknown address, a wrong method, another site's post and another host name."""
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
    answered = [
        client.get(
            "/", environ_base={"REMOTE_ADDR": "10.0.0.1"}, headers={"X-Forwarded-For": f"8.8.8.{i}"}
        ).status_code
        for i in range(4)
    ]
    assert answered == [200, 200, 200, last]


def forwarded(client: FlaskClient, *values: str) -> list[int]:
    """Return the status for each value of X-Forwarded-For, all from one proxy."""
    proxy = {"REMOTE_ADDR": "10.0.0.1"}
    return [
        client.get("/", environ_base=proxy, headers={"X-Forwarded-For": value}).status_code
        for value in values
    ]


@pytest.mark.parametrize(
    "values",
    [
        [f"203.0.113.7:{port}" for port in (40001, 40002, 40003, 40004)],
        [f"[2001:db8::7]:{port}" for port in (40001, 40002, 40003, 40004)],
        ["203.0.113.7", "203.0.113.7:1", "[::ffff:203.0.113.7]:2", "::ffff:203.0.113.7"],
        [f"203.0.113.{index}, 203.0.113.7:4711" for index in range(4)],
        ["2001:db8::1", "2001:db8::2", "[2001:db8::ffff:0:0:1]:1", "2001:db8:0:0:abcd::"],
        ["unknown", "_hidden", "", "nonsense:80"],  # count for the proxy
    ],
)
def test_a_client_is_the_same_with_every_port_and_in_one_network_of_64_bits(bundles, values):
    assert forwarded(limited(bundles, trusted_proxies=1), *values) == [200, 200, 200, 429]


def test_other_clients_behind_the_proxy_do_not_wait(bundles):
    client = limited(bundles, trusted_proxies=1)
    assert forwarded(client, *["203.0.113.7:1"] * 4, "203.0.113.8:1")[-2:] == [429, 200]
    assert forwarded(client, *["[2001:db8::7]:1"] * 4, "[2001:db8:0:1::7]:1")[-2:] == [429, 200]


def test_of_two_trusted_proxies_the_outer_one_names_the_client(bundles):
    client = limited(bundles, trusted_proxies=2)
    assert (
        forwarded(client, *[f"{index}.1.1.1, 203.0.113.7:{index}, 10.9.9.9" for index in (1, 2, 3, 4)])[-1]
        == 429
    )
    assert forwarded(client, "203.0.113.8:1, 10.9.9.9") == [200]


@pytest.mark.parametrize("proxies", ["203.0.113.7:4711", "203.0.113.7, 10.9.9.9"])
def test_a_quote_of_the_client_does_not_hide_what_the_proxies_add(bundles, proxies):
    client = limited(bundles, trusted_proxies=proxies.count(",") + 1)
    values = [f'{index}.1.1.1, "x, {proxies}' for index in (1, 2, 3, 4)]
    assert forwarded(client, *values) == [200, 200, 200, 429]
    assert forwarded(client, f'1.1.1.1, "[2001:db8::7]:99", {proxies}', proxies) == [429, 429]
    assert forwarded(client, proxies.replace("203.0.113.7", "203.0.113.8")) == [200]


def test_connections_without_a_proxy_count_by_network_too(bundles):
    addresses = [f"2001:db8::{index}" for index in range(1, 5)]
    assert statuses(limited(bundles), "/", addresses) == [200, 200, 200, 429]


@pytest.fixture(params=[True, False], ids=["silent", "closed"])
def dead_storage(request) -> str:
    """Return the address of a storage that accepts connections and never answers, or that is not there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        if request.param:
            yield f"redis://127.0.0.1:{port}/0"
            return
    yield f"redis://127.0.0.1:{port}/0"


def test_without_its_storage_it_answers_soon_and_counts_in_memory(bundles, dead_storage, caplog):
    client = limited(bundles, rate_limit_storage=dead_storage)
    begun = time.monotonic()
    assert statuses(client, "/api/nothing") == [404, 404, 404, 429]
    assert time.monotonic() - begun < 1
    assert caplog.text.count("Rate limit storage unreachable") == 1
    assert "10.0.0.1" not in caplog.text


def test_a_storage_that_goes_away_after_it_refused_still_refuses(bundles, monkeypatch):
    client = limited(bundles)
    statuses(client, "/")
    monkeypatch.setattr("app.http.rate_limit.time", None)  # so that the time to wait cannot be told
    refused = client.get("/", environ_base={"REMOTE_ADDR": "10.0.0.1"})
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
