"""Downloads one file over HTTP with a progress bar, resumes a broken download and checks the file.

The library pooch checks the file and moves it to its place. This module gives pooch a downloader that resumes a partial
file. Proxies are read from the environment variables HTTPS_PROXY and NO_PROXY.
"""

import logging
import os
import time
from pathlib import Path
from urllib.parse import urlsplit

import pooch
import requests
from tqdm import tqdm

from data_modelling.datasets.download.published_files import RemoteFile
from data_modelling.inference.errors import InputError

PARTIAL_ENDING = ".part"  # ending of a partial file
CHUNK_BYTES = 1 << 14  # a broken connection loses at most this number of bytes
TIMEOUTS = (30, 60)  # seconds to wait for a connection, and between two chunks
RETRY_DELAYS = (1, 3, 10, 30)  # seconds to wait: 1 after a try that brought data, else 3, 10 and 30 in turn
HEADERS = {
    "User-Agent": "skin-lesion-classifier",  # Dataverse (HAM10000's server) refuses programs without a name
    "Accept-Encoding": "identity",  # no compression, so that sizes and byte ranges are those of the file itself
}
PARTIAL, RANGE_NOT_SATISFIABLE = 206, 416  # HTTP statuses

# Without this line, pooch would also log what this module prints.
pooch.get_logger().setLevel(logging.ERROR)


class _CutOffError(Exception):
    """Is raised when the server's answer ends too early, or does not continue the partial file."""


def fetch_file(file: RemoteFile, folder: Path, address: str, checksum: str | None) -> Path:
    """Download a file into `folder` under its name, unless it is there already; return its path.

    address: the URL of the file. checksum: `md5:` or `sha256:` and the digits; None if unknown. An existing file with
    another checksum is downloaded again. Raises InputError if the server cannot be reached, answers with an error or
    offers a file of another size, or if the downloaded file has another checksum. If the download breaks off, the next
    call continues the partial file.
    """
    part = folder / (file.name + PARTIAL_ENDING)
    try:
        path = pooch.retrieve(address, checksum, file.name, folder, downloader=_Downloader(file, part))
    except ValueError as error:  # pooch raises ValueError if the checksum differs
        part.unlink(missing_ok=True)
        raise InputError(
            f"{file.name} from {urlsplit(address).netloc} has another checksum than expected ({checksum}): it "
            "was altered or damaged on its way and is removed; run the command again, or name another --mirror."
        ) from error
    part.unlink(missing_ok=True)
    return Path(path)


class _Downloader:
    """Downloads a file for pooch, which calls this object with the address and the path for the complete file."""

    def __init__(self, file: RemoteFile, part: Path) -> None:
        self.file, self.part = file, part
        self.answered = False  # whether the server has answered yet

    def __call__(self, url: str, output_file: str, _pooch: object) -> None:
        failures = 0
        with tqdm(
            total=self.file.size, desc=self.file.name, unit="B", unit_scale=True, unit_divisor=1000
        ) as bar:
            while (before := self._downloaded_bytes()) != self.file.size:
                try:
                    self._resume(url, bar)
                except (requests.RequestException, _CutOffError) as error:
                    failures = 0 if self._downloaded_bytes() > before else failures + 1
                    if failures == len(RETRY_DELAYS) or not self.answered:
                        raise InputError(
                            f"{urlsplit(url).netloc} cannot be reached ({_last_cause(error)}): check the network and HTTPS_PROXY, "
                            "or name a --mirror. The downloaded part is kept; repeat the command to continue."
                        ) from error
                    time.sleep(RETRY_DELAYS[failures])
        # A hard link (a second name) keeps the partial file, so that a kill during the check loses no downloaded bytes.
        Path(output_file).unlink()
        try:
            os.link(self.part, output_file)
        except OSError:  # a file system without hard links
            self.part.replace(output_file)

    def _downloaded_bytes(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _resume(self, url: str, bar: tqdm) -> None:
        """Request the missing bytes and append them to the partial file."""
        start = self._downloaded_bytes()
        headers = HEADERS | ({"Range": f"bytes={start}-"} if start else {})
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUTS) as response:
            self.answered = True
            if response.status_code == RANGE_NOT_SATISFIABLE:
                self.part.unlink()
                raise _CutOffError("the partial file is not the beginning of this file")
            if not response.ok:
                raise InputError(
                    f"{urlsplit(url).netloc} answered {response.status_code} {response.reason} for "
                    f"{self.file.name}; try later, or name a --mirror."
                )
            resumed = response.status_code == PARTIAL
            bar.n = start if resumed else 0  # a server that ignores the header Range sends the whole file
            bar.refresh()
            length = response.headers.get("Content-Length")
            if length is not None and bar.n + int(length) != self.file.size:
                raise self._other_size(url, f"{bar.n + int(length):,}")
            with self.part.open("ab" if resumed else "wb") as target:
                for chunk in response.iter_content(CHUNK_BYTES):
                    target.write(chunk)
                    target.flush()  # these bytes stay even if the process is killed
                    bar.update(len(chunk))
                    if target.tell() > self.file.size:  # an answer without a Content-Length may never end
                        raise self._other_size(url, "more")
        if self._downloaded_bytes() < self.file.size:
            raise _CutOffError("the connection was closed")

    def _other_size(self, url: str, offered: str) -> InputError:
        """Remove the partial file and return the error for a size that differs from the published one."""
        self.part.unlink(missing_ok=True)
        return InputError(
            f"{urlsplit(url).netloc} offers {self.file.name} with {offered} bytes, but {self.file.size:,} are "
            "published, so it is another file; name another --mirror."
        )


def _last_cause(error: Exception) -> str:
    """Return the text of the first error in a chain of network errors."""
    while (cause := error.__cause__ or error.__context__) is not None and isinstance(cause, Exception):
        error = cause
    return str(error) or type(error).__name__
