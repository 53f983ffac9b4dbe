import pytest
from flask.testing import FlaskClient

from app import create_app
from app.http.security import CONTENT_SECURITY_POLICY, SECURITY_HEADERS
from app.settings import Settings
from tests.app.conftest import encoded, form

LAN = "http://192.168.1.20:8000"


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),  # curl
        ({"Sec-Fetch-Site": "same-origin", "Origin": LAN}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://other.example"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        (
            {"Sec-Fetch-Site": "same-origin", "Origin": "http://proxied.example"},
            True,
        ),  # the browser knows best
        # What a browser sends to a plain-http host in the network: no Sec-Fetch-Site.
        ({"Origin": LAN}, True),
        ({"Origin": "http://192.168.1.20"}, False),
        ({"Origin": "http://192.168.1.21:8000"}, False),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "http://192.168.1.20:8000.evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({"Origin": "http://["}, False),  # no address at all
        ({"Origin": "http://[::1"}, False),
    ],
)
@pytest.mark.parametrize("path", ["/", "/api/v1/predictions"])
def test_cross_site_posts_are_refused(client: FlaskClient, path, headers, allowed):
    response = client.post(path, **encoded(form()), base_url=LAN, headers=headers)
    assert response.status_code == (200 if allowed else 400)


def test_refused_post_says_why(post):
    response = post(form(), headers={"Sec-Fetch-Site": "cross-site"})
    assert response.json["errors"][0]["code"] == "cross_site"


def test_links_from_elsewhere_are_followed(client: FlaskClient):
    assert client.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/"),
        ("post", "/"),
        ("get", "/healthz"),
        ("get", "/nothing"),
        ("get", "/api/v1/models"),
        ("post", "/api/v1/predictions"),
        ("get", "/static/style.css"),
    ],
)
def test_headers_of_every_answer(client: FlaskClient, method, path):
    response = getattr(client, method)(path, buffered=True)
    assert {name: response.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert "Set-Cookie" not in response.headers
    assert not response.headers.get("Server", "").lower().startswith("python")


def test_policy_allows_nothing_inline():
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'none'")


@pytest.mark.parametrize("path", ["/", "/healthz", "/nothing", "/api/v1/models"])
def test_answers_are_not_stored(client: FlaskClient, path):
    assert client.get(path).headers["Cache-Control"] == "no-store"


def test_answer_page_is_not_stored(client: FlaskClient):
    assert client.post("/", **encoded(form())).headers["Cache-Control"] == "no-store"


def test_only_trusted_hosts_are_answered(bundles):
    client = create_app(Settings(bundles=bundles, trusted_hosts=("skin.example",))).test_client()
    assert client.get("/healthz", base_url="http://skin.example").status_code == 200
    refused = client.get("/healthz", base_url="http://evil.example")
    assert (refused.status_code, refused.json["errors"][0]["code"]) == (400, "host_unknown")
    assert client.get("/", base_url="http://evil.example").status_code == 400
    sent = client.post("/", base_url="http://evil.example", headers={"Sec-Fetch-Site": "cross-site"})
    assert (sent.status_code, sent.json["errors"][0]["code"]) == (400, "cross_site")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000"])
def test_this_machine_reaches_health_and_metrics_whatever_the_trusted_hosts(bundles, host):
    """The health check of the container and a monitor on this machine ask for the loopback, not for the public name."""
    settings = Settings(bundles=bundles, trusted_hosts=("skin.example",), metrics="on")
    client = create_app(settings).test_client()
    for path in ("/healthz", "/livez", "/metrics"):
        assert client.get(path, base_url=f"http://{host}").status_code == 200, path
    assert client.get("/metrics", base_url="http://skin.example").status_code == 404


def test_static_files_are_kept_for_good_under_their_own_version_only(client: FlaskClient):
    page = client.get("/").text
    address = page.split('rel="stylesheet" href="')[1].split('"')[0]
    assert "?v=" in address
    assert (
        client.get(address, buffered=True).headers["Cache-Control"] == "public, max-age=31536000, immutable"
    )
    assert client.get("/static/style.css?v=old", buffered=True).headers["Cache-Control"] == "no-cache"
    assert client.get("/static/nothing.css").status_code == 404
