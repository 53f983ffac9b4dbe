from pathlib import Path

import pandas as pd
import pytest

from app.analysis.examples import EXAMPLES, EXAMPLES_FOLDER, ExamplePhoto
from data_modelling.datasets.splits.assignment import TEST
from tests.conftest import PROJECT, skip_unless_ci


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_no_network_of_ours_learned_from_an_example(example: ExamplePhoto) -> None:
    """Every split that has it has it in the locked part."""
    parts = {}
    for path in sorted((PROJECT / "DATA" / "splits").glob("*[0-9].csv")):
        split = pd.read_csv(path, dtype=str)
        parts[path.stem] = split.loc[split["image_id"] == example.image_id, "part"].unique().tolist()
    assert {name for name, found in parts.items() if found} == {"isic2017", "isic2019"}
    assert all(found in ([], [TEST]) for found in parts.values())


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_an_example_is_what_the_archive_says(example: ExamplePhoto, data_root: Path) -> None:
    """Photo, diagnosis, age, sex and site are those of ISIC 2017's own table."""
    folder = data_root / "ISIC_2017"
    if not folder.exists():
        skip_unless_ci(f"{folder} is not there")
    row = pd.read_csv(folder / "ISIC_2017_labels.csv").set_index("image").loc[example.image_id]
    details = example.details
    assert (example.diagnosis, details.age, details.sex, details.site) == (
        row["isic2019_class"],
        row["age"],
        row["sex"],
        row["site"],
    )
    assert (EXAMPLES_FOLDER / example.file).read_bytes() == (folder / "images" / example.file).read_bytes()
