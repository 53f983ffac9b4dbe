import csv
import gzip
import json
import re
import shutil
from decimal import Decimal
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.model_page.plots import TABLES, worst_mistake
from app.settings import Settings
from data_modelling.inference.bundle import write_checksums
from tests.clinic_metrics import CLINICS, STATUSES

ROOT = Path(__file__).parents[3]
COMMITTED = ROOT / "DATA" / "models"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


@pytest.fixture(scope="module")
def committed() -> FlaskClient:
    """Return the app with the committed bundle."""
    return create_app(Settings(bundles=COMMITTED, rate_limit="off")).test_client()


FIGURE = re.compile(r'<data value="[^"]*" data-value="([^"]*)" data-figure="([^"]*)"([^>]*)>([^<]*)</data>')


def figures(text: str) -> list[tuple[str, str, str, str]]:
    """Return (path, exact value, attributes of its interval, text) of every metric of the page."""
    return [(path, exact, rest, written) for exact, path, rest, written in FIGURE.findall(text)]


def at(values, path: str):
    for key in path.split("/"):
        values = values[int(key)] if isinstance(values, list) else values[key]
    return values


def interval_of(metrics, path: str):
    """Return a metric's interval in metrics.json: beside it, in `intervals`, in `interval`, or as `low` and `high`."""
    parent, _, name = path.rpartition("/")
    beside = at(metrics, parent)
    if name == "value":
        return [beside["low"], beside["high"]]
    places = (f"{name}_interval" in beside, "intervals" in beside)
    if places == (False, False):
        return beside["interval"]
    return beside[f"{name}_interval"] if places[0] else beside["intervals"][name]


@pytest.mark.parametrize("name", sorted(path.name for path in COMMITTED.iterdir()))
def test_every_figure_of_the_page_is_that_of_metrics_json(committed: FlaskClient, name: str):
    metrics = json.loads((COMMITTED / name / "metrics.json").read_text())
    metrics_of_page = figures(committed.get(f"/model/{name}", follow_redirects=True).text)
    assert len(metrics_of_page) > 100
    for path, exact, rest, written in metrics_of_page:
        expected = at(metrics, path)
        assert float(exact) == expected
        # A half is rounded as its decimal digits say: in binary .6375 lies a little below it.
        exactly = f"{expected:,}" if isinstance(expected, int) else f"{Decimal(str(expected)):,.3f}"
        assert written == exactly
        bounds = [float(bound) for bound in re.findall(r'data-(?:low|high)="([^"]*)"', rest)]
        if bounds:
            assert bounds == interval_of(metrics, path)


def test_what_has_an_interval_is_shown_with_it(committed: FlaskClient):
    attributes_by_path = {path: rest for path, _, rest, _ in figures(committed.get("/model").text)}
    for path in ("photo/balanced_accuracy", "photo/macro_auc", "photo/classes/MEL/auc"):
        assert "data-low" in attributes_by_path[f"out_of_fold/{path}"]


def test_a_task_is_judged_by_what_it_alone_has(committed: FlaskClient):
    melanoma = {path for path, *_ in figures(committed.get("/model/isic2020").text)}
    assert "melanoma/photo/two_classes/auc" in melanoma
    assert "melanoma/both/patient_context/two_classes/with/sensitivity_at_specificity_0.95" in melanoma
    unknown = {path for path, *_ in figures(committed.get("/model/isic2019").text)}
    left_out = json.loads((COMMITTED / "isic2019" / "metadata.json").read_text())["settings"]["left_out"]
    assert left_out
    assert {f"unknown/classes/{code}/auroc" for code in left_out} <= unknown


def test_what_is_grouped_by_patient_speaks_of_patients(committed: FlaskClient):
    text = committed.get("/model/isic2020").text
    path = COMMITTED / "isic2020" / "predictions" / "out_of_fold.csv.gz"
    with gzip.open(path, "rt", newline="") as file:
        patients = [row["group_id"] for row in csv.DictReader(file)]
    counts = f"{len(patients):,} photos of {len(set(patients))} patients."
    assert f"{counts} Each photo was judged by a network that had seen no photo of the same patient." in text
    assert "There is no locked test" in text
    assert "no photo of the same lesion" not in text
    assert "no photo of the same lesion" in committed.get("/model/isic2019").text


def test_photos_of_actinic_keratosis_are_not_called_benign(committed: FlaskClient):
    text = committed.get("/model/isic2019").text
    # Of the 20,967 photos, 7,100 are of cancer classes. The others include 701 of actinic keratosis.
    assert "6,300 of 13,867 other photos reached it." in text


def test_the_sentences_about_plots_name_what_the_plots_show(committed: FlaskClient):
    text = committed.get("/model").text
    assert "The diamond is the value that we expected" in text
    assert "Above the lines of “treat all” and “treat none”, the model helps more" in text


@pytest.mark.parametrize(
    ("language", "names"),
    [("en", ("without fold 0, without BKL", "without MSK")), ("de", ("ohne Teil 0, ohne BKL", "ohne MSK"))],
)
def test_the_networks_of_the_learning_curves_are_named_in_words(committed: FlaskClient, language, names):
    text = committed.get(f"/model/isic2019?lang={language}").text
    assert all(f">{name}<" in text for name in names)
    assert "without_" not in text


def test_every_plot_has_a_sentence_a_table_and_a_larger_picture(committed: FlaskClient):
    text = committed.get("/model").text
    sections = text.split('<section class="plot"')[1:]
    files = {path.name for path in (COMMITTED / "ham10000" / "plots").glob("*.png")}
    files_of_page = set()
    for section in sections:
        address = re.search(r'<a class="larger" href="([^"]+)"><img src="([^"]+)"', section)
        assert address is not None
        assert address[1] == address[2]
        file = address[1].split("/")[-1].partition("?")[0]
        files_of_page.add(file)
        if file.removesuffix(".png") in TABLES:
            assert re.search(r"<p>[^<]{40,}</p>", section), file
            assert "<table" in section, file
        response = committed.get(address[1])
        assert response.data == (COMMITTED / "ham10000" / "plots" / file).read_bytes()
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert files_of_page == files


def test_the_default_bundle_has_one_address(client: FlaskClient):
    response = client.get("/model/ham10000")
    assert (response.status_code, response.location) == (302, "/model")
    assert client.get("/model/other").status_code == 200


@pytest.mark.parametrize("name", ["nope", "altered", "%2e%2e"])
def test_a_bundle_that_is_not_there_has_no_page(client: FlaskClient, name):
    assert client.get(f"/model/{name}").status_code == 404


def test_an_invalid_bundle_is_named_without_its_path(client: FlaskClient, bundles: Path):
    text = client.get("/model").text
    assert "<strong>altered</strong>" in text
    assert "metrics.json is missing or was altered" in text
    assert str(bundles) not in text


def test_without_a_bundle_the_page_says_so(orphan: FlaskClient):
    response = orphan.get("/model")
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert "No valid model is installed" in response.text


def with_plots(bundles: Path, folder: Path, metrics: dict | None = None) -> Flask:
    copy = Path(shutil.copytree(bundles / "ham10000", folder / "ham10000"))
    (copy / "plots").mkdir()
    (copy / "plots" / "story.png").write_bytes(PNG)
    if metrics is not None:
        (copy / "metrics.json").write_text(json.dumps(metrics))
    write_checksums(copy)
    (copy / "plots" / "late.png").write_bytes(PNG)
    return create_app(Settings(bundles=folder, rate_limit="off"))


def test_a_plot_of_an_unknown_kind_is_shown_by_its_name(bundles: Path, tmp_path: Path):
    text = with_plots(bundles, tmp_path).test_client().get("/model").text
    assert "Story" in text
    assert "ham10000/plots/story.png" in text


@pytest.mark.parametrize(
    ("file", "status"),
    [("story.png", 200), ("late.png", 404), ("nothing.png", 404), ("..%2fmodel.onnx", 404)],
)
def test_only_listed_plots_are_served(bundles: Path, tmp_path: Path, file, status):
    client = with_plots(bundles, tmp_path).test_client()
    response = client.get(f"/model/ham10000/plots/{file}")
    assert response.status_code == status
    if status == 200:
        assert (response.mimetype, response.data) == ("image/png", PNG)
        assert response.headers["Cache-Control"] == "no-cache"  # without its version


def test_a_plot_altered_after_the_start_is_not_served(bundles: Path, tmp_path: Path):
    client = with_plots(bundles, tmp_path).test_client()
    (tmp_path / "ham10000" / "plots" / "story.png").write_bytes(PNG + b"x")
    assert client.get("/model/ham10000/plots/story.png").status_code == 404


def test_a_part_of_an_unknown_name_is_shown(bundles: Path, tmp_path: Path):
    part = {"photos": 7, "photo": {"balanced_accuracy": 0.5}}
    client = with_plots(bundles, tmp_path, {"other_clinic": part}).test_client()
    text = client.get("/model").text
    assert "Other clinic" in text
    assert 'data-figure="other_clinic/photo/balanced_accuracy"' in text


@pytest.mark.parametrize(
    ("language", "first", "text"),
    [
        ("en", "ISIC_2017", "HAM10000, and 2,030 further photos from ISIC_2017, PAD_UFES_20."),
        ("de", "ISIC_2017", "HAM10000, und 2.030 weitere Fotos aus ISIC_2017, PAD_UFES_20 gelernt."),
        ("en", "HAM10000", "HAM10000, and 2,030 further photos, some of them from PAD_UFES_20."),
    ],
)
def test_other_sets_that_it_learned_from_are_named(
    bundles: Path, tmp_path: Path, language: str, first: str, text: str
):
    copy = Path(shutil.copytree(bundles / "ham10000", tmp_path / "ham10000"))
    metadata = json.loads((copy / "metadata.json").read_text())
    metadata["more"] = {
        first: {"photos": 2000, "counts": {}},
        "PAD_UFES_20": {"photos": 30, "counts": {}},
    }
    (copy / "metadata.json").write_text(json.dumps(metadata))
    write_checksums(copy)
    client = create_app(Settings(bundles=tmp_path, rate_limit="off")).test_client()
    assert text in client.get(f"/about?lang={language}").text


# Of a German page what is said in English: marked so, or numbers and names of layers and bundles, which are no words.
MARKED = re.compile(r"<(script|style|data)\b.*?</\1>|<[^>]*lang=\"en\".*?</[^>]+>|<[^>]+>", re.DOTALL)
WORDS = re.compile(r"\b[a-z]{3,}\b.*\s|\s.*\b[a-z]{3,}\b")


@pytest.mark.parametrize("name", sorted(path.name for path in COMMITTED.iterdir()))
def test_what_a_german_page_leaves_english_is_marked_as_that(committed: FlaskClient, name: str):
    english, german = (
        {
            line.strip()
            for line in MARKED.sub(
                "\n", committed.get(f"/model/{name}?lang={language}", follow_redirects=True).text
            ).splitlines()
        }
        for language in ("en", "de")
    )
    assert len(german) > 200
    assert [line for line in english & german if WORDS.search(line)] == []
    assert {"melanoma", "benign"} & german == set()


def test_where_the_thresholds_were_chosen_is_said_in_german(changed):
    text = changed({"chosen_on": "out-of-fold photos of fold 0, 3"}).get("/model?lang=de").text
    assert "<dd>Out-of-fold-Fotos von Teil 0, 3</dd>" in text


def test_words_of_a_bundle_that_have_no_message_are_marked_as_english(changed):
    text = (
        changed(
            {"chosen_on": "a hunch", "licence": "none"},
            {"other_clinic": {"photos": 7, "photo": {"balanced_accuracy": 0.5}}},
        )
        .get("/model?lang=de")
        .text
    )
    assert '<dd><span lang="en">a hunch</span></dd>' in text
    assert '<dd lang="en">none</dd>' in text
    assert '<span lang="en">Other clinic</span></h2>' in text


@pytest.mark.parametrize("name", sorted(path.name for path in COMMITTED.iterdir()))
def test_no_per_cent_sign_is_shown_twice(committed: FlaskClient, name: str):
    for language in ("en", "de"):
        assert "%%" not in committed.get(f"/model/{name}?lang={language}", follow_redirects=True).text


def test_the_most_common_mistake_is_the_largest_count_beside_the_diagonal():
    confusion = [[9, 1], [3, 7]]
    expected = {"right": 16, "all": 20, "count": 3, "true": "benign", "decided": "melanoma"}
    assert worst_mistake(confusion, "isic2020") == expected


def test_the_page_starts_with_the_clinics_and_says_what_a_new_one_gets(changed):
    client = changed({}, {"clinics": CLINICS, "status_by_class": STATUSES})
    text = client.get("/model").text
    first = text[text.index('<section aria-labelledby="clinics"') :]
    assert text.index('id="clinics"') < text.index('id="which"')
    assert "AUC, melanoma: what a new clinic gets (left out whole)" in first
    assert ">too few to say<" in first
    assert ">not left out<" in first
    assert "For a known clinic, the shares" in first
    assert "trained without Barcelona learned from only 21 % of all training photos." in first
    by_path = {path: (exact, rest) for path, exact, rest, _ in figures(first)}
    exact, bounds = by_path["clinics/0/seen/melanoma_auc/value"]
    assert (exact, 'data-low="0.75" data-high="0.875"' in bounds) == ("0.8125", True)
    assert by_path["status_by_class/1/no_cancer_class"][0] == "12"
    assert {"clinics/0/photos", "clinics/0/left_out/refused/value", "clinics/1/seen/macro_auc/value"} <= set(
        by_path
    )
    assert "was eine neue Klinik bekommt" in client.get("/model?lang=de").text


def test_without_clinics_there_is_no_such_table(committed: FlaskClient):
    assert ("clinics/0" in committed.get("/model").text) == (
        "clinics" in json.loads((COMMITTED / "ham10000" / "metrics.json").read_text())
    )
