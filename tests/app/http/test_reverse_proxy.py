import re
from ipaddress import ip_address
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.http.reverse_proxy import parse_address, script_name
from app.settings import Settings
from tests.app.conftest import encoded, form
from tests.app.html_page import Page

PREFIX = {"X-Forwarded-Prefix": "/skin"}


@pytest.fixture
def proxied(bundles) -> FlaskClient:
    """Return the app behind one trusted proxy."""
    return create_app(Settings(bundles=bundles, rate_limit="off", trusted_proxies=1)).test_client()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        (" 192.0.2.7:40001 ", "192.0.2.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("2001:DB8:0::7", "2001:db8::7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("[::ffff:192.0.2.7]:80", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_an_address_is_read_without_its_port(text, address):
    assert parse_address(text) == ip_address(address)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "unknown",
        "_hidden",
        "192.0.2",
        "192.0.2.7:x",
        "[192.0.2.7",
        "[]:80",
        "skin.example:80",
        "1.2.3.4.5",
    ],
)
def test_what_is_no_address_is_none(text):
    assert parse_address(text) is None


@pytest.mark.parametrize(
    ("prefix", "name"),
    [
        ("/skin", "/skin"),
        ("/skin/", "/skin"),
        ("/a/skin-1.0", "/a/skin-1.0"),
        ("/", ""),
        ("", ""),
        ("skin", "/skin"),
        ("a/skin/", "/a/skin"),
        ("..", ""),
        ("//evil.example", ""),
        ("/skin//evil.example", ""),
        ("/%2Fevil.example", ""),
        ("/../skin", ""),
        ("/skin?x=1", ""),
        ('/skin"><script>', ""),
        ("https://evil.example/skin", ""),
        ("/pr%C3%BCfung", "/pr\xc3\xbcfung"),  # bytes of UTF-8 as characters, as WSGI has them
    ],
)
def test_a_prefix_is_a_plain_path(prefix, name):
    assert script_name(prefix) == name


def addresses(text: str) -> list[str]:
    """Return all addresses of a page that are on its own host."""
    found = re.findall(r'\b(?:href|src|action|data-words)="([^"#][^"]*)"', text)
    return [address for address in found if not urlsplit(address).scheme]


@pytest.mark.parametrize(
    "path", ["/", "/visit", "/model", "/limits", "/api", "/about", "/nothing", "/?lang=de"]
)
def test_all_addresses_of_a_page_are_below_the_prefix(proxied: FlaskClient, path):
    text = proxied.get(path, headers=PREFIX).text
    assert len(addresses(text)) > 15
    assert [address for address in addresses(text) if not address.startswith("/skin/")] == []


def test_all_addresses_of_an_answer_are_below_the_prefix(proxied: FlaskClient):
    text = proxied.post("/", **encoded(form()), headers=PREFIX).text
    assert 'data-status="' in text
    assert [address for address in addresses(text) if not address.startswith("/skin/")] == []


def test_a_redirect_stays_below_the_prefix(proxied: FlaskClient):
    assert proxied.get("/model/ham10000", headers=PREFIX).headers["Location"] == "/skin/model"


def test_the_api_says_where_it_is(proxied: FlaskClient):
    assert proxied.get("/api/openapi.json", headers=PREFIX).json["servers"] == [{"url": "/skin"}]
    assert proxied.get("/api/openapi.json").json["servers"] == [{"url": "/"}]
    assert "POST /skin/api/v1/predictions" in proxied.get("/api", headers=PREFIX).text


@pytest.mark.parametrize(
    ("proxies", "prefix", "expected"),
    [
        (0, "/skin", "/"),
        (1, "/skin", "/skin/"),
        (1, "/evil, /skin", "/skin/"),
        (2, "/skin", "/skin/"),  # the outer proxy wrote it, and the inner one passed it on
        (2, "/evil, /skin, /inner", "/skin/"),
        (1, "//evil.example", "/"),
    ],
)
def test_the_prefix_of_the_outermost_trusted_proxy_counts(bundles, proxies, prefix, expected):
    client = create_app(Settings(bundles=bundles, rate_limit="off", trusted_proxies=proxies)).test_client()
    page = Page(client.get("/", headers={"X-Forwarded-Prefix": prefix}).text)
    assert expected in page.links
    assert all(link.startswith((expected, "#", "http")) for link in page.links)


@pytest.mark.parametrize(
    ("proxies", "headers", "status"),
    [
        (0, {"Proto": "https", "Host": "skin.example"}, 400),
        (1, {"Proto": "https", "Host": "skin.example"}, 200),
        (1, {"Proto": "HTTPS", "Host": "skin.example:443"}, 200),  # the scheme's own port
        (1, {"Proto": "gopher", "Host": "skin.example:443"}, 400),
        (2, {"Proto": "https", "Host": "skin.example:443"}, 200),  # one value for two proxies
        (2, {"Proto": "http, https, http", "Host": "evil.example, skin.example:443, inner"}, 200),
        (1, {"Proto": "https", "Host": "evil.example"}, 400),
    ],
)
def test_scheme_and_host_are_those_of_the_outermost_trusted_proxy(bundles, proxies, headers, status):
    """Show them by the check of Origin, which compares with the host and drops the port of the scheme."""
    client = create_app(Settings(bundles=bundles, rate_limit="off", trusted_proxies=proxies)).test_client()
    forwarded = {f"X-Forwarded-{name}": value for name, value in headers.items()}
    response = client.post("/", **encoded(form()), headers={"Origin": "https://skin.example", **forwarded})
    assert response.status_code == status
