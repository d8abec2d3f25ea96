"""Whether the server may start where it is bound: nobody signs in, so the network decides who uses it."""

from __future__ import annotations

from streamlit import config

from core.settings import Access, Settings
from core.web.hosts import AllowedHosts, is_loopback

MEANING = "everybody who reaches the port sees every picture and model, and spends the account's credits"


def bind_address() -> str:
    """Where Streamlit will listen, by its command line, environment or config file; empty for every address."""
    return str(config.get_option("server.address") or "")


def refusal_to_start(settings: Settings, address: str) -> str | None:
    """Why the server must not be reachable from other machines, or None."""
    if settings.access is Access.OPEN or is_loopback(address):
        return None
    place = f"the address {address}" if address else "every address of this machine"
    return (
        f"It would listen on {place}, and nothing asks who comes in: {MEANING}. Start it with "
        "--server.address 127.0.0.1 and put a proxy that asks for a password before it; or set ACCESS=open if that is "
        "what you want."
    )


def tell_streamlit(hosts: AllowedHosts) -> None:
    """Streamlit checks the names for its own web socket, too. It knows no "address that the connection came in on"."""
    names = ["*"] if hosts.is_every_address else sorted(hosts.names)
    config.set_option("server.allowedHosts", names)
