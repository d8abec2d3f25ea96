-- The job table as the first version made it.
create table if not exists generated_images (
    id               integer primary key autoincrement,
    session_id       text    not null,
    target_object    text    not null,
    iteration        integer not null,
    status           text    not null check (status in ('running', 'completed', 'failed', 'cancelled', 'timeout')),
    stage            text    not null check (stage in ('queued', 'submitting', 'uncertain', 'blocked', 'generating',
                                                       'saving', 'attention', 'late', 'done')),
    created_at       text    not null,
    updated_at       text    not null,
    generator        text    not null,
    category         text    not null check (category in ('standard', 'p', 'offline')),
    options          text    not null,              -- JSON of JobOptions
    image            text,                          -- JSON of StoredImage
    model            text,                          -- JSON of StoredModel
    progress         integer not null default 0 check (progress between 0 and 100),
    attempt          integer not null default 0,
    nonce            integer,
    image_token      text,
    send_by          text,
    task_id          text    unique,
    owner            text,
    epoch            integer not null default 0,
    lease_until      text,
    not_before       text,
    next_poll_at     text,
    missed_count     integer not null default 0,
    missed_since     text,
    started_at       text,
    finished_at      text,
    credits_estimate text,                          -- decimals as text: never a float
    credits_used     text,
    error_code       text,
    error_message    text,
    idempotency_key  text    unique,
    request_hash     text    not null default '',
    retry_of         integer references generated_images (id),
    change_number    integer not null default 0,    -- grows with every write to any row
    check ((stage = 'done') = (finished_at is not null)),
    check (status <> 'completed' or model is not null),
    check (stage not in ('generating', 'saving', 'late') or task_id is not null)
) strict;

create index if not exists generated_images_by_stage on generated_images (stage, category, id);
create index if not exists generated_images_due on generated_images (next_poll_at) where stage in ('generating', 'late', 'saving');
create index if not exists generated_images_changes on generated_images (change_number);
create index if not exists generated_images_by_status on generated_images (status, id);
