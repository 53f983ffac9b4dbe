import pytest

from app import create_app
from app.settings import Settings
from tests.app.conftest import encoded, form


@pytest.fixture
def counting(bundles):
    return create_app(Settings(bundles=bundles, rate_limit="off", metrics="on")).test_client()


def test_requests_are_counted_by_kind_and_status(counting):
    counting.get("/limits")
    counting.get("/limits")
    counting.get("/secret?name=secret")
    counting.post("/api/v1/predictions", **encoded(form(age="350")))
    response = counting.get("/metrics")
    assert response.content_type == "text/plain; version=0.0.4; charset=utf-8"
    lines = response.text.splitlines()
    assert 'app_requests_total{endpoint="knowledge.limits",status="200"} 2.0' in lines
    assert 'app_requests_total{endpoint="none",status="404"} 1.0' in lines
    assert 'app_requests_total{endpoint="api.predictions",status="422"} 1.0' in lines
    assert "secret" not in response.text
    for line in lines:
        assert line.startswith(("# HELP ", "# TYPE ", "app_request"))


def test_off_by_default(client):
    assert client.get("/metrics").status_code == 404


@pytest.mark.parametrize(
    ("address", "host", "status"),
    [
        ("127.0.0.1", "localhost:8000", 200),
        ("127.0.0.1", "127.0.0.1:8000", 200),
        ("::1", "[::1]:8000", 200),
        ("192.168.1.20", "localhost", 404),
        ("127.0.0.1", "skin.example", 404),  # through a proxy on this machine
    ],
)
def test_only_this_machine_sees_them(counting, address, host, status):
    response = counting.get("/metrics", base_url=f"http://{host}", environ_overrides={"REMOTE_ADDR": address})
    assert response.status_code == status


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via"])
def test_nobody_sees_them_through_a_proxy_on_this_machine(counting, header):
    """A client can name any host. So the header that the proxy adds tells the two apart."""
    local = {"base_url": "http://127.0.0.1", "environ_overrides": {"REMOTE_ADDR": "127.0.0.1"}}
    assert counting.get("/metrics", **local).status_code == 200
    assert counting.get("/metrics", headers={header: "203.0.113.7"}, **local).status_code == 404


@pytest.mark.parametrize(
    ("sent", "status"),
    [("Bearer 0123456789abcdef", 200), ("Bearer 0123456789abcdeF", 404), ("", 404), ("Bearer ä", 404)],
)
def test_with_a_token_whoever_sends_it_sees_them_and_nobody_else(bundles, sent, status):
    client = create_app(Settings(bundles=bundles, rate_limit="off", metrics="0123456789abcdef")).test_client()
    elsewhere = {"base_url": "http://skin.example", "environ_overrides": {"REMOTE_ADDR": "192.168.1.20"}}
    for place in ({}, elsewhere):
        assert client.get("/metrics", headers={"Authorization": sent}, **place).status_code == status
