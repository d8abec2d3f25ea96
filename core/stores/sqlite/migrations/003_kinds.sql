-- A job has a kind and a request; categories are named by generators. SQLite cannot drop a check, so the table is made
-- anew: a new one beside the old, which then takes its name. Numbers of rows that were removed are not given again.
create table generated_images_new (
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
    category         text    not null,              -- jobs of one category share a limit; its generator names it
    kind             text    not null default 'image_to_model',
    request          text,                          -- JSON, see core.domain.request_codec; null in rows of before kinds
    options          text    not null,              -- this, image and converted_from are what rows of before kinds have
    image            text,
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

insert into generated_images_new (
    id, session_id, target_object, folded_name, is_folded, iteration, image_url, "3d_url", status, stage,
    created_at, updated_at, generator, category, options, image, model, progress, attempt, nonce, image_token,
    send_by, task_id, owner, epoch, lease_until, not_before, next_poll_at, missed_count, missed_since, started_at,
    finished_at, intent_at, account, settle_scans, scanned_at, cancelled_at, hint_at, fetch_tries,
    usage_missed_at, usage_seen_at, usage_lag_s, credits_estimate, credits_used, error_code, error_message,
    idempotency_key, request_hash, retry_of, converted_from, change_number)
select
    id, session_id, target_object, folded_name, is_folded, iteration, image_url, "3d_url", status, stage,
    created_at, updated_at, generator, category, options, image, model, progress, attempt, nonce, image_token,
    send_by, task_id, owner, epoch, lease_until, not_before, next_poll_at, missed_count, missed_since, started_at,
    finished_at, intent_at, account, settle_scans, scanned_at, cancelled_at, hint_at, fetch_tries,
    usage_missed_at, usage_seen_at, usage_lag_s, credits_estimate, credits_used, error_code, error_message,
    idempotency_key, request_hash, retry_of, converted_from, change_number
from generated_images;

create temporary table newest as select seq from sqlite_sequence where name = 'generated_images';
drop table generated_images;
alter table generated_images_new rename to generated_images;
delete from sqlite_sequence where name in ('generated_images', 'generated_images_new');
insert into sqlite_sequence (name, seq) select 'generated_images', seq from newest;
drop table newest;

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

update generated_images set kind = case
    when converted_from is not null then 'convert_model'
    when options ->> '$.back' is not null then 'multiview_to_model'
    else 'image_to_model' end;
-- so that a job that costs nothing is known by its estimate alone
update generated_images set credits_estimate = '0' where generator = 'offline' and credits_estimate is null;
