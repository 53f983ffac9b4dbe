"""The servers of deploy/compose.yaml, without containers: two app servers, Valkey (or Redis) and nginx on the loopback."""

import os
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.app.nginx import FLOOD, NGINX, OTHER, READER, Site, free_port, make_certificate, wait_for
from tests.app.tiny_bundle import make_tiny_bundle
from tests.conftest import PROJECT, skip_unless_ci
from tools.serving import AppServer, run_app

DEPLOY = PROJECT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
APPS = ("app1", "app2")
STORE = shutil.which("valkey-server") or shutil.which("redis-server")
LIMIT, REQUESTS = 100, 200
UNREACHABLE = "Rate limit storage unreachable"


@dataclass(frozen=True)
class Servers:
    """What runs: nginx's address, the app servers and the storage of the limit."""

    site: Site
    apps: list[AppServer]
    store: subprocess.Popen[bytes]

    def logs(self) -> list[str]:
        return [app.log.read_text() for app in self.apps]


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    for name, program in (("nginx", NGINX), ("openssl", shutil.which("openssl")), ("redis-server", STORE)):
        if program is None:
            skip_unless_ci(f"{name} is not installed (Debian packages nginx, openssl, redis-server)")
    make_certificate(tmp_path)
    make_tiny_bundle(tmp_path / "models" / "ham10000")
    with ExitStack() as stack:
        store_port = free_port()
        store = stack.enter_context(started(store_command(store_port), tmp_path))
        wait_for(store_port, store, tmp_path / "log")
        settings = app_settings(store_port) | {"BUNDLES": str(tmp_path / "models")}
        apps = [stack.enter_context(run_app(tmp_path / f"{name}.log", settings)) for name in APPS]
        port = free_port()
        (tmp_path / "nginx.conf").write_text(nginx_configuration(tmp_path, apps, port))
        log = tmp_path / "error.log"
        command = [str(NGINX), "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), "-e", str(log)]
        wait_for(port, stack.enter_context(started(command, tmp_path)), log)
        yield Servers(Site(port, port, tmp_path / "certificate.pem"), apps, store)


def store_command(port: int) -> list[str]:
    """Return the command of compose.yaml for the storage, on a port of the loopback."""
    options = COMPOSE["services"]["valkey"]["command"][1:]
    return [str(STORE), *options, "--bind", READER, "--port", str(port)]


def app_settings(store_port: int) -> dict[str, str]:
    """Return the settings of compose.yaml for an app server, with this test's storage, host name and limit."""
    first, second = (COMPOSE["services"][name]["environment"] for name in APPS)
    assert first == second
    settings = dict(first)
    assert settings["RATE_LIMIT_STORAGE"] == "redis://valkey:6379/0"
    settings |= {"RATE_LIMIT_STORAGE": f"redis://{READER}:{store_port}/0", "TRUSTED_HOSTS": "localhost"}
    return settings | {"RATE_LIMIT": f"{LIMIT}/hour", "PROCESSES": "2"}


def nginx_configuration(folder: Path, apps: list[AppServer], port: int) -> str:
    """Return deploy/nginx.conf with this test's addresses, inside nginx's main settings."""
    text = (DEPLOY / "nginx.conf").read_text()
    for documented, real in (
        ("listen 443 ssl;", f"listen {READER}:{port} ssl;"),
        ("/etc/nginx/certificates/fullchain.pem", str(folder / "certificate.pem")),
        ("/etc/nginx/certificates/privkey.pem", str(folder / "key.pem")),
        *((f"{name}:8000", app.url.removeprefix("http://")) for name, app in zip(APPS, apps, strict=True)),
    ):
        assert text.count(documented) == 1, documented
        text = text.replace(documented, real)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    user = "user root;" if os.geteuid() == 0 else ""
    return (
        f"daemon off; master_process off; {user} pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{\n{temporary}\n{text}}}\n"
    )


@contextmanager
def started(command: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command for the time of the block."""
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def test_two_app_servers_share_one_limit_and_go_on_without_its_storage(servers: Servers) -> None:
    def status(_: int) -> int:
        return servers.site.ask("/limits", client=FLOOD).status

    with ThreadPoolExecutor(8) as pool:
        statuses = Counter(pool.map(status, range(REQUESTS)))
    assert statuses == {200: LIMIT, 429: REQUESTS - LIMIT}
    assert servers.site.ask("/limits", client=OTHER).status == 200  # another address has its own count
    assert all(" GET knowledge.limits " in log for log in servers.logs()), "both servers had requests"
    servers.store.kill()
    servers.store.wait()
    begun = time.monotonic()
    slowest = 0.0
    for _ in range(20):
        asked = time.monotonic()
        assert servers.site.ask("/limits", client=OTHER).status == 200
        slowest = max(slowest, time.monotonic() - asked)
    print(
        f"20 requests without the storage took {time.monotonic() - begun:.2f} s, the slowest {slowest:.2f} s"
    )
    assert any(UNREACHABLE in log for log in servers.logs())
    assert not any(FLOOD in log or OTHER in log for log in servers.logs())


def test_the_containers_get_no_more_than_they_need() -> None:
    for name, service in COMPOSE["services"].items():
        assert service["read_only"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
    assert [name for name, service in COMPOSE["services"].items() if "ports" in service] == ["nginx"]
