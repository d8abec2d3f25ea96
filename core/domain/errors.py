"""Every error the product raises on purpose. The message is always a sentence a person can act on.

MaquetteError
├── SettingsInvalid            a setting has a value that is not allowed; the start stops
├── InputRefused               what was sent cannot be used; nothing was stored, nothing was spent
│   ├── PictureRefused         the picture: its kind, its size, its content
│   ├── AddressRefused         the address of a picture may not or cannot be fetched
│   └── BudgetExceeded         the day's budget of credits does not allow another job
├── JobNotFound                no job has this number
├── IdempotencyConflict        the same Idempotency-Key came with another request
├── IllegalTransition          a stage cannot follow this stage: a fault of ours
├── ClaimLost                  another worker took over, or the lease ran out: drop the result
├── StoreUnavailable           the job table cannot be reached now
│   └── StoreDamaged           it is damaged, emptied or of another version: nothing is sent until a person mended it
├── ObjectMissing              a stored file is not there
│   └── ObjectChanged          other bytes lie in its place
├── StorageFull                a file could not be stored: the disk or the bucket is full
├── GenerationError            what a generator answers when it does not do as asked
│   ├── NotCreated             proven: no task exists, nothing was charged
│   │   ├── NotSent            the request never left, or its time window had closed
│   │   ├── RequestRejected    final for this request: a person has to change something
│   │   ├── AccountBusy        too much at once: wait, the whole account with it
│   │   └── AccountBlocked     no credit or a bad key: only the operator can help
│   ├── OutcomeUnknown         nobody knows whether a task was created
│   ├── LookupFailed           a question could not be answered now; asking again is free
│   └── ModelUnavailable       the finished model could not be fetched this time; its address is asked for again
├── SandboxFailed              a picture or model could not be worked on this time: too much at once, or too slow
├── MigrationRefused           two installations cannot be made one: nothing was lost, and what to do first
├── ExportFailed               a model could not be written as another file; the model itself is safe
└── ModelInvalid               the bytes that came are not a usable GLB
"""

from __future__ import annotations


class MaquetteError(Exception):
    """Root of the tree.

    Args:
        message: what happened, with the value, and what to do: a whole sentence, free of secrets.
        code: a stable, machine-readable word or vendor code; never shown alone.
    """

    default_code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code if code is not None else self.default_code


class SettingsInvalid(MaquetteError):
    default_code = "settings_invalid"


class InputRefused(MaquetteError):
    default_code = "input_refused"


class PictureRefused(InputRefused):
    default_code = "picture_refused"


class AddressRefused(InputRefused):
    default_code = "address_refused"


class BudgetExceeded(InputRefused):
    default_code = "budget_exceeded"


class JobNotFound(MaquetteError):
    default_code = "job_not_found"


class IdempotencyConflict(MaquetteError):
    default_code = "idempotency_conflict"


class IllegalTransition(MaquetteError):
    default_code = "illegal_transition"


class ClaimLost(MaquetteError):
    default_code = "claim_lost"


class StoreUnavailable(MaquetteError):
    default_code = "store_unavailable"


class StoreDamaged(StoreUnavailable):
    default_code = "store_damaged"


class ObjectMissing(MaquetteError):
    default_code = "object_missing"


class ObjectChanged(ObjectMissing):
    default_code = "object_changed"


class StorageFull(MaquetteError):
    default_code = "storage_full"


class MigrationRefused(MaquetteError):
    default_code = "migration_refused"


class SandboxFailed(MaquetteError):
    default_code = "sandbox_failed"


class ExportFailed(MaquetteError):
    default_code = "export_failed"


class GenerationError(MaquetteError):
    """What a generator answers when it does not do as asked.

    Args:
        trace_id: the vendor's own reference for this call, to be quoted to its support.
    """

    default_code = "generation_error"

    def __init__(self, message: str, *, code: str | None = None, trace_id: str | None = None) -> None:
        super().__init__(message, code=code)
        self.trace_id = trace_id


class NotCreated(GenerationError):
    default_code = "not_created"


class NotSent(NotCreated):
    default_code = "not_sent"


class RequestRejected(NotCreated):
    default_code = "request_rejected"


class AccountBusy(NotCreated):
    """Too many requests or tasks at once.

    Args:
        retry_after_s: seconds during which no call of this account may be made; None when the vendor did not say.
    """

    default_code = "account_busy"

    def __init__(
        self,
        message: str,
        *,
        retry_after_s: float | None = None,
        code: str | None = None,
        trace_id: str | None = None,
    ) -> None:
        super().__init__(message, code=code, trace_id=trace_id)
        self.retry_after_s = retry_after_s


class AccountBlocked(NotCreated):
    default_code = "account_blocked"


class OutcomeUnknown(GenerationError):
    default_code = "outcome_unknown"


class LookupFailed(GenerationError):
    default_code = "lookup_failed"


class ModelUnavailable(GenerationError):
    default_code = "model_unavailable"


class ModelInvalid(MaquetteError):
    default_code = "model_invalid"


class ModelTooLarge(ModelInvalid):
    default_code = "model_too_large"
