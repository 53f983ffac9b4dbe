"""Reads published_files.toml, the list of the files that `python -m data_modelling.download` downloads."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

import msgspec


@dataclass(frozen=True)
class RemoteFile:
    """Describes a file to download.

    name: the name on this machine. address: the official URL. size: in bytes. checksum: `md5:` or `sha256:` and the
    digits; None if no checksum is published.
    """

    name: str
    address: str
    size: int
    checksum: str | None = None


@dataclass(frozen=True)
class PublishedFiles:
    """Describes a data set as it is published.

    folder: the data set's folder under the data root. tables: the csv files in the folder. archives: zip files of
    photos, which are extracted into the subfolder `photos_folder`. photos: the number of photos.
    """

    title: str
    folder: str
    page: str
    licence: str
    citation: str
    tables: tuple[RemoteFile, ...]
    archives: tuple[RemoteFile, ...]
    photos_folder: str
    photos: int


_FILES = msgspec.convert(
    tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8")), dict[str, PublishedFiles]
)
HAM10000, ISIC_2019, ISIC_2020 = (_FILES[name] for name in ("HAM10000", "ISIC_2019", "ISIC_2020"))
