"""docs/benchmarks.md and its plot, from what was measured; nothing in them is typed by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.contenders import CALL, EMPTY, OURS, PREDICT, SKLESION
from benchmarks.parts import ANSWER, CHECKS, DECODE, MODEL
from benchmarks.photos import KINDS, LARGE, SMALL
from benchmarks.rows import CLIENTS, FULL, PAGE, PROBABILITIES, USUAL

Found = Mapping[str, Any]
Row = dict[str, Any]

INTRODUCTION = """# Benchmarks

Written by `make bench`, which takes at most 30 minutes; `python -m benchmarks --quick` is a short look that writes to `.cache`. Clients and server share the
machine. All contenders are measured in turn, and all again, so that ratios hold where the machine is not quiet: each
figure is the median of the rounds, in brackets the least and the most. Only requests answered 200 count. "CPU" is the
processor time of all processes of the server.
"""
RATES = (10, 20, 50, 100, 200, 500)  # requests a second that the plot's axis names
FIELD_WORDS = """The others answer with the probabilities of the network alone; ours has all its checks on. Flask +
`model.predict` and Flask + `model(x)` run the same network as ours (`model.keras` of the same bundle), sklesion its own,
a larger one; all three behind waitress with 8 threads."""


def markdown(found: Found) -> str:
    """The whole document."""
    sections = [
        INTRODUCTION,
        _machine(found),
        _goals(found),
        "![Requests a second and processor time of each contender](benchmarks.png)\n",
        "## Probabilities of one photo\n",
        f"{FIELD_WORDS}\n",
        _by_clients(found),
        *(f"- {name} was not measured: {why}\n" for name, why in found["absent"].items()),
        "## Other photos, other answers\n",
        _other_asks(found),
        "## Where the time goes\n",
        _parts(found),
        "## Start and memory\n",
        _starts(found),
        _long_run(found),
        "## `predict`\n",
        _archives(found),
        "## In trouble\n",
        _trouble(found),
        "## Training\n",
        _training(found),
    ]
    return "\n".join(sections)


def _machine(found: Found) -> str:
    facts = found["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    return (
        f"{facts['date']}, {facts['processor']}, {facts['cores']} cores, {facts['memory_gb']:.0f} GB, {facts['system']}; "
        f"load of others before the start: {facts['load']:.1f}; {_bundle(found)}. {found['rounds']} rounds, "
        f"{facts['minutes']:.0f} minutes in all.\n\n{versions}.\n"
    )


def _bundle(found: Found) -> str:
    """Which network answered; the first measurements did not note it."""
    one = found.get("bundle")
    return (
        f"bundle {one['name']} {one['version']}, {one['edge']} pixels" if one else "the bundle was not noted"
    )


def rows_of(found: Found, **wanted: object) -> list[Row]:
    """The cells that have these values, one a round."""
    return [cell for cell in found["cells"] if all(cell[key] == value for key, value in wanted.items())]


def _usual(found: Found, name: str) -> list[Row]:
    return rows_of(found, contender=name, answer=PROBABILITIES, photo=SMALL.name, clients=USUAL)


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Median, least and most."""
    if not values:
        return "-"
    shown = [f"{value:,.{digits}f}" for value in (median(values), min(values), max(values))]
    return f"{shown[0]} [{shown[1]}, {shown[2]}]"


def ratios(ours: Sequence[Row], theirs: Sequence[Row], key: str) -> list[float]:
    """Ours over theirs, round by round."""
    return [one[key] / other[key] for one, other in zip(ours, theirs, strict=False) if other[key]]


def limit_of(found: Found) -> float:
    """Requests a second if nothing cost anything but decoding, checks, the model and an empty endpoint."""
    return 1000 * found["machine"]["cores"] / sum(least_costs(found).values())


def least_costs(found: Found) -> dict[str, float]:
    """Milliseconds of processor time of the parts that cannot be left out, for a small photo."""
    parts = found["parts"]
    return {
        "HTTP (an endpoint that does nothing)": median(row["cpu"] for row in _usual(found, EMPTY.name)),
        "decode": median(parts[f"{DECODE} {SMALL.name}"]),
        "checks": median(parts[CHECKS]),
        "model": median(parts[MODEL]),
    }


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def goals(found: Found) -> list[tuple[str, str, str, bool]]:
    """What is wanted, the measure that was set, what was measured, and whether it is reached."""
    ours, predict = _usual(found, OURS), _usual(found, PREDICT)
    trouble = found["trouble"]
    memory = {int(count): one["memory"] for count, one in found["long_run"].items()}
    archives = _archive_costs(found)
    listed: list[tuple[str, str, Callable[[], tuple[str, bool]]]] = [
        (
            f"requests/s over Flask + model.predict, {USUAL} clients",
            "at least 6 times",
            lambda: _at_least(median(ratios(ours, predict, "rate")), 6),
        ),
        (
            "CPU of a request over that of Flask + model.predict",
            "at most 1/6 (0.167)",
            lambda: _at_most(median(ratios(ours, predict, "cpu")), 1 / 6, 3),
        ),
        (
            f"requests/s over the limit, {USUAL} clients",
            "at least 0.7",
            lambda: _at_least(median(row["rate"] for row in ours) / limit_of(found), 0.7, 2),
        ),
        ("start to first answer, ms", "under 1,000", lambda: _at_most(median(_starts_of(found, OURS)), 1000)),
        ("PSS after 10,000 requests, MB", "under 200", lambda: _at_most(memory[10_000], 200)),
        (
            "PSS after 10,000 requests over idle",
            "at most 1.1",
            lambda: _at_most(memory[10_000] / memory[min(memory)], 1.1, 2),
        ),
        (
            f"p99 over p50, {USUAL} clients",
            "under 5",
            lambda: _at_most(median(row["p99"] / row["p50"] for row in ours), 5, 1),
        ),
        (f"CPU of a {LARGE.name}, ms", "at most 60", lambda: _at_most(trouble["large_cpu"], 60)),
        (
            f"memory above idle of a {LARGE.name}, MB",
            "at most 150",
            lambda: _at_most(trouble["large_memory"], 150),
        ),
        (
            "`predict`: CPU a photo at 100,000 over that at 1,000",
            "0.9 to 1.1",
            lambda: _between(median(archives[100_000]) / median(archives[1000]), 0.9, 1.1),
        ),
        ("kill -9 to the next answer, ms", "under 2,000, none lost", lambda: _restart(trouble)),
        (
            "the longest wait for a 503, ms",
            "at most 100",
            lambda: _at_most(trouble["burst_refused_longest"], 100),
        ),
        (
            "requests lost while a bundle is replaced",
            "0, no old process stays",
            lambda: _replaced(trouble),
        ),
        (
            "PSS after 50,000 requests over that after 10,000",
            "at most 1.1",
            lambda: _at_most(memory[50_000] / memory[10_000], 1.1, 2),
        ),
        (
            "training: photos/s over Keras's textbook way",
            "at least 1.5 times",
            lambda: _at_least(median(found["training"]["ratios"]), 1.5, 2),
        ),
    ]
    return [(name, wanted, *_judged(judge)) for name, wanted, judge in listed]


def _judged(judge: Callable[[], tuple[str, bool]]) -> tuple[str, bool]:
    """What a goal's figure says; one that was not measured is not reached."""
    try:
        return judge()
    except (KeyError, ValueError):  # StatisticsError, of a median of nothing, is a ValueError
        return "not measured", False


def _at_least(value: float, wanted: float, digits: int = 1) -> tuple[str, bool]:
    return f"{value:,.{digits}f}", value >= wanted


def _at_most(value: float, wanted: float, digits: int = 0) -> tuple[str, bool]:
    return f"{value:,.{digits}f}", value <= wanted


def _between(value: float, least: float, most: float) -> tuple[str, bool]:
    return f"{value:.2f}", least <= value <= most


def _restart(trouble: Found) -> tuple[str, bool]:
    """Quick, and without a connection that broke before it."""
    value, quick = _at_most(trouble["restart"], 2000)
    lost = trouble["restart_lost"]
    return (f"{value}, {lost:,.0f} lost" if lost else value), quick and not lost


def _replaced(trouble: Found) -> tuple[str, bool]:
    """Nothing lost, by a server that did take over."""
    stayed = trouble["replaced_stayed"]
    value, whole = _at_most(trouble["replaced_lost"], 0)
    return (f"{value}, {stayed:,.0f} stay" if stayed else value), whole and not stayed


def _goals(found: Found) -> str:
    rows = [(name, wanted, value, "yes" if ok else "**no**") for name, wanted, value, ok in goals(found)]
    return table(("", "wanted", "measured", "reached"), rows)


def _names(found: Found) -> list[str]:
    """The contenders in their order, without the empty endpoint."""
    return [name for name in dict.fromkeys(row["contender"] for row in found["cells"]) if name != EMPTY.name]


def _by_clients(found: Found) -> str:
    ours = {
        clients: rows_of(found, contender=OURS, answer=PROBABILITIES, photo=SMALL.name, clients=clients)
        for clients in CLIENTS
    }
    rows = []
    for clients in CLIENTS:
        for name in _names(found):
            cells = rows_of(found, contender=name, answer=PROBABILITIES, photo=SMALL.name, clients=clients)
            if cells:
                rows.append(
                    (clients, name, *_figures(cells), spread(ratios(ours[clients], cells, "rate"), 2))
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
    return table(head, rows)


def _figures(cells: Sequence[Row]) -> tuple[str, ...]:
    return (
        spread([row["rate"] for row in cells], 1),
        *(f"{median(row[key] for row in cells):,.0f}" for key in ("p50", "p95", "p99")),
        spread([row["cpu"] for row in cells], 1),
        f"{sum(row['others'] for row in cells):,}",
    )


def _other_asks(found: Found) -> str:
    rows = []
    for kind in (kind.name for kind in KINDS if kind is not SMALL):
        for name in (OURS, PREDICT, CALL, SKLESION):
            cells = rows_of(found, contender=name, answer=PROBABILITIES, photo=kind, clients=USUAL)
            if cells:
                rows.append((kind, PROBABILITIES, name, *_figures(cells)))
    for answer in (FULL, PAGE):
        cells = rows_of(found, contender=OURS, answer=answer, clients=USUAL)
        rows.append((SMALL.name, answer, OURS, *_figures(cells)))
    head = ("photo", "answer", "", "requests/s", "p50 ms", "p95 ms", "p99 ms", "CPU ms", "not 200")
    return f"At {USUAL} clients.\n\n{table(head, rows)}"


def _parts(found: Found) -> str:
    parts = found["parts"]
    costs = least_costs(found)
    whole = median(row["cpu"] for row in _usual(found, OURS))
    rows = [(name, f"{cost:.2f}") for name, cost in costs.items()]
    rows.append(
        ("rest (the API's own work, caches shared with others)", f"{whole - sum(costs.values()):.2f}")
    )
    rows.append((f"a request at {USUAL} clients", f"{whole:.2f}"))
    rows.append(("a whole answer in a bare loop, without HTTP", f"{median(parts[ANSWER]):.2f}"))
    rows += [
        (f"decode, {kind.name}", f"{median(parts[f'{DECODE} {kind.name}']):.2f}")
        for kind in KINDS
        if kind is not SMALL
    ]
    limit, reached = limit_of(found), median(row["rate"] for row in _usual(found, OURS))
    return (
        f"{table((f'{SMALL.name}', 'CPU ms'), rows)}\n"
        f"The limit, cores over the sum of the first four, is {limit:,.0f} requests/s; ours answers {reached:,.0f} "
        f"({reached / limit:.2f} of it) with the clients on the same cores.\n"
    )


def _starts_of(found: Found, name: str, key: str = "milliseconds") -> list[float]:
    return [one[key] for one in found["starts"] if one["contender"] == name]


def _starts(found: Found) -> str:
    rows = [
        (name, spread(_starts_of(found, name)), spread(_starts_of(found, name, "memory")))
        for name in _names(found)
    ]
    return table(("", "start to first answer, ms", "PSS after the first requests, MB"), rows)


def _long_run(found: Found) -> str:
    rows = [
        (f"{int(count):,}", *(f"{one[key]:,.0f}" for key in ("memory", "threads", "files", "lost")))
        for count, one in found["long_run"].items()
    ]
    return "Ours after many requests without a pause, of all processes that answer:\n\n" + table(
        ("requests", "PSS, MB", "threads", "open files", "not 200"), rows
    )


def _archive_costs(found: Found) -> dict[int, list[float]]:
    """Milliseconds of processor time a photo in each run, by the number of photos."""
    costs: dict[int, list[float]] = {}
    for one in found["archives"]:
        costs.setdefault(one["photos"], []).append(one["cpu"])
    return costs


def _archives(found: Found) -> str:
    rows = []
    for photos, costs in sorted(_archive_costs(found).items()):
        runs = [one for one in found["archives"] if one["photos"] == photos]
        memory, seconds = (median(one[key] for one in runs) for key in ("memory", "seconds"))
        rows.append((f"{photos:,}", len(runs), spread(costs, 2), f"{memory:,.0f}", f"{seconds:,.1f}"))
    said = table(("photos", "runs", "CPU ms a photo", "most memory, MB", "seconds"), rows)
    return f"{said}\nLinks to the same few {SMALL.name} photos; the start of the program is in it.\n"


def _training(found: Found) -> str:
    """Of `python -m benchmarks.training`, whose own page says more."""
    one = found["training"]
    if "absent" in one:
        return f"Not measured: {one['absent']}\n"
    rows = [(name, spread(rates)) for name, rates in one["photos_a_second"].items()]
    return (
        f"{table(('', 'photos/s'), rows)}\n"
        f"The network of `{one['config']}` at {one['edge']} px in batches of {one['batch']} ({one['machine']}), the photos of "
        "HAM10000's development part: files read anew each epoch, Random layers and float32 with `fit` are the textbook's; "
        f"decoded once, one warp a batch and bfloat16 are ours. Ours / it: {spread(one['ratios'], 2)}.\n"
    )


def _trouble(found: Found) -> str:
    one = found["trouble"]
    said = {
        "Killed by kill -9": (
            f"the server answers again after {one['restart']:,.0f} ms; connections lost before that: "
            f"{one['restart_lost']:,.0f}."
        ),
        f"{one['burst_clients']:,.0f} clients at once": (
            f"{one['burst_answered']:,.0f} are answered and {one['burst_refused']:,.0f} told to come back, after "
            f"{one['burst_refused_median']:,.0f} ms (median), {one['burst_refused_longest']:,.0f} ms (the longest); "
            f"{one['burst_lost']:,.0f} got nothing."
        ),
        "60 half-open connections and 60 bodies that do not arrive": (
            f"beside them p50 is {one['held_p50']:,.0f} ms (without: {one['held_p50_without']:,.0f}), p99 "
            f"{one['held_p99']:,.0f} ms ({one['held_p99_without']:,.0f}), and {one['held_lost']:,.0f} requests are lost."
        ),
        "A new server takes over": (
            f"{one['replaced_lost']:,.0f} of {one['replaced_requests']:,.0f} requests are lost; {_stayed(one)}."
        ),
        f"A {LARGE.name}": f"{one['large_cpu']:,.0f} ms of CPU, {one['large_memory']:,.0f} MB above idle.",
    }
    lines = [f"- {what}: {figures}" for what, figures in said.items()]
    return "\n".join(lines) + "\n"


def _stayed(trouble: Found) -> str:
    if "replaced_stayed" not in trouble:
        return "whether the old processes had gone was not looked at"
    return f"of {trouble['replaced_workers']:,.0f} old processes {trouble['replaced_stayed']:,.0f} are there after that"


def plot(found: Found, path: Path) -> None:
    """Requests a second by clients, and processor time of a request."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    names = _names(found)
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    for name in names:
        rates = {
            clients: median(row["rate"] for row in cells)
            for clients in CLIENTS
            if (
                cells := rows_of(
                    found, contender=name, answer=PROBABILITIES, photo=SMALL.name, clients=clients
                )
            )
        }
        width = 3 if name == OURS else 1.2
        left.plot(list(rates), list(rates.values()), marker="o", linewidth=width, label=name)
    left.axhline(limit_of(found), color="grey", linestyle=":", label="limit of this machine")
    left.set(
        xscale="log", yscale="log", xlabel="clients", ylabel="requests answered a second", xticks=CLIENTS
    )
    left.set_xticklabels([str(clients) for clients in CLIENTS])
    left.set_yticks(RATES)
    left.minorticks_off()
    left.yaxis.set_major_formatter("{x:,.0f}")
    figure.legend(fontsize=8, ncols=5, loc="outside lower center", frameon=False)
    costs = [median(row["cpu"] for row in _usual(found, name)) for name in names]
    right.barh(names[::-1], costs[::-1], color=["C0" if name == OURS else "0.6" for name in names[::-1]])
    right.margins(x=0.15)  # for the figures beside the bars
    right.set(xlabel=f"ms of processor time a request, {USUAL} clients")
    for place, cost in enumerate(costs[::-1]):
        right.text(cost, place, f" {cost:.1f}", va="center", fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)
