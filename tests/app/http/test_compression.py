import gzip

import pytest

from tests.app.conftest import encoded, form

GZIP = {"Accept-Encoding": "gzip, deflate, br"}


@pytest.mark.parametrize("path", ["/limits", "/static/style.css", "/api/openapi.json"])
def test_text_is_sent_compressed_to_who_accepts_it(client, path):
    with client.get(path) as plain, client.get(path, headers=GZIP) as small:
        assert "Content-Encoding" not in plain.headers
        assert small.headers["Content-Encoding"] == "gzip"
        assert len(small.data) < len(plain.data) / 2
        assert gzip.decompress(small.data) == plain.data
        for response in (plain, small):
            assert "Accept-Encoding" in response.headers["Vary"]


def test_an_answer_is_compressed_and_a_photo_is_not(client):
    answer = client.post("/api/v1/predictions", **encoded(form()), headers=GZIP)
    assert gzip.decompress(answer.data).startswith(b'{"status"')
    with client.get("/static/examples/ISIC_0009882.jpg", headers=GZIP) as photo:
        assert "Content-Encoding" not in photo.headers
        assert photo.data.startswith(b"\xff\xd8")


def test_a_compressed_file_that_did_not_change_is_not_sent_again(client):
    with client.get("/static/style.css", headers=GZIP) as first:
        headers = GZIP | {"If-None-Match": first.headers["ETag"]}
    with client.get("/static/style.css", headers=headers) as again:
        assert (again.status_code, again.data) == (304, b"")


def test_a_small_answer_is_left_as_it_is(client):
    assert "Content-Encoding" not in client.get("/livez", headers=GZIP).headers
