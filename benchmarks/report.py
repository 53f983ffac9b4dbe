"""Make docs/benchmarks.md and its plot. The page compares servers (contenders) by the measurements of a benchmark."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from benchmarks import answer_costs
from benchmarks.contenders import EMPTY_ENDPOINT, KERAS, OURS
from benchmarks.measurement import CLIENTS, PAGE, PROBABILITIES, USUAL_CLIENTS
from benchmarks.photos import LARGE, PNG, SMALL
from data_modelling.card.markdown import render_markdown
from tools.serving import ROOT

Measurements = Mapping[str, Any]

TEMPLATE = Path(__file__).with_name("templates") / "benchmarks.md.jinja"
# The report includes this page about the choice of the server and the cost of `predict`. Nothing renews its numbers.
MEASURED_ONCE = ROOT / "docs" / "servers.md"
RATES = (10, 20, 50, 100, 200, 500)  # requests a second, labelled on the plot's axis


def benchmark_page(measurements: Measurements) -> str:
    """Return docs/benchmarks.md as Markdown."""
    context = {
        **measurements,
        "small": SMALL.name,
        "goals": goal_results(measurements),
        "keras": KERAS.name,
        "clients": USUAL_CLIENTS,
        "by_clients": _by_clients(measurements),
        "other_requests": _other_requests(measurements),
        "costs": _costs(measurements),
        "limit": ideal_rate(measurements),
        "reached": usual_cells(measurements, OURS.name)["rate"].median(),
        "frame_names": (answer_costs.FIRST_FRAME, answer_costs.FIVE_FRAMES),
        "contender_starts": {name: _starts_of(measurements, name) for name in _names(measurements)},
        "measured_once": MEASURED_ONCE.read_text().replace("# ", "## ", 1).replace("\n## ", "\n### "),
    }
    return render_markdown(TEMPLATE, {"median": median, "spread": median_and_range}, **context)


def select_cells(measurements: Measurements, **conditions: object) -> pd.DataFrame:
    """Return a row for each cell (a result of measurement.measure_cell) that has the values in `conditions`."""
    cells = pd.DataFrame(measurements["cells"])
    for key, value in conditions.items():
        cells = cells[cells[key] == value]
    return cells.reset_index(drop=True)


def usual_cells(measurements: Measurements, name: str, clients: int = USUAL_CLIENTS) -> pd.DataFrame:
    """Return the cells in which a contender answered small photos with probabilities, a row for each round."""
    return select_cells(measurements, contender=name, answer=PROBABILITIES, photo=SMALL.name, clients=clients)


def median_and_range(values: Sequence[float] | pd.Series, digits: int = 0) -> str:
    """Return the median, the least and the greatest value as text, such as `5 [3, 8]`."""
    if not len(values):
        return "-"
    middle, least, most = (f"{value:,.{digits}f}" for value in (median(values), min(values), max(values)))
    return f"{middle} [{least}, {most}]"


def ideal_rate(measurements: Measurements) -> float:
    """Return how many requests a second all cores could answer if only the parts in least_costs took time."""
    return 1000 * measurements["machine"]["cores"] / sum(least_costs(measurements).values())


def least_costs(measurements: Measurements) -> dict[str, float]:
    """Return the milliseconds of processor time of the parts that no answer can leave out, for a small photo."""
    parts, empty = measurements["parts"], usual_cells(measurements, EMPTY_ENDPOINT.name)
    return {
        "HTTP (an endpoint that does nothing)": empty["cpu"].median(),
        "decode": median(parts[f"{answer_costs.DECODE} {SMALL.name}"]),
        "checks": median(parts[answer_costs.CHECKS]),
        "model": median(parts[answer_costs.MODEL]),
    }


def goal_results(measurements: Measurements) -> list[tuple[str, str, str, bool]]:
    """Return a row for each goal: its metric, the wanted and the measured value, and whether the goal is reached."""
    ours, keras = (usual_cells(measurements, contender.name) for contender in (OURS, KERAS))
    starts = _starts_of(measurements, OURS.name)["milliseconds"]
    pages = select_cells(measurements, contender=OURS.name, answer=PAGE).get("memory", pd.Series([np.nan]))
    parts, trouble, long_run = (measurements[name] for name in ("parts", "trouble", "long_run"))
    known, plain = (
        np.array(parts.get(name, [np.nan])) for name in (answer_costs.NEIGHBOUR_PAGE, answer_costs.PLAIN_PAGE)
    )
    memory = long_run.get("10000", {}).get("memory", np.nan)
    at_limit = ours["rate"].median() / ideal_rate(measurements)
    lost = trouble["burst_lost"] + trouble["held_lost"]
    slower = trouble["held_p99"] / trouble["held_p99_without"]
    return [
        _goal(f"CPU of a request / {KERAS.name}", (ours["cpu"] / keras["cpu"]).median(), 1 / 7, 3),
        _goal(f"requests/s divided by the limit, {USUAL_CLIENTS} clients", at_limit, 0.7, 2, is_least=True),
        _goal("start to first answer, ms", starts.median(), 1000),
        _goal("PSS after 10,000 requests, MB", memory, 200),
        _goal(f"p99 divided by p50, {USUAL_CLIENTS} clients", (ours["p99"] / ours["p50"]).median(), 5, 1),
        _goal("p99 beside held connections, divided by p99 without them", slower, 3, 1),
        _goal("kill -9 to the next answer, ms", trouble["restart"], 4000),
        _goal("the longest wait of 200 clients at once, ms", trouble.get("burst_longest", np.nan), 10_000),
        _goal("lost requests, of these 200 clients and beside held connections", lost, 0),
        _goal("extra CPU of a page with known photos, ms", np.median(known - plain), 3, 1),
        _goal("PSS after answer pages, MB", pages.max(), 210),
    ]


def _goal(
    name: str, value: float, limit: float, digits: int = 0, is_least: bool = False
) -> tuple[str, str, str, bool]:
    """Return a goal's row; without a measured value, the goal is not reached."""
    wanted = f"{'at least' if is_least else 'at most'} {limit:,.{digits}f}"
    measured = "not measured" if np.isnan(value) else f"{value:,.{digits}f}"
    return name, wanted, measured, bool(value >= limit if is_least else value <= limit)


def _names(measurements: Measurements) -> list[str]:
    """Return the names of the measured contenders in their order, without the empty endpoint."""
    names = dict.fromkeys(cell["contender"] for cell in measurements["cells"])
    return [name for name in names if name != EMPTY_ENDPOINT.name]


def _by_clients(measurements: Measurements) -> Iterator[tuple[int, str, pd.DataFrame, pd.Series]]:
    """Yield the number of clients, a contender, its cells, and our rate of requests divided by the contender's rate."""
    for clients in CLIENTS:
        ours = usual_cells(measurements, OURS.name, clients)
        for name in _names(measurements):
            cells = usual_cells(measurements, name, clients)
            if len(cells):
                # Our rate is divided by the contender's rate in the same round, if both were measured in it.
                yield clients, name, cells, (ours["rate"] / cells["rate"]).dropna()


def _other_requests(measurements: Measurements) -> Iterable[tuple[Any, pd.DataFrame]]:
    """Return the cells with another photo or answer than in usual_cells, grouped by photo, answer and contender."""
    cells = select_cells(measurements, clients=USUAL_CLIENTS)
    others = cells[(cells["photo"] != SMALL.name) | (cells["answer"] != PROBABILITIES)]
    return others.groupby(["photo", "answer", "contender"], sort=False)


def _costs(measurements: Measurements) -> dict[str, float]:
    """Return the rows of the table of costs: milliseconds of processor time by the row's name."""
    parts, costs = measurements["parts"], least_costs(measurements)
    whole = usual_cells(measurements, OURS.name)["cpu"].median()
    return costs | {
        "rest (the API's own work, and processor caches shared with others)": whole - sum(costs.values()),
        f"a request at {USUAL_CLIENTS} clients": whole,
        "a whole answer in a bare loop, without HTTP": median(parts[answer_costs.ANSWER]),
        **{
            f"decode, {kind.name}": median(parts[f"{answer_costs.DECODE} {kind.name}"])
            for kind in (LARGE, PNG)
        },
        **{
            f"a {name}": median(parts[name])
            for name in (answer_costs.NEIGHBOUR_PAGE, answer_costs.PLAIN_PAGE)
            if name in parts
        },
    }


def _starts_of(measurements: Measurements, name: str) -> pd.DataFrame:
    starts = pd.DataFrame(measurements["starts"])
    return starts[starts["contender"] == name]


def draw_plot(measurements: Measurements, path: Path) -> None:
    """Draw the requests a second by number of clients, and the processor time of a request."""
    names = _names(measurements)
    figure = Figure((11, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name in names:
        cells = select_cells(measurements, contender=name, answer=PROBABILITIES, photo=SMALL.name)
        rates = cells.groupby("clients")["rate"].median()
        left.plot(rates.index, rates, marker="o", linewidth=3 if name == OURS.name else 1.2, label=name)
    left.axhline(ideal_rate(measurements), color="grey", linestyle=":", label="limit of this machine")
    left.set(
        xscale="log", yscale="log", xlabel="clients", ylabel="requests answered a second", xticks=CLIENTS
    )
    left.set_xticklabels([str(clients) for clients in CLIENTS])
    left.set_yticks(RATES)
    left.minorticks_off()
    left.yaxis.set_major_formatter("{x:,.0f}")
    figure.legend(fontsize=8, ncols=5, loc="outside lower center", frameon=False)
    costs = [usual_cells(measurements, name)["cpu"].median() for name in names]
    bars = right.barh(names, costs, color=["C0" if name == OURS.name else "0.6" for name in names])
    right.bar_label(bars, fmt=" %.1f", fontsize=8)
    right.invert_yaxis()
    right.margins(x=0.15)  # leaves room for the numbers next to the bars
    right.set(xlabel=f"ms of processor time a request, {USUAL_CLIENTS} clients")
    figure.savefig(path, dpi=110)
