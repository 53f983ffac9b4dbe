import json

import pytest

from benchmarks import scale
from benchmarks.photos import SMALL
from benchmarks.scale import arithmetic, marginal_cost, photo_folder
from data_modelling.inference.batch.photo_folder import predict_rows

FIGURES = {
    "photos": [
        {"photo": "small", "cpu": 10.0, "size": 100_000},
        {"photo": "large", "cpu": 40.0, "size": 2_000_000},
    ],
    "cluster_cpu": 11.0,
    "cluster_start": 20.0,
    "driver_cpu": 0.5,
    "start": 0.5,
}
PRICES = {"core_hour": 0.04, "gigabyte_month": 0.02, "million_reads": 0.4}


@pytest.mark.parametrize(
    "row",
    [
        # 4 x 1,000,000 / 86,400 s = 46 requests/s; x 10 ms / .5 = .93 cores, x 40 ms = 3.7
        "| requests/s in the busiest hour (4 times the mean) | 46 | 46 |",
        "| cores, if they are 50 % busy then | 0.9 | 3.7 |",
        "| cores to have, on two machines | 2 | 4 |",
        "| network in, Mbit/s | 37 | 741 |",
        # 100,000,000 x (10 + 1) ms = 1.1e6 s
        "| core hours, with the cluster's share | 306 | 1,139 |",
        "| cores for one day | 13 | 47 |",
        # 100,000,000 x .5 ms = 50,000 s of 86,400
        "| drivers that are busy for that day | 0.6 | 0.6 |",
        "| photos on disk, TB | 10 | 200 |",
        "| cores once, $ | 12 | 46 |",
        "| reads of the bucket once, $ | 40 | 40 |",
        "| keeping the photos a month, $ | 200 | 4,000 |",
    ],
)
def test_the_arithmetic_by_hand(row):
    assert row in arithmetic(FIGURES, **PRICES)


def test_the_overhead_of_the_cluster_and_what_one_driver_feeds_are_told():
    text = arithmetic(FIGURES, **PRICES)
    assert "1.10 times as much" in text
    assert "at most 22 cores" in text  # 11 ms of a core for .5 ms of the driver


def test_the_page_has_the_tables_of_the_saved_figures(monkeypatch, tmp_path, capsys):
    page = tmp_path / "scale.md"
    page.write_text(scale.PAGE.read_text())
    monkeypatch.setattr(scale, "PAGE", page)
    assert scale.main([]) == 0
    assert page.read_text() == (scale.ROOT / "docs" / "scale.md").read_text()
    assert capsys.readouterr().out.startswith("### Measured")
    assert scale.main(["--core-hour", "0.08"]) == 0
    assert page.read_text() != (scale.ROOT / "docs" / "scale.md").read_text()


def test_a_photo_costs_more_than_nothing(tmp_path):
    cpu, _, driver = marginal_cost(predict_rows, photo_folder(tmp_path, SMALL, 60), (10, 60))
    assert cpu > 0
    assert driver == pytest.approx(cpu, rel=0.2)  # no other process takes part
    assert json.loads(scale.FIGURES.read_text())["photos"][0]["size"] > 0
