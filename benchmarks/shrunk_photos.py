"""Compare the answers to whole photo files with the answers to the same photos after the browser has shrunk them.

The app's page shrinks large photos before it sends them. `python -m benchmarks.shrunk_photos` takes 500 photos of
HAM10000 and ISIC 2017 outside the locked tests (photos kept for the final evaluation). It makes them as large as a
camera's files, and lets the page shrink them in Chromium. The command writes shrinking.md and shrinking.csv.
"""

import argparse
import base64
import datetime as dt
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image
from selenium.webdriver import Chrome

from benchmarks.contenders import BUNDLE
from benchmarks.photos import CAMERA_QUALITY, CAMERA_SIZES, SEED, camera_file
from data_modelling.card.markdown import render_markdown
from data_modelling.datasets.data_location import add_data_options
from data_modelling.datasets.splits.photos import development_photos
from data_modelling.inference.bundle import Bundle, load_bundle
from data_modelling.inference.command_line import run_with_exit_status
from data_modelling.inference.decision import HIGHER_CONCERN, NO_CANCER_CLASS, STATUSES
from data_modelling.inference.predictor import Predictor
from tools.chromium import missing_program, open_browser
from tools.serving import ROOT, run_app

PHOTOS = 500
MOST_CHANGED = 0.01  # the largest share of photos that may get another status
MOST_BYTES = 200_000  # the largest size of a sent photo
TEMPLATE = Path(__file__).with_name("templates") / "shrinking.md.jinja"
# This script returns what the page would send for the chosen file, as a data URL.
SHRINK = """
    const done = arguments[0];
    const shrink = async () => {
        const form = document.querySelector("form[data-analyse]");
        await form.querySelector("[data-picture]").decode();
        const { formBody } = await import(new URL("shrink.js", document.querySelector("script[src*='send.js']").src));
        const reader = new FileReader();
        reader.onload = () => done(reader.result);
        reader.readAsDataURL((await formBody(form)).get("photo"));
    };
    shrink().catch((error) => done(String(error)));
"""


def photo_paths(data_root: Path | None, splits: Path) -> list[Path]:
    """Return random photos outside the locked tests, half of them from each data set; raise InputError without data."""
    tables = [development_photos(name, data_root, splits) for name in ("ham10000", "isic2017")]
    drawn = [table["path"].sample(PHOTOS // 2, random_state=SEED) for table in tables]
    return [Path(path) for path in pd.concat(drawn)]


def sent_photo(browser: Chrome, path: Path) -> bytes:
    """Return the bytes that the browser's open page sends for the photo at `path`."""
    browser.find_element("id", "photo").send_keys(str(path))
    address = browser.execute_async_script(SHRINK)
    if not address.startswith("data:"):
        raise RuntimeError(f"the page did not shrink {path}: {address}")
    return base64.b64decode(address.partition(",")[2])


def compare(
    predictor: Predictor, image: str, size: tuple[int, int], whole: bytes, sent: bytes
) -> dict[str, Any]:
    """Return a row with the answers to the whole file and the sent file, both as dermoscopic photos without details."""
    row: dict[str, Any] = {"image": image, "width": size[0], "height": size[1]}
    for name, data in (("whole", whole), ("sent", sent)):
        answer = predictor.answer(data, dermatoscope=True)
        row |= {
            f"{name}_bytes": len(data),
            f"{name}_status": answer.status,
            f"{name}_probability": round(answer.cancer_probability, 6),
        }
    return row


def compare_all(paths: list[Path], folder: Path, bundle: Bundle) -> pd.DataFrame:
    """Return a row (see compare) for each photo. folder: where the camera files and the app's log are written."""
    predictor, rows = Predictor(bundle), []
    environment = {"BUNDLES": str(bundle.folder.resolve().parent)}
    with run_app(folder / "log", environment) as app, open_browser() as browser:
        browser.get(app.url)
        for number, path in enumerate(paths):
            size, whole = CAMERA_SIZES[number % len(CAMERA_SIZES)], folder / f"{path.stem}.jpg"
            whole.write_bytes(camera_file(Image.open(path), size))
            rows.append(compare(predictor, path.stem, size, whole.read_bytes(), sent_photo(browser, whole)))
    return pd.DataFrame(rows)


def shrinking_page(rows: pd.DataFrame, bundle: Bundle) -> str:
    """Return docs/shrinking.md as Markdown. bundle: the bundle that answered."""
    rows = rows.assign(
        changed=rows["whole_status"] != rows["sent_status"],
        move=(rows["whole_probability"] - rows["sent_probability"]).abs(),
    )
    return render_markdown(
        TEMPLATE,
        quality=CAMERA_QUALITY,
        date=dt.datetime.now(dt.UTC).date(),
        bundle=bundle,
        goals=goal_results(rows),
        statuses=STATUSES,
        pairs=rows.groupby(["whole_status", "sent_status"]).size(),
        sizes=rows.groupby(["width", "height"]),
    )


def goal_results(rows: pd.DataFrame) -> list[tuple[str, str, str, bool]]:
    """Return a row for each goal: its metric, the wanted and the measured value, and whether the goal is reached."""
    changed, largest = int((rows["whole_status"] != rows["sent_status"]).sum()), int(rows["sent_bytes"].max())
    is_reassured = (rows["whole_status"] == HIGHER_CONCERN) & (rows["sent_status"] == NO_CANCER_CLASS)
    share, reassured = changed / len(rows), int(is_reassured.sum())
    return [
        ("photos", f"{PHOTOS}", f"{len(rows)}", len(rows) >= PHOTOS),
        (
            "photos with another status",
            f"at most {MOST_CHANGED:.0%}",
            f"{changed} ({share:.1%})",
            share <= MOST_CHANGED,
        ),
        ("photos whose concern became the all-clear", "0", f"{reassured}", reassured == 0),
        ("largest sent photo, bytes", f"at most {MOST_BYTES:,}", f"{largest:,}", largest <= MOST_BYTES),
    ]


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.shrunk_photos", description=__doc__.splitlines()[0]
    )
    add_data_options(parser)
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help="default: %(default)s")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="folder to write to (docs)")
    options = parser.parse_args(arguments)
    if missing_program():
        parser.error(missing_program())

    def command() -> list[str]:
        paths, bundle = photo_paths(options.data_root, options.splits), load_bundle(options.bundle)
        with tempfile.TemporaryDirectory() as folder:
            rows = compare_all(paths, Path(folder), bundle)
        options.out.mkdir(parents=True, exist_ok=True)
        rows.to_csv(options.out / "shrinking.csv", index=False, lineterminator="\n")
        (options.out / "shrinking.md").write_text(shrinking_page(rows, bundle))
        print(f"written: {options.out / 'shrinking.md'}")
        return []

    return run_with_exit_status(command)


if __name__ == "__main__":
    sys.exit(main())
