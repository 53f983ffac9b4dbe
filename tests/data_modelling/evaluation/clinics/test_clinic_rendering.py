import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data_modelling.evaluation.clinics import clinic_rendering
from data_modelling.evaluation.clinics.clinic_rendering import rendering_metrics
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.errors import InputError
from data_modelling.inference.predictor import Predictor
from data_modelling.metrics.predictions import read_table, write_table
from tests.app.tiny_bundle import make_tiny_bundle

TABLE = pd.DataFrame(
    [
        ("a", "MEL", "higher_concern", "no_cancer_class"),
        ("b", "MEL", "higher_concern", "uncertain"),
        ("c", "NV", "higher_concern", "no_cancer_class"),
        ("d", "NV", "no_cancer_class", "no_cancer_class"),
    ],
    columns=list(clinic_rendering.COLUMNS),
)


def photo_file(colour: tuple[int, int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (300, 256), colour).save(file, "PNG")
    return file.getvalue()


def test_changes_are_counted_and_melanomas_that_lose_concern_are_named() -> None:
    metrics = rendering_metrics(TABLE)
    assert (metrics["photos"], metrics["changed"], metrics["share"], metrics["melanomas_cleared"]) == (
        4,
        3,
        0.75,
        1,
    )
    assert {"diagnosis": "NV", "from": "higher_concern", "to": "no_cancer_class", "photos": 1} in metrics[
        "changes"
    ]
    assert "3 of 4 photos change" in clinic_rendering.describe_changes(metrics)


def test_a_rendered_photo_is_small_with_a_round_dark_border() -> None:
    file = clinic_rendering.render_photo(photo_file((200, 150, 130)), "ISIC_1")
    assert file == clinic_rendering.render_photo(photo_file((200, 150, 130)), "ISIC_1")
    with Image.open(io.BytesIO(file)) as image:
        assert (image.format, image.size) == ("JPEG", (84, 84))
        pixels = np.asarray(image).astype(int)
    assert np.abs(pixels[42, 42] - (200, 150, 130)).max() <= 4
    assert pixels[0, 0].max() < 80


def test_the_sample_takes_other_lesions_before_a_second_photo_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clinic_rendering, "PHOTOS", 3)
    photos = pd.DataFrame(
        {
            "image_id": list("abcdefg"),
            "group_id": ["1", "1", "1", "2", "3", "4", "4"],
            "diagnosis": ["MEL"] * 5 + ["NV"] * 2,
        }
    )
    sample = clinic_rendering.sample_photos(photos)
    assert sample.loc[sample["diagnosis"] == "MEL", "group_id"].nunique() == 3
    assert sample["diagnosis"].value_counts().to_dict() == {"MEL": 3, "NV": 2}


def test_each_photo_is_answered_twice_and_the_table_is_read_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_tiny_bundle(tmp_path / "tiny")
    for name, colour in (("a", (200, 30, 30)), ("b", (30, 200, 30))):
        (tmp_path / f"{name}.png").write_bytes(photo_file(colour))
    (tmp_path / "c.png").write_bytes(b"no photo")
    photos = pd.DataFrame(
        {"image_id": list("abc"), "group_id": list("abc"), "diagnosis": ["MEL", "NV", "NV"]}
    )
    photos["path"] = [str(tmp_path / f"{name}.png") for name in "abc"]
    monkeypatch.setattr(clinic_rendering, "development_photos", lambda *_: photos)
    table = clinic_rendering.rendered_statuses(Predictor(load_bundle(folder)), None, tmp_path)
    assert table["image_id"].tolist() == ["a", "b"]  # the damaged file has no status
    path = folder / "predictions" / clinic_rendering.RENDERING_FILE
    write_table(path, table)
    pd.testing.assert_frame_equal(read_table(path, clinic_rendering.COLUMNS), table)
    path.write_text("image_id\na\n")
    with pytest.raises(InputError, match="lacks the column diagnosis"):
        read_table(path, clinic_rendering.COLUMNS)
