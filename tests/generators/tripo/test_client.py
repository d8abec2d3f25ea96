"""The client against the fake: what each answer and each broken connection means for money."""

from __future__ import annotations

import json
import logging
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from core.domain.errors import (
    AccountBlocked,
    AccountBusy,
    LookupFailed,
    ModelTooLarge,
    ModelUnavailable,
    NotCreated,
    NotSent,
    OutcomeUnknown,
    RequestRejected,
)
from core.domain.generation import TaskPhase, TaskState
from core.domain.request import Conversion, Kind
from core.generators.tripo.client import TripoClient
from core.generators.tripo.codes import CODES, Effect, row_of, task_failure
from core.generators.tripo.generator import TripoGenerator
from core.generators.tripo.prices import PRICES
from core.generators.tripo.wire import create_body, task_state
from tests import pictures
from tests.builders import order, stored_image
from tests.fake_tripo.fbx import sample_fbx
from tests.fake_tripo.server import FakeTripo, running, sample_model
from tests.fake_tripo.service import PREVIEW
from tests.generators.tripo.conftest import KEY

ERRORS = {
    Effect.BLOCKED: AccountBlocked,
    Effect.BUSY: AccountBusy,
    Effect.REJECTED: RequestRejected,
    Effect.UNKNOWN: OutcomeUnknown,
}


def create(client: TripoClient, token: str) -> str:
    return client.create(order(token), check_send_window=lambda: None)


@pytest.fixture
def token(client: TripoClient) -> str:
    return client.upload(pictures.cat(), name="image.jpg", media_type="image/jpeg")


def done(client: TripoClient, task_id: str) -> TaskState:
    pause = threading.Event()
    for _ in range(500):
        state = client.get_task(task_id)
        if state.phase is TaskPhase.SUCCEEDED:
            return state
        pause.wait(0.01)
    raise AssertionError(state)


def test_a_picture_goes_up_becomes_a_task_and_comes_down_as_a_model(
    client: TripoClient, fake: FakeTripo, token: str
) -> None:
    task_id = create(client, token)
    state = done(client, task_id)
    model = TripoGenerator(client).fetch_model(state).data

    assert model == sample_model()
    assert (state.input_token, state.input_nonce) == (token, 77)
    assert state.credits_used == Decimal("30")
    assert isinstance(state.credits_used, Decimal)
    assert client.balance().available == Decimal("970")
    assert [row.task_id for row in client.usage()] == [task_id]


def test_credits_are_frozen_while_a_task_runs(client: TripoClient, fake: FakeTripo, token: str) -> None:
    fake.ledger.task_s = 60
    create(client, token)

    assert (client.balance().available, client.balance().held) == (Decimal(970), Decimal(30))


@pytest.mark.parametrize(
    ("kind", "more", "error", "is_created"),
    [
        ("drop before", {}, OutcomeUnknown, False),
        ("drop after", {}, OutcomeUnknown, True),
        ("error", {"code": 1000, "status": 500}, OutcomeUnknown, False),
        ("error after", {"code": 1001, "status": 503}, OutcomeUnknown, True),
        ("html", {}, OutcomeUnknown, False),
        ("truncated", {}, OutcomeUnknown, True),
        ("no id", {}, OutcomeUnknown, True),
        ("error", {"code": 1007, "status": 429}, AccountBusy, False),
        ("error", {"code": 2000, "status": 429}, AccountBusy, False),
        ("error", {"code": 2, "status": 401}, AccountBlocked, False),
        ("error", {"code": 2010, "status": 403}, AccountBlocked, False),
        ("error", {"code": 2008, "status": 400}, RequestRejected, False),
        ("error", {"code": 9999, "status": 400}, RequestRejected, False),
        ("error", {"code": 9999, "status": 500}, OutcomeUnknown, False),
    ],
)
def test_each_fault_of_the_create_call_is_told_for_what_it_is_after_one_request(
    client: TripoClient,
    fake: FakeTripo,
    token: str,
    kind: str,
    more: dict[str, Any],
    error: type[Exception],
    is_created: bool,
) -> None:
    fake.plan.arm("create", kind, **more)
    with pytest.raises(error) as raised:
        create(client, token)

    assert len(fake.ledger.tasks) == int(is_created)
    assert [path for _, path, _ in fake.ledger.requests].count("/v3/generation/image-to-model") == 1
    if is_created:
        assert not isinstance(raised.value, NotCreated)


@pytest.mark.parametrize("row", CODES, ids=lambda row: f"{row.code} {row.kind or ''}")
def test_every_code_of_the_table_has_its_error_and_its_sentence(row: Any) -> None:
    status = 500 if row.http == "5xx" else int(row.http[:3]) if row.http[:3].isdigit() else 400

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json={"code": row.code, "status": "error", "message": "m"})

    client = TripoClient("https://tripo.test", KEY, transport=httpx.MockTransport(answer))
    asked = {None: order("file_1"), Kind.MULTIVIEW: order("file_1", back="file_2"), Kind.TEXT: order(prompt="a cup")}
    with pytest.raises(ERRORS[row.effect]) as raised:
        client.create(asked[row.kind], check_send_window=lambda: None)
    if row.effect is not Effect.UNKNOWN:
        assert raised.value.message == row.sentence  # type: ignore[attr-defined]
    for part in (row.happened, row.cost, row.next_step):
        assert part.endswith(".")
        assert part[0].isupper()


@pytest.mark.parametrize(
    ("headers", "wait_s"), [({"Retry-After": "7"}, 7.0), ({}, None), ({"Retry-After": "soon"}, None)]
)
def test_a_busy_account_says_how_long_to_wait(
    client: TripoClient, fake: FakeTripo, token: str, headers: dict[str, str], wait_s: float | None
) -> None:
    fake.plan.arm("create", "error", code=1007, status=429, headers=headers)
    with pytest.raises(AccountBusy) as busy:
        create(client, token)

    assert busy.value.retry_after_s == wait_s


def test_the_reset_time_counts_when_there_is_no_retry_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.generators.tripo.answers.time.time", lambda: 1000.0)
    answer = httpx.Response(429, json={"code": 1007}, headers={"X-RateLimit-Reset": "1042"})
    client = TripoClient("https://tripo.test", KEY, transport=httpx.MockTransport(lambda request: answer))

    with pytest.raises(AccountBusy) as busy:
        create(client, "file_1")
    assert busy.value.retry_after_s == 42.0


def test_a_connection_that_was_never_made_is_proven_unsent() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        client = TripoClient(f"http://127.0.0.1:{closed.getsockname()[1]}", KEY)
        with pytest.raises(NotSent):
            create(client, "file_1")


@pytest.mark.parametrize("window_is_open", [True, False])
def test_no_byte_leaves_when_the_send_window_has_closed(window_is_open: bool) -> None:
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            connection, _ = server.accept()
            with connection:
                received.append(connection.recv(65536))

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()

        def check() -> None:
            if not window_is_open:
                raise NotSent("the window has closed")

        client = TripoClient(f"http://127.0.0.1:{server.getsockname()[1]}", KEY)
        with pytest.raises(OutcomeUnknown if window_is_open else NotSent):
            client.create(order("file_1"), check_send_window=check)
        thread.join(5)

    assert bool(received[0]) is window_is_open


@pytest.mark.parametrize("kind", [httpx.ReadTimeout, httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError])
def test_whatever_breaks_after_the_first_byte_is_unknown(kind: type[httpx.TransportError]) -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        request.extensions["trace"]("http11.send_request_headers.started", {})
        raise kind("broken", request=request)

    with pytest.raises(OutcomeUnknown):
        create(TripoClient("https://tripo.test", KEY, transport=httpx.MockTransport(broken)), "file_1")


@pytest.mark.parametrize(("kind", "seconds"), [("trickle", 0.02), ("hang after", 60.0)])
def test_the_paid_call_ends_however_slowly_its_answer_comes(
    client: TripoClient, fake: FakeTripo, token: str, kind: str, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.generators.tripo.client.CREATE_TOTAL_S", 0.3)
    fake.plan.arm("create", kind, seconds=seconds)

    with pytest.raises(OutcomeUnknown):
        create(client, token)
    assert len(fake.ledger.tasks) == 1


def test_questions_and_transfers_end_too(client: TripoClient, fake: FakeTripo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.generators.tripo.client.QUICK_TOTAL_S", 0.3)
    monkeypatch.setattr("core.generators.tripo.client.DOWNLOAD_TOTAL_S", 0.3)
    task = fake.ledger.create({"input": fake.ledger.add_file(), "model": PRICES[0].model})
    fake.ledger.urls["k"] = (task.id, fake.ledger.clock_s() + 60)
    fake.plan.arm("balance", "trickle", seconds=0.02)
    with pytest.raises(LookupFailed):
        client._ask("GET", "/v3/account/balance", total_s=0.3)

    fake.plan.arm("download", "trickle", seconds=0.02)
    with pytest.raises(ModelUnavailable):
        client.download(f"{client._base_url}/signed/k/model.glb")


def test_an_answer_without_an_end_does_not_fill_the_memory(
    client: TripoClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.generators.tripo.client.MAX_ANSWER_BYTES", 20)

    with pytest.raises(LookupFailed):
        client.balance()


def test_who_stood_still_after_the_first_byte_breaks_the_request_off(fake: FakeTripo) -> None:
    looks = iter([None, NotSent("too late")])

    def check() -> None:
        if (error := next(looks)) is not None:
            raise error

    with running(fake) as address:
        client = TripoClient(address, KEY)
        picture = client.upload(b"x", name="a.jpg", media_type="image/jpeg")
        with pytest.raises(OutcomeUnknown, match="passed while it was being sent"):
            client.create(order(picture), check_send_window=check)
        client.close()

    assert fake.ledger.tasks == {}


@pytest.mark.parametrize("code", [*sorted({row.code for row in CODES}), None, 9999])
def test_words_are_never_spoken_of_as_a_picture_nor_views_as_one(code: int | None) -> None:
    told = None if code is None else str(code)
    words, views = (task_failure(kind, told, "no.") for kind in (Kind.TEXT, Kind.MULTIVIEW))
    assert "picture" not in words
    assert not re.search("the picture |this picture|another picture", views)

    row = row_of(code or 9999, Kind.TEXT)
    assert row is None or "picture" not in row.sentence


def test_a_task_that_failed_is_told_by_what_it_was_made_of() -> None:
    echoes: dict[str, dict[str, Any]] = {
        "this picture": {"input": "file_1"},
        "these pictures": {"inputs": ["file_1", None, "file_2", None]},
        "these words": {"prompt": "a cup"},
    }
    for words, echo in echoes.items():
        state = task_state({"task_id": "t", "status": "failed", "input": echo})
        assert state is not None
        assert words in str(state.error_message)
    state = task_state({"task_id": "t", "status": "failed", "type": "text_to_model", "error_code": 2008})
    assert state is not None
    assert state.error_message == row_of(2008, Kind.TEXT).sentence  # type: ignore[union-attr]


def test_redirects_of_the_paid_call_are_not_followed() -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(307, headers={"Location": "https://elsewhere.test/"})

    with pytest.raises(OutcomeUnknown):
        create(TripoClient("https://tripo.test", KEY, transport=httpx.MockTransport(answer)), "file_1")
    assert asked == ["https://tripo.test/v3/generation/image-to-model"]


def test_two_hundred_and_fifty_tasks_are_looked_up_in_three_requests() -> None:
    asked: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        ids = json.loads(request.content)["task_ids"]
        asked.append(len(ids))
        tasks = {each: {"task_id": each, "status": "running", "progress": 5} for each in ids if each != "t7"}
        return httpx.Response(200, json={"code": 0, "data": {"tasks": tasks, "missed": ["t7"]}})

    generator = TripoGenerator(TripoClient("https://tripo.test", KEY, transport=httpx.MockTransport(answer)))
    found = generator.look_up([f"t{number}" for number in range(250)])

    assert asked == [100, 100, 50]
    assert (len(found.found), found.missed) == (249, frozenset({"t7"}))


@pytest.mark.parametrize("kind", ["drop before", "html", "truncated"])
def test_a_question_that_was_not_answered_can_be_asked_again(client: TripoClient, fake: FakeTripo, kind: str) -> None:
    for route, ask in (
        ("balance", client.balance),
        ("usage", client.usage),
        ("list", lambda: client.list_tasks(["x"])),
    ):
        fake.plan.arm(route, kind)
        with pytest.raises(LookupFailed):
            ask()
    assert client.list_tasks(["x"]).missed == {"x"}


def test_a_wrong_key_blocks_the_account(address: str) -> None:
    client = TripoClient(address, "wrong")

    with pytest.raises(AccountBlocked, match="TRIPO_API_KEY"):
        client.balance()
    client.close()


def test_an_expired_address_is_asked_for_anew_and_costs_nothing(
    client: TripoClient, fake: FakeTripo, token: str
) -> None:
    state = done(client, create(client, token))
    fake.ledger.urls.clear()
    with pytest.raises(ModelUnavailable, match="403"):
        TripoGenerator(client).fetch_model(state)

    fresh = done(client, state.task_id)
    assert TripoGenerator(client).fetch_model(fresh).data == sample_model()
    assert fake.ledger.billed == 30


def test_a_model_that_was_cut_short_is_fetched_again(client: TripoClient, fake: FakeTripo, token: str) -> None:
    state = done(client, create(client, token))
    fake.plan.arm("download", "cut")
    with pytest.raises(ModelUnavailable):
        TripoGenerator(client).fetch_model(state)
    assert TripoGenerator(client).fetch_model(state).data == sample_model()


def test_the_key_goes_to_tripo_alone_and_is_never_shown(
    client: TripoClient, fake: FakeTripo, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    state = done(client, create(client, token))
    TripoGenerator(client).fetch_model(state)
    messages = []
    for kind in ("drop before", "html"):
        fake.plan.arm("create", kind)
        with pytest.raises(OutcomeUnknown) as raised:
            create(client, token)
        messages.append(repr(raised.value) + repr(raised.value.__cause__))

    assert [has_key for _, path, has_key in fake.ledger.requests if path.startswith("/signed/")] == [False]
    shown = " ".join((*messages, repr(client), repr(state), caplog.text))
    assert KEY not in shown
    assert "/signed/" not in " ".join((*messages, repr(client), repr(state)))


def test_only_what_differs_from_the_defaults_is_sent() -> None:
    plain = {"input": "file_1", "model": "v3.1-20260211", "model_seed": 77}

    assert create_body(order("file_1")) == plain
    assert create_body(order("file_1", choices={"face_limit": 500})) == plain | {"face_limit": 500}
    turned = {"orientation": "align_image", "auto_size": True}
    assert create_body(order("file_1", choices=turned)) == plain | turned
    assert create_body(order("file_1", choices={"texture": False})) == plain | {"texture": False, "pbr": False}


@pytest.mark.parametrize(
    ("task", "phase", "code"),
    [
        ({"status": "queued"}, TaskPhase.WAITING, None),
        ({"status": "running"}, TaskPhase.WORKING, None),
        ({"status": "unknown"}, TaskPhase.WORKING, None),
        ({"status": "success"}, TaskPhase.SUCCEEDED, None),
        ({"status": "failed", "error_code": 2018}, TaskPhase.FAILED, "2018"),
        ({"status": "failed"}, TaskPhase.FAILED, "task_failed"),
        ({"status": "banned"}, TaskPhase.FAILED, "2008"),
        ({"status": "expired"}, TaskPhase.FAILED, "2018"),
        ({"status": "cancelled"}, TaskPhase.FAILED, "cancelled"),
        ({"status": "something new"}, TaskPhase.FAILED, "task_failed"),
    ],
)
def test_every_word_for_a_tasks_state_is_understood(task: dict[str, Any], phase: TaskPhase, code: str | None) -> None:
    state = task_state({"task_id": "t"} | task)

    assert state is not None
    assert (state.phase, state.error_code) == (phase, code)
    assert (phase is TaskPhase.FAILED) == bool(state.error_message)


def test_older_names_of_fields_are_read_too() -> None:
    state = task_state(
        {
            "task_id": "t",
            "status": "success",
            "consumed_credit": "12.50",
            "output": {"pbr_model": "https://x.test/m.glb"},
            "input": {"file": {"file_token": "file_2"}, "model_seed": 5},
        }
    )

    assert state is not None
    assert (state.credits_used, state.model_url) == (Decimal("12.50"), "https://x.test/m.glb")
    assert (state.input_token, state.input_nonce) == ("file_2", 5)


def test_a_picture_is_handed_over_under_a_name_of_ours(fake: FakeTripo, client: TripoClient) -> None:
    token = TripoGenerator(client).upload(stored_image(name="my secret trip.jpg"), pictures.cat())

    assert token in fake.ledger.files


@pytest.mark.parametrize("is_there", [True, False])
def test_tripos_own_picture_comes_along_and_the_model_comes_without_it_too(is_there: bool) -> None:
    fake = FakeTripo(task_s=0.0)
    fake.ledger.has_previews = True
    with running(fake) as address:
        client = TripoClient(address, KEY)
        generator = TripoGenerator(client)
        task_id = create(client, client.upload(pictures.cat(), name="image.jpg", media_type="image/jpeg"))
        task = generator.look_up([task_id]).found[task_id]
        assert task.preview_url is not None
        assert "preview" not in repr(task)
        if not is_there:
            task = replace(task, preview_url=f"{address}/signed/gone/picture")

        fetched = generator.fetch_model(task)

        assert fetched.data == sample_model()
        assert fetched.preview == (PREVIEW if is_there else None)
        client.close()


def test_a_conversion_is_ordered_echoed_and_fetched(client: TripoClient, fake: FakeTripo, token: str) -> None:
    source = done(client, create(client, token)).task_id
    conversion = Conversion(task_id=source, quad=True, face_limit=5000)
    asked = order(source, conversion=conversion)
    made = done(client, client.create(asked, check_send_window=lambda: None))

    assert fake.ledger.tasks[made.task_id].input == {
        "input": source,
        "format": "FBX",
        "quad": True,
        "face_limit": 5000,
    }
    assert (made.input_token, made.input_nonce, made.input_conversion) == (source, None, conversion)
    assert made.credits_used == 10
    assert made.created_at is not None
    assert TripoGenerator(client).fetch_model(made).data == sample_fbx()


@pytest.mark.parametrize("names_views", [True, False])
def test_views_are_ordered_in_their_places_and_known_by_the_front(
    client: TripoClient, fake: FakeTripo, token: str, names_views: bool
) -> None:
    fake.ledger.names_views = names_views
    back = client.upload(pictures.cat(), name="image.jpg", media_type="image/jpeg")
    made = done(client, client.create(order(token, back=back), check_send_window=lambda: None))

    assert fake.ledger.tasks[made.task_id].input["inputs"] == [token, None, back, None]
    assert (made.input_token, made.input_nonce, made.credits_used) == (token, 77, 30)
    assert TripoGenerator(client).fetch_model(made).data == sample_model()


def test_words_are_ordered_and_known_by_their_number(client: TripoClient, fake: FakeTripo) -> None:
    asked = order(prompt="a cup", negative_prompt="a handle", choices={"texture": False})
    made = done(client, client.create(asked, check_send_window=lambda: None))

    assert fake.ledger.tasks[made.task_id].input == {
        "prompt": "a cup",
        "negative_prompt": "a handle",
        "model": PRICES[0].model,
        "model_seed": 77,
        "texture": False,
        "pbr": False,
    }
    assert (made.input_token, made.input_nonce, made.input_prompt) == (None, 77, "a cup")
    assert made.credits_used == 10


@pytest.mark.parametrize(
    ("views", "token"),
    [
        (["file_1", None, "file_2", None], "file_1"),
        (["file_1", "", "file_2"], "file_1"),
        ([{"file_token": "file_1", "type": "png"}, {}, {"file_token": "file_2"}, {}], "file_1"),
        ([{"back": "file_2"}, {"front": "file_1"}], "file_1"),
        ([{"front": {"file_token": "file_1"}}, {"left": {"file_token": "file_2"}}], "file_1"),
        ([{"front": "file_1", "back": "file_2"}], "file_1"),
        ({"front": "file_1", "back": "file_2"}, "file_1"),
        ([{"back": "file_2"}], None),
        ([None, "file_2"], None),
        ([{"task_id": "t"}], None),
        ([5, {"front": 7}], None),
        ([], None),
        ("file_1", None),
        (None, None),
    ],
)
@pytest.mark.parametrize("name", ["inputs", "files"])
def test_every_form_of_the_echo_of_views_is_read(views: object, token: str | None, name: str) -> None:
    state = task_state({"task_id": "x", "status": "running", "input": {name: views, "model_seed": 5}})

    assert state is not None
    assert (state.input_token, state.input_nonce) == (token, 5)


@pytest.mark.parametrize(
    ("echo", "expected"),
    [
        ({"input": "t", "format": "FBX"}, Conversion(task_id="t")),
        ({"original_model_task_id": "t", "format": "fbx", "quad": False, "face_limit": 0}, Conversion(task_id="t")),
        ({"input": "t", "format": "OBJ", "quad": True}, Conversion(task_id="t", format="OBJ", quad=True)),
        ({"input": "t"}, None),
        ({"format": "FBX"}, None),
        ("t", None),
    ],
)
def test_every_form_of_a_conversions_echo_is_read(echo: object, expected: Conversion | None) -> None:
    state = task_state({"task_id": "x", "status": "running", "input": echo})

    assert state is not None
    assert state.input_conversion == expected


def test_an_address_in_a_list_is_used_where_there_is_no_other() -> None:
    output = {"model_urls": ["https://x/model.fbx", "https://x/other"]}
    state = task_state({"task_id": "x", "status": "success", "output": output})

    assert state is not None
    assert state.model_url == "https://x/model.fbx"


def test_a_conversion_that_fails_says_that_the_model_is_safe() -> None:
    task = {"task_id": "x", "status": "failed", "error_code": 2018, "error_message": "too many parts."}
    state = task_state(task | {"input": {"input": "t", "format": "FBX"}})

    assert state is not None
    assert state.error_code == "2018"
    assert state.error_message == (
        "Tripo could not convert this model. It says: too many parts. Tripo gives the credits it held back. "
        "The model is safe; order the file again."
    )


@pytest.mark.parametrize("is_declared", [True, False])
def test_a_model_over_the_size_limit_is_told_apart_and_not_read_where_its_length_is_declared(is_declared: bool) -> None:
    read = []

    def body() -> Iterator[bytes]:
        read.append(1)
        yield b"x" * 200

    def answer(_: httpx.Request) -> httpx.Response:
        headers = {"Content-Length": "200"} if is_declared else {}
        return httpx.Response(200, headers=headers, content=body())

    client = TripoClient("http://tripo.test", "key", transport=httpx.MockTransport(answer))
    with pytest.raises(ModelTooLarge):
        client.download("http://tripo.test/model.glb", max_bytes=100)
    client.close()
    assert len(read) == (0 if is_declared else 1)
