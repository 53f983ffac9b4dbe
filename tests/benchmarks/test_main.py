"""The benchmarks themselves: a very short run."""

import gzip
import json
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import answer_costs
from benchmarks.contenders import BUNDLE, EMPTY_ENDPOINT, OURS, Contender
from benchmarks.measurement import FULL_ANSWER, PAGE, measure_contenders
from benchmarks.photos import SMALL, make_photos
from data_modelling.inference.bundle import write_checksums
from tests.app.tiny_bundle import make_tiny_bundle

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux, which tells what processes hold"
)


def test_a_short_run_measures_every_part(tmp_path, monkeypatch):
    plan = command.Plan(1, 0.1, (0.0, 0.0), 1, (5, 8), (OURS, EMPTY_ENDPOINT))
    monkeypatch.setattr(command, "QUICK_PLAN", plan)
    assert command.main(["--quick", "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "benchmarks.json").read_text())
    ours = [one for one in found["cells"] if one["contender"] == OURS.name]
    assert {one["clients"] for one in ours} == {1, 8, 32, 128}
    assert {one["answer"] for one in ours} == {"probabilities", FULL_ANSWER, PAGE}
    assert all(one["memory"] > 10 for one in ours)
    assert all(one["rate"] > 0 and one["cpu"] >= 0 and one["p50"] <= one["p99"] for one in ours)
    assert {one["contender"] for one in found["cells"]} == {OURS.name, EMPTY_ENDPOINT.name}
    assert found["absent"] == {}
    assert found["bundle"] == command.bundle_facts(BUNDLE)
    assert found["trouble"]["restart_lost"] == 0
    assert (
        found["trouble"]["burst_answered"] + found["trouble"]["burst_refused"]
        == found["trouble"]["burst_clients"]
    )
    assert found["long_run"]["5"]["memory"] > 10
    assert "| requests/s divided by the limit" in (tmp_path / "benchmarks.md").read_text()
    assert (tmp_path / "benchmarks.png").exists()


def test_the_bundle_is_named_as_its_metadata_says(tmp_path):
    folder = make_tiny_bundle(tmp_path / "of_a_test", version="3.4")
    assert command.bundle_facts(folder) == {"name": "of_a_test", "version": "3.4", "edge": 16}


def test_a_bundle_with_known_photos_has_the_costs_of_a_page_with_and_without_them(tmp_path, monkeypatch):
    monkeypatch.setattr(answer_costs, "BATCH_SECONDS", 0.01)
    folder = make_tiny_bundle(tmp_path / "tiny")
    costs = answer_costs.measure_answer_costs(folder, 1, tmp_path / "plain")
    pages = (answer_costs.NEIGHBOUR_PAGE, answer_costs.PLAIN_PAGE)
    assert all(costs[name][0] > 0 for name in pages)
    shown, plain = (
        answer_costs.page_loop(place, make_photos(SMALL)[0])().data
        for place in (folder, tmp_path / "plain" / "tiny")
    )
    assert b"data-neighbour" in gzip.decompress(shown)
    assert b"data-neighbour" not in gzip.decompress(plain)


def test_an_answer_of_one_frame_and_one_of_five_are_measured_on_one_photo(tmp_path, monkeypatch):
    monkeypatch.setattr(answer_costs, "BATCH_SECONDS", 0.01)
    costs = answer_costs.measure_frame_costs(make_tiny_bundle(tmp_path / "tiny"), 2)
    assert list(costs) == [answer_costs.FIRST_FRAME, answer_costs.FIVE_FRAMES]
    assert all(len(times) == 2 and min(times) > 0 for cost in costs.values() for times in cost.values())


def test_a_bundle_that_refuses_the_photo_has_no_answer_of_five_frames(tmp_path):
    folder = make_tiny_bundle(tmp_path / "tiny")
    metadata = json.loads((folder / "metadata.json").read_text())
    metadata["gate"]["threshold"] = -1e9  # it refuses every photo
    (folder / "metadata.json").write_text(json.dumps(metadata))
    write_checksums(folder)
    assert answer_costs.measure_frame_costs(folder, 1) == {}


def test_a_contender_that_cannot_start_is_told(tmp_path):
    broken = Contender("broken", ("-c", "raise SystemExit('of a test')"))
    found = measure_contenders(1, 0.1, 0.0, tmp_path, [broken])
    assert found["absent"] == {"broken": "it did not start: of a test"}
    assert found["cells"] == []


@pytest.mark.slow
def test_the_quick_run(tmp_path):
    assert command.main(["--quick", "--out", str(tmp_path)]) == 0
    assert "Flask + model.predict |" in (tmp_path / "benchmarks.md").read_text()
