"""Settings become the generators that are connected, and what moves the jobs of each."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType

from core import generators
from core.domain.claims import Slots
from core.domain.declaration import Declaration, Evidence
from core.domain.errors import SettingsInvalid
from core.domain.job import Category
from core.ports.clock import Clock
from core.ports.connection import Connection
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
from core.settings import AUTO, Settings
from core.storage import journal_of, spool_of

CONNECT = "connect"  # the module of a generator's folder that is asked


def known() -> tuple[Declaration, ...]:
    """Every generator that can be connected, as far as it is known before it is: what is paid comes first, and last
    what is always there."""
    return tuple(each.KNOWN for each in _folders())


def connections(settings: Settings, jobs: JobStore, wake: Callable[[], None]) -> list[Connection]:
    """Who makes models with these settings, in the order of `known`. Raises: SettingsInvalid."""
    found = []
    for folder in _folders():
        ended = EndedTasks(jobs=jobs, generator=folder.KNOWN.name, wake=wake)
        connection: Connection | None = folder.connect(settings, on_ended=ended.note)
        if connection is not None:
            found.append(connection)
    check_categories({each.generator.declaration.name: each.limits for each in found})
    return found


def default_of(settings: Settings, found: Sequence[Connection]) -> str:
    """Who makes the jobs that name nobody. Raises: SettingsInvalid, for one that is not connected."""
    names = [each.generator.declaration.name for each in found]
    wanted = settings.generator.strip().lower()
    if wanted in names:
        return wanted
    if wanted == AUTO:
        return names[0]
    declared = next((each for each in known() if each.name == wanted), None)
    others = " or ".join((AUTO, *names))
    if declared is None:
        raise SettingsInvalid(
            f"The setting GENERATOR has a value that is not allowed. Allowed: {AUTO} or the name of a generator that "
            f"is connected. Set it to {others}."
        )
    raise SettingsInvalid(
        f"GENERATOR is {wanted}, but there is no {declared.connected_by}. Set it, or set GENERATOR to {others}."
    )


def check_categories(limits: Mapping[str, Iterable[Category]]) -> None:
    """Jobs are claimed by category, so each belongs to one generator. Raises: SettingsInvalid."""
    owners: dict[Category, str] = {}
    for name, categories in limits.items():
        for category in categories:
            other = owners.setdefault(category, name)
            if other != name:
                raise SettingsInvalid(
                    f"The generators {other} and {name} both name the category {category!r}, so jobs of one could be "
                    "sent to the other. Give the categories of one of them other names, or connect only one of them."
                )


def _folders() -> list[ModuleType]:
    """The `connect` module of each folder below core/generators."""
    names = [each.name for each in pkgutil.iter_modules(generators.__path__) if each.ispkg]
    folders = [importlib.import_module(f"{generators.__name__}.{name}.{CONNECT}") for name in names]
    return sorted(folders, key=lambda each: (not each.KNOWN.is_paid, not each.KNOWN.connected_by, each.KNOWN.name))


def worker_of(
    generator: Throttle,
    *,
    jobs: JobStore,
    objects: ObjectStore,
    inspect: Inspect,
    clock: Clock,
    owner: str,
    settings: Settings,
    limits: Mapping[Category, int],
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
