"""Settings: where they come from, what is refused, and that the documentation says the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.connected import connections, default_of
from core.domain.errors import SettingsInvalid
from core.settings import Settings, documented_settings, load_settings
from core.stores.sqlite.job_store import SqliteJobStore
from core.system_clock import SystemClock

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def empty_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_without_any_setting_the_built_in_engine_and_sqlite_are_used() -> None:
    settings = load_settings()

    assert default() == "offline"
    assert settings.data_dir == Path("data")


def default() -> str:
    """Who makes jobs that name nobody, with the settings of now."""
    settings = load_settings()
    jobs = SqliteJobStore(Path("jobs.sqlite3"), SystemClock())
    try:
        found = connections(settings, jobs, lambda: None)
        for each in found:
            each.generator.close()
        return default_of(settings, found)
    finally:
        jobs.close()


def test_a_key_brings_tripo_and_an_address_comfyui(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMFYUI_URL", "http://127.0.0.1:9")
    assert default() == "comfyui"

    monkeypatch.setenv("TRIPO_API_KEY", "tsk_x")
    assert default() == "tripo"

    for chosen in ("offline", "comfyui", "Tripo"):
        monkeypatch.setenv("GENERATOR", chosen)
        assert default() == chosen.lower()


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ("tripo", "GENERATOR is tripo, but there is no TRIPO_API_KEY. Set it, or set GENERATOR to auto or offline."),
        ("comfyui", "GENERATOR is comfyui, but there is no COMFYUI_URL."),
        ("magic", "The setting GENERATOR has a value that is not allowed. Allowed: auto or the name of a generator"),
    ],
)
def test_a_default_that_is_not_connected_is_refused_plainly(
    monkeypatch: pytest.MonkeyPatch, chosen: str, sentence: str
) -> None:
    monkeypatch.setenv("GENERATOR", chosen)
    with pytest.raises(SettingsInvalid) as refused:
        default()
    assert refused.value.message.startswith(sentence)


def test_the_environment_wins_over_env_and_that_over_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_text(
        'LEASE_S = 11\nSETTLE_S = 111\nPOLL_FIRST_S = 3\n[auth]\nx = "y"\n'
    )
    (tmp_path / ".env").write_text("LEASE_S=22\nSETTLE_S=222\n")
    monkeypatch.setenv("LEASE_S", "33")
    settings = load_settings()

    assert (settings.lease_s, settings.settle_s, settings.poll_first_s) == (33, 222, 3.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JOB_TIMEOUT_S", "soon"),
        ("JOB_TIMEOUT_S", "1"),
        ("STORE", "paper"),
        ("SCHEDULER", "maybe"),
        ("MAX_IMAGE_MB", "0"),
        ("CONCURRENCY_P", "-1"),
        ("TRIPO_BASE_URL", "tripo"),
        ("TRIPO_API_KEY", "   "),
        ("ACCESS", "everybody"),
        ("BODY_TIMEOUT_S", "1"),
        ("ALLOWED_HOSTS", "http://models.example.com"),
        ("ALLOWED_HOSTS", "models.example.com:443"),
        ("ALLOWED_HOSTS", "localhost, models.example.com/path"),
        ("ALLOWED_HOSTS", "*"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsInvalid, match=rf"{name} .*Allowed: .+\."):
        load_settings()


def test_names_are_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", " Models.example.com,[::1], 2001:db8::7 ,,10.0.0.5")

    assert load_settings().host_names == ("models.example.com", "[::1]", "2001:db8::7", "10.0.0.5")


def test_a_wrong_secret_is_never_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIPO_API_KEY", "tsk_gehëim")

    with pytest.raises(SettingsInvalid) as refused:
        load_settings()
    assert "tsk_" not in refused.value.message.split("Allowed")[0]


def test_keys_do_not_print(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIPO_API_KEY", "tsk_secret")

    assert "tsk_secret" not in repr(load_settings())


def test_half_of_supabase_is_refused_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPABASE_URL", "https://x.supabase.co")
    with pytest.raises(SettingsInvalid, match="SUPABASE_KEY is not set"):
        load_settings()
    monkeypatch.setenv("STORE", "sqlite")
    assert not load_settings().uses_supabase

    monkeypatch.setenv("STORE", "auto")
    monkeypatch.setenv("SUPABASE_KEY", "sb_secret_x")
    assert load_settings().uses_supabase
    monkeypatch.delenv("SUPABASE_URL")
    monkeypatch.delenv("SUPABASE_KEY")
    monkeypatch.setenv("STORE", "supabase")
    with pytest.raises(SettingsInvalid, match="are not set"):
        load_settings()


def test_the_documentation_lists_exactly_these_settings() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([A-Z_]+)` \| `?([^|`]*)`? \| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)

    assert [tuple(cell.strip() for cell in row) for row in rows] == documented_settings()


def test_the_example_file_names_every_setting_of_the_product() -> None:
    names = re.findall(r"^# ?([A-Z_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)

    assert names == [name for name, *_ in documented_settings()]
