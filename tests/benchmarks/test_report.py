"""The document, from figures that are easy to reckon with."""

import json

import pytest

from benchmarks.answer_costs import FIRST_FRAME, FIVE_FRAMES
from benchmarks.contenders import EMPTY_ENDPOINT, KERAS, OURS
from benchmarks.measurement import CLIENTS, FULL_ANSWER, PAGE, PROBABILITIES
from benchmarks.report import (
    benchmark_page,
    draw_plot,
    goal_results,
    ideal_rate,
    least_costs,
    median_and_range,
)
from tests.conftest import PROJECT


def cell(contender, rate, cpu, clients=8, answer=PROBABILITIES, photo="600x450 JPEG", others=0):
    return {
        "contender": contender,
        "answer": answer,
        "photo": photo,
        "clients": clients,
        "rate": rate,
        "p50": 10.0,
        "p95": 15.0,
        "p99": 40.0,
        "cpu": cpu,
        "others": others,
        "memory": 180.0,
    }


@pytest.fixture
def found():
    """Two rounds: ours answers 240 and 260 requests a second at 8 ms, the field 20 at 64 ms."""
    cells = []
    for rate in (240.0, 260.0):
        cells += [cell(OURS.name, rate, 8.0, clients) for clients in CLIENTS]
        cells += [cell(KERAS.name, 20.0, 64.0, clients) for clients in CLIENTS]
        cells += [cell(OURS.name, 30.0, 20.0, answer=answer) for answer in (FULL_ANSWER, PAGE)]
        cells += [cell(EMPTY_ENDPOINT.name, 1000.0, 1.0)]
    return {
        "machine": {
            "date": "2026-01-31",
            "processor": "of a test",
            "cores": 2,
            "memory_gb": 8.0,
            "system": "Linux",
            "load": 0.1,
            "minutes": 19.0,
        },
        "bundle": {"name": "of_a_test", "version": "3.4.5", "edge": 80},
        "versions": {"Python": "3.11"},
        "rounds": 2,
        "cells": cells,
        "starts": [
            {"contender": name, "milliseconds": value, "memory": 80.0}
            for name, value in ((OURS.name, 700), (KERAS.name, 5000))
        ],
        "absent": {"Flask + model(x)": "there is no network"},
        "parts": {
            "decode 600x450 JPEG": [1.0, 1.0],
            "decode 4000x3000 JPEG": [17.0, 17.0],
            "decode 600x450 PNG": [4.0, 4.0],
            "checks": [1.0, 1.0],
            "model": [2.0, 2.0],
            "whole answer, without HTTP": [5.0, 5.0],
            "page with known photos": [30.0, 29.0],
            "page without known photos": [28.0, 28.5],
        },
        "frames": {
            FIRST_FRAME: {"clock": [7.0, 9.0], "cpu": [5.0, 7.0]},
            FIVE_FRAMES: {"clock": [26.0, 30.0], "cpu": [20.0, 22.0]},
        },
        "trouble": {
            "restart": 600.0,
            "restart_lost": 0,
            "burst_clients": 200,
            "burst_answered": 160,
            "burst_refused": 40,
            "burst_refused_median": 40.0,
            "burst_refused_longest": 101.0,
            "burst_longest": 10_001.0,
            "burst_lost": 0,
            "held_p50": 11.0,
            "held_p50_without": 10.0,
            "held_p99": 41.0,
            "held_p99_without": 40.0,
            "held_lost": 0,
        },
        "long_run": {
            "200": {"memory": 90.0, "threads": 6, "files": 9, "lost": 0},
            "10000": {"memory": 95.0, "threads": 6, "files": 9, "lost": 0},
        },
    }


def test_the_limit_is_cores_over_the_costs_that_cannot_be_left_out(found):
    assert sum(least_costs(found).values()) == 1 + 1 + 1 + 2  # an empty endpoint, decode, checks, model
    assert ideal_rate(found) == 2 / 0.005


def test_goals_by_hand(found):
    judged = [(value, ok) for _, _, value, ok in goal_results(found)]
    assert judged == [
        ("0.125", True),  # 8 ms over 64
        ("0.62", False),  # 250 requests a second over 400
        ("700", True),
        ("95", True),
        ("4.0", True),
        ("1.0", True),  # 41 ms beside held connections over 40
        ("600", True),
        ("10,001", False),
        ("0", True),
        ("1.2", True),  # the median of 2 and 0.5 ms
        ("180", True),
    ]


@pytest.mark.parametrize(
    ("name", "measured", "judged"),
    [
        ("kill -9 to the next answer, ms", {"restart": 4000.0}, ("4,000", True)),
        ("kill -9 to the next answer, ms", {"restart": 4001.0}, ("4,001", False)),
        ("lost requests, of these 200 clients and beside held connections", {"burst_lost": 1}, ("1", False)),
        ("lost requests, of these 200 clients and beside held connections", {"held_lost": 2}, ("2", False)),
    ],
)
def test_a_goal_is_missed_where_requests_are_lost_or_the_restart_is_slow(found, name, measured, judged):
    found["trouble"] |= measured
    assert [(value, ok) for what, _, value, ok in goal_results(found) if what == name] == [judged]


def test_a_long_run_that_was_cut_short_is_not_measured(found):
    del found["long_run"]["10000"]
    assert ("PSS after 10,000 requests, MB", "at most 200", "not measured", False) in goal_results(found)


def test_a_median_has_its_range():
    assert median_and_range([3, 1, 2], 1) == "2.0 [1.0, 3.0]"
    assert median_and_range([]) == "-"


def test_ratios_are_of_the_same_round(found):
    """Ours answers 240 and 260 requests, the field 20 and 10."""
    for one in found["cells"][-10:]:
        one["rate"] = 10.0 if one["contender"] == KERAS.name else one["rate"]
    assert "| 0 | 19.00 [12.00, 26.00] |" in benchmark_page(found)


def test_the_document_says_all_of_it(found, tmp_path):
    text = benchmark_page(found)
    assert (
        "| 8 | Flask + model.predict | 20.0 [20.0, 20.0] | 10 | 15 | 40 | 64.0 [64.0, 64.0] | 0 | 12.50"
        in text
    )
    assert "Flask + model(x) was not measured: there is no network" in text
    assert "The limit is 400 requests/s:" in text
    assert "Ours answers 250 requests/s (0.62 of the limit)" in text
    assert (
        "- Of 200 clients at once, 160 are answered and 40 are told to come back, after 40 ms (median) or 101 ms"
        in text
    )
    assert "load of others before the start: 0.1; bundle of_a_test 3.4.5, 80 pixels. 2 rounds" in text
    assert "answers again in 600 ms. Connections lost before that: 0.\n" in text
    assert "without HTTP. Five frames take 3.5 times the processor time of one." in text
    assert "| an answer that the first frame decides | 6.0 [5.0, 7.0] | 8.0 [7.0, 9.0] |" in text
    assert "| an answer that needs all five frames | 21.0 [20.0, 22.0] | 28.0 [26.0, 30.0] |" in text
    assert "nan" not in text
    draw_plot(found, tmp_path / "benchmarks.png")
    assert (tmp_path / "benchmarks.png").read_bytes().startswith(b"\x89PNG")


def test_a_bundle_without_an_answer_of_five_frames_is_told(found):
    found["frames"] = {}
    assert "no photo of the benchmarks needs all five frames" in benchmark_page(found)


def test_lost_connections_are_told(found):
    found["trouble"]["restart_lost"] = 3
    assert "in 600 ms. Connections lost before that: 3.\n" in benchmark_page(found)


def test_the_committed_page_is_made_of_its_figures():
    committed = json.loads((PROJECT / "docs" / "benchmarks.json").read_text())
    assert (PROJECT / "docs" / "benchmarks.md").read_text() == benchmark_page(committed)


def test_what_was_left_out_is_not_measured(found):
    found["cells"] = [one for one in found["cells"] if one["contender"] != KERAS.name]
    values = [value for _, _, value, _ in goal_results(found)]
    assert values.count("not measured") == 1
    assert "model.predict |" not in benchmark_page(found).partition("## Probabilities")[2]
