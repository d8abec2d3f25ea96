"""What a generator says by itself: that a task has ended. It is a hint only: the next question tells more."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from core.domain.errors import MaquetteError
from core.ports.account_store import Delivery
from core.ports.job_store import JobStore

log = logging.getLogger(__name__)
TYPE = "task.ended"


class Wakeable:
    """Stands for the scheduler until there is one: generators are made before it."""

    def __init__(self) -> None:
        self.wake_now: Callable[[], None] = lambda: None

    def wake(self) -> None:
        self.wake_now()


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedTasks:
    """The use case, for one generator that tells of ends, such as over a web socket.

    Attributes:
        wake: lets the scheduler ask now rather than with its next tick.
    """

    jobs: JobStore
    generator: str
    wake: Callable[[], None]

    def note(self, task_id: str) -> None:
        """Make its job due at once. Nothing is lost where that fails: it is asked for in its turn.

        A task that no job has yet is looked up by its name; remembered here, it would be listed at the paid account.
        """
        # one task ends more than once: it ran out of memory, or was begun again
        delivery = Delivery(id=f"{TYPE} {task_id} {uuid.uuid4()}", type=TYPE, task_id=task_id)
        try:
            if self.jobs.accounts.unbound([task_id]):
                return
            self.jobs.accounts.note_delivery(self.generator, delivery)
        except MaquetteError as exc:
            log.info("the end of task %s could not be noted: %s", task_id, exc.message)
            return
        self.wake()
