"""Composition root: settings become services. The only place that knows every adapter."""

from __future__ import annotations

import os
import socket
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.connected import connections, default_of, known, worker_of
from core.domain.errors import SettingsInvalid
from core.domain.generation import OrphanedTask
from core.fetch.fetcher import PictureFetcher
from core.ports.connection import Webhook
from core.ports.job_store import JobStore
from core.ports.object_store import ObjectStore
from core.ports.picture_sandbox import PictureSandbox
from core.sandbox.models import ModelChildren
from core.sandbox.pictures import PictureChildren
from core.scheduler import Scheduler
from core.services.batch import Batch
from core.services.candidates import Candidates
from core.services.convert import Convert
from core.services.decide import Decide
from core.services.drafts import Drafts
from core.services.ended_tasks import Wakeable
from core.services.health import Checkup
from core.services.inspect import Inspect
from core.services.leftovers import Leftovers
from core.services.lookout import Lookout
from core.services.makers import Makers
from core.services.names import FoldNames
from core.services.overview import AccountView, Overview
from core.services.previews import Previews
from core.services.read_cache import ReadCache
from core.services.shared import Shared
from core.services.submit import Submit
from core.services.sweep_spool import SweepSpool
from core.services.throttle import Throttle
from core.services.watched_files import WatchedFiles
from core.settings import Settings, harmless_environment, load_settings
from core.storage import journal_of, spool_of, stores
from core.stores.files.disk import Disk
from core.stores.files.leftovers import remove_old
from core.stores.files.object_store import LocalObjectStore
from core.system_clock import SystemClock

CACHED_S = 300.0  # an answer for pages holds at most so long while nothing changes
EXPORTS_BYTES = 2 * 2**30  # of files that can be made again
DRAFTS_BYTES = 256 * 2**20  # of pictures that were chosen and not submitted
SHARED_S = 10.0  # what the pages of all visitors show of the account may be so old
STOP_S = 3.0  # for the ticks under way when the server stops; the whole stop stays under 5 s


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything a server process needs, ready to use.

    Attributes:
        reads: the same jobs, for whoever waits at a screen: it gives up within seconds.
    """

    settings: Settings
    jobs: JobStore
    reads: JobStore
    objects: ObjectStore
    generators: tuple[Throttle, ...]
    webhooks: Mapping[str, Webhook]
    makers: Makers
    candidates: Candidates
    drafts: Drafts
    previews: Previews
    submit: Submit
    decide: Decide
    convert: Convert
    overview: Overview
    account_view: Shared[AccountView]
    orphaned: Shared[tuple[OrphanedTask, ...]]
    health: Checkup
    inspect: Inspect
    batch: Batch
    fetcher: PictureFetcher
    scheduler: Scheduler
    lookout: Lookout
    folders: tuple[LocalObjectStore, ...]

    def account_of(self, generator: str) -> str:
        """Fingerprint of the account that a generator uses; empty when it is not connected."""
        return next((throttle.account for throttle in self.generators if throttle.name == generator), "")

    @property
    def zips(self) -> Path:
        """Where zips of several models lie while they are made and sent."""
        return self.settings.data_dir / "zips"

    def start(self) -> None:
        """Begin the background work, unless this process only shows it."""
        if self.settings.scheduler:
            self.scheduler.start()
            threading.Thread(target=self._sweep, name="sweep", daemon=True).start()
        else:
            self.lookout.start()

    def _sweep(self) -> None:
        """Once, behind everybody's back: what processes that were killed left on this machine's disk."""
        for folder in self.folders:
            folder.sweep()

    def stop(self) -> bool:
        """End the background work, child processes and connections; whether everything ended in time.

        Where it did not, a call is still waiting for its answer. Nothing is lost by leaving it: every state is safe
        at every moment, and the next start goes on from what is written.
        """
        self.lookout.stop()
        has_ended = self.scheduler.stop(patience_s=STOP_S / 2)
        self.batch.close()
        self.inspect.close()
        self.previews.sandbox.close()
        for generator in self.generators:
            generator.close()  # breaks the connections that free questions wait on
        has_ended = has_ended or self.scheduler.stop(patience_s=STOP_S / 2)
        if has_ended:
            self.jobs.close()
        return has_ended


def build_services(settings: Settings, *, pictures: PictureSandbox | None = None) -> Services:
    """Wire everything.

    Raises: StoreUnavailable when the data folder or the job table in it cannot be used; SettingsInvalid for generators
    that cannot stand side by side.
    """
    clock = SystemClock()
    pictures = pictures or PictureChildren(environment=harmless_environment())
    owner = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
    kept = stores(settings, clock)
    jobs, reads, stored = kept.jobs, kept.reads, kept.objects
    remove_old(settings.data_dir / "zips")
    objects = WatchedFiles(stored)
    exports = LocalObjectStore(settings.data_dir / "exports", most_bytes=EXPORTS_BYTES)
    chosen = LocalObjectStore(settings.data_dir / "drafts", most_bytes=DRAFTS_BYTES)
    disk = Disk(settings.data_dir)
    inspect = Inspect(
        objects=objects,
        sandbox=ModelChildren(environment=harmless_environment()),
        exports=exports,
    )
    woken = Wakeable()
    try:
        found = connections(settings, jobs, woken.wake)
        default = default_of(settings, found)
    except SettingsInvalid:
        jobs.close()
        raise
    generators = [(Throttle(each.generator, jobs=jobs, clock=clock), each) for each in found]
    connected = {maker.name: maker for maker, _ in generators}
    makers = Makers(
        connected=connected,
        default=connected[default],
        others=tuple(each for each in known() if each.name not in connected),
    )
    generator = makers.default
    workers = [
        worker_of(
            maker,
            jobs=jobs,
            objects=objects,
            inspect=inspect,
            clock=clock,
            owner=owner,
            settings=settings,
            limits=connection.limits,
            wake=woken.wake,
        )
        for maker, connection in generators
    ]
    spool = spool_of(settings)
    scheduler = Scheduler(
        workers=workers,
        sweep_spool=None if spool is None else SweepSpool(jobs=jobs, objects=objects, spool=spool).tick,
        beat=lambda: jobs.beat(owner=owner),
        check=jobs.check,
        fold_names=FoldNames(jobs=jobs, clock=clock).tick,
    )
    woken.wake_now = scheduler.wake
    overview = Overview(
        jobs=reads,
        objects=objects,
        labels={each.name: each.label for each in known()},
        generator=generator,
        paid=next((maker for maker in connected.values() if maker.is_paid), None),
        slots={category: most for each in found for category, most in each.limits.items()},
        settle_s=settings.settle_s,
        max_credits_per_day=settings.max_credits_per_day,
        cache=ReadCache(reads.last_change, clock, most_s=CACHED_S) if settings.uses_supabase else None,
        leftovers=Leftovers(
            jobs=reads,
            journals=[journal_of(settings, name) for name in (*connected, *(each.name for each in makers.others))],
            spool=spool,
        ),
    )
    return Services(
        settings=settings,
        jobs=jobs,
        reads=reads,
        objects=objects,
        generators=tuple(maker for maker, _ in generators),
        webhooks={maker.name: each.webhook for maker, each in generators if each.webhook is not None},
        makers=makers,
        candidates=Candidates(jobs=reads, makers=makers),
        previews=Previews(objects=kept.pictures, sandbox=pictures, max_image_bytes=settings.max_image_bytes),
        drafts=Drafts(objects=chosen),
        submit=Submit(
            jobs=jobs,
            objects=objects,
            pictures=pictures,
            makers=makers,
            max_credits_per_day=settings.max_credits_per_day,
            max_image_bytes=settings.max_image_bytes,
            on_queued=scheduler.wake,
        ),
        decide=Decide(
            jobs=jobs,
            objects=objects,
            makers=makers,
            max_credits_per_day=settings.max_credits_per_day,
            on_changed=scheduler.wake,
        ),
        convert=Convert(
            jobs=jobs,
            makers=makers,
            max_credits_per_day=settings.max_credits_per_day,
            on_queued=scheduler.wake,
        ),
        overview=overview,
        account_view=Shared(overview.account, fresh_s=SHARED_S),
        orphaned=Shared(overview.orphaned, fresh_s=SHARED_S),
        health=Checkup(jobs=jobs, reads=reads, files=objects, generator=generator, disk=disk.state),
        inspect=inspect,
        batch=Batch(overview=overview, inspect=inspect),
        fetcher=PictureFetcher(max_bytes=settings.max_image_bytes, allow_private=settings.allow_private_image_hosts),
        scheduler=scheduler,
        lookout=Lookout(list(connected.values())),
        folders=tuple(each for each in (stored, exports, chosen) if isinstance(each, LocalObjectStore)),
    )


_lock = threading.Lock()
_services: Services | None = None


def get_services() -> Services:
    """This process's services, built at the first call. Raises: SettingsInvalid, StoreUnavailable."""
    global _services
    with _lock:
        if _services is None:
            _services = build_services(load_settings())
        return _services


def reset_services() -> None:
    """Forget this process's services after they were stopped, so that the next call builds new ones."""
    global _services
    with _lock:
        _services = None
