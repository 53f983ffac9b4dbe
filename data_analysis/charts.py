"""Draw the notebooks' figures in one style, in colours for any colour vision, and keep the values that they show."""

import functools
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from data_modelling.inference.diagnoses import TASKS
from data_modelling.plots.style import BLUE, GREEN, GREY, ORANGE, PNG_METADATA, STYLE

WIDTH = 10.0  # inches, width of every figure
ROW = 0.52  # inches, height of a bar or a row of a heat map
COLOURS = (BLUE, ORANGE, GREEN, "#CC79A7", GREY)  # four colours of Okabe and Ito, and grey
MARKERS = ("o", "s", "^", "D", "v")  # with these, series also differ without colours
FLAGS = {d.code: d.flag for task in TASKS.values() for d in task}
FLAGS |= {"malignant": "cancer", "benign": "benign"}
CANCERS = {code for code, flag in FLAGS.items() if flag == "cancer"}
FLAG_COLOURS = {"cancer": ORANGE, "may_become_cancer": "#CC79A7", "benign": BLUE}
FLAG_TITLES = {"cancer": "cancer class", "may_become_cancer": "may become cancer", "benign": "benign"}
DIAGNOSIS_NAMES = {d.code: f"{d.name} ({d.code})" for task in TASKS.values() for d in task} | {
    "malignant": "Melanoma (malignant)",  # as ISIC 2020's csv has it
    "AKIEC": "Actinic keratosis or\nintraepithelial carcinoma (AKIEC)",
}
HEAT_COLOURS = mpl.colormaps["Blues"]
DARK = 0.715  # value above which white text is easier to read on HEAT_COLOURS than black
DIGITS = 6  # significant digits of a figure's data


@dataclass(frozen=True)
class Chart:
    """Hold a drawn figure. png: the bytes of its file. data: the values that it shows, as JSON values."""

    png: bytes
    data: Any


def diagnosis_name(code: str) -> str:
    """Return the name and code of a diagnosis, for an axis."""
    return DIAGNOSIS_NAMES.get(code, code)


def class_colour(code: str) -> str:
    """Return the colour of a diagnosis by its flag (such as cancer), or grey for a row like "all photos"."""
    return FLAG_COLOURS.get(FLAGS.get(code, ""), GREY)


def styled_chart(draw: Callable[..., tuple[Figure, Any]]) -> Callable[..., Chart]:
    """Turn a function that returns a figure and its data into one that returns a Chart in the common style."""

    @functools.wraps(draw)
    def drawn(*arguments: Any, **options: Any) -> Chart:
        with mpl.rc_context(STYLE):
            return save_chart(*draw(*arguments, **options))

    return drawn


def save_chart(figure: Figure, data: Any, **options: Any) -> Chart:
    """Return a figure and its data as a Chart. options: passed to savefig."""
    file = BytesIO()
    figure.savefig(file, format="png", metadata=PNG_METADATA, **options)
    return Chart(file.getvalue(), plain_data(data))


def plain_data(data: Any) -> Any:
    """Return tables, arrays and mappings as JSON values; floats get DIGITS significant digits, NaN becomes None."""
    if isinstance(data, pd.DataFrame):
        return {str(column): plain_data(data[column]) for column in data}
    if isinstance(data, pd.Series):
        keys = [" / ".join(map(str, key)) if isinstance(key, tuple) else str(key) for key in data.index]
        return dict(zip(keys, plain_data(list(data)), strict=True))
    if isinstance(data, Mapping):
        return {str(key): plain_data(value) for key, value in data.items()}
    if isinstance(data, list | tuple | np.ndarray):
        return [plain_data(value) for value in data]
    if isinstance(data, float | np.floating):
        return None if np.isnan(data) else float(f"{data:.{DIGITS}g}")
    return int(data) if isinstance(data, int | np.integer) else str(data)


def create_figure(rows: float, columns: int = 1, **options: Any) -> tuple[Figure, Any]:
    """Return a figure that is high enough for `rows` bars, and its axes. options: passed to subplots."""
    figure = Figure((WIDTH, 1.1 + ROW * rows), layout="constrained")
    return figure, figure.subplots(1, columns, **options)


@styled_chart
def class_bars(counts: pd.DataFrame, title: str, of: str = "lesions") -> tuple[Figure, Any]:
    """Draw the counts and the share of each class (see profiles.class_counts). of: "lesions" or "patients"."""
    figure, axes = create_figure(len(counts))
    positions = range(len(counts))
    axes.barh(positions, counts["photos"], color=[class_colour(code) for code in counts.index])
    for position, row in zip(positions, counts.itertuples(), strict=True):
        text = f" {row.photos:,} photos of {row.groups:,} {of}, {row.share:.1%}"
        axes.text(row.photos, position, text, va="center")
    axes.set(title=title, xlabel="Photos", xlim=(0, counts["photos"].max() * 1.7))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    _rows(axes, counts.index)
    flags = {FLAGS[code] for code in counts.index}
    colours = {title: FLAG_COLOURS[flag] for flag, title in FLAG_TITLES.items() if flag in flags}
    handles = [Patch(color=colour, label=title) for title, colour in colours.items()]
    axes.legend(handles=handles, frameon=False, loc="lower right")
    return figure, counts


@styled_chart
def heat_map(
    shares: pd.DataFrame,
    texts: pd.DataFrame,
    title: str,
    xlabel: str,
    ylabel: str = "",
    top: float | None = None,
) -> tuple[Figure, Any]:
    """Draw shares as a heat map with a text in each cell. top: the share in the darkest blue (default: the largest)."""
    figure, axes = create_figure(len(shares) + 0.6)
    values = shares.to_numpy(float)
    # A line of a label may end after a slash.
    columns = [textwrap.fill(str(text).replace("/", "/ "), 12).replace("/ ", "/") for text in shares.columns]
    top = top or max(float(np.nanmax(values)), 1e-9)
    axes.imshow(values, cmap=HEAT_COLOURS, vmin=0, vmax=top, aspect="auto")
    for row, column in np.ndindex(*shares.shape):
        text_colour = _text_colour(float(values[row, column]) / top)
        axes.text(column, row, str(texts.iloc[row, column]), ha="center", va="center", color=text_colour)
    axes.set_xticks(range(shares.shape[1]), columns)
    axes.tick_params(length=0)
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
    axes.spines[:].set_visible(False)
    _rows(axes, shares.index)
    return figure, {"shares": shares, "texts": texts}


@styled_chart
def ages_and_sexes(ages: pd.DataFrame, men: pd.DataFrame, title: str) -> tuple[Figure, Any]:
    """Draw ages (see profiles.quantile_table) on the left, and the share of men with its 95% interval on the right."""
    order = ages.sort_values("median").index
    figure, (left, right) = create_figure(len(order), 2, sharey=True, width_ratios=(3, 2))
    _boxes(left, ages.loc[order], [class_colour(code) for code in order])
    left.set(title=title, xlabel="Age in years (box: middle half; whiskers: 5 to 95%)")
    _rows(left, order)
    _dots(right, men.loc[order], [class_colour(code) for code in order])
    right.axvline(0.5, color=GREY, lw=1, ls=":")
    right.set(title="Share of men", xlabel="of lesions whose sex is known")
    right.xaxis.set_major_formatter("{x:.0%}")
    return figure, {"age": ages.loc[order], "men": men.loc[order]}


def _boxes(axes: Axes, rows: pd.DataFrame, colours: Sequence[str]) -> None:
    boxes = [
        {"whislo": row.low, "q1": row.q1, "med": row.median, "q3": row.q3, "whishi": row.high}
        for row in rows.itertuples()
    ]
    plot = axes.bxp(
        boxes, positions=range(len(rows)), widths=0.6, showfliers=False, orientation="horizontal",
        patch_artist=True, medianprops={"color": "black", "lw": 2},
    )  # fmt: skip
    for box, colour in zip(plot["boxes"], colours, strict=True):
        box.set(facecolor=colour, alpha=0.75)


def _dots(axes: Axes, rows: pd.DataFrame, colours: Sequence[str]) -> None:
    for position, (low, high, share, colour) in enumerate(
        zip(rows["low"], rows["high"], rows["share"], colours, strict=True)
    ):
        axes.plot([low, high], [position, position], color=colour, lw=3, alpha=0.6, solid_capstyle="butt")
        axes.plot(share, position, "o", color=colour, ms=9)


@styled_chart
def leak_dots(leak: pd.DataFrame, ours: float, title: str, of: str = "lesion") -> tuple[Figure, Any]:
    """Draw the shares of test photos that have a photo of the same lesion in training, for random splits and ours."""
    figure, axes = create_figure(len(leak))
    _dots(axes, leak, [class_colour(str(code)) for code in leak.index])
    for position, (high, share) in enumerate(zip(leak["high"], leak["share"], strict=True)):
        axes.text(min(high, 1) + 0.012, position, f"{share:.1%}", va="center")
    axes.axvline(ours, color=GREEN, lw=3)
    axes.text(ours + 0.012, len(leak) - 0.62, f"our split: {ours:.0%}", color=GREEN, weight="bold")
    axes.set(title=title, xlabel=f"Test photos with a photo of the same {of} in training", xlim=(-0.02, 1.1))
    axes.xaxis.set_major_formatter("{x:.0%}")
    _rows(axes, leak.index)
    return figure, {"random": leak, "ours": ours}


@styled_chart
def group_bars(counts: pd.DataFrame, title: str, xlabel: str, ylabel: str) -> tuple[Figure, Any]:
    """Draw how many groups have one photo, two photos and so on (see profiles.group_sizes)."""
    figure, axes = create_figure(6)
    bars = axes.bar(counts.index, counts["groups"], color=BLUE)
    axes.bar_label(bars, [f"{groups:,}" for groups in counts["groups"]], padding=2)
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
    axes.margins(y=0.1)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    return figure, counts


@styled_chart
def stacked_bars(counts: pd.DataFrame, title: str, xlabel: str = "Photos") -> tuple[Figure, Any]:
    """Draw the counts of each row as one bar, with a colour and a hatch for each column."""
    figure, axes = create_figure(len(counts))
    rows, start = range(len(counts)), np.zeros(len(counts))
    hatches = ("", "//", "..", "xx", "")
    for column, colour, hatch in zip(counts, COLOURS, hatches, strict=False):
        style = {"color": colour, "hatch": hatch, "ec": "white", "label": column}
        axes.barh(rows, counts[column], left=start, **style)
        start += counts[column].to_numpy()
    for position, total in enumerate(start):
        axes.text(total, position, f" {total:,.0f}", va="center")
    axes.set(title=title, xlabel=xlabel, xlim=(0, start.max() * 1.1))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.legend(frameon=False, loc="lower right")
    _rows(axes, counts.index)
    return figure, counts


@styled_chart
def share_lines(
    lines: Mapping[str, pd.DataFrame], title: str, xlabel: str, ylabel: str
) -> tuple[Figure, Any]:
    """Draw each table of shares (see profiles.share_with_interval) as a line with 95% intervals."""
    figure, axes = create_figure(7)
    for series, (label, rows) in enumerate(lines.items()):
        positions = np.arange(len(rows)) + (series - (len(lines) - 1) / 2) * 0.12
        colour = COLOURS[series]
        axes.vlines(positions, rows["low"], rows["high"], color=colour, lw=3, alpha=0.5)
        axes.plot(positions, rows["share"], color=colour, marker=MARKERS[series], ms=9, label=label)
        end = rows["share"].iloc[-1]
        axes.text(positions[-1] + 0.12, end, label, color=colour, va="center", weight="bold")
    ticks = next(iter(lines.values()))
    axes.set_xticks(range(len(ticks)), [str(text) for text in ticks.index])
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel, xlim=(-0.4, len(ticks) - 0.3))
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter("{x:.1%}")
    return figure, dict(lines)


@styled_chart
def share_dots(rows: pd.DataFrame, title: str, xlabel: str) -> tuple[Figure, Any]:
    """Draw a row for each share, with its 95% interval and its counts (see profiles.share_with_interval)."""
    figure, axes = create_figure(len(rows))
    _dots(axes, rows, [BLUE] * len(rows))
    for position, row in enumerate(rows.itertuples()):
        axes.text(row.high, position, f"  {row.hits:,} of {row.count:,}", va="center")
    axes.set(title=title, xlabel=xlabel, xlim=(0, rows["high"].max() * 1.25))
    axes.xaxis.set_major_formatter("{x:.0%}")
    _rows(axes, rows.index)
    return figure, rows


@styled_chart
def source_boxes(panels: Mapping[str, pd.DataFrame], labels: Mapping[str, str]) -> tuple[Figure, Any]:
    """Draw the spread of each measure in each source (see profiles.quantile_table). labels: axis labels by measure."""
    figure = Figure((WIDTH, 7.2), layout="constrained")
    grid = figure.subplots(2, 2, sharey=True).ravel()
    for axes, (measure, rows) in zip(grid, panels.items(), strict=True):
        _boxes(axes, rows, COLOURS[: len(rows)])
        axes.set(title=measure.capitalize(), xlabel=labels[measure])
        _rows(axes, [f"{row.Index} ({row.count})" for row in rows.itertuples()])
    return figure, dict(panels)


def _rows(axes: Axes, labels: Iterable[object]) -> None:
    """Label rows from top to bottom; write a diagnosis with its name."""
    texts = [diagnosis_name(str(label)) for label in labels]
    axes.set_yticks(range(len(texts)), texts)
    axes.set_ylim(len(texts) - 0.5, -0.5)


def _text_colour(value: float) -> str:
    """Return black or white, whichever is easier to read on the heat map's colour for a value (0-1)."""
    return "white" if value > DARK else "black"
