"""Compare the answers to photos as the browser sends them with the answers to the whole files.

`python -m benchmarks.shrunk_photos` takes 500 photos of HAM10000 and ISIC 2017 outside their locked tests, makes camera
files of them, and lets the page's own script shrink them in Chromium. It writes shrinking.md and .csv.
"""

import argparse
import base64
import hashlib
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from selenium.webdriver import Chrome

from benchmarks.compared_statuses import Comparison, compare, lenient_predictor, write_csv
from benchmarks.contenders import BUNDLE
from benchmarks.photos import CAMERA_SIZES, SEED, camera_file
from benchmarks.shrinking_page import shrinking_page
from data_modelling.datasets import ham10000, isic2017
from data_modelling.datasets.data_location import add_data_options, find_dataset_folder, find_subfolders
from data_modelling.datasets.formats.photo_files import find_photos
from data_modelling.datasets.splits.assignment import TEST, read_split
from data_modelling.datasets.splits.files import split_file
from data_modelling.inference.bundle import Bundle, load_bundle
from data_modelling.inference.errors import InputError
from tools.chromium import missing_program, open_browser
from tools.serving import ROOT, run_app

PHOTOS = 500
SCRIPT = ROOT / "app" / "static" / "shrink.js"
# What the page would send for the chosen file, as a data URL.
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
    """Return randomly drawn photos outside the locked tests, half of each data set; raise InputError if they are absent."""
    ham_root = find_dataset_folder(data_root, ham10000.FOLDER, *ham10000.METADATA)
    isic_root = find_dataset_folder(data_root, isic2017.FOLDER, isic2017.LABELS)
    folders = {
        "ham10000": ham10000.photo_folders(ham_root),
        "isic2017": find_subfolders(isic_root, (isic2017.PHOTO_FOLDER,)),
    }
    rng, drawn = np.random.default_rng(SEED), []
    for name, places in folders.items():
        photos, _ = find_photos(places)
        parts = read_split(split_file(splits, name))
        ids = [image for image in parts.loc[parts["part"] != TEST, "image_id"] if image in photos]
        drawn += [Path(photos[image]) for image in rng.choice(ids, PHOTOS // 2, replace=False)]
    return drawn


def sent_photo(browser: Chrome, path: Path) -> bytes:
    """Return the bytes that the form, which is open in the browser, sends for the photo at `path`."""
    browser.find_element("id", "photo").send_keys(str(path))
    address = browser.execute_async_script(SHRINK)
    if not address.startswith("data:"):
        raise RuntimeError(f"the page did not shrink {path}: {address}")
    return base64.b64decode(address.partition(",")[2])


def compare_all(paths: list[Path], folder: Path, bundle: Bundle) -> list[Comparison]:
    """Return the comparison of each photo. folder: keeps the files that another run can use."""
    predictor = lenient_predictor(bundle)
    version = hashlib.sha256(SCRIPT.read_bytes()).hexdigest()[:12]
    rows = []
    with (
        run_app(folder / "log", {"BUNDLES": str(bundle.folder.resolve().parent)}) as app,
        open_browser() as browser,
    ):
        browser.get(app.url)
        for number, path in enumerate(paths):
            size = CAMERA_SIZES[number % len(CAMERA_SIZES)]
            whole = folder / f"{path.stem}-{size[0]}.jpg"
            sent = whole.with_suffix(f".{version}.jpg")
            if not whole.exists():
                whole.write_bytes(camera_file(Image.open(path), size))
            if not sent.exists():
                sent.write_bytes(sent_photo(browser, whole))
            rows.append(compare(predictor, path.stem, size, whole.read_bytes(), sent.read_bytes()))
    return rows


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.shrunk_photos", description=__doc__.splitlines()[0]
    )
    add_data_options(parser)
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help="default: %(default)s")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="folder to write to (docs)")
    parser.add_argument("--keep", type=Path, help="folder that keeps the files for another run (1 GB)")
    options = parser.parse_args(arguments)
    if missing_program():
        parser.error(missing_program())
    try:
        paths = photo_paths(options.data_root, options.splits)
        bundle = load_bundle(options.bundle)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        rows = compare_all(paths, folder, bundle)
    options.out.mkdir(parents=True, exist_ok=True)
    write_csv(rows, options.out / "shrinking.csv")
    (options.out / "shrinking.md").write_text(shrinking_page(rows, bundle))
    print(f"written: {options.out / 'shrinking.md'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
