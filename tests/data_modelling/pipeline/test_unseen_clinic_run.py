"""Test a run whose networks never see a clinic, with drawn lesions as those of HAM10000 and Barcelona."""

import json
from pathlib import Path

import pandas as pd
import pytest

from data_modelling.datasets import ham10000, isic2019
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.details import Details
from data_modelling.inference.predictor import Predictor
from data_modelling.settings import read_settings
from data_modelling.training import development_set
from tests.conftest import PROJECT
from tests.data_modelling.pipeline.test_all_clinics_run import write_two_clinics
from tests.data_modelling.whole_run import ONE_BATCH, train_whole_run


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `data`, `splits` and the bundle `bundle`, of which no network saw a photo of Barcelona."""
    root = tmp_path_factory.mktemp("unseen")
    write_two_clinics(root)
    recipe = (PROJECT / "data_modelling" / "configs" / "smoke.toml").read_text()
    for before, after in (
        ("epochs = 6", "epochs = 1"),
        ("batch = 16", f"batch = {ONE_BATCH}"),
        ('split = "smoke"', 'split = "ham10000"'),
        ("generated_lesions = 220", 'unseen_sets = ["isic2019"]'),
    ):
        recipe = recipe.replace(before, after)
    (root / "smoke.toml").write_text(recipe)
    folders = development_set.DataFolders(root / "data", root / "splits")
    train_whole_run(read_settings(root / "smoke.toml"), folders, root / "bundle")
    return root


def test_the_bundle_is_tested_at_a_clinic_that_it_never_saw(trained: Path) -> None:
    answers = pd.read_csv(trained / "bundle" / "predictions" / "left_out_clinics.csv.gz")
    split = pd.read_csv(trained / "splits" / "isic2019.csv")
    photos = trained / "data" / isic2019.FOLDER / "images"
    own = {path.stem for path in photos.iterdir()}
    assert set(answers["clinic"]) == {"BCN"}
    assert set(answers["image_id"]) == own - set(split.loc[split["part"] == "test", "image_id"])

    predictor = Predictor(load_bundle(trained / "bundle"))
    row = answers.iloc[0]
    served = predictor.answer((photos / f"{row['image_id']}.jpg").read_bytes(), Details())
    for code, probability in served.probabilities.items():
        assert row[f"p_{code}"] == pytest.approx(probability, abs=1e-4)

    metadata = json.loads((trained / "bundle" / "metadata.json").read_text())
    assert metadata["thresholds"]["clear"] == 0  # too few melanomas for a promise
    assert metadata["settings"]["unseen_sets"] == ["isic2019"]
    rows = pd.read_csv(trained / "data" / ham10000.METADATA[0])
    part = pd.read_csv(trained / "splits" / "ham10000.csv").set_index("image_id")["part"]
    shares = rows["dx"][rows["image_id"].map(part) != "test"].str.upper().value_counts(normalize=True)
    known = {code: share for code, share in metadata["reference_shares"].items() if share}
    assert known == pytest.approx(shares.to_dict(), abs=1e-9)

    unseen, own_clinic = json.loads((trained / "bundle" / "metrics.json").read_text())["clinics"]
    assert (unseen["group"], unseen["share_learned"]) == ("BCN", 1)
    assert "seen" not in unseen  # no network saw other photos of the clinic
    assert (own_clinic["group"], own_clinic["left_out"]) == ("HAM10000", None)
