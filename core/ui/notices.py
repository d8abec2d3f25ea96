"""What any page says when something is away, or does not move on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st

from core.bootstrap import get_services
from core.domain.errors import MaquetteError, StoreDamaged, StoreUnavailable
from core.ui import labels

LOOK_S = 3.0  # for how all is doing; a page does not wait longer to be drawn


@contextmanager
def refusals_shown(*, instead: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Show a sentence instead of the block when the job table is away or what was asked for is not there.

    `instead`: draws what is known while the job table is away.
    """
    try:
        yield
    except StoreDamaged as exc:
        st.error(labels.literal(exc.message), icon=":material/report:")
    except StoreUnavailable as exc:
        st.error(
            f"{labels.literal(exc.message)}\n\nYour jobs and models are safe; nothing is lost or made twice. "
            "This page tries again by itself.",
            icon=":material/cloud_off:",
        )
        instead()
    except MaquetteError as exc:
        st.warning(labels.literal(exc.message), icon=":material/info:")


def standstill() -> str | None:
    """A sentence when no job moves on, or nothing can be stored; None when all is well."""
    health = get_services().health.look(patience_s=LOOK_S)
    return health.store_problem or health.scheduler_problem or health.files_problem or health.disk.problem
