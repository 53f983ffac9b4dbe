from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from app.settings import MEGABYTE, PHOTO_SLOTS, SettingError, Settings, read_settings


def test_an_empty_environment_gives_the_defaults():
    assert read_settings({}) == read_settings({"PORT": " ", "HOST": ""}) == Settings()


def test_every_setting_is_read():
    environ = {
        "HOST": "0.0.0.0",
        "PORT": "9000",
        "BUNDLES": "/models",
        "BUNDLE": "isic2019",
        "RATE_LIMIT": "5/second;100/hour",
        "RATE_LIMIT_STORAGE": "redis://:secret@valkey.example:6380/1",
        "TRUSTED_PROXIES": "2",
        "TRUSTED_HOSTS": "a.example, b.example:8000, münchen.example, [::1],",
        "MAX_UPLOAD_MB": "5",
        "METRICS": "0123456789abcdef",
        "PROCESSES": "3",
        "VIEWS": "8",
        "SCORE_LOG": "/tmp/scores.csv",
        "LOG_FORMAT": "json",
    }
    assert set(environ) == {field.name.upper() for field in fields(Settings)}
    assert read_settings(environ) == Settings(
        host="0.0.0.0",
        port=9000,
        bundles=Path("/models"),
        bundle="isic2019",
        rate_limit="5/second;100/hour",
        rate_limit_storage="redis://:secret@valkey.example:6380/1",
        trusted_proxies=2,
        trusted_hosts=("a.example", "b.example:8000", "münchen.example", "[::1]"),
        max_upload_mb=5,
        metrics="0123456789abcdef",
        processes=3,
        views=8,
        score_log="/tmp/scores.csv",
        log_format="json",
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "٣"),
        ("PORT", "8000.0"),
        ("BUNDLE", "../elsewhere"),
        ("BUNDLE", ".."),
        ("RATE_LIMIT", "often"),
        ("RATE_LIMIT", "0"),
        ("RATE_LIMIT", "0/minute"),
        ("RATE_LIMIT", "120/minute;0/day"),
        ("TRUSTED_PROXIES", "one"),
        ("TRUSTED_HOSTS", "https://skin.example"),
        ("TRUSTED_HOSTS", "*"),
        ("MAX_UPLOAD_MB", "0"),
        ("MAX_UPLOAD_MB", "20MB"),
        ("PROCESSES", "-1"),
        ("PROCESSES", "33"),
        ("LOG_FORMAT", "xml"),
        ("SCORE_LOG", "/tmp"),
        ("SCORE_LOG", "/no/such/folder/scores.csv"),
    ],
)
def test_a_bad_value_is_one_sentence_with_its_name(name, value):
    with pytest.raises(SettingError) as error:
        read_settings({name: value})
    text = str(error.value)
    assert text.startswith(f"{name} must ")
    assert value in text
    assert "\n" not in text


@pytest.mark.parametrize("value", ["secret", "secret of many words", "secretsecretsécret"])
def test_a_bad_token_is_not_repeated(value):
    with pytest.raises(SettingError, match="^METRICS must be") as error:
        read_settings({"METRICS": value})
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    "value", ["valkey.example:6379", "http://:secret@host", "redis://", "redis://:secret@host:port"]
)
def test_a_bad_address_of_a_storage_is_not_repeated_as_it_may_have_a_password(value):
    with pytest.raises(SettingError, match="^RATE_LIMIT_STORAGE must be") as error:
        read_settings({"RATE_LIMIT_STORAGE": value})
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("host", "public"),
    [
        ("127.0.0.1", False),
        ("127.8.8.8", False),
        ("::1", False),
        ("localhost", False),
        ("0.0.0.0", True),
        ("::", True),
        ("192.168.1.20", True),
        ("my-machine", True),
    ],
)
def test_public_hosts(host, public):
    assert Settings(host=host).is_public is public


def test_upload_limit_leaves_room_for_the_other_fields():
    settings = Settings(max_upload_mb=3)
    assert settings.max_photo_bytes == 3 * MEGABYTE < settings.max_body_bytes


def test_settings_do_not_change():
    with pytest.raises(FrozenInstanceError):
        Settings().port = 1  # type: ignore[misc]


def test_a_process_a_usable_core_up_to_eight_where_none_is_named(monkeypatch):
    for cores, processes in ((1, 1), (2, 2), (64, 8)):
        monkeypatch.setattr("app.settings.usable_cores", lambda cores=cores: cores)
        assert Settings().process_count == processes
    assert Settings(processes=3).process_count == 3
    monkeypatch.delattr("os.fork")
    assert Settings(processes=3).process_count == 1


def test_a_photo_a_core_at_a_time(monkeypatch):
    monkeypatch.setattr("app.settings.usable_cores", lambda: 2)
    assert Settings().photo_slots == 1
    assert Settings(processes=1).photo_slots == PHOTO_SLOTS
