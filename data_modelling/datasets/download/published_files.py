"""Lists the published files of each data set: addresses, sizes, checksums, licence and citation.

The registry's records refer to them; `python -m data_modelling.download` downloads them. Sources of the numbers:

- HAM10000: file numbers, sizes and MD5 as Harvard Dataverse publishes them for version 4 of
  doi:10.7910/DVN/DBW86T. The metadata file is requested with `?format=original`: by default Dataverse serves a
  conversion, which has another checksum than the recorded one.
- ISIC 2019: two reproduction packages of 2026 independently state the SHA-256 of the official files. We computed the SHA-256 of the
  csv files again on a copy of the official files.
- ISIC 2020: the SHA-256 of the csv files was computed on a copy of the official files and is published with the same
  size. No SHA-256 of the photo archive was found. Its size is checked; its checksum is recorded at the first download
  and compared with every later one; the CRC-32 of each photo is checked on extraction.
"""

from dataclasses import dataclass

from data_modelling.datasets import ham10000, isic2019, isic2020

DATAVERSE = "https://dataverse.harvard.edu/api/access/datafile"
ISIC = "https://isic-challenge-data.s3.amazonaws.com"


@dataclass(frozen=True)
class RemoteFile:
    """Describes a file to download.

    name: on this machine. address: the official address. size: bytes. checksum: `md5:` or `sha256:` and the digits;
    None if no checksum is published.
    """

    name: str
    address: str
    size: int
    checksum: str | None


@dataclass(frozen=True)
class PublishedFiles:
    """Describes a data set as it is published.

    folder: under the data root. tables: the csv files in the folder. archives: zip files of photos, which are extracted
    into the subfolder `photos_folder`. photos: how many there are.
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


def _isic(year: int, name: str, size: int, checksum: str | None) -> RemoteFile:
    return RemoteFile(name, f"{ISIC}/{year}/{name}", size, checksum)


HAM10000 = PublishedFiles(
    title="HAM10000",
    folder=ham10000.FOLDER,
    page="https://doi.org/10.7910/DVN/DBW86T",
    licence="CC BY-NC 4.0",
    citation="Tschandl, Rosendahl and Kittler 2018, Sci Data 5:180161, doi:10.1038/sdata.2018.161",
    tables=(
        RemoteFile(
            ham10000.METADATA[0],
            f"{DATAVERSE}/4338392?format=original",
            690_218,
            "md5:8f85fb1aa29d80a2797247e434deb79d",
        ),
    ),
    archives=(
        RemoteFile(
            "HAM10000_images_part_1.zip",
            f"{DATAVERSE}/3172585",
            1_366_522_108,
            "md5:4639bfa73ab251610530a97c898e6e46",
        ),
        RemoteFile(
            "HAM10000_images_part_2.zip",
            f"{DATAVERSE}/3172584",
            1_403_566_547,
            "md5:da43d6cc50f6613013be07e8986b384b",
        ),
    ),
    photos_folder=ham10000.PHOTO_FOLDER,
    photos=10_015,
)
ISIC_2019 = PublishedFiles(
    title="ISIC 2019 challenge, training part",
    folder="ISIC_2019",
    page="https://challenge.isic-archive.com/data/#2019",
    licence="CC BY-NC 4.0",
    citation="Tschandl et al. 2018, doi:10.1038/sdata.2018.161; Codella et al. 2018, arXiv:1710.05006; "
    "Combalia et al. 2019, arXiv:1908.02288",
    tables=(
        _isic(
            2019,
            isic2019.GROUND_TRUTH_FILE,
            1_291_479,
            "sha256:aa88e9638fe4df9ef330dc4ba22fa4bd475c44af692fffb870c73091ab25cdcd",
        ),
        _isic(
            2019,
            isic2019.METADATA,
            1_214_351,
            "sha256:d93994a8ed201d474de9a7af7e17ec30929cbc4a5220659ecbde17cbe83e9316",
        ),
    ),
    archives=(
        _isic(
            2019,
            "ISIC_2019_Training_Input.zip",
            9_771_618_190,
            "sha256:5075020b720c8f1b9b7f3ff85326c55ce0435e5906c41fbd338994feef886df1",
        ),
    ),
    photos_folder="images",
    photos=25_331,
)
ISIC_2020 = PublishedFiles(
    title="ISIC 2020 challenge (SIIM-ISIC), training part",
    folder="ISIC_2020",
    page="https://doi.org/10.34970/2020-ds01",
    licence="CC BY-NC 4.0",
    citation="Rotemberg et al. 2021, Sci Data 8:34, doi:10.1038/s41597-021-00815-z",
    tables=(
        _isic(
            2020,
            isic2020.GROUND_TRUTH_FILES[0],
            2_056_020,
            "sha256:98c68a10eb669215e3458ad193a24a582c974a4401e539dbbf099b318584264b",
        ),
        _isic(
            2020,
            isic2020.DUPLICATES,
            11_500,
            "sha256:ddfd6c2d42430bd3581f3b2116bdb1433462a7109c715a02bf7f51115fcfabce",
        ),
    ),
    archives=(_isic(2020, "ISIC_2020_Training_JPEG.zip", 24_707_698_022, None),),
    photos_folder="images",
    photos=33_126,
)
