import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_modelling import prepare
from data_modelling.datasets import ham10000
from data_modelling.datasets.data_location import REPOSITORY_DATA
from data_modelling.datasets.formats import class_folders, preparation, stored_photo
from data_modelling.datasets.registry import load_table
from data_modelling.datasets.splits.assignment import TEST, attach_parts, read_split
from data_modelling.inference.errors import InputError
from data_modelling.inference.photo.reader import read_photo
from data_modelling.training import development_set
from tests.data_modelling.datasets.formats.small_data_sets import (
    SMOKE,
    ham10000_table,
    settings_for,
    write_prepared,
)

EDGE = 32  # of the smoke recipe's network
KINDS = ("class_folders", "tfrecord")


def development(dataset, root, generated, work, **prepared):
    """What training is given: table and pixels, and the bytes of the cache."""
    settings = settings_for(dataset, **prepared)
    found, left_out = development_set.load_development_set(
        settings, development_set.DataFolders(root, generated, strict=True), work
    )
    assert left_out == []
    return found, (work / "photos.npy").read_bytes()


@pytest.mark.parametrize("edge", [0, EDGE])
@pytest.mark.parametrize("kind", KINDS)
def test_every_format_gives_the_same_cache_and_table_as_the_original_layout(generated, tmp_path, kind, edge):
    """Training is a function of settings, table and pixels, so that it is the same too."""
    original, photo_cache = development("ham10000", generated, generated, tmp_path / "original")
    assert write_prepared(generated, kind, tmp_path / kind, edge=edge, shard=20) == []
    found, cache_of_format = development(kind, tmp_path, generated, tmp_path / "work", edge=edge)
    assert cache_of_format == photo_cache
    pd.testing.assert_frame_equal(found.table.drop(columns="path"), original.table.drop(columns="path"))


def test_a_shard_written_with_blue_first_gives_the_same_cache_when_it_is_read_so(generated, tmp_path, capsys):
    _, photo_cache = development("ham10000", generated, generated, tmp_path / "original")
    swapped = {"edge": EDGE, "channels": "bgr"}
    write_prepared(generated, "tfrecord", tmp_path / "tfrecord", **swapped)
    _, cache_of_shards = development("tfrecord", tmp_path, generated, tmp_path / "work", **swapped)
    assert cache_of_shards == photo_cache
    assert "warning" not in capsys.readouterr().err


@pytest.mark.parametrize("kind", KINDS)
def test_real_photos_give_the_same_cache_in_every_format(data_root, tmp_path, kind):
    """Forty photos of the development part, at the size of the committed recipe; none of the locked test."""
    table = attach_parts(ham10000.load(data_root)[0], read_split(REPOSITORY_DATA / "splits" / "ham10000.csv"))
    table = table[table["part"] != TEST].iloc[:40].reset_index(drop=True)
    development_set.decode_photos(table, 112, tmp_path / "original")
    settings = settings_for(kind, edge=112)
    preparation.prepare_dataset(
        table, preparation.PreparationPlan(kind, tmp_path / kind, settings.prepared, 1), resume=False
    )
    again, _ = load_table(settings, tmp_path, strict=True)
    development_set.decode_photos(again, 112, tmp_path / "again")
    one, other = (
        hashlib.sha256((tmp_path / name / "photos.npy").read_bytes()) for name in ("original", "again")
    )
    assert one.hexdigest() == other.hexdigest()
    columns = ["image_id", "diagnosis", "group_id", "age", "sex", "site", "source", "confirmation"]
    pd.testing.assert_frame_equal(again[columns], table[columns])


def test_processes_write_what_one_process_writes(generated, tmp_path):
    for name, workers in (("one", 1), ("two", 2)):
        write_prepared(generated, "class_folders", tmp_path / name, workers=workers, edge=24)
    one, two = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.png")}
        for name in ("one", "two")
    )
    assert one == two
    assert len(one) == len(ham10000_table(generated))


@pytest.mark.parametrize("edge", [16, 200])
def test_any_size_is_the_photo_readers(generated, tmp_path, edge):
    write_prepared(generated, "class_folders", tmp_path / "out", edge=edge)
    row = ham10000_table(generated).iloc[0]
    [written] = (tmp_path / "out" / row["diagnosis"]).glob(f"{row['image_id']}.png")
    expected = read_photo(Path(row["path"]).read_bytes(), edge)
    np.testing.assert_array_equal(read_photo(written.read_bytes(), edge), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_interrupted_and_resumed_it_ends_as_unbroken_and_writes_nothing_twice(
    generated, tmp_path, monkeypatch, kind
):
    options = {"edge": 16, "shard": 20}
    write_prepared(generated, kind, tmp_path / "unbroken", **options)
    encode_photo, count = preparation.stored_photo.encode_photo, iter(range(10_000))

    def interrupted(*arguments):
        if next(count) == 45:
            raise KeyboardInterrupt
        return encode_photo(*arguments)

    monkeypatch.setattr(preparation.stored_photo, "encode_photo", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_prepared(generated, kind, tmp_path / "out", **options)
    first = {path: path.stat().st_ino for path in (tmp_path / "out").rglob("*.*") if path.name[0] != "p"}
    assert not (tmp_path / "out" / class_folders.PHOTOS_CSV).exists()
    assert not list((tmp_path / "out").rglob("*.tmp"))
    with pytest.raises(InputError, match="with `python -m data_modelling.prepare --resume`"):
        load_table(settings_for(kind), tmp_path / "out")
    with pytest.raises(InputError, match="add --resume"):
        write_prepared(generated, kind, tmp_path / "out", **options)
    write_prepared(generated, kind, tmp_path / "out", resume=True, **options)
    assert {path: path.stat().st_ino for path in first} == first
    assert contents(tmp_path / "out") == contents(tmp_path / "unbroken")


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")}


def test_another_size_does_not_go_on_with_what_was_begun(generated, tmp_path):
    write_prepared(generated, "class_folders", tmp_path / "out", edge=16)
    with pytest.raises(InputError, match="from other photos or settings"):
        write_prepared(generated, "class_folders", tmp_path / "out", edge=24, resume=True)


def test_a_folder_with_something_else_in_it_is_left_alone(generated, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="holds other files"):
        write_prepared(generated, "class_folders", tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_colours_in_another_order_are_not_copied_as_they_are(generated, tmp_path, kind):
    write_prepared(generated, "tfrecord", tmp_path / "blue_first", edge=16, channels="bgr")
    table, _ = load_table(settings_for("tfrecord", channels="bgr"), tmp_path / "blue_first")
    as_it_is, anew = (settings_for(kind, edge=edge).prepared for edge in (0, 16))
    with pytest.raises(InputError, match="give --edge"):
        preparation.prepare_dataset(
            table, preparation.PreparationPlan(kind, tmp_path / kind, as_it_is, 1), resume=False
        )
    preparation.prepare_dataset(
        table, preparation.PreparationPlan(kind, tmp_path / kind, anew, 1), resume=False
    )
    again, _ = load_table(settings_for(kind), tmp_path)
    for one, other in zip(table["path"][:5], again["path"][:5], strict=True):
        np.testing.assert_array_equal(stored_photo.read_pixels(one, 16), stored_photo.read_pixels(other, 16))


@pytest.mark.parametrize("kind", KINDS)
def test_a_photo_that_does_not_decode_is_named_and_left_out(generated, tmp_path, monkeypatch, kind):
    table = ham10000_table(generated)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(Path(table["path"][3]).read_bytes()[:300])
    table.loc[3, "path"] = str(broken)
    plan = preparation.PreparationPlan(kind, tmp_path / kind, settings_for(kind, edge=16).prepared, 1)
    [told] = preparation.prepare_dataset(table, plan, resume=False)
    assert told.startswith(f"{table['image_id'][3]}: ")
    again, _ = load_table(settings_for(kind, edge=16), tmp_path, strict=True)
    assert again["image_id"].tolist() == table["image_id"].drop(3).tolist()
    assert preparation.prepare_dataset(table, plan, resume=True) == [told]


def test_the_command(generated, tmp_path, capsys):
    out = tmp_path / "shards"
    options = ["--config", str(SMOKE), "--to", "tfrecord", "--edge", "16", "--workers", "1"]
    places = ["--data-root", str(generated), "--out", str(out)]
    assert prepare.main([*options, *places]) == 0
    assert json.loads((out / "prepared.json").read_text())["edge"] == 16
    assert len(load_table(settings_for("tfrecord"), out)[0]) == len(ham10000_table(generated))
    capsys.readouterr()
    assert prepare.main([*options, *places]) == 2
    told = capsys.readouterr().err
    assert "add --resume" in told
    assert told.count("\n") == 1
    assert prepare.main([*options, *places, "--resume"]) == 0


def test_no_worker_is_one_sentence_and_writes_nothing(generated, tmp_path, capsys):
    options = ["--config", str(SMOKE), "--to", "tfrecord", "--workers", "0"]
    assert prepare.main([*options, "--data-root", str(generated), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == "--workers must be at least 1, not 0.\n"
    assert not (tmp_path / "out").exists()
