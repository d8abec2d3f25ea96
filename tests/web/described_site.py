"""The API on a real socket of the loopback interface, with jobs in every state: for tools that read its description.

Nothing leaves the machine: pictures come from a canned address, and jobs end without a generator.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from core.bootstrap import Services, build_services
from core.domain.claims import Claimed, Failure
from core.domain.generation import OrphanedTask, Source
from core.services.model_files import original_key, preview_key
from core.settings import Settings
from core.web.jobs_api import services_at_hand
from core.web.server import make_api
from tests import pictures
from tests.builders import EVERY_SLOT, Category, intent, new_job, stored_image, stored_model
from tests.mesh.models import ball, glb_of, textured
from tests.serving import free_port
from tests.web.conftest import CannedFetcher

MODEL = glb_of(textured(ball(1)))
NO_ADDRESS = "http://127.0.0.1:9"  # of the paid service: nobody listens there


class Finisher:
    """Ends queued jobs as soon as they are there: two with a model, one not, one left waiting, and so on."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            for claimed in self._services.jobs.claim_queued(owner="f", lease_s=60, slots=EVERY_SLOT, limit=10):
                number = claimed.job.id
                if number % 4 == 2:
                    self._services.jobs.fail(claimed.claim, Failure(code="2008", message="The picture was refused."))
                elif number % 4 == 3:
                    self._services.jobs.return_to_queue(claimed.claim, wait_s=10**6, note="Waits.")
                else:
                    self.finish(claimed)

    def generating(self, claimed: Claimed) -> None:
        jobs = self._services.jobs
        jobs.mark_submitting(claimed.claim, intent(nonce=claimed.job.id, image_token=f"file-{claimed.job.id}"))
        jobs.bind_task(claimed.claim, f"task-{claimed.job.id}", poll_in_s=10**6)

    def finish(self, claimed: Claimed) -> None:
        jobs, job = self._services.jobs, claimed.job
        self.generating(claimed)
        jobs.mark_saving(claimed.claim, credits_used=None)
        saving = next(
            each
            for each in jobs.claim_saving(owner="f", lease_s=60, generator="tripo", limit=10)
            if each.job.id == job.id
        )
        is_glb = job.category is not Category.CONVERT
        data, kind = (MODEL, "glb") if is_glb else (b"Kaydara FBX Binary  ", "fbx")
        key = f"models/{job.id}/cup.{kind}"
        self._services.objects.put(key, data, media_type="model/gltf-binary")
        model = stored_model(key=key, kind=kind, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        jobs.complete(saving.claim, model)


PICTURE = pictures.cat()
IMAGE = stored_image(size_bytes=len(PICTURE), sha256=hashlib.sha256(PICTURE).hexdigest())


def furnish(services: Services, finisher: Finisher) -> None:
    """Jobs 1 to 5: finished, failed with a file that could not be read, to be decided, to be fetched, and waiting."""
    jobs = services.jobs
    services.objects.put(IMAGE.key, PICTURE, media_type=IMAGE.media_type)
    finished, broken, undecided, saving = (_claimed(services) for _ in range(4))
    finisher.finish(finished)
    services.objects.put(preview_key(jobs.get(finished.job.id)), pictures.line_art(), media_type="image/png")
    jobs.fail(broken.claim, Failure(code="model_invalid", message="The file cannot be read."))
    services.objects.put(original_key(jobs.get(broken.job.id)), b"no model", media_type="application/octet-stream")
    jobs.mark_submitting(undecided.claim, intent(nonce=3, image_token="file-3"))
    jobs.mark_uncertain(undecided.claim, note="No answer.")
    looked_for = jobs.claim_uncertain(owner="f", lease_s=60, generator="tripo", limit=1)[0]
    seen = [
        OrphanedTask(task_id=f"seen-{number}", account="a", status="success", source=Source.USAGE)
        for number in range(2)
    ]
    jobs.mark_attention(looked_for.claim, seen, note="Two fit.")
    finisher.generating(saving)
    jobs.mark_saving(saving.claim, credits_used=None)
    jobs.add(new_job(image=IMAGE))
    jobs.beat(owner="f")


def _claimed(services: Services) -> Claimed:
    services.jobs.add(new_job(image=IMAGE))
    return services.jobs.claim_queued(owner="f", lease_s=10**6, slots=EVERY_SLOT, limit=1)[0]


def _beat(services: Services, ended: threading.Event) -> None:
    """In place of the scheduler."""
    while not ended.wait(5):
        services.jobs.beat(owner="f")


@contextmanager
def serving(data_dir: Path) -> Iterator[str]:
    """Its address, `http://127.0.0.1:<port>`."""
    settings: dict[str, Any] = {
        "tripo_api_key": "tsk_x",
        "tripo_base_url": NO_ADDRESS,
        "tripo_webhook_secret": "whsec_x",
    }
    services = build_services(Settings(data_dir=data_dir, scheduler=False, _env_file=None, **settings))
    finisher = Finisher(services)
    services = replace(
        services,
        fetcher=CannedFetcher(max_bytes=10**7),
        submit=replace(services.submit, on_queued=finisher),
        convert=replace(services.convert, on_queued=finisher),
        decide=replace(services.decide, on_changed=finisher),
    )
    furnish(services, finisher)
    api = make_api()

    async def at_hand() -> Services:
        return services

    api.dependency_overrides = {services_at_hand: at_hand}
    port = free_port()
    config = uvicorn.Config(Starlette(routes=[Mount("/api", app=api)]), port=port, log_level="warning")
    server = uvicorn.Server(config)
    ended = threading.Event()
    threads = [
        threading.Thread(target=server.run),
        threading.Thread(target=_beat, args=(services, ended)),
    ]
    for thread in threads:
        thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        ended.set()
        for thread in threads:
            thread.join()
        services.stop()
