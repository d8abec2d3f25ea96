"""The judge of the fake: Tripo's own SDK must be able to do its whole work against it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import trimesh
from tripo3d import TripoClient

from core.generators.tripo import wire
from tests import pictures
from tests.builders import order
from tests.fake_tripo.fbx import sample_fbx
from tests.fake_tripo.server import FakeTripo


def test_the_official_sdk_does_its_whole_work_against_the_fake(fake: FakeTripo, address: str, tmp_path: Path) -> None:
    picture = tmp_path / "cup.png"
    picture.write_bytes(pictures.product_on_white())

    async def work() -> None:
        async with TripoClient(api_key="tsk_x", v3_base_url=address) as client:
            token = await client.upload_file(str(picture))
            task_id = await client.image_to_model(image=str(picture))
            task = await client.wait_for_task(task_id, polling_interval=0.05)
            listed = await client.list_tasks([task_id])
            balance = await client.get_balance()
            usage = await client.get_usage()
            files = await client.download_task_models(task, str(tmp_path))
            converted = await client.wait_for_task(await client.convert_model(task_id, "FBX"), polling_interval=0.05)
            packed = await client.download_task_models(converted, str(tmp_path))

        assert "file_" in str(token)
        assert str(task.status).lower().endswith("success")
        assert task_id in str(listed)
        assert float(balance.balance) == 970.0
        assert task_id in str(usage)
        assert str(converted.status).lower().endswith("success")
        assert Path(next(iter(packed.values()))).read_bytes() == sample_fbx()
        assert trimesh.load(next(iter(files.values())), force="mesh").faces.shape == (12, 3)

    asyncio.run(work())
    assert [task.type for task in fake.ledger.tasks.values()] == ["image_to_model", "convert_model"]
    assert fake.ledger.billed == 30 + 5


def test_the_official_sdk_makes_models_of_several_views_and_of_words(
    fake: FakeTripo, address: str, tmp_path: Path
) -> None:
    front, back = tmp_path / "front.png", tmp_path / "back.png"
    front.write_bytes(pictures.product_on_white())
    back.write_bytes(pictures.cat())

    async def work() -> None:
        async with TripoClient(api_key="tsk_x", v3_base_url=address) as client:
            seen = await client.multiview_to_model([str(front), None, str(back), None], model_seed=1)
            said = await client.text_to_model("a cup", "a handle", model_seed=2, texture=False, pbr=False)
            for task_id in (seen, said):
                task = await client.wait_for_task(task_id, polling_interval=0.05)
                assert str(task.status).lower().endswith("success")
                files = await client.download_task_models(task, str(tmp_path))
                assert trimesh.load(next(iter(files.values())), force="mesh").faces.shape == (12, 3)

    asyncio.run(work())
    views, words = fake.ledger.tasks.values()
    assert (views.type, words.type) == ("multiview_to_model", "text_to_model")
    # the SDK's bodies are ours, but for the older model that it chooses
    own = [wire.create_body(order(token, back=other, nonce=1)) for token, _, other, _ in [views.input["inputs"]]]
    asked = order(prompt="a cup", negative_prompt="a handle", nonce=2, choices={"texture": False})
    own.append(wire.create_body(asked))
    assert [body | {"model": "v2.5-20250123"} for body in own] == [views.input, words.input]
    assert fake.ledger.billed == 30 + 10
