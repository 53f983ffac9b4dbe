import ast
import base64
import copy
import json
import re
import signal
import subprocess
import sys
import time
from importlib.metadata import packages_distributions, requires

import nbformat
import pytest
from packaging.requirements import Requirement
from PIL import Image

from data_analysis import notebooks
from data_analysis.notebook_display import FIGURE_DATA
from data_modelling.datasets import ham10000
from data_modelling.datasets.data_location import (
    REPOSITORY_DATA,
    MissingDataError,
    find_dataset_folder,
)
from data_modelling.datasets.registry import split_data_sets
from data_modelling.inference.errors import InputError
from tests.conftest import PROJECT, skip_unless_ci
from tests.data_analysis.conftest import run_notebooks
from tests.data_analysis.notebook_comparison import comparable_outputs, notebook_differences

ABSOLUTE = re.compile(
    r"(?<![\w.:/])/(?:bin|data|etc|home|mnt|opt|private|root|srv|tmp|usr|var|work|Users|Volumes)/"
)
MOST_BYTES, MOST_LINES = 5_000_000, 30
PLOTS = REPOSITORY_DATA / "plots"


def committed(name: str) -> nbformat.NotebookNode:
    return notebooks.read_notebook(notebooks.NOTEBOOK_FOLDER / f"{name}.ipynb")


def displays(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def words(notebook: nbformat.NotebookNode) -> str:
    """All that the notebook's cells say, without pictures."""
    return json.dumps([comparable_outputs(cell) for cell in notebook.cells], ensure_ascii=False)


@pytest.mark.parametrize("name", notebooks.ALL_NAMES)
def test_a_notebook_keeps_no_version_of_python(name):
    assert committed(name).metadata == notebooks.METADATA


@pytest.mark.parametrize("name", notebooks.ALL_NAMES)
def test_cells_are_short_and_ran_in_order(name):
    cells = committed(name).cells
    assert [
        len(cell.source.splitlines()) for cell in cells if len(cell.source.splitlines()) > MOST_LINES
    ] == []
    ran = [cell.execution_count for cell in cells if cell.cell_type == "code"]
    assert ran == list(range(1, len(ran) + 1))


@pytest.mark.parametrize("name", notebooks.ALL_NAMES)
def test_no_warning_no_error_no_path_and_not_too_large(name):
    notebook = committed(name)
    assert {output.output_type for output in displays(notebook)} == {"display_data"}
    everything = (
        words(notebook) + json.dumps(notebook.metadata) + "".join(cell.source for cell in notebook.cells)
    )
    assert ABSOLUTE.search(everything) is None
    assert str(PROJECT) not in everything
    assert (notebooks.NOTEBOOK_FOLDER / f"{name}.ipynb").stat().st_size < MOST_BYTES


def test_the_search_for_paths_would_find_one():
    assert ABSOLUTE.search('File "/home/me/x.py"')
    assert not ABSOLUTE.search("doi:10.1038/data/5 and head/neck, oral/genital, https://host/usr/x")


@pytest.mark.parametrize("name", notebooks.NOTEBOOK_NAMES)
def test_each_figure_is_saved_and_has_its_data_and_a_sentence(name):
    shown = displays(committed(name))
    figures = [place for place, output in enumerate(shown) if "image/png" in output.data]
    assert len(figures) >= 8
    files = set()
    for place in figures:
        output, sentence = shown[place], shown[place + 1].data["text/markdown"]
        file = re.match(r"Figure (metadata_\w+\.png): (.+)", output.data["text/plain"], re.DOTALL)
        assert sentence == f"**What to see:** {file[2]}"
        assert output.metadata["image/png"]["alt"] == file[2]
        assert output.data[FIGURE_DATA]
        assert (PLOTS / file[1]).read_bytes() == base64.b64decode(output.data["image/png"])
        files.add(file[1])
    assert {plot.name for plot in PLOTS.glob(f"metadata_{name}_*.png")} == files


def test_the_figures_that_the_documents_name_come_out_of_a_cell():
    said = words(committed("ham10000"))
    assert (
        "In 38.66% of the test photos the lesion is known from training, and in 68.26% of the melanomas"
        in said
    )
    assert "these are the 38.6 % and 68 % that the project's documents name" in said
    assert "In our split it is 0%" in said
    page = " ".join((PROJECT / "docs" / "results.md").read_text().split())
    assert "In a random split 38.6 % of the test photos, and 68 % of the melanomas," in page


def test_the_notebook_for_own_photos_has_ten_cells_and_shows_answers_and_a_confusion_matrix():
    notebook = committed(notebooks.OWN_PHOTOS)
    said = words(notebook)
    assert len(notebook.cells) == 10
    assert "**8 photos** are judged" in said
    assert "higher_concern" in said


@pytest.mark.parametrize("name", notebooks.NOTEBOOK_NAMES)
def test_a_notebook_ends_with_what_is_rare_leaks_is_missing_and_is_biased(name):
    last = displays(committed(name))[-1].data["text/markdown"]
    assert re.findall(r"\| \*\*(\w+):", last) == ["Rare", "Leaks", "Missing", "Biased"]
    assert all(len(row.split("|")[3].strip()) > 20 for row in last.splitlines()[2:])


@pytest.fixture
def whole_data_root(data_root):
    """The root of all data sets, as they were when the committed outputs were made."""
    for source in split_data_sets():
        try:
            root = find_dataset_folder(data_root, source.folder, *source.markers)
        except MissingDataError as error:
            skip_unless_ci(str(error))
        folder = root / (ham10000.PHOTO_FOLDER if source.name == "ham10000" else "images")
        if source.name != "isic2019" and not folder.is_dir():
            skip_unless_ci(f"{folder} is not there")
        if source.name == "ham10000":
            with Image.open(next(folder.glob("*.jpg"))) as photo:
                if photo.size != (256, 256):
                    skip_unless_ci("the committed outputs were made from photos scaled to 256 x 256")
    return data_root


def test_the_notebooks_are_up_to_date_with_the_real_data(whole_data_root, tmp_path):
    done = run_notebooks("--data-root", whole_data_root, "--out", tmp_path, "--plots", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    for name in notebooks.ALL_NAMES:
        assert (
            notebook_differences(committed(name), notebooks.read_notebook(tmp_path / f"{name}.ipynb")) == []
        )


def test_the_notebooks_run_on_made_tables(made_run):
    said = {
        name: words(notebooks.read_notebook(made_run / f"{name}.ipynb")) for name in notebooks.NOTEBOOK_NAMES
    }
    # By hand: 60 patients of five photos, every third with one melanoma.
    assert "**300 photos** of **60 patients**, **20** of melanomas" in said["isic2020"]
    assert "20 of 60 patients (33.3%) have one" in said["isic2020"]
    assert "declare 1 pairs, 1 of them within one patient" in said["isic2020"]
    # All 80 lesions of four photos; those of ISIC 2017 state none.
    assert "for 30 no lesion is stated" in said["isic2019"]
    assert "**0** stand in another part" in said["isic2019"]
    assert "all were AKIEC, and 0% of them are SCC now" in said["isic2019"]
    assert "under **70 lesion ids**" in said["ham10000"]
    assert len(list((made_run / "plots").glob("metadata_*.png"))) >= 25


def places(data_root, splits, out):
    """Options of the notebooks' command that read and write only these folders."""
    return ("--data-root", data_root, "--splits", splits, "--out", out, "--plots", out / "plots")


def test_data_that_is_absent_leaves_a_notebook_out(made, tmp_path):
    (tmp_path / "ISIC_2020").symlink_to(made.root / "ISIC_2020")
    options = places(tmp_path, made.splits, tmp_path)
    done = run_notebooks(*options)
    assert done.returncode == 3
    assert [line[:18] for line in done.stderr.splitlines()] == ["left out ham10000:", "left out isic2019:"]
    # The notebook of own photos needs no data set: it has example photos.
    assert sorted(file.name for file in tmp_path.glob("*.ipynb")) == ["isic2020.ipynb", "own_photos.ipynb"]


def test_no_data_at_all_is_one_sentence(tmp_path):
    done = run_notebooks("--data-root", tmp_path, "--out", tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("left out ham10000: HAM10000 is not there")
    assert done.stderr.count("\n") == 1


def test_a_cell_that_fails_is_one_sentence(made, tmp_path):
    done = run_notebooks(
        "--data-root", made.root, "--splits", tmp_path, "--out", tmp_path, "--only", "isic2020"
    )
    assert done.returncode == 2
    assert done.stderr.startswith("isic2020 stopped: InputError: ")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.glob("*.ipynb")) == []


def test_ctrl_c_stops_and_leaves_nothing_half_written(made, tmp_path):
    options = places(made.root, made.splits, tmp_path)
    command = [sys.executable, "-m", "data_analysis.run", *map(str, options)]
    running = subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not list(tmp_path.glob("plots/metadata_*.png")) and time.monotonic() < until:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    errors = running.communicate(timeout=60)[1]
    assert (running.returncode, errors) == (130, "\nStopped; incomplete files were removed.\n")
    assert list(tmp_path.glob("*ipynb*")) == []


def notebook() -> nbformat.NotebookNode:
    """One figure, one table, one text."""
    shown = [
        {"image/png": "AAAA", "text/plain": "Figure", FIGURE_DATA: {"a": [0.5, 3, None]}},
        {"text/html": "<table>1</table>", "text/plain": "1"},
    ]
    outputs = [nbformat.v4.new_output("display_data", data=data) for data in shown]
    cell = nbformat.v4.new_code_cell("show()", outputs=outputs)
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("Text"), cell])


def test_equal_notebooks_with_other_pixels_do_not_differ():
    other = notebook()
    other.cells[1].outputs[0].data["image/png"] = "BBBB"
    other.cells[1].outputs[0].data[FIGURE_DATA]["a"][0] = 0.5 + 1e-6
    other.cells[1].id = "another"
    assert notebook_differences(notebook(), other) == []


def change(notebook: nbformat.NotebookNode, what: str) -> None:
    first, second = notebook.cells[1].outputs
    if what == "figure":
        first.data[FIGURE_DATA]["a"][0] = 0.51
    elif what == "count":
        first.data[FIGURE_DATA]["a"][1] = 4
    elif what == "gap":
        first.data[FIGURE_DATA]["a"][2] = 0.0
    elif what == "table":
        second.data["text/html"] = "<table>2</table>"
    elif what == "lost":
        del notebook.cells[1].outputs[1]
    elif what == "code":
        notebook.cells[1].source = "show( )"
    else:
        notebook.cells[0].source = "Other text"


@pytest.mark.parametrize(
    ("what", "named"),
    [
        ("figure", "cell 2: the output"),
        ("count", "cell 2: the output"),
        ("gap", "cell 2: the output"),
        ("table", "cell 2: the output"),
        ("lost", "cell 2: the output"),
        ("code", "cell 2: the source"),
        ("text", "cell 1: the source"),
    ],
)
def test_what_differs_is_named(what, named):
    other = copy.deepcopy(notebook())
    change(other, what)
    assert notebook_differences(notebook(), other) == [named]


def test_a_lost_cell_is_a_difference():
    other = notebook()
    del other.cells[0]
    assert notebook_differences(notebook(), other) == ["2 cells instead of 1"]


def test_a_warning_is_found():
    warned = notebook()
    warned.cells[1].outputs.append(nbformat.v4.new_output("stream", name="stderr", text="FutureWarning: x"))
    assert notebooks.warnings_in(warned) == ["FutureWarning: x"]
    assert notebooks.warnings_in(notebook()) == []


def test_a_report_about_the_data_is_no_warning_that_stops_the_notebook():
    """Case 15: R's NA in a csv is read as missing and reported; the notebook goes on."""
    reported = notebook()
    text = "warning: metadata.csv: NA in 57 cells of age (first in row 705) is read as missing.\nFutureWarning: x\n"
    reported.cells[1].outputs.append(nbformat.v4.new_output("stream", name="stderr", text=text))
    assert notebooks.warnings_in(reported) == ["FutureWarning: x"]


def test_a_notebook_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match=r"^x\.ipynb is missing\.$"):
        notebooks.read_notebook(tmp_path / "x.ipynb")


def test_the_requirements_are_enough():
    """With all other packages blocked, everything that the notebooks and their helpers import is there."""
    texts = [file.read_text() for file in notebooks.NOTEBOOK_FOLDER.glob("*.py")]
    texts += [
        cell.source for name in notebooks.ALL_NAMES for cell in committed(name).cells if "outputs" in cell
    ]
    needed = {name for text in texts for name in imported(ast.parse(text))}
    enough = with_what_they_need(notebooks.NOTEBOOK_FOLDER / "requirements.txt")
    blocked = [
        module
        for module, owners in packages_distributions().items()
        if not enough & set(map(canonical, owners))
    ]
    assert {"keras", "tensorflow", "sklearn", "flask"} <= set(blocked)
    assert "matplotlib" in needed
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({blocked})); [__import__(n) for n in {sorted(needed)}]"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def imported(tree: ast.Module) -> set[str]:
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def with_what_they_need(file) -> set[str]:
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    waiting, found = [Requirement(line) for line in lines], set()
    while waiting:
        requirement = waiting.pop()
        name = canonical(requirement.name)
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        waiting += [Requirement(text) for text in requires(name) or []]
    return found
