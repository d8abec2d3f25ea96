-- The first step with a number; files of before are brought to this shape by what they have (upgrade.py). It is never
-- changed: what comes later is a step of its own, with the next number.
-- The same table and column names as in Supabase, so that people and programs find the same thing in both.
-- Times are ISO 8601 texts in UTC with six digits of a second: they sort as they read.
create table if not exists generated_images (
    id               integer primary key autoincrement,
    session_id       text    not null,
    target_object    text    not null,
    folded_name      text    not null default '',   -- of target_object, for the search: core.domain.naming.folded
    is_folded        integer not null default 0,    -- 0: by the rule of an older version
    iteration        integer not null,
    image_url        text,                          -- these two only in rows that came from an older system
    "3d_url"         text,
    status           text    not null check (status in ('running', 'completed', 'failed', 'cancelled', 'timeout')),
    stage            text    not null check (stage in ('queued', 'submitting', 'uncertain', 'blocked', 'generating',
                                                       'saving', 'attention', 'late', 'done')),
    created_at       text    not null,
    updated_at       text    not null,
    generator        text    not null,
    category         text    not null check (category in ('standard', 'p', 'convert', 'offline')),
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
    intent_at        text,
    account          text,                          -- fingerprint of the account the attempt was meant for
    settle_scans     integer not null default 0,
    scanned_at       text,
    cancelled_at     text,
    hint_at          text,
    fetch_tries      integer not null default 0,
    usage_missed_at  text,                          -- a whole list of the usage did not have the task yet
    usage_seen_at    text,
    usage_lag_s      real,
    credits_estimate text,                          -- decimals as text: never a float
    credits_used     text,
    error_code       text,
    error_message    text,
    idempotency_key  text    unique,
    request_hash     text    not null default '',
    retry_of         integer references generated_images (id),
    converted_from   integer references generated_images (id),
    change_number    integer not null default 0,    -- grows with every write to any row
    check ((stage = 'done') = (finished_at is not null)),
    check (status <> 'completed' or model is not null or "3d_url" is not null),
    check (stage not in ('generating', 'saving', 'late') or task_id is not null)
) strict;

create index if not exists generated_images_by_stage on generated_images (stage, category, id);
create index if not exists generated_images_due on generated_images (next_poll_at) where stage in ('generating', 'late', 'saving');
create index if not exists generated_images_changes on generated_images (change_number);
create index if not exists generated_images_by_status on generated_images (status, id);
create index if not exists generated_images_by_name on generated_images (folded_name, status);

create index if not exists generated_images_usage on generated_images (account, intent_at) where task_id is not null;

create index if not exists generated_images_usage_seen on generated_images (account, usage_seen_at) where task_id is not null;
create index if not exists generated_images_by_age on generated_images (created_at);

create index if not exists generated_images_by_nonce on generated_images (nonce) where nonce is not null;
create index if not exists generated_images_by_token on generated_images (image_token) where image_token is not null;

create index if not exists generated_images_conversions on generated_images (converted_from) where converted_from is not null;

create table if not exists job_events (
    id         integer primary key autoincrement,
    job_id     integer not null references generated_images (id),
    at         text    not null,
    before     text,
    after      text    not null,
    status     text    not null,
    attempt    integer not null,
    task_id    text,
    error_code text,
    note       text    not null
) strict;

create index if not exists job_events_of_job on job_events (job_id, id);

create table if not exists account_state (
    generator   text primary key,
    calls_after text not null                       -- no call of this account before this time
) strict;

create table if not exists account_facts (
    account      text primary key,
    echo_seen_at text,                              -- a normal task showed the nonce of its request
    balance      text,
    held         text,
    balance_at   text
) strict;

-- Tasks at the account that belonged to no job when they were seen. Once bound to a job they count no more.
create table if not exists seen_tasks (
    task_id       text primary key,
    account       text not null,
    source        text not null check (source in ('usage', 'webhook', 'journal')),
    type          text not null,
    status        text not null,
    created_at    text,
    credits_used  text,
    job_id        integer references generated_images (id),
    evidence      text not null,
    first_seen_at text not null
) strict;

create table if not exists webhook_deliveries (
    id          text primary key,                   -- of the signed body
    type        text not null,
    task_id     text,
    received_at text not null
) strict;

create table if not exists scheduler_heartbeats (
    owner text primary key,
    at    text not null
) strict;

-- Which table this is, for what lies outside of it and names it: a new one in every new file.
create table if not exists installation (
    only_row integer primary key check (only_row = 1),
    id       text not null
) strict;

-- How far the clock on the wall was ahead of the one since the machine started, so that it shows when somebody sets it.
create table if not exists store_clock (
    only_row integer primary key check (only_row = 1),
    boot_id  text not null,
    offset_s real not null,
    seen_at  text not null
) strict;
