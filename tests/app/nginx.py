"""A real nginx with TLS in front of the app, with the settings that docs/operate.md gives."""

import http.client
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import PROJECT, skip_unless_ci
from tools.serving import run_app

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
START_SECONDS = 20
LIMIT = 60  # requests a minute; the pages of one test have fewer
# Addresses of this machine: each test is a client of its own.
READER, FLOOD, OTHER = "127.0.0.1", "127.0.0.2", "127.0.0.3"


@dataclass(frozen=True)
class Reply:
    """Hold what nginx answered."""

    status: int
    headers: http.client.HTTPMessage
    text: str


@dataclass(frozen=True)
class Site:
    """Hold the ports of nginx and the certificate that it shows."""

    root_port: int
    path_port: int
    certificate: Path

    def ask(self, path: str, below: bool = True, client: str = READER, **post: object) -> Reply:
        """Return the reply to a GET, or to a POST of a form. client: the address that the request comes from."""
        port = self.path_port if below else self.root_port
        connection = http.client.HTTPSConnection(
            "localhost",
            port,
            timeout=30,
            source_address=(client, 0),
            context=ssl.create_default_context(cafile=self.certificate),
        )
        headers = {
            "Origin": post.pop("origin", f"https://localhost:{port}"),
            "X-Forwarded-For": "198.51.100.1",
        }
        headers["X-Forwarded-Prefix"] = "/evil"  # both are the reader's own, and nginx has to replace them
        try:
            if post:
                headers["Content-Type"] = post["content_type"]
            connection.request("POST" if post else "GET", path, post.get("data"), headers)
            response = connection.getresponse()
            return Reply(response.status, response.headers, response.read().decode(errors="replace"))
        finally:
            connection.close()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind((READER, 0))
        return listener.getsockname()[1]


def documented_settings() -> tuple[str, str]:
    """Return the server block and the location below a path of docs/operate.md."""
    text = (PROJECT / "docs" / "operate.md").read_text()
    server, location = re.findall(r"```nginx\n(.*?)```", text, re.DOTALL)
    return server, location


def configuration(folder: Path, app_url: str, root_port: int, path_port: int) -> str:
    """Return nginx's configuration: the documented settings with this test's ports, certificate and app."""
    server, location = documented_settings()
    parts = re.fullmatch(r"(.*?)( {4}location / \{.*?\n {4}\}\n)(.*)", server, re.DOTALL)
    assert parts is not None
    servers = [(server, root_port), (parts[1] + location + parts[3], path_port)]
    blocks = []
    for text, port in servers:
        for documented, real in (
            ("listen 443 ssl;", f"listen {READER}:{port} ssl;"),
            ("/etc/letsencrypt/live/skin.example/fullchain.pem", str(folder / "certificate.pem")),
            ("/etc/letsencrypt/live/skin.example/privkey.pem", str(folder / "key.pem")),
            ("http://127.0.0.1:8000", app_url),
        ):
            assert text.count(documented) == 1, documented
            text = text.replace(documented, real)  # noqa: PLW2901
        blocks.append(text)
    temporary = " ".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.geteuid() == 0 else ""
    return (
        f"daemon off; master_process off; {user} pid {folder}/pid; error_log {folder}/error.log warn;\n"
        f"events {{}}\nhttp {{\n{temporary}\n{''.join(blocks)}}}\n"
    )


def make_certificate(folder: Path) -> None:
    """Write certificate.pem and key.pem of localhost."""
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ]
    command += ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    subprocess.run(command, check=True, capture_output=True, timeout=30)


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection((READER, port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    pytest.fail(f"nginx did not start: {log.read_text() if log.exists() else 'no log'}")


@contextmanager
def run_nginx(bundles: Path, folder: Path) -> Iterator[Site]:
    """Run nginx in front of the app, on two ports of the loopback. folder: an empty one, for all that they write."""
    settings = {
        "BUNDLES": str(bundles),
        "TRUSTED_PROXIES": "1",
        "RATE_LIMIT": f"{LIMIT}/minute",
        "PROCESSES": "1",
    }
    with run_app(folder / "app.log", settings) as app, run_nginx_alone(app.url, folder) as site:
        yield site


@contextmanager
def run_nginx_alone(app_url: str, folder: Path) -> Iterator[Site]:
    """Run nginx in front of the address of an app, on two ports of the loopback."""
    for name, program in (("nginx", NGINX), ("openssl", shutil.which("openssl"))):
        if program is None:
            skip_unless_ci(f"{name} is not installed (Debian packages nginx and openssl)")
    make_certificate(folder)
    ports = free_port(), free_port()
    (folder / "nginx.conf").write_text(configuration(folder, app_url, *ports))
    log = folder / "error.log"
    nginx = subprocess.Popen([str(NGINX), "-p", folder, "-c", folder / "nginx.conf", "-e", log])
    try:
        for port in ports:
            wait_for(port, nginx, log)
        yield Site(*ports, folder / "certificate.pem")
    finally:
        nginx.terminate()
        nginx.wait(10)
