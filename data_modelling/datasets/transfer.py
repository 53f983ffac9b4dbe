"""One file over HTTP: with progress, taken up again where it was cut off, checked before it counts as there.

pooch checks and puts files into place; what it does not have, and this module gives it, is a downloader that
goes on with the part of a file that is there. Proxies are those of the environment (HTTPS_PROXY, NO_PROXY).
"""

import logging
import os
import time
from pathlib import Path
from urllib.parse import urlsplit

import pooch
import requests
from tqdm import tqdm

from data_modelling.datasets.facts import RemoteFile
from data_modelling.inference.errors import InputError

PART = ".part"  # ending of a file that is not whole yet
CHUNK = 1 << 14  # bytes; what a broken connection loses at most
TIMEOUTS = (30, 60)  # seconds to connect, and between two pieces
WAITS = (1, 3, 10, 30)  # seconds before each new try; tries that bring something do not count
HEADERS = {
    "User-Agent": "skin-lesion-classifier",  # Dataverse refuses requests of nameless programs
    "Accept-Encoding": "identity",  # sizes and ranges are those of the file itself
}
PARTIAL, RANGE_NOT_SATISFIABLE = 206, 416  # HTTP statuses

# Its own lines say the same as ours, in other words.
pooch.get_logger().setLevel(logging.ERROR)


class _CutOffError(Exception):
    """The connection ended before the file did."""


def fetch(file: RemoteFile, folder: Path, address: str, checksum: str | None) -> Path:
    """Download a file into `folder` under its name, or find it there; the path.

    address: where it is taken from. checksum: `md5:` or `sha256:` with digits, None where none is known; a
    file that is there already is held against it too.

    Raises InputError, in one sentence, when the server cannot be reached, answers with an error, offers
    another size, or the file has another checksum; at most a part that may be gone on with is left then.
    """
    part = folder / (file.name + PART)
    try:
        found = pooch.retrieve(address, checksum, file.name, folder, downloader=_Downloader(file, part))
    except ValueError as error:  # pooch's word for another checksum
        part.unlink(missing_ok=True)
        raise InputError(
            f"{file.name} from {urlsplit(address).netloc} has another checksum than expected ({checksum}): it "
            "was altered or damaged on its way and is removed; run the command again, or name another --mirror."
        ) from error
    part.unlink(missing_ok=True)
    return Path(found)


class _Downloader:
    """What pooch calls with an address and the name under which it wants the whole file."""

    def __init__(self, file: RemoteFile, part: Path) -> None:
        self.file, self.part = file, part
        self.answered = False  # whether the server has said anything yet

    def __call__(self, url: str, output_file: str, _pooch: object) -> None:
        failures = 0
        with tqdm(
            total=self.file.size, desc=self.file.name, unit="B", unit_scale=True, unit_divisor=1000
        ) as bar:
            while self._arrived() != self.file.size:
                before = self._arrived()
                try:
                    self._go_on(url, bar)
                except (requests.RequestException, _CutOffError) as error:
                    failures = 0 if self._arrived() > before else failures + 1
                    if failures == len(WAITS) or not self.answered:
                        raise _unreachable(url, error) from error
                    time.sleep(WAITS[failures])
        # A second name for the same bytes: killed while they are checked, the part is still there.
        Path(output_file).unlink()
        try:
            os.link(self.part, output_file)
        except OSError:  # a file system without second names
            self.part.replace(output_file)

    def _arrived(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _go_on(self, url: str, bar: tqdm) -> None:
        """Ask for what is missing and append it to the part."""
        start = self._arrived()
        headers = HEADERS | ({"Range": f"bytes={start}-"} if start else {})
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUTS) as response:
            self.answered = True
            if response.status_code == RANGE_NOT_SATISFIABLE:
                self.part.unlink()
                raise _CutOffError("the part at hand is no beginning of the file")
            if not response.ok:
                raise InputError(
                    f"{urlsplit(url).netloc} answered {response.status_code} {response.reason} for "
                    f"{self.file.name}; try later, or name a --mirror."
                )
            resumed = response.status_code == PARTIAL
            start = start if resumed else 0  # a server that knows no ranges sends all of it
            self._refuse_other_size(url, response, start)
            bar.n = start
            bar.refresh()
            with self.part.open("ab" if resumed else "wb") as target:
                for piece in response.iter_content(CHUNK):
                    target.write(piece)
                    target.flush()  # a killed process keeps what arrived
                    bar.update(len(piece))
                    if target.tell() > self.file.size:
                        break  # an answer without a Content-Length may never end
        if self._arrived() > self.file.size:
            raise self._other_size(url, "more")
        if self._arrived() < self.file.size:
            raise _CutOffError("the connection was closed")

    def _refuse_other_size(self, url: str, response: requests.Response, start: int) -> None:
        length = response.headers.get("Content-Length")
        if length is not None and start + int(length) != self.file.size:
            raise self._other_size(url, f"{start + int(length):,}")

    def _other_size(self, url: str, offered: str) -> InputError:
        """What tells of another size than the published one; the part is removed."""
        self.part.unlink(missing_ok=True)
        return InputError(
            f"{urlsplit(url).netloc} offers {self.file.name} with {offered} bytes where "
            f"{self.file.size:,} are published; it is another file: name another --mirror."
        )


def _unreachable(url: str, error: Exception) -> InputError:
    return InputError(
        f"{urlsplit(url).netloc} cannot be reached ({_last_cause(error)}): check the network and HTTPS_PROXY, or "
        "name a --mirror; what arrived is kept, and the same command goes on with it."
    )


def _last_cause(error: Exception) -> str:
    """The plainest words of nested network errors."""
    while (cause := error.__cause__ or error.__context__) is not None and isinstance(cause, Exception):
        error = cause
    return str(error) or type(error).__name__
