"""Who makes the model: the connected generators that can, with price, usual time, and what leaves this machine."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.services.candidates import Candidate
from core.ui import draft, labels

memory = st.session_state
WAITS = "You can submit all the same: the job waits, and goes on by itself."


def chosen(candidates: Sequence[Candidate]) -> Candidate:
    """The one that was chosen, as long as it can do this; else the default."""
    return next((each for each in candidates if each.name == memory.get("maker")), candidates[0])


def draw(candidates: Sequence[Candidate]) -> Candidate:
    """To choose from where there are several; the chosen one."""
    choice = chosen(candidates)
    by_name = {each.name: each for each in candidates}
    if len(candidates) > 1:
        key = f"made_by-{choice.offer.kind.value}"
        if memory.get(key) != choice.name:
            memory[key] = choice.name
        st.radio(
            "Made by",
            list(by_name),
            format_func=lambda name: labels.literal(by_name[name].declaration.label),
            captions=[labels.literal(_compared(each)) for each in candidates],
            key=key,
            on_change=_taken,
            args=(key,),
        )
    else:
        st.markdown(f"Made by **{labels.literal(choice.declaration.label)}**: {labels.literal(_compared(choice))}.")
    draft.refusal("maker")
    if choice.problem is not None:
        st.warning(f"{labels.literal(choice.problem)} {WAITS}", icon=":material/link_off:")
    declaration = choice.declaration
    texts = (choice.offer.note, declaration.leaves, declaration.terms)
    st.caption(labels.literal(" ".join(text for text in texts if text)))
    return choice


def _compared(candidate: Candidate) -> str:
    usual = "" if candidate.usual_s is None else f", usually {labels.about(candidate.usual_s)}"
    return f"{_price(candidate)}{usual}{', cannot work now' if candidate.problem is not None else ''}"


def _price(candidate: Candidate) -> str:
    if candidate.credits is None:
        return "price unknown"
    return f"about {labels.credits_text(candidate.credits)}" if candidate.credits else "free of charge"


def _taken(key: str) -> None:
    memory.maker = memory[key]
    draft.mended("maker")


def price(candidate: Candidate) -> None:
    """What the button will cost, beside what is left; nothing where nothing is paid."""
    if not candidate.declaration.is_paid:
        return
    balance, credits = candidate.balance, candidate.credits
    label = labels.literal(candidate.declaration.label)
    left = f" You have {labels.amount(balance.available)} left." if balance is not None else ""
    if credits is None:
        price = f"**{label}'s list does not say what this costs.** It is charged when the model succeeds."
    else:
        price = f"**About {labels.credits_text(credits)}** by {label}'s list, charged when the model succeeds."
    st.markdown(f":material/payments: {price}{labels.literal(left)}")
    if balance is not None and credits is not None and balance.available < credits:
        st.warning(
            "That is more than is left: the job will wait until the account is topped up.", icon=":material/info:"
        )
