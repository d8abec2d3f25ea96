"""Whether the server may start where it is bound."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from streamlit import config

from core.settings import Access, Settings
from core.web.access import bind_address, refusal_to_start
from core.web.server import open_doors


@pytest.fixture
def streamlit_options() -> Iterator[None]:
    before = {name: config.get_option(name) for name in ("server.address", "server.allowedHosts")}
    yield
    for name, value in before.items():
        config.set_option(name, value)


def settings(access: Access = Access.LOCAL, **more: str) -> Settings:
    return Settings(access=access, _env_file=None, **more)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "127.0.0.9", "localhost", "LOCALHOST", "::1", "[::1]", "::ffff:127.0.0.1"]
)
def test_bound_to_this_machine_alone_it_starts(address: str) -> None:
    assert refusal_to_start(settings(), address) is None


@pytest.mark.parametrize(
    "address", ["", "0.0.0.0", "::", "192.0.2.9", "2001:db8::7", "models.example.com", "localhost.example.com", "127.1"]
)
def test_bound_to_anything_else_it_starts_only_when_access_is_open(address: str) -> None:
    said = refusal_to_start(settings(), address)
    assert said is not None
    assert "ACCESS=open" in said
    assert "everybody who reaches the port sees every picture and model, and spends the account's credits" in said
    assert refusal_to_start(settings(Access.OPEN), address) is None


@pytest.mark.usefixtures("streamlit_options")
def test_streamlit_checks_the_same_names_for_its_own_web_socket() -> None:
    config.set_option("server.address", "192.0.2.9")
    open_doors(settings(allowed_hosts="Models.example.com"))
    assert config.get_option("server.allowedHosts") == [
        "127.0.0.1",
        "192.0.2.9",
        "::1",
        "localhost",
        "models.example.com",
    ]

    config.set_option("server.address", None)
    assert bind_address() == ""
    open_doors(settings())
    assert config.get_option("server.allowedHosts") == ["*"]
