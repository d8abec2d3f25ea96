"""Settings become the generators that are connected, and what moves the jobs of each."""

from __future__ import annotations

from collections.abc import Callable

from core.domain.claims import Slots
from core.domain.declaration import Evidence
from core.domain.job import Category
from core.generators.comfyui.declaration import NAME as COMFYUI
from core.generators.comfyui.declaration import TEMPLATE as COMFYUI_TEMPLATE
from core.generators.comfyui.files import load_workflow
from core.generators.comfyui.generator import ComfyGenerator
from core.generators.offline.declaration import DECLARATION as OFFLINE
from core.generators.offline.generator import OfflineGenerator
from core.generators.tripo.client import TripoClient
from core.generators.tripo.declaration import DECLARATION as TRIPO
from core.generators.tripo.generator import TripoGenerator
from core.generators.tripo.prices import CONVERT, P_SERIES, STANDARD
from core.ports.clock import Clock
from core.ports.generator import Generator
from core.ports.job_store import JobStore
from core.ports.object_store import ObjectStore
from core.services.account_scan import AccountScan
from core.services.billing import Billing
from core.services.collect import Collect
from core.services.dispatch import Dispatch
from core.services.elsewhere import Elsewhere
from core.services.ended_tasks import EndedTasks
from core.services.inspect import Inspect
from core.services.journal import Notes
from core.services.poll import Poll
from core.services.reconcile import Reconcile
from core.services.sweep import Sweep
from core.services.throttle import Throttle
from core.services.worker import Worker
from core.settings import Settings, harmless_environment
from core.storage import journal_of, spool_of

KNOWN = (TRIPO, COMFYUI_TEMPLATE, OFFLINE)  # every generator that can be connected, as far as it is known before it is
Connected = tuple[Generator, frozenset[Category]]


def generators_of(settings: Settings, jobs: JobStore, wake: Callable[[], None]) -> list[Connected]:
    """Who makes models, and of which categories.

    The built-in engine is always there, so that its jobs go on when another is connected later; and with another
    default than Tripo, paid tasks still under way are brought home as long as there is a key.
    """
    found: list[Connected] = []
    if settings.tripo_api_key is not None:
        tripo = TripoGenerator(TripoClient(settings.tripo_base_url, settings.tripo_api_key.get_secret_value()))
        found.append((tripo, frozenset({STANDARD, P_SERIES, CONVERT})))
    if settings.comfyui_url is not None:
        ended = EndedTasks(jobs=jobs, generator=COMFYUI, wake=wake)
        comfyui = ComfyGenerator(
            settings.comfyui_url,
            headers=settings.proxy_headers,
            workflow=load_workflow(settings.comfyui_workflow),
            on_ended=ended.note,
        )
        found.append((comfyui, frozenset({COMFYUI})))
    offline = OfflineGenerator(settings.data_dir / "offline", environment=harmless_environment())
    found.append((offline, frozenset({OFFLINE.name})))
    return found


def worker_of(
    generator: Throttle,
    *,
    jobs: JobStore,
    objects: ObjectStore,
    inspect: Inspect,
    clock: Clock,
    owner: str,
    settings: Settings,
    categories: frozenset[Category],
    wake: Callable[[], None] = lambda: None,
) -> Worker:
    notes = Notes(
        jobs=jobs,
        generator=generator,
        journal=journal_of(settings, generator.name),
        poll_in_s=settings.poll_first_s,
    )
    scan = AccountScan(jobs=jobs, generator=generator)
    declaration = generator.declaration
    elsewhere = Elsewhere(objects=objects, generator=generator, lease_s=settings.lease_s)
    again = elsewhere if declaration.can_begin_again else None
    is_searched = declaration.evidence is Evidence.ECHO
    limits = {category: most for category, most in settings.slot_limits.items() if category in categories}
    return Worker(
        name=generator.name,
        dispatch=Dispatch(
            jobs=jobs,
            objects=objects,
            generator=generator,
            notes=notes,
            clock=clock,
            owner=owner,
            slots=Slots(limits=limits),
            lease_s=settings.lease_s,
            send_by_s=settings.send_by_s,
        ),
        poll=Poll(
            jobs=jobs,
            generator=generator,
            owner=owner,
            lease_s=settings.lease_s,
            poll_first_s=settings.poll_first_s,
            on_made=wake,
            elsewhere=again,
        ),
        collect=Collect(
            jobs=jobs,
            objects=objects,
            generator=generator,
            owner=owner,
            lease_s=settings.lease_s,
            spool=spool_of(settings),
            elsewhere=again,
            on_completed=inspect.request,
        ),
        sweep=Sweep(
            jobs=jobs,
            generator=generator,
            notes=notes,
            owner=owner,
            lease_s=settings.lease_s,
            job_timeout_s=settings.job_timeout_s,
        ),
        reconcile=Reconcile(
            jobs=jobs,
            generator=generator,
            scan=scan,
            owner=owner,
            lease_s=settings.lease_s,
            settle_s=settings.settle_s,
        )
        if is_searched
        else None,
        billing=Billing(jobs=jobs, generator=generator, scan=scan, clock=clock) if declaration.is_paid else None,
    )
