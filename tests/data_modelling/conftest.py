"""Fixtures of all tests of training and evaluation."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image

from data_modelling.plots import bundle_plots, style


@pytest.fixture(scope="session", autouse=True)
def _plots_are_rendered_once() -> Iterator[None]:
    """Render a bundle's plot once in each process; another with as many parts is then drawn, but saved as a pixel.

    To render the twelve plots of one report takes nine seconds, and forty tests write reports.
    """
    rendered: set[tuple[str, int]] = set()

    @contextmanager
    def rendered_once(path: Path, width: float, height: float) -> Iterator[Figure]:
        with style.saved_figure(path, width, height) as figure:
            yield figure
            parts = (path.name, len(figure.findobj()))
            if parts in rendered:
                figure.savefig = save_pixel  # type: ignore[method-assign]
            rendered.add(parts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundle_plots, "saved_figure", rendered_once)
        yield


def save_pixel(target: Path, **_options: object) -> None:
    Image.new("RGB", (1, 1)).save(target, "PNG")


@pytest.fixture
def rendered_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Render every plot in this test."""
    monkeypatch.setattr(bundle_plots, "saved_figure", style.saved_figure)
