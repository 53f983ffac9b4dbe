import hashlib
import io
import json
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from data_modelling.datasets import ham10000
from data_modelling.datasets.download import dataset_download, file_download
from data_modelling.datasets.download.dataset_download import download_dataset
from data_modelling.datasets.download.published_files import HAM10000, PublishedFiles, RemoteFile
from data_modelling.inference.errors import InputError
from tests.conftest import PROJECT
from tests.data_modelling.datasets.download.file_server import serving
from tests.data_modelling.datasets.test_ham10000 import HEADER, ROWS

PATIENCE = 60  # seconds that a test waits for a process before it gives up


def zipped(*names):
    """A zip archive with a photo of each name; noise after it makes it large enough to be cut off."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in names:
            photo = io.BytesIO()
            noise = np.random.default_rng(len(name)).integers(0, 256, (60, 80, 3), dtype=np.uint8)
            Image.fromarray(noise).save(photo, "JPEG")
            # A member with a date of its own: the archive is the same in every process.
            archive.writestr(zipfile.ZipInfo(f"{name}.jpg"), photo.getvalue() + bytes(40_000))
    return target.getvalue()


CONTENTS = {
    "HAM10000_metadata.csv": ("\n".join((HEADER, *ROWS)) + "\n").encode(),
    "part_1.zip": zipped("ISIC_0024306", "ISIC_0024307"),
    "part_2.zip": zipped("ISIC_0024308"),
}


def remote(name, address, checksum=True):
    content = CONTENTS[name]
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}" if checksum else None
    return RemoteFile(name, f"{address}/{name}", len(content), digest)


def made_facts(address, checksum=True) -> PublishedFiles:
    """Facts of a data set of three photos at the server."""
    return replace(
        HAM10000,
        tables=(remote("HAM10000_metadata.csv", address),),
        archives=tuple(remote(name, address, checksum) for name in ("part_1.zip", "part_2.zip")),
        photos=3,
    )


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(file_download, "RETRY_DELAYS", (0, 0, 0))


@pytest.fixture
def server():
    with serving({f"/{name}": content for name, content in CONTENTS.items()}) as sent:
        yield sent


def yes(_told):
    return True


def test_the_data_set_has_the_layout_that_the_loader_reads(server, tmp_path):
    download_dataset(made_facts(server.address), tmp_path, "", yes)
    table, report = ham10000.load(tmp_path, strict=True)
    assert table["image_id"].tolist() == ["ISIC_0024306", "ISIC_0024307", "ISIC_0024308"]
    assert not report
    assert sorted(path.name for path in (tmp_path / "HAM10000").iterdir()) == [
        "HAM10000_images_part_1_and_2",
        "HAM10000_metadata.csv",
        "downloads.json",
    ]


def test_a_second_call_downloads_nothing_and_asks_nothing(server, tmp_path, capsys):
    download_dataset(made_facts(server.address), tmp_path, "", yes)
    server.asked.clear()
    download_dataset(made_facts(server.address), tmp_path, "", lambda _: pytest.fail("asked"))
    assert server.asked == []
    assert "already" in capsys.readouterr().out


def test_licence_and_citation_are_printed(server, tmp_path, capsys):
    download_dataset(made_facts(server.address), tmp_path, "", yes)
    assert "CC BY-NC 4.0. Please cite: Tschandl" in capsys.readouterr().out


def test_killed_half_way_it_goes_on_and_nothing_half_written_looks_whole(server, tmp_path):
    server.pause = 0.1
    process = subprocess.Popen(command(server.address, tmp_path), cwd=PROJECT, stderr=subprocess.DEVNULL)
    part = tmp_path / "HAM10000" / ".download" / "part_2.zip.part"
    end = time.monotonic() + PATIENCE
    while not (part.exists() and part.stat().st_size) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 0 < part.stat().st_size < len(CONTENTS["part_2.zip"]), "killed too late to show anything"
    assert not (tmp_path / "HAM10000" / ham10000.PHOTO_FOLDER).exists()
    with pytest.raises(InputError, match="has neither"):
        ham10000.load(tmp_path)
    server.pause = 0
    server.asked.clear()
    done = subprocess.run(command(server.address, tmp_path), cwd=PROJECT, check=False, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert len(ham10000.load(tmp_path, strict=True)[0]) == 3
    [(path, asked)] = server.asked  # neither the csv nor the first archive again
    assert path == "/part_2.zip"
    assert asked is not None


def command(address, root):
    script = (
        "import sys; from pathlib import Path;"
        "from tests.data_modelling.datasets.download.test_dataset_download import made_facts, yes;"
        "from data_modelling.datasets.download.dataset_download import download_dataset;"
        "download_dataset(made_facts(sys.argv[1]), Path(sys.argv[2]), '', yes)"
    )
    return [sys.executable, "-c", script, address, str(root)]


@pytest.mark.parametrize("name", list(CONTENTS))
def test_a_file_with_another_checksum_is_refused_and_the_data_set_not_there(server, tmp_path, name):
    server.files[f"/{name}"] = CONTENTS[name][:-1] + b"?"
    with pytest.raises(InputError, match=f"{name} from .* has another checksum"):
        download_dataset(made_facts(server.address), tmp_path, "", yes)
    assert not (tmp_path / "HAM10000" / ham10000.PHOTO_FOLDER).exists()
    assert not (tmp_path / "HAM10000" / ".download" / name).exists()
    server.files[f"/{name}"] = CONTENTS[name]
    download_dataset(made_facts(server.address), tmp_path, "", yes)
    assert len(ham10000.load(tmp_path, strict=True)[0]) == 3


def test_a_csv_of_the_users_own_is_never_replaced(server, tmp_path):
    own = tmp_path / "HAM10000" / "HAM10000_metadata.csv"
    own.parent.mkdir()
    own.write_text("mine")
    with pytest.raises(InputError, match="move it away"):
        download_dataset(made_facts(server.address), tmp_path, "", yes)
    assert own.read_text() == "mine"


def test_too_little_space_is_named_with_both_numbers_before_anything_is_downloaded(
    server, tmp_path, monkeypatch
):
    monkeypatch.setattr(dataset_download.shutil, "disk_usage", lambda _: SimpleNamespace(free=1_200_000_000))
    facts = made_facts(server.address)
    facts = replace(facts, archives=tuple(replace(file, size=100_000_000) for file in facts.archives))
    # Both archives' photos and, before it is removed, one archive; one more gigabyte is to stay free.
    with pytest.raises(InputError, match=r"needs about 0\.3 GB in .* which has 1\.2 GB free"):
        download_dataset(facts, tmp_path, "", lambda _: pytest.fail("asked"))
    assert server.asked == []
    assert list(tmp_path.iterdir()) == []


def test_no_is_an_answer(server, tmp_path):
    with pytest.raises(InputError, match="--yes"):
        download_dataset(made_facts(server.address), tmp_path, "", lambda _: False)
    assert server.asked == []


def test_a_mirror_is_asked_by_folder_and_name(tmp_path):
    files = {f"/skin/HAM10000/{name}": content for name, content in CONTENTS.items()}
    with serving(files) as mirror:
        download_dataset(made_facts("http://nowhere.invalid"), tmp_path, f"{mirror.address}/skin/", yes)
    assert len(ham10000.load(tmp_path, strict=True)[0]) == 3


def test_a_mirror_that_is_no_address_is_refused(tmp_path):
    with pytest.raises(InputError, match="A mirror is an address"):
        download_dataset(HAM10000, tmp_path, "mirror.example.org", yes)


def test_without_a_published_checksum_the_first_download_is_recorded_and_compared_with_the_next(
    server, tmp_path, capsys
):
    facts = made_facts(server.address, checksum=False)
    download_dataset(facts, tmp_path, "", yes)
    assert "No checksum of part_1.zip is published: sha256:" in capsys.readouterr().out
    noted = json.loads((tmp_path / "HAM10000" / "downloads.json").read_text())["part_1.zip"]
    assert noted["checksum"] == f"sha256:{hashlib.sha256(CONTENTS['part_1.zip']).hexdigest()}"
    assert noted["from"] == "first download"
    shutil.rmtree(tmp_path / "HAM10000" / ham10000.PHOTO_FOLDER)
    server.files["/part_1.zip"] = CONTENTS["part_1.zip"][:-1] + b"?"
    with pytest.raises(InputError, match="another checksum"):
        download_dataset(facts, tmp_path, "", yes)


def test_photos_that_were_removed_are_downloaded_again_also_when_that_is_stopped(server, tmp_path):
    """The record says of every archive that it was extracted once."""
    download_dataset(made_facts(server.address), tmp_path, "", yes)
    shutil.rmtree(tmp_path / "HAM10000" / ham10000.PHOTO_FOLDER)
    del server.files["/part_2.zip"]
    with pytest.raises(InputError, match="404"):
        download_dataset(made_facts(server.address), tmp_path, "", yes)
    server.files["/part_2.zip"] = CONTENTS["part_2.zip"]
    server.asked.clear()
    download_dataset(made_facts(server.address), tmp_path, "", yes)
    assert server.asked == [("/part_2.zip", None)]  # the first archive's photos are out
    assert len(ham10000.load(tmp_path, strict=True)[0]) == 3


def test_removed_photos_are_downloaded_again_beside_what_an_early_stop_left(server, tmp_path):
    download_dataset(made_facts(server.address), tmp_path, "", yes)
    shutil.rmtree(tmp_path / "HAM10000" / ham10000.PHOTO_FOLDER)
    (tmp_path / "HAM10000" / ".download").mkdir()
    server.asked.clear()
    download_dataset(made_facts(server.address), tmp_path, "", yes)
    assert [path for path, _ in server.asked] == ["/part_1.zip", "/part_2.zip"]
    assert len(ham10000.load(tmp_path, strict=True)[0]) == 3


def test_missing_photos_are_counted(server, tmp_path):
    with pytest.raises(InputError, match="held 3 photos, but 4 are published"):
        download_dataset(replace(made_facts(server.address), photos=4), tmp_path, "", yes)
    assert not (tmp_path / "HAM10000" / ham10000.PHOTO_FOLDER).exists()
