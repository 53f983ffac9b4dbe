"""Write docs/benchmarks.md and its plot from the measurements; no number in them is typed by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.answer_costs import (
    ANSWER,
    CHECKS,
    DECODE,
    FIRST_FRAME,
    FIVE_FRAMES,
    MODEL,
    NEIGHBOUR_PAGE,
    PLAIN_PAGE,
)
from benchmarks.contenders import EMPTY_ENDPOINT, KERAS_CALL, KERAS_PREDICT, OURS
from benchmarks.measurement import CLIENTS, FULL_ANSWER, PAGE, PROBABILITIES, USUAL_CLIENTS
from benchmarks.photos import KINDS, LARGE, SMALL
from tools.serving import ROOT

Measurements = Mapping[str, Any]
Row = dict[str, Any]

INTRODUCTION = """# Benchmarks

Written by `make bench`, which takes at most 15 minutes; `python -m benchmarks --quick` is a short look that writes to `.cache`. Clients and server share the
machine. All contenders are measured in turn, and all again, so that ratios hold where the machine is not quiet: each
figure is the median of the rounds, in brackets the least and the most. Only requests answered 200 count. "CPU" is the
processor time of all processes of the server.
"""
# The choice of the server, and a growing archive; the commands that measured them were removed.
MEASURED_ONCE = ROOT / "docs" / "servers.md"
RATES = (10, 20, 50, 100, 200, 500)  # requests a second, labelled on the plot's axis
FIELD_WORDS = """The others answer with the probabilities of the network alone; ours has all its checks on. Flask +
`model.predict` and Flask + `model(x)` run the same network as ours (`model.keras` of the same bundle), behind waitress
with 8 threads."""


def benchmark_page(measurements: Measurements) -> str:
    """Return the whole page."""
    sections = [
        INTRODUCTION,
        _machine(measurements),
        _goals(measurements),
        "![Requests a second and processor time of each contender](benchmarks.png)\n",
        "## Probabilities of one photo\n",
        f"{FIELD_WORDS}\n",
        _by_clients(measurements),
        *(f"- {name} was not measured: {reason}\n" for name, reason in measurements["absent"].items()),
        "## Other photos, other answers\n",
        _other_requests_table(measurements),
        "## Where the time goes\n",
        _parts(measurements),
        "## One frame or five\n",
        _frames(measurements),
        "## Start and memory\n",
        _starts(measurements),
        _long_run(measurements),
        "## In trouble\n",
        _resilience_section(measurements),
        "From [servers.md](servers.md):\n",
        MEASURED_ONCE.read_text().replace("# ", "## ", 1).replace("\n## ", "\n### "),
    ]
    return "\n".join(sections)


def _machine(measurements: Measurements) -> str:
    facts, bundle = measurements["machine"], measurements["bundle"]
    versions = ", ".join(f"{name} {version}" for name, version in measurements["versions"].items())
    return (
        f"{facts['date']}, {facts['processor']}, {facts['cores']} cores, {facts['memory_gb']:.0f} GB, {facts['system']}; "
        f"load of others before the start: {facts['load']:.1f}; bundle {bundle['name']} {bundle['version']}, "
        f"{bundle['edge']} pixels. {measurements['rounds']} rounds, "
        f"{facts['minutes']:.0f} minutes in all.\n\n{versions}.\n"
    )


def select_cells(measurements: Measurements, **conditions: object) -> list[Row]:
    """Return the cells that have these values, one for each round."""
    return [
        cell for cell in measurements["cells"] if all(cell[key] == value for key, value in conditions.items())
    ]


def _usual_cells(measurements: Measurements, name: str) -> list[Row]:
    return select_cells(
        measurements, contender=name, answer=PROBABILITIES, photo=SMALL.name, clients=USUAL_CLIENTS
    )


def median_and_range(values: Sequence[float], digits: int = 0) -> str:
    """Return median, least and most as text."""
    if not values:
        return "-"
    texts = [f"{value:,.{digits}f}" for value in (median(values), min(values), max(values))]
    return f"{texts[0]} [{texts[1]}, {texts[2]}]"


def ratios(ours: Sequence[Row], theirs: Sequence[Row], key: str) -> list[float]:
    """Return ours divided by theirs, round by round."""
    return [
        our_row[key] / their_row[key]
        for our_row, their_row in zip(ours, theirs, strict=False)
        if their_row[key]
    ]


def ideal_rate(measurements: Measurements) -> float:
    """Return the requests a second if only decoding, checks, the model and an empty endpoint cost time."""
    return 1000 * measurements["machine"]["cores"] / sum(least_costs(measurements).values())


def least_costs(measurements: Measurements) -> dict[str, float]:
    """Return the milliseconds of processor time of the parts that no answer can leave out, for a small photo."""
    parts = measurements["parts"]
    return {
        "HTTP (an endpoint that does nothing)": median(
            row["cpu"] for row in _usual_cells(measurements, EMPTY_ENDPOINT.name)
        ),
        "decode": median(parts[f"{DECODE} {SMALL.name}"]),
        "checks": median(parts[CHECKS]),
        "model": median(parts[MODEL]),
    }


def neighbour_cost(parts: Mapping[str, Sequence[float]]) -> float:
    """Return the milliseconds that known photos add to a page: the median of the rounds."""
    pages = zip(parts[NEIGHBOUR_PAGE], parts[PLAIN_PAGE], strict=True)
    return median(with_photos - without for with_photos, without in pages)


def format_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def goal_results(measurements: Measurements) -> list[tuple[str, str, str, bool]]:
    """Return for each goal its metric, the goal, the measurement, and whether it is reached."""
    ours, predict = _usual_cells(measurements, OURS), _usual_cells(measurements, KERAS_PREDICT)
    trouble = measurements["trouble"]
    memory = {int(count): state["memory"] for count, state in measurements["long_run"].items()}
    goals: list[tuple[str, str, Callable[[], tuple[str, bool]]]] = [
        (
            f"requests/s over Flask + model.predict, {USUAL_CLIENTS} clients",
            "at least 6 times",
            lambda: _at_least(median(ratios(ours, predict, "rate")), 6),
        ),
        (
            "CPU of a request over that of Flask + model.predict",
            "at most 1/6 (0.167)",
            lambda: _at_most(median(ratios(ours, predict, "cpu")), 1 / 6, 3),
        ),
        (
            f"requests/s over the limit, {USUAL_CLIENTS} clients",
            "at least 0.7",
            lambda: _at_least(median(row["rate"] for row in ours) / ideal_rate(measurements), 0.7, 2),
        ),
        (
            "start to first answer, ms",
            "under 1,000",
            lambda: _at_most(median(_starts_of(measurements, OURS)), 1000),
        ),
        ("PSS after 10,000 requests, MB", "under 200", lambda: _at_most(memory[10_000], 200)),
        (
            "PSS after 10,000 requests over idle",
            "at most 1.1",
            lambda: _at_most(memory[10_000] / memory[min(memory)], 1.1, 2),
        ),
        (
            f"p99 over p50, {USUAL_CLIENTS} clients",
            "under 5",
            lambda: _at_most(median(row["p99"] / row["p50"] for row in ours), 5, 1),
        ),
        (f"CPU of a {LARGE.name}, ms", "at most 60", lambda: _at_most(trouble["large_cpu"], 60)),
        (
            f"memory above idle of a {LARGE.name}, MB",
            "at most 150",
            lambda: _at_most(trouble["large_memory"], 150),
        ),
        ("kill -9 to the next answer, ms", "under 2,000, none lost", lambda: _restart_result(trouble)),
        (
            "the longest wait for a 503, ms",
            "at most 100",
            lambda: _at_most(trouble["burst_refused_longest"], 100),
        ),
        (
            "requests lost while a bundle is replaced",
            "0, no old process stays",
            lambda: _replacement_result(trouble),
        ),
        (
            "PSS after 50,000 requests over that after 10,000",
            "at most 1.1",
            lambda: _at_most(memory[50_000] / memory[10_000], 1.1, 2),
        ),
        (
            "CPU of a page with known photos over one without, ms",
            "at most 3",
            lambda: _at_most(neighbour_cost(measurements["parts"]), 3, 1),
        ),
        (
            "PSS after answer pages, MB",
            "at most 210",
            lambda: _at_most(
                max(row["memory"] for row in select_cells(measurements, contender=OURS, answer=PAGE)), 210
            ),
        ),
    ]
    return [(name, goal, *_goal_result(measure)) for name, goal, measure in goals]


def _goal_result(measure: Callable[[], tuple[str, bool]]) -> tuple[str, bool]:
    """Return the measurement for a goal; without a measurement the goal is not reached."""
    try:
        return measure()
    except (KeyError, ValueError):  # StatisticsError, of a median of nothing, is a ValueError
        return "not measured", False


def _at_least(value: float, wanted: float, digits: int = 1) -> tuple[str, bool]:
    return f"{value:,.{digits}f}", value >= wanted


def _at_most(value: float, wanted: float, digits: int = 0) -> tuple[str, bool]:
    return f"{value:,.{digits}f}", value <= wanted


def _restart_result(trouble: Measurements) -> tuple[str, bool]:
    """Return whether the restart was quick and no connection broke before it."""
    value, quick = _at_most(trouble["restart"], 2000)
    lost = trouble["restart_lost"]
    return (f"{value}, {lost:,.0f} lost" if lost else value), quick and not lost


def _replacement_result(trouble: Measurements) -> tuple[str, bool]:
    """Return whether a new server took over and no request was lost."""
    stayed = trouble["replaced_stayed"]
    value, whole = _at_most(trouble["replaced_lost"], 0)
    return (f"{value}, {stayed:,.0f} stay" if stayed else value), whole and not stayed


def _goals(measurements: Measurements) -> str:
    rows = [
        (name, goal, value, "yes" if ok else "**no**") for name, goal, value, ok in goal_results(measurements)
    ]
    return format_table(("", "wanted", "measured", "reached"), rows)


def _names(measurements: Measurements) -> list[str]:
    """Return the contenders in their order, without the empty endpoint."""
    return [
        name
        for name in dict.fromkeys(row["contender"] for row in measurements["cells"])
        if name != EMPTY_ENDPOINT.name
    ]


def _by_clients(measurements: Measurements) -> str:
    ours = {
        clients: select_cells(
            measurements, contender=OURS, answer=PROBABILITIES, photo=SMALL.name, clients=clients
        )
        for clients in CLIENTS
    }
    rows = []
    for clients in CLIENTS:
        for name in _names(measurements):
            cells = select_cells(
                measurements, contender=name, answer=PROBABILITIES, photo=SMALL.name, clients=clients
            )
            if cells:
                rows.append(
                    (
                        clients,
                        name,
                        *_cell_metrics(cells),
                        median_and_range(ratios(ours[clients], cells, "rate"), 2),
                    )
                )
    head = (
        "clients",
        "",
        "requests/s",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "CPU ms",
        "not 200",
        "ours / it, requests/s",
    )
    return format_table(head, rows)


def _cell_metrics(cells: Sequence[Row]) -> tuple[str, ...]:
    return (
        median_and_range([row["rate"] for row in cells], 1),
        *(f"{median(row[key] for row in cells):,.0f}" for key in ("p50", "p95", "p99")),
        median_and_range([row["cpu"] for row in cells], 1),
        f"{sum(row['others'] for row in cells):,}",
    )


def _other_requests_table(measurements: Measurements) -> str:
    rows = []
    for kind in (kind.name for kind in KINDS if kind is not SMALL):
        for name in (OURS, KERAS_PREDICT, KERAS_CALL):
            cells = select_cells(
                measurements, contender=name, answer=PROBABILITIES, photo=kind, clients=USUAL_CLIENTS
            )
            if cells:
                rows.append((kind, PROBABILITIES, name, *_cell_metrics(cells)))
    for answer in (FULL_ANSWER, PAGE):
        cells = select_cells(measurements, contender=OURS, answer=answer, clients=USUAL_CLIENTS)
        rows.append((SMALL.name, answer, OURS, *_cell_metrics(cells)))
    head = ("photo", "answer", "", "requests/s", "p50 ms", "p95 ms", "p99 ms", "CPU ms", "not 200")
    return f"At {USUAL_CLIENTS} clients.\n\n{format_table(head, rows)}"


def _parts(measurements: Measurements) -> str:
    parts = measurements["parts"]
    costs = least_costs(measurements)
    whole = median(row["cpu"] for row in _usual_cells(measurements, OURS))
    rows = [(name, f"{cost:.2f}") for name, cost in costs.items()]
    rows.append(
        ("rest (the API's own work, caches shared with others)", f"{whole - sum(costs.values()):.2f}")
    )
    rows.append((f"a request at {USUAL_CLIENTS} clients", f"{whole:.2f}"))
    rows.append(("a whole answer in a bare loop, without HTTP", f"{median(parts[ANSWER]):.2f}"))
    rows += [
        (f"decode, {kind.name}", f"{median(parts[f'{DECODE} {kind.name}']):.2f}")
        for kind in KINDS
        if kind is not SMALL
    ]
    rows += [
        (f"a {name}", f"{median(parts[name]):.2f}") for name in (NEIGHBOUR_PAGE, PLAIN_PAGE) if name in parts
    ]
    limit, reached = ideal_rate(measurements), median(row["rate"] for row in _usual_cells(measurements, OURS))
    return (
        f"{format_table((f'{SMALL.name}', 'CPU ms'), rows)}\n"
        f"The limit, cores over the sum of the first four, is {limit:,.0f} requests/s; ours answers {reached:,.0f} "
        f"({reached / limit:.2f} of it) with the clients on the same cores.\n"
    )


def _frames(measurements: Measurements) -> str:
    """Return the cost of an answer of one frame and of five."""
    frames = measurements.get("frames", {"costs": {}})
    if not frames["costs"]:
        return "Not measured: no photo of the benchmarks needs all five frames.\n"
    machine, bundle, costs = frames["machine"], frames["bundle"], frames["costs"]
    rows = [
        (f"an {name}", *(median_and_range(costs[name][kind], 1) for kind in ("cpu", "clock")))
        for name in (FIRST_FRAME, FIVE_FRAMES)
    ]
    first, five = (median(costs[name]["cpu"]) for name in (FIRST_FRAME, FIVE_FRAMES))
    return (
        "Four more frames are computed only where the first frame leaves the all-clear open. The same photo on both paths, in a "
        f"bare loop without HTTP; {machine['date']}, load of others before the start: {machine['load']:.1f}; bundle "
        f"{bundle['name']} {bundle['version']}. Five frames take {five / first:.1f} times the processor time of one.\n\n"
        f"{format_table((SMALL.name, 'CPU ms', 'ms by the clock'), rows)}"
    )


def _starts_of(measurements: Measurements, name: str, key: str = "milliseconds") -> list[float]:
    return [start[key] for start in measurements["starts"] if start["contender"] == name]


def _starts(measurements: Measurements) -> str:
    rows = [
        (
            name,
            median_and_range(_starts_of(measurements, name)),
            median_and_range(_starts_of(measurements, name, "memory")),
        )
        for name in _names(measurements)
    ]
    return format_table(("", "start to first answer, ms", "PSS after the first requests, MB"), rows)


def _long_run(measurements: Measurements) -> str:
    rows = [
        (f"{int(count):,}", *(f"{state[key]:,.0f}" for key in ("memory", "threads", "files", "lost")))
        for count, state in measurements["long_run"].items()
    ]
    return "Ours after many requests without a pause, of all processes that answer:\n\n" + format_table(
        ("requests", "PSS, MB", "threads", "open files", "not 200"), rows
    )


def _resilience_section(measurements: Measurements) -> str:
    trouble = measurements["trouble"]
    texts = {
        "Killed by kill -9": (
            f"the server answers again after {trouble['restart']:,.0f} ms; connections lost before that: "
            f"{trouble['restart_lost']:,.0f}."
        ),
        f"{trouble['burst_clients']:,.0f} clients at once": (
            f"{trouble['burst_answered']:,.0f} are answered and {trouble['burst_refused']:,.0f} told to come back, after "
            f"{trouble['burst_refused_median']:,.0f} ms (median), {trouble['burst_refused_longest']:,.0f} ms (the longest); "
            f"{trouble['burst_lost']:,.0f} got nothing."
        ),
        "60 half-open connections and 60 bodies that do not arrive": (
            f"beside them p50 is {trouble['held_p50']:,.0f} ms (without: {trouble['held_p50_without']:,.0f}), p99 "
            f"{trouble['held_p99']:,.0f} ms ({trouble['held_p99_without']:,.0f}), and {trouble['held_lost']:,.0f} requests are lost."
        ),
        "A new server takes over": (
            f"{trouble['replaced_lost']:,.0f} of {trouble['replaced_requests']:,.0f} requests are lost; of {trouble['replaced_workers']:,.0f} old "
            f"processes {trouble['replaced_stayed']:,.0f} are there after that."
        ),
        f"A {LARGE.name}": f"{trouble['large_cpu']:,.0f} ms of CPU, {trouble['large_memory']:,.0f} MB above idle.",
    }
    lines = [f"- {event}: {result}" for event, result in texts.items()]
    return "\n".join(lines) + "\n"


def draw_plot(measurements: Measurements, path: Path) -> None:
    """Draw the requests a second by clients, and the processor time of a request."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    names = _names(measurements)
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    for name in names:
        rates = {
            clients: median(row["rate"] for row in cells)
            for clients in CLIENTS
            if (
                cells := select_cells(
                    measurements, contender=name, answer=PROBABILITIES, photo=SMALL.name, clients=clients
                )
            )
        }
        width = 3 if name == OURS else 1.2
        left.plot(list(rates), list(rates.values()), marker="o", linewidth=width, label=name)
    left.axhline(ideal_rate(measurements), color="grey", linestyle=":", label="limit of this machine")
    left.set(
        xscale="log", yscale="log", xlabel="clients", ylabel="requests answered a second", xticks=CLIENTS
    )
    left.set_xticklabels([str(clients) for clients in CLIENTS])
    left.set_yticks(RATES)
    left.minorticks_off()
    left.yaxis.set_major_formatter("{x:,.0f}")
    figure.legend(fontsize=8, ncols=5, loc="outside lower center", frameon=False)
    costs = [median(row["cpu"] for row in _usual_cells(measurements, name)) for name in names]
    right.barh(names[::-1], costs[::-1], color=["C0" if name == OURS else "0.6" for name in names[::-1]])
    right.margins(x=0.15)  # for the numbers next to the bars
    right.set(xlabel=f"ms of processor time a request, {USUAL_CLIENTS} clients")
    for place, cost in enumerate(costs[::-1]):
        right.text(cost, place, f" {cost:.1f}", va="center", fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)
