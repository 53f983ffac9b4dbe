"""Tests that the example of docs/data-sets.md is read, split and made ready for training like any data set."""

import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data_modelling import split
from data_modelling.datasets import registry
from data_modelling.datasets.splits.assignment import (
    FOLD_NAMES,
    PARTS,
    TEST,
    make_split,
    stopping_mask,
)
from data_modelling.inference import source_facts
from data_modelling.inference.diagnoses import class_codes
from data_modelling.settings import read_settings
from data_modelling.training.batches import select_examples
from data_modelling.training.development_set import DataFolders, load_development_set
from tests.conftest import PROJECT

DOCUMENT = (PROJECT / "docs" / "data-sets.md").read_text()


def block(name: str) -> str:
    """The code between `<!-- name -->` and `<!-- /name -->`."""
    return re.search(rf"<!-- {name} -->\n```\w+\n(.*?)```\n<!-- /{name} -->", DOCUMENT, re.DOTALL)[1]


@pytest.fixture
def moles(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of the document, with its record in the registry."""
    module = ModuleType("data_modelling.datasets.moles")
    exec(compile(block("module"), "docs/data-sets.md", "exec"), module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    record = eval(block("record"), vars(registry) | {"moles": module})
    monkeypatch.setattr(registry, "DATA_SETS", (*registry.DATA_SETS, record))
    return module


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two photos of each of 60 patients, a third of them of each finding; photo 0 is missing."""
    folder = tmp_path / "moles"
    (folder / "photos").mkdir(parents=True)
    rows = ["file,patient,finding,age,sex,place"]
    for number in range(120):
        finding = ("mole", "melanoma", "age wart")[number // 2 % 3]
        rows.append(f"{number},p{number // 2},{finding},{20 + number // 2},female,back")
        if number:
            Image.new("RGB", (40, 30), (number, 90, 60)).save(folder / "photos" / f"{number}.png")
    (folder / "moles.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_the_example_is_read_split_and_ready_for_training(moles: ModuleType, root: Path, tmp_path: Path):
    table, report = moles.load(root)
    assert len(table) == 119
    assert report.rows_without_photo == ("0",)
    assert table["diagnosis"].value_counts().to_dict() == {"NV": 39, "MEL": 40, "BKL": 40}
    assert table["site"].unique().tolist() == ["posterior torso"]
    arguments = re.search(r"`python -m data_modelling\.split (.*?)`", DOCUMENT)[1].split()
    assert split.main([*arguments, "--data-root", str(root), "--out", str(tmp_path / "splits")]) == 0
    recipe = tmp_path / "moles.toml"
    recipe.write_text(block("recipe"))
    settings = read_settings(recipe)
    development, left_out = load_development_set(settings, DataFolders(root, tmp_path / "splits"), tmp_path)
    assert left_out == [str(report)]
    assert "test" not in set(development.table["part"])
    part = select_examples(
        development.table, development.pixels, np.ones(len(development.table), bool), settings.task
    )
    assert set(part.labels) == {class_codes("ham10000").index(code) for code in ("NV", "MEL", "BKL")}
    assert registry.group_noun("moles") == "patient"
    facts = registry.facts_of_sources(set(table["source"]))
    facts_by_source = source_facts.facts_by_source(
        {"data": {"sources": ["moles"], source_facts.OWN_FACTS: facts}}
    )
    assert facts_by_source["moles"].labels == "by histopathology"
    first = development.table["image_id"].iloc[0]
    assert development.pixels.shape[1:] == (96, 96, 3)
    np.testing.assert_array_equal(part.pixels[0, 48, 48], (int(first), 90, 60))


def test_the_names_that_the_document_gives_are_there():
    assert tomllib.loads(block("recipe"))["dataset"] == "moles"
    for path in re.findall(r"`(data_modelling/[\w/]+\.py|app/[\w/]+\.py)`", DOCUMENT):
        assert (PROJECT / path).exists() or path.endswith("moles.py"), path


def test_the_page_says_how_many_groups_a_split_and_a_training_need() -> None:
    numbers = re.findall(r"at least (\d+) groups", DOCUMENT)

    def photos(count: int) -> pd.DataFrame:
        ids = [f"p{number:02}" for number in range(count)]
        table = pd.DataFrame({"image_id": ids, "group_id": ids, "diagnosis": "NV"})
        return table.assign(part=make_split(table)["part"])

    def can_train(table: pd.DataFrame) -> bool:
        return all(stopping_mask(table[~table["part"].isin([TEST, fold])]).any() for fold in FOLD_NAMES)

    in_all_parts = min(count for count in range(2, 20) if set(photos(count)["part"]) == set(PARTS))
    enough = min(count for count in range(2, 20) if can_train(photos(count)))
    assert numbers == [str(in_all_parts), str(enough)]
