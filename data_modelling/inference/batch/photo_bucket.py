"""Lists and reads photos in an S3 bucket, a store of files on a network, through pyarrow's file system."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from data_modelling.inference.batch.photo_folder import PhotoFolder, sort_photo_names
from data_modelling.inference.errors import InputError
from data_modelling.inference.photo.reader import ENDINGS, is_photo_name

SCHEME = "s3"


@dataclass(frozen=True)
class BucketPhoto:
    """Represents a photo in a bucket.

    uri: the address of its folder, with pyarrow's options (`?endpoint_override=...`). state: its size (bytes) and the
    time of its last change (nanoseconds), from the bucket's listing.
    """

    uri: str
    name: str
    state: SimpleNamespace

    def __str__(self) -> str:
        return f"{without_options(self.uri)}/{self.name}"

    def stat(self) -> SimpleNamespace:
        return self.state

    def read_bytes(self) -> bytes:
        """Return the content; raise OSError with the reason when it cannot be read."""
        file_system, folder = _file_system(self.uri)
        try:
            with file_system.open_input_stream(f"{folder}/{self.name}") as stream:
                return bytes(stream.read())
        except OSError as error:  # pyarrow's OSError has no errno and no strerror
            raise OSError(error.errno or errno.EIO, str(error)) from error


def is_bucket(images: str) -> bool:
    """Return whether `images` is the address of a bucket; otherwise it is a folder."""
    return urlsplit(images).scheme == SCHEME


def without_options(uri: str) -> str:
    """Return an address without user, password and options, because these may be secret."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")


def scan_photo_bucket(uri: str) -> PhotoFolder:
    """Return the photos in a folder of a bucket, without its subfolders; raise InputError if there are none."""
    title = without_options(uri)
    try:
        file_system, folder = _file_system(uri)
        from pyarrow.fs import FileSelector

        listing = file_system.get_file_info(FileSelector(folder))
    except OSError as error:
        raise InputError(f"{title} cannot be listed: {error}") from error
    files = {PurePosixPath(info.path).name: info for info in listing if info.is_file}
    names = sort_photo_names(title, filter(is_photo_name, files))
    if not names:
        raise InputError(f"{title} has no photo ({' '.join(ENDINGS)}).")

    def photo(name: str) -> BucketPhoto:
        state = SimpleNamespace(st_size=files[name].size, st_mtime_ns=files[name].mtime_ns)
        return BucketPhoto(uri, name, state)

    return PhotoFolder(photo, names, tuple(sorted({*files} - {*names})))


@cache
def _file_system(uri: str) -> tuple[Any, str]:
    """Return pyarrow's file system for an address, and the folder in it."""
    try:
        from pyarrow.fs import FileSystem
    except ImportError as error:
        raise InputError(
            "Photos of a bucket need pyarrow: install requirements-cluster.lock, see docs/scale.md."
        ) from error
    try:
        file_system, folder = FileSystem.from_uri(uri)
    except ValueError as error:
        raise InputError(f"{without_options(uri)} is no address of a bucket: {error}.") from error
    return file_system, folder.rstrip("/")
