from pathlib import Path

import numpy as np
from PIL import Image

from data_modelling.evaluation.shortcut_plots import HEAD, LABEL, PITCH, THUMBNAIL, Example, draw_examples

RED, GREEN, BLUE = (
    np.full((40, 40, 3), colour, np.uint8) for colour in ((200, 0, 0), (0, 200, 0), (0, 0, 200))
)


def drawn(path: Path, sources: list[str]) -> Image.Image:
    outline = np.zeros((40, 40), bool)
    outline[10:30, 10:30] = True
    cells = np.array([[1.0, 0], [0, 0]])
    example = Example("ISIC_1", "MEL", "NV", [RED, GREEN, BLUE], [0.5, 0.25, 0.125], cells, outline)
    draw_examples(path, [example], sources)
    with Image.open(path) as page:
        page.load()
        return page


def test_each_view_stands_in_its_column_and_is_no_larger_than_a_thumbnail(tmp_path: Path) -> None:
    page = drawn(tmp_path / "page.png", ["HAM10000"])
    pixels = np.asarray(page.convert("RGB")).astype(int)
    for column, picture in enumerate((RED, GREEN, BLUE)):
        left = LABEL + column * PITCH
        inside = pixels[HEAD : HEAD + THUMBNAIL, left : left + THUMBNAIL]
        assert np.abs(inside - picture[0, 0]).max() <= 8  # the file has few colours
        assert (pixels[HEAD : HEAD + THUMBNAIL, left + THUMBNAIL + 1] > 245).all()
    assert THUMBNAIL <= 96
    assert page.width >= 900


def test_the_map_is_bright_where_the_evidence_is(tmp_path: Path) -> None:
    pixels = np.asarray(drawn(tmp_path / "page.png", ["HAM10000"]).convert("L")).astype(int)
    left = LABEL + 3 * PITCH
    corner, opposite = pixels[HEAD + 8, left + 8], pixels[HEAD + THUMBNAIL - 8, left + THUMBNAIL - 8]
    assert corner > opposite + 60


def test_the_page_ends_with_a_line_of_credit_for_each_source(tmp_path: Path) -> None:
    """HAM10000 has two, of its photos and of its outlines."""
    one, two = (
        drawn(tmp_path / f"{len(sources)}.png", sources).height
        for sources in (["generated"], ["HAM10000", "generated"])
    )
    assert two - one == 2 * 18


def test_the_same_examples_give_the_same_file(tmp_path: Path) -> None:
    for name in ("one.png", "other.png"):
        drawn(tmp_path / name, ["HAM10000"])
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()
