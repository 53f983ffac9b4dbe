"""The settings of the app, read from the environment and checked once, at start."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from data_modelling.inference.errors import InputError

MEGABYTE = 1024 * 1024
LARGEST_VISIT_MB = 60  # all photos of a visit together, in MB of 1024 x 1024 bytes
FEWEST_PHOTOS, MOST_PHOTOS = 2, 12  # of a visit
# Photos read at once, one a core: one may take 40 MB on its way out of the form and 150 MB decoded.
SLOTS = min(max(os.cpu_count() or 1, 2), 8)
MOST_PROCESSES = 32
FORM_OVERHEAD = 64 * 1024  # bytes of a form beside its photo: names, boundaries, the other fields


class SettingError(InputError):
    """An environment variable with a value that is not accepted."""


@dataclass(frozen=True)
class Settings:
    """Each field is set by the environment variable of its name in capitals."""

    host: str = "127.0.0.1"  # address to listen on; 0.0.0.0 is every network of the machine
    port: int = 8000  # TCP port; 0 takes any free one
    bundles: Path = Path("DATA/models")  # folder with one bundle a subfolder
    bundle: str = "ham10000"  # name of the default bundle
    rate_limit: str = (
        "120/minute"  # requests an address may make, e.g. "5/second;120/minute"; "off" is no limit
    )
    trusted_proxies: int = 0  # reverse proxies in front whose X-Forwarded-* headers are believed, a count
    trusted_hosts: tuple[str, ...] = ()  # host names that are answered, separated by commas; empty is any
    max_upload_mb: int = 20  # largest photo, in MB of 1024 x 1024 bytes
    metrics: bool = False  # whether /metrics shows counts of requests to this machine; "on" or "off"
    views: int = 1  # positions in which the network sees each photo: 1, or 8, which cost eight times as much
    processes: int = 0  # that answer; 0 is one a core, at most 8 (Linux alone has more than one)
    score_log: str = (
        "off"  # csv file that each answer's day, probabilities and nearness are added to, or "off"
    )

    @property
    def max_photo_bytes(self) -> int:
        """Largest photo file that is accepted."""
        return self.max_upload_mb * MEGABYTE

    @property
    def max_body_bytes(self) -> int:
        """Largest body of a request that is read."""
        return self.max_photo_bytes + FORM_OVERHEAD

    @property
    def max_visit_body_bytes(self) -> int:
        """Largest body that is read where several photos may be sent."""
        return max(self.max_photo_bytes, LARGEST_VISIT_MB * MEGABYTE) + FORM_OVERHEAD

    @property
    def process_count(self) -> int:
        """Processes that answer."""
        if not hasattr(os, "memfd_create"):  # in which they share what they know
            return 1
        return self.processes or min(os.cpu_count() or 1, 8)

    @property
    def is_public(self) -> bool:
        """Whether other machines can reach the app."""
        if self.host == "localhost":
            return False
        try:
            return not ipaddress.ip_address(self.host).is_loopback
        except ValueError:  # a name: it may well be that of this machine in its network
            return True


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Settings with what the environment names; an empty variable counts as absent. Raises SettingError."""
    values = {}
    for field in fields(Settings):
        text = environ.get(field.name.upper(), "").strip()
        if text:
            values[field.name] = _READERS[field.name](field.name.upper(), text)
    return Settings(**values)  # type: ignore[arg-type]  # each reader gives its field's type


def _text(_name: str, text: str) -> str:
    return text


def _folder(_name: str, text: str) -> Path:
    return Path(text).expanduser()


def _bundle(name: str, text: str) -> str:
    if text == ".." or Path(text).name != text:
        raise SettingError(f"{name} must be the name of a folder in BUNDLES, not {text!r}.")
    return text


def _whole(smallest: int, largest: int) -> Callable[[str, str], int]:
    def read(name: str, text: str) -> int:
        if not (text.isascii() and text.isdigit() and smallest <= int(text) <= largest):
            raise SettingError(f"{name} must be a whole number from {smallest} to {largest}, not {text!r}.")
        return int(text)

    return read


def _rate(name: str, text: str) -> str:
    if text.lower() == "off":
        return "off"
    from limits import parse_many  # here, since the process that keeps the server alive has to stay small

    try:
        parse_many(text)
    except ValueError as error:
        raise SettingError(f'{name} must read like "120/minute", or be "off", not {text!r}.') from error
    return text


def _switch(name: str, text: str) -> bool:
    if text.lower() not in ("on", "off"):
        raise SettingError(f'{name} must be "on" or "off", not {text!r}.')
    return text.lower() == "on"


def _file(name: str, text: str) -> str:
    if text.lower() == "off":
        return "off"
    path = Path(text).expanduser()
    if path.is_dir() or not path.parent.is_dir():
        raise SettingError(f'{name} must be a file in a folder that is there, or "off", not {text!r}.')
    return str(path)


def _hosts(_name: str, text: str) -> tuple[str, ...]:
    return tuple(host for host in (part.strip() for part in text.split(",")) if host)


def _one_of(*numbers: int) -> Callable[[str, str], object]:
    def read(name: str, text: str) -> int:
        if text not in map(str, numbers):
            raise SettingError(f"{name} must be {' or '.join(map(str, numbers))}, not {text!r}.")
        return int(text)

    return read


_READERS: dict[str, Callable[[str, str], object]] = {
    "host": _text,
    "port": _whole(0, 65535),
    "bundles": _folder,
    "bundle": _bundle,
    "rate_limit": _rate,
    "trusted_proxies": _whole(0, 10),
    "trusted_hosts": _hosts,
    "max_upload_mb": _whole(1, 200),
    "metrics": _switch,
    "views": _one_of(1, 8),
    "processes": _whole(0, MOST_PROCESSES),
    "score_log": _file,
}
