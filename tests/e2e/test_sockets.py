"""Socket.IO clients hear of every job, also of one that another process made."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import socketio

from tests import pictures
from tests.fake_tripo.server import FakeTripo, running
from tests.serving import ServerProcess

pytestmark = pytest.mark.slow


def test_a_client_of_one_server_hears_of_a_job_given_to_another(tmp_path: Path) -> None:
    fake = FakeTripo(task_s=1.0)
    with running(fake) as tripo:
        settings = {"TRIPO_API_KEY": "tsk_test", "TRIPO_BASE_URL": tripo}
        servers = [ServerProcess(tmp_path / "data", **settings) for _ in range(2)]
        try:
            for server in servers:
                server.wait_until_healthy()
            # a thread of its own: the browser tests before this one leave an event loop in the main thread
            with ThreadPoolExecutor(1) as pool:
                heard = pool.submit(asyncio.run, listen(servers[0], servers[1], tripo)).result()
        finally:
            for server in servers:
                server.stop()

    assert heard["job_completed"] == [{"record_id": 1, "result": {"3d_url": "/api/jobs/1/model.glb"}}]
    assert {"record_id": 1, "status": "completed", "stage": "done", "progress": 100} in heard["job_updated"]
    assert heard["job_failed"][-1]["record_id"] == 2
    assert "content rules" in heard["job_failed"][-1]["error"]


async def listen(here: ServerProcess, there: ServerProcess, tripo: str) -> dict[str, list[Any]]:
    heard: dict[str, list[Any]] = {"job_updated": [], "job_completed": [], "job_failed": []}
    async with socketio.AsyncSimpleClient() as client:
        await client.connect(here.address, transports=["websocket"])
        await asyncio.sleep(2.5)  # the feed begins with its first look after the first listener came
        number = await asyncio.to_thread(there.post, pictures.cat(), "Cat")
        assert number == 1
        await collect(client, heard, "job_completed")
        forbidden = {"route": "create", "kind": "error", "more": {"code": 2008, "status": 400}}
        httpx.post(f"{tripo}/__fake__/arm", json=forbidden)
        await asyncio.to_thread(there.post, pictures.portrait(), "Forbidden")
        await collect(client, heard, "job_failed")
    return heard


async def collect(client: Any, heard: dict[str, list[Any]], until: str) -> None:
    while not heard[until]:
        name, told = await client.receive(timeout=60)
        heard[name].append(told)
