from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.settings import SettingError, read_settings
from data_modelling import predict
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.details import Details, encode_details
from data_modelling.inference.photo.orientations import (
    EIGHT_VIEWS,
    VIEW_COUNTS,
    orient_photo,
    undo_orientation,
)
from data_modelling.inference.predictor import HEATMAP, Predictor
from tests.conftest import PROJECT

BUNDLE = PROJECT / "DATA" / "models" / "ham10000"
EXAMPLE = PROJECT / "app" / "static" / "examples" / "ISIC_0009882.jpg"


@pytest.fixture(scope="module")
def eight() -> Predictor:
    return Predictor(load_bundle(BUNDLE), EIGHT_VIEWS)


@pytest.fixture(scope="module")
def photo(eight: Predictor) -> np.ndarray:
    return np.asarray(Image.open(EXAMPLE).convert("RGB").resize((eight.edge, eight.edge)))


def test_the_positions_are_the_eight_of_a_square() -> None:
    """Pillow's seven ways to transpose, and the photo as it is."""
    array = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    by_pillow = {np.asarray(Image.fromarray(array).transpose(way)).tobytes() for way in Image.Transpose}
    ours = {orient_photo(array, position).tobytes() for position in range(8)}
    assert ours == by_pillow | {array.tobytes()}
    assert (orient_photo(array, 0) == array).all()


def test_a_map_is_laid_back_over_the_photo() -> None:
    array = np.random.default_rng(0).normal(size=(4, 4, 2))
    for position in range(8):
        np.testing.assert_array_equal(undo_orientation(orient_photo(array, position), position), array)


def test_the_logits_are_the_mean_over_the_positions(eight: Predictor, photo: np.ndarray) -> None:
    """By onnxruntime alone, each position asked by itself."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(BUNDLE / "model.onnx"), providers=["CPUExecutionProvider"])
    details = Details(age=50, sex="female")
    rows = [
        session.run(["logits"], {"photo": np.rot90(side, turns)[None].astype(np.float32).copy(), "details": encode_details(details)[None]})[0]
        for side in (photo, photo[:, ::-1])
        for turns in range(4)
    ]  # fmt: skip
    np.testing.assert_allclose(eight.logits(photo, details), np.mean(rows, axis=0), atol=1e-5)


def test_turned_or_mirrored_the_answer_is_the_same(eight: Predictor, photo: np.ndarray) -> None:
    expected = eight.logits(photo, Details())
    single = Predictor(load_bundle(BUNDLE))
    apart = []
    for position in range(8):
        laid = orient_photo(photo, position)
        np.testing.assert_allclose(eight.logits(laid, Details()), expected, atol=1e-5)
        apart.append(np.abs(single.logits(laid, Details()) - single.logits(photo, Details())).max())
    assert max(apart) > 0.05  # with a single view it is not


def test_the_map_of_eight_views_explains_their_logits(eight: Predictor) -> None:
    """The sum that the map is made of: kernel' * mean feature map + bias is what the mean logits are without details."""
    pixels = np.asarray(Image.open(EXAMPLE).convert("RGB").resize((eight.edge, eight.edge)))
    feature_map, logits = eight._run(("feature_map", "logits"), pixels, Details())
    head = eight.bundle.metadata["head"]
    by_hand = feature_map[0].mean(axis=(0, 1)) @ np.array(head["kernel"]) + np.array(head["bias"])
    rest = logits[0] - by_hand  # the term of unknown details, the same for every photo
    grey = np.full_like(pixels, 128)
    feature_map, logits = eight._run(("feature_map", "logits"), grey, Details())
    again = logits[0] - feature_map[0].mean(axis=(0, 1)) @ np.array(head["kernel"]) - np.array(head["bias"])
    np.testing.assert_allclose(rest, again, atol=1e-3)
    assert eight.answer(EXAMPLE.read_bytes(), explain=(HEATMAP,)).explanation is not None


def test_the_checks_see_the_photo_as_it_is(eight: Predictor) -> None:
    single = Predictor(load_bundle(BUNDLE)).answer(EXAMPLE.read_bytes())
    answer = eight.answer(EXAMPLE.read_bytes())
    assert answer.nearness == single.nearness
    assert answer.probabilities != single.probabilities


def test_predict_with_eight_views(tmp_path: Path, eight: Predictor) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(EXAMPLE.read_bytes())
    arguments = [
        "--bundle",
        str(BUNDLE),
        "--images",
        str(tmp_path / "photos"),
        "--out",
        str(tmp_path / "p.csv"),
    ]
    assert predict.main(arguments) == 0
    single = (tmp_path / "p.csv").read_text()
    assert predict.main([*arguments, "--views", "8"]) == 0
    header, row = (tmp_path / "p.csv").read_text().splitlines()
    assert row not in single  # the same command's other views are not taken for a finished run
    expected = eight.answer(EXAMPLE.read_bytes()).probabilities
    values = dict(zip(header.split(",")[1:], map(float, row.split(",")[1:]), strict=True))
    assert values == pytest.approx(expected, abs=1e-9)


def test_the_apps_setting_takes_what_there_is() -> None:
    assert tuple(read_settings({"VIEWS": str(count)}).views for count in VIEW_COUNTS) == VIEW_COUNTS
    with pytest.raises(SettingError, match="VIEWS must be 1 or 8"):
        read_settings({"VIEWS": "4"})


def test_the_app_answers_with_as_many_views_as_it_is_told(eight: Predictor) -> None:
    from app import create_app
    from app.settings import Settings

    client = create_app(Settings(bundles=BUNDLE.parent, views=EIGHT_VIEWS, rate_limit="off")).test_client()
    answer = client.post("/api/v1/predictions", data={"photo": (BytesIO(EXAMPLE.read_bytes()), "a.jpg")})
    assert answer.json["probabilities"] == eight.answer(EXAMPLE.read_bytes()).probabilities
