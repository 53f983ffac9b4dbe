"""Fixtures of all tests of training and evaluation."""

import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from matplotlib.figure import Figure
from PIL import Image

from data_modelling.networks import onnx
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


@pytest.fixture(scope="session", autouse=True)
def _networks_are_converted_here() -> Iterator[None]:
    """Convert networks to ONNX in this process, which has loaded TensorFlow; a process of its own takes four seconds."""

    def convert(command: list[str], **_options: object) -> subprocess.CompletedProcess[str]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            onnx._convert(Path(command[-2]), Path(command[-1]))
        return subprocess.CompletedProcess(command, 0, "", "")

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TF2ONNX_CATCH_ERRORS", "FALSE")
        patch.setattr(onnx, "subprocess", SimpleNamespace(run=convert))
        yield


@pytest.fixture
def converter_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Convert networks in a process of its own, as outside the tests."""
    monkeypatch.setattr(onnx, "subprocess", subprocess)
