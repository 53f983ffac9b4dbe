"""Test that what the browser sends for a large photo gets the status of the whole file (docs/shrinking.md has 500)."""

from io import BytesIO
from itertools import product

import pandas as pd
import pytest
from PIL import Image

from app.analysis.examples import EXAMPLES, EXAMPLES_FOLDER
from benchmarks.contenders import BUNDLE
from benchmarks.photos import CAMERA_SIZES, camera_file
from benchmarks.shrunk_photos import MOST_BYTES, compare, sent_photo
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.predictor import Predictor
from tests.browser.steps import by_id, find, wait_for

pytestmark = pytest.mark.browser

CLEAR_CUT = ("melanoma-2", "nevus-2")  # both far from every threshold
SIZES = (CAMERA_SIZES[0], CAMERA_SIZES[-1])
# Choose another photo and send it at once; return the colour in the middle of what is sent, and its edge in pixels.
SEND_AT_ONCE = """
    const [field, done] = arguments;
    const draw = async () => {
        const canvas = Object.assign(document.createElement("canvas"), {width: 3000, height: 3000});
        const context = canvas.getContext("2d");
        context.fillStyle = "blue";
        context.fillRect(0, 0, 3000, 3000);
        return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
    };
    const run = async () => {
        const input = document.querySelector(field);
        const parts = [await draw(), new Uint8Array(300_000)]; // bytes after the picture make the file a large one
        const list = new DataTransfer();
        list.items.add(new File(parts, "next.png", {type: "image/png"}));
        XMLHttpRequest.prototype.send = async (body) => {
            const picture = await createImageBitmap(body.get("photo"));
            const context = document.createElement("canvas").getContext("2d");
            context.drawImage(picture, -picture.width / 2, -picture.height / 2);
            done([[...context.getImageData(0, 0, 1, 1).data], picture.width]);
        };
        input.files = list.files;
        input.dispatchEvent(new Event("change", {bubbles: true}));
        input.form.querySelector("button[type=submit]").click();
    };
    run().catch((error) => done(String(error)));
"""


def test_what_is_sent_of_a_large_photo_has_the_status_of_the_whole_file(browser, tmp_path):
    predictor = Predictor(load_bundle(BUNDLE))
    rows = []
    for name, size in product(CLEAR_CUT, SIZES):
        path = tmp_path / f"{name}-{size[0]}.jpg"
        path.write_bytes(camera_file(Image.open(EXAMPLES_FOLDER / EXAMPLES[name].file), size))
        sent = sent_photo(browser, path)
        assert Image.open(BytesIO(sent)).size == (768, 768)
        rows.append(compare(predictor, name, size, path.read_bytes(), sent))
    table = pd.DataFrame(rows)
    assert table["whole_status"].nunique() == len(CLEAR_CUT)
    assert table["sent_status"].tolist() == table["whole_status"].tolist()
    assert table["sent_bytes"].max() <= MOST_BYTES
    assert table["whole_bytes"].min() > MOST_BYTES  # so all were shrunk
    assert table["sent_probability"].to_numpy() == pytest.approx(
        table["whole_probability"].to_numpy(), abs=0.02
    )


@pytest.mark.parametrize(("path", "field"), [("/", "photo"), ("/visit", "photo-1")])
def test_a_photo_that_replaces_another_one_is_sent_although_it_is_still_loading(
    browser, site, tmp_path, path, field
):
    first = tmp_path / "first.jpg"
    first.write_bytes(camera_file(Image.new("RGB", (40, 40), "red"), SIZES[0]))
    browser.get(site.url + path)
    by_id(browser, field).send_keys(str(first))
    wait_for(browser, lambda _: find(browser, "[data-picture]").get_property("naturalWidth"))
    (red, green, blue, _), edge = browser.execute_async_script(SEND_AT_ONCE, f"#{field}")
    assert edge == 768
    assert blue > 200
    assert max(red, green) < 50
