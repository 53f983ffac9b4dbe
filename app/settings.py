"""Read the settings of the app from the environment, and check them once, when the app starts."""

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit

from data_modelling.inference.cpu_cores import usable_cores
from data_modelling.inference.errors import InputError

MEGABYTE = 1024 * 1024
LARGEST_VISIT_MB = 60  # limit of all photos of a visit, in MB of 1024 x 1024 bytes, if MAX_UPLOAD_MB is less
MIN_VISIT_PHOTOS, MAX_VISIT_PHOTOS = 2, 12  # a visit: several photos of one patient, analysed together
# How many photos the app works on at the same time if only one process answers: one per usable core, at least 2 and
# at most 8. The limit is 8, because a photo may take 40 MB of memory while the form is read and 500 MB during decoding.
PHOTO_SLOTS = min(max(usable_cores(), 2), 8)
MOST_PROCESSES = 32
MIN_TOKEN_LENGTH = 16  # fewest characters of a token (a secret word) in the setting METRICS
IN_MEMORY = "memory"  # value of RATE_LIMIT_STORAGE: each process counts requests in its own memory
FORM_OVERHEAD = 64 * 1024  # bytes of a form without its photo: names, boundaries, the other fields
HOST_NAME = re.compile(r"(\.?[\w-]+(\.[\w-]+)*\.?|\[[0-9a-f:.]+\])(:[0-9]+)?", re.IGNORECASE)
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")  # names by which this machine calls itself


class SettingError(InputError):
    """Say that the value of an environment variable is not accepted."""


@dataclass(frozen=True)
class Settings:
    """Hold the settings. The environment variable of each field has the name of the field in capitals."""

    host: str = "127.0.0.1"  # address to listen on; 0.0.0.0 listens on every network of the machine
    port: int = 8000  # TCP port; 0 takes any free one
    bundles: Path = Path("DATA/models")  # folder with a subfolder for each bundle (trained model)
    bundle: str = "ham10000"  # name of the default bundle
    # requests that one client address may make, e.g. "5/second;120/minute"; "off" means no limit
    rate_limit: str = "120/minute"
    # where the requests for RATE_LIMIT are counted: IN_MEMORY, or the address of a Redis or Valkey server
    rate_limit_storage: str = IN_MEMORY
    trusted_proxies: int = 0  # number of reverse proxies; the app trusts their X-Forwarded-* headers
    trusted_hosts: tuple[str, ...] = ()  # the app's own host names, besides LOCAL_HOSTS; empty means any
    max_upload_mb: int = 20  # size limit of a photo, in MB of 1024 x 1024 bytes
    # who sees the request counts at /metrics. "off": nobody; "on": this machine; a secret word: clients that send it
    metrics: str = "off"
    views: int = 1  # orientations in which the network sees each photo: 1, or 8 at eight times the cost
    processes: int = 0  # processes that answer; 0 means one per usable core, at most 8 (always 1 on Windows)
    # csv file or "off"; each answer of the default bundle adds a row: day, probabilities, nearness to training photos
    score_log: str = "off"
    log_format: str = "text"  # format of the log lines on standard error: "text" or "json"

    @property
    def max_photo_bytes(self) -> int:
        """Return the size limit of a photo file, in bytes."""
        return self.max_upload_mb * MEGABYTE

    @property
    def max_body_bytes(self) -> int:
        """Return the size limit of a request's body, in bytes."""
        return self.max_photo_bytes + FORM_OVERHEAD

    @property
    def max_visit_body_bytes(self) -> int:
        """Return the size limit of the body of a request with several photos, in bytes."""
        return max(self.max_photo_bytes, LARGEST_VISIT_MB * MEGABYTE) + FORM_OVERHEAD

    def for_flask(self) -> dict[str, int]:
        """Return the size limits by their names in Flask's configuration, in bytes; only MAX_UPLOAD_MB is in MB."""
        return {
            "MAX_CONTENT_LENGTH": self.max_body_bytes,
            "MAX_VISIT_BYTES": self.max_visit_body_bytes,
            "MAX_PHOTO_BYTES": self.max_photo_bytes,
            "MAX_UPLOAD_MB": self.max_upload_mb,
        }

    @property
    def process_count(self) -> int:
        """Return the number of processes that answer."""
        if not hasattr(os, "fork"):
            return 1
        return self.processes or min(usable_cores(), 8)

    @property
    def photo_slots(self) -> int:
        """Return the number of photos that each process works on at a time."""
        return 1 if self.process_count > 1 else PHOTO_SLOTS

    @property
    def is_public(self) -> bool:
        """Return whether other machines may be able to reach the app."""
        if self.host == "localhost":
            return False
        try:
            return not ipaddress.ip_address(self.host).is_loopback
        except ValueError:  # the host is a name by which other machines may reach this machine
            return True


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Return the settings of the environment; an empty variable counts as absent. Raises SettingError."""
    values = {}
    for field in fields(Settings):
        text = environ.get(field.name.upper(), "").strip()
        if text:
            values[field.name] = _READERS[field.name](field.name.upper(), text)
    return Settings(**values)  # type: ignore[arg-type]  # each reader returns the type of its field


def _bundle(name: str, text: str) -> str:
    if text == ".." or Path(text).name != text:
        raise SettingError(f"{name} must be the name of a folder in BUNDLES, not {text!r}.")
    return text


def _integer_reader(smallest: int, largest: int) -> Callable[[str, str], int]:
    def read(name: str, text: str) -> int:
        if not (text.isascii() and text.isdigit() and smallest <= int(text) <= largest):
            raise SettingError(f"{name} must be a whole number from {smallest} to {largest}, not {text!r}.")
        return int(text)

    return read


def _rate(name: str, text: str) -> str:
    if text.lower() == "off":
        return "off"
    from limits import parse_many  # only if needed: the process that starts the workers must stay small

    try:
        is_limit = all(limit.amount > 0 for limit in parse_many(text))
    except ValueError:
        is_limit = False
    if not is_limit:
        raise SettingError(f'{name} must be "off" or a limit such as "120/minute", not {text!r}.')
    return text


def _storage(name: str, text: str) -> str:
    if text.lower() == IN_MEMORY:
        return IN_MEMORY
    try:
        address = urlsplit(text)
        is_complete = address.scheme in ("redis", "rediss") and bool(address.hostname) and address.port != 0
    except ValueError:  # for example, the port is no number
        is_complete = False
    if not is_complete:  # the message leaves out the value, which may contain a password
        raise SettingError(f'{name} must be "{IN_MEMORY}" or an address like "redis://127.0.0.1:6379/0".')
    return text


def _metrics(name: str, text: str) -> str:
    if text.lower() in ("on", "off"):
        return text.lower()
    if len(text) < MIN_TOKEN_LENGTH or not (text.isascii() and text.isprintable()) or " " in text:
        raise SettingError(  # the message leaves out the value, which is a secret
            f'{name} must be "on", "off" or a token of at least {MIN_TOKEN_LENGTH} letters, digits and signs.'
        )
    return text


def _file(name: str, text: str) -> str:
    if text.lower() == "off":
        return "off"
    path = Path(text).expanduser()
    if path.is_dir() or not path.parent.is_dir():
        raise SettingError(f'{name} must be a file in an existing folder, or "off", not {text!r}.')
    return str(path)


def _host_names(name: str, text: str) -> tuple[str, ...]:
    hosts = tuple(filter(None, map(str.strip, text.split(","))))
    if not all(map(HOST_NAME.fullmatch, hosts)):
        raise SettingError(f"{name} must be host names such as skin.example, not {text!r}.")
    return hosts


def _choice_reader(*choices: str | int) -> Callable[[str, str], object]:
    words = {str(choice): choice for choice in choices}

    def read(name: str, text: str) -> str | int:
        if text.lower() not in words:
            raise SettingError(f"{name} must be {' or '.join(words)}, not {text!r}.")
        return words[text.lower()]

    return read


_READERS: dict[str, Callable[[str, str], object]] = {
    "host": lambda _name, text: text,
    "port": _integer_reader(0, 65535),
    "bundles": lambda _name, text: Path(text).expanduser(),
    "bundle": _bundle,
    "rate_limit": _rate,
    "rate_limit_storage": _storage,
    "trusted_proxies": _integer_reader(0, 10),
    "trusted_hosts": _host_names,
    "max_upload_mb": _integer_reader(1, 200),
    "metrics": _metrics,
    "views": _choice_reader(1, 8),
    "processes": _integer_reader(0, MOST_PROCESSES),
    "score_log": _file,
    "log_format": _choice_reader("text", "json"),
}
