"""Every setting, its default and what is allowed: the only reader of the environment, `.env` and `secrets.toml`.

What is set in the environment wins over `.env`, and that over `.streamlit/secrets.toml`.
"""

from __future__ import annotations

import os
import re
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from core.domain.errors import SettingsInvalid

HEADER = re.compile(r"[!#$%&'*+.^_`~0-9A-Za-z-]+:[ \t]*[\x21-\x7e][\x20-\x7e]*")  # name: value, without line ends
HARMLESS = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH", "SYSTEMROOT")
# a name, an IPv4 address, or an IPv6 address with or without brackets
HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_.])?|\[[0-9a-f:.]+\]|[0-9a-f]*:[0-9a-f]*:[0-9a-f:.]*")
ENV_FILE = Path(".env")
AUTO = "auto"  # of GENERATOR: the first that is connected
SECRETS_FILE = Path(".streamlit/secrets.toml")


class Access(StrEnum):
    """Who may use the product. Ways to sign in will be further values."""

    LOCAL = "local"
    OPEN = "open"


class StoreChoice(StrEnum):
    AUTO = "auto"
    SUPABASE = "supabase"
    SQLITE = "sqlite"


def _setting(default: Any, allowed: str, meaning: str, **bounds: Any) -> Any:
    """One setting: `allowed` completes "Allowed: …" in the message for a wrong value; both go into the docs."""
    return Field(default=default, description=meaning, json_schema_extra={"allowed": allowed}, **bounds)


class Settings(BaseSettings):
    """The settings, checked. Keys are never shown: they print as stars."""

    model_config = SettingsConfigDict(
        env_file=ENV_FILE,
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        toml_file=SECRETS_FILE,
    )

    tripo_api_key: SecretStr | None = _setting(
        None, "a key that starts with tsk_", "Your Tripo key. With it Tripo makes the models, else the built-in engine."
    )
    tripo_base_url: str = _setting(
        "https://openapi.tripo3d.ai",
        "an address that starts with http:// or https://",
        "Tripo's address. Keys made in mainland China need https://openapi.tripo3d.com.",
        pattern=r"^https?://[^\s/]+",
    )
    generator: str = _setting(
        AUTO,
        "auto, tripo, comfyui or offline",
        "Who makes the jobs that name nobody. auto: Tripo when there is a key, else ComfyUI when it is set.",
    )
    comfyui_url: str | None = _setting(
        None,
        "an address that starts with http:// or https://",
        "Your own ComfyUI server, such as http://127.0.0.1:8188. With it ComfyUI makes models on your graphics card.",
        pattern=r"^https?://[^\s/]+",
    )
    comfyui_headers: SecretStr | None = _setting(
        None,
        "Name: value, several in lines or separated by a vertical bar",
        "Headers for a proxy before ComfyUI, such as Authorization: Basic …. Secret.",
    )
    comfyui_workflow: str = _setting(
        "hunyuan3d-2.1",
        "hunyuan3d-2.1, trellis-2, or the path of a file",
        "What ComfyUI runs: a template of ours, or a file that its Export (API) wrote.",
    )
    tripo_webhook_secret: SecretStr | None = _setting(
        None,
        "the secret that starts with whsec_",
        "Your webhook's secret. With it Tripo may tell us when a model is made.",
    )
    max_credits_per_day: Decimal | None = _setting(
        None, "a number of credits, 0 or more", "Most credits that the jobs of 24 hours may cost together.", ge=0
    )
    store: StoreChoice = _setting(
        StoreChoice.AUTO,
        "auto, supabase or sqlite",
        "Where jobs and files are kept. auto: Supabase when its address and key are set, else SQLite and local files.",
    )
    supabase_url: str | None = _setting(
        None, "an address that starts with https://", "Your Supabase project's address.", pattern=r"^https?://[^\s/]+"
    )
    supabase_key: SecretStr | None = _setting(None, "the project's secret key", "Your Supabase secret key.")
    data_dir: Path = _setting(Path("./data"), "a folder that can be written", "Where SQLite and local files are kept.")
    start_empty: bool = _setting(
        False,
        "on or off",
        "Start although the job table is empty and models or notes of earlier jobs lie beside it. For one start.",
    )
    scheduler: bool = _setting(True, "on or off", "Whether this process also does the work, or only shows it.")
    job_timeout_s: int = _setting(
        600, "seconds, 30 to 86400", "After this time a job reads timeout; it is still watched.", ge=30, le=86400
    )
    send_by_s: int = _setting(
        20, "seconds, 5 to 300", "How long after its intent was written a paid request may leave.", ge=5, le=300
    )
    lease_s: int = _setting(
        60, "seconds, 5 to 3600", "How long a worker owns a job before others may take it over.", ge=5, le=3600
    )
    settle_s: int = _setting(
        1800,
        "seconds, 60 to 86400",
        "How long a request whose answer was lost is searched for before it counts as not made.",
        ge=60,
        le=86400,
    )
    poll_first_s: float = _setting(
        2.0, "seconds, 0.2 to 60", "How often a young task is asked for; older ones more rarely.", ge=0.2, le=60
    )
    max_image_mb: int = _setting(20, "megabytes, 1 to 20", "The largest picture that is accepted.", ge=1, le=20)
    concurrency_standard: int = _setting(
        10, "a whole number, 1 to 1000", "Most tasks of Tripo's v2.5 and v3 models open at once.", ge=1, le=1000
    )
    concurrency_p: int = _setting(
        5, "a whole number, 1 to 1000", "Most tasks of Tripo's P models open at once.", ge=1, le=1000
    )
    concurrency_convert: int = _setting(
        5, "a whole number, 1 to 1000", "Most conversions at Tripo open at once.", ge=1, le=1000
    )
    concurrency_comfyui: int = _setting(
        1,
        "a whole number, 1 to 1000",
        "Most jobs given to ComfyUI at once; it works on one after the other.",
        ge=1,
        le=1000,
    )
    access: Access = _setting(
        Access.LOCAL,
        "local or open",
        "Who may use it. local: this machine alone. open: everybody who reaches the port; they see everything and "
        "spend the account's credits.",
    )
    allowed_hosts: str | None = _setting(
        None,
        "names or addresses separated by commas, without http:// and port",
        "Under which names it may be opened, besides localhost and the address that it is bound to.",
    )
    body_timeout_s: int = _setting(
        300, "seconds, 5 to 3600", "How long a picture may take to arrive; other requests have 30 s.", ge=5, le=3600
    )
    allow_private_image_hosts: bool = _setting(
        False,
        "on or off",
        "Whether imageUrl may name a host of your own network, and any port. Leave it off on shared machines.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, dotenv_settings, _Secrets(settings_cls)

    @field_validator("comfyui_headers")
    @classmethod
    def _are_headers(cls, value: SecretStr | None) -> SecretStr | None:
        parts = _header_parts(value)
        if not all(HEADER.fullmatch(part) for part in parts):
            raise ValueError("it is no list of headers")
        return value

    @field_validator("tripo_api_key", "supabase_key", "tripo_webhook_secret")
    @classmethod
    def _has_no_spaces(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and (not value.get_secret_value().isascii() or value.get_secret_value().split() == []):
            raise ValueError("it is empty or has letters that no key has")
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _are_hosts(cls, value: str | None) -> str | None:
        wrong = [name for name in _parts(value) if not HOST_NAME.fullmatch(name)]
        if wrong:
            raise ValueError(f"{wrong[0][:60]!r} is no host name")
        return value

    @property
    def host_names(self) -> tuple[str, ...]:
        """`allowed_hosts`, one by one, in lower case."""
        return _parts(self.allowed_hosts)

    @property
    def proxy_headers(self) -> dict[str, str]:
        """`comfyui_headers`, one by one."""
        return {
            name.strip(): text.strip()
            for name, _, text in (p.partition(":") for p in _header_parts(self.comfyui_headers))
        }

    @property
    def uses_supabase(self) -> bool:
        """Whether jobs and files are kept in Supabase."""
        return self.store is not StoreChoice.SQLITE and self.supabase_url is not None and self.supabase_key is not None

    @property
    def max_image_bytes(self) -> int:
        return self.max_image_mb * 1024 * 1024


class _Secrets(TomlConfigSettingsSource):
    """secrets.toml with upper-case names, as Streamlit's users write them."""

    def _read_file(self, file_path: Any) -> dict[str, Any]:
        return {name.lower(): value for name, value in super()._read_file(file_path).items()}


def load_settings() -> Settings:
    """Read and check everything. Raises: SettingsInvalid, with a sentence for each wrong setting."""
    try:
        settings = Settings()
    except ValidationError as exc:
        raise SettingsInvalid(" ".join(_sentence(error["loc"], error["msg"]) for error in exc.errors())) from None
    except (OSError, ValueError) as exc:
        raise SettingsInvalid(f"{SECRETS_FILE} or .env cannot be read: {exc}. Mend or remove the file.") from exc
    given = [settings.supabase_url is not None, settings.supabase_key is not None]
    if settings.store is not StoreChoice.SQLITE and any(given) and not all(given):
        missing = "SUPABASE_KEY" if given[0] else "SUPABASE_URL"
        raise SettingsInvalid(f"Supabase needs both SUPABASE_URL and SUPABASE_KEY; {missing} is not set.")
    if settings.store is StoreChoice.SUPABASE and not any(given):
        raise SettingsInvalid(
            "STORE is supabase, but SUPABASE_URL and SUPABASE_KEY are not set. Set both, or set STORE to sqlite."
        )
    return settings


def _header_parts(value: SecretStr | None) -> tuple[str, ...]:
    text = "" if value is None else value.get_secret_value()
    return tuple(part.strip() for part in re.split(r"[\n|]", text) if part.strip())


def _parts(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip().lower() for part in (text or "").split(",") if part.strip())


def _sentence(location: tuple[int | str, ...], problem: str) -> str:
    """Says which setting, what is wrong and what is allowed; the value is left out, it may be a secret."""
    name = str(location[0]) if location else "a setting"
    field = Settings.model_fields.get(name)
    extra = field.json_schema_extra if field is not None else None
    allowed = extra.get("allowed", "") if isinstance(extra, dict) else ""
    return f"The setting {name.upper()} has a value that is not allowed ({problem.lower()}). Allowed: {allowed}."


def documented_settings() -> list[tuple[str, str, str, str]]:
    """Name, default, what is allowed, meaning: one row for each setting, for the documentation."""
    rows = []
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        rows.append((name.upper(), _shown(field.default), str(extra["allowed"]), str(field.description)))
    return rows


def _shown(default: object) -> str:
    if default is None:
        return "–"
    if isinstance(default, bool):
        return "on" if default else "off"
    if isinstance(default, Path):
        return f"./{default}"
    if isinstance(default, float):
        return str(Decimal(str(default)).normalize())
    return str(default)


def harmless_environment() -> dict[str, str]:
    """What a child process that reads files from anywhere may see of the environment: no key, no secret."""
    return {name: os.environ[name] for name in HARMLESS if name in os.environ}
