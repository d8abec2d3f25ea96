-- name: insert_job<!
-- A new row; the id is the job's number for ever.
insert into generated_images (session_id, target_object, folded_name, iteration, status, stage, created_at, updated_at, generator,
                              category, kind, request, options, image, credits_estimate, idempotency_key, request_hash, retry_of,
                              converted_from, is_folded, change_number)
values (:session_id, :target_object, :folded_name, :iteration, 'running', 'queued', :now, :now, :generator, :category, :kind, :request, :options,
        :image, :credits_estimate, :idempotency_key, :request_hash, :retry_of,
        :converted_from, 1, (select coalesce(max(change_number), 0) + 1 from generated_images));

-- name: save_job!
-- Everything about a job that can change. The caller read the row in this same transaction.
update generated_images
set status = :status, stage = :stage, updated_at = :updated_at, model = :model, progress = :progress,
    attempt = :attempt, nonce = :nonce, image_token = :image_token, send_by = :send_by, task_id = :task_id,
    owner = :owner, epoch = :epoch, lease_until = :lease_until, not_before = :not_before, next_poll_at = :next_poll_at,
    missed_count = :missed_count, missed_since = :missed_since, started_at = :started_at, finished_at = :finished_at,
    credits_used = :credits_used, error_code = :error_code, error_message = :error_message,
    intent_at = :intent_at, account = :account, settle_scans = :settle_scans, scanned_at = :scanned_at,
    cancelled_at = :cancelled_at, hint_at = :hint_at, fetch_tries = :fetch_tries,
    change_number = (select coalesce(max(change_number), 0) + 1 from generated_images)
where id = :id;

-- name: insert_event!
insert into job_events (job_id, at, before, after, status, attempt, task_id, error_code, note)
values (:job_id, :at, :before, :after, :status, :attempt, :task_id, :error_code, :note);

-- name: job_by_id^
select * from generated_images where id = :id;

-- name: conversions
-- Jobs that make another file of this one's model, newest first.
select * from generated_images where converted_from = :job_id order by id desc;

-- name: job_by_idempotency_key^
-- Also by a key that a caller gave to an order whose job has one of its own.
select * from generated_images
where idempotency_key = :key or id = (select job_id from request_keys where key = :key);

-- name: request_key^
select job_id, request_hash from request_keys where key = :key;

-- name: keep_request_key!
insert into request_keys (key, job_id, request_hash) values (:key, :job_id, :request_hash) on conflict (key) do nothing;

-- name: slots_taken
-- Open tasks of each category, and claimed queued jobs, which hold their slot while the lease lasts.
select category, count(*) as taken
from generated_images
where stage in ('submitting', 'uncertain', 'generating') or (stage = 'queued' and lease_until > :now)
group by category;

-- name: queued_of_category
-- The oldest queued jobs of one category that nobody holds, whose time has come and whose account need not wait.
select j.*
from generated_images j
left join account_state a on a.generator = j.generator
where j.stage = 'queued' and j.category = :category
  and (j.lease_until is null or j.lease_until <= :now)
  and (j.not_before is null or j.not_before <= :now)
  and (a.calls_after is null or a.calls_after <= :now)
order by j.id
limit :limit;

-- name: due_for_poll
-- Tasks to be asked for until `soon`, the longest due first.
select j.*
from generated_images j
left join account_state a on a.generator = j.generator
where j.stage in ('generating', 'late') and j.generator = :generator and j.next_poll_at <= :soon
  and (j.lease_until is null or j.lease_until <= :now)
  and (a.calls_after is null or a.calls_after <= :now)
order by j.next_poll_at, j.id
limit :limit;

-- name: due_for_saving
-- Finished tasks whose model nobody is fetching.
-- In a table that was moved away, or is not complete yet, nothing changes by itself: see core.services.migrate.
select * from generated_images
where stage = 'saving' and generator = :generator and next_poll_at <= :now and (lease_until is null or lease_until <= :now)
  and generator not in (select generator from account_state where calls_after > datetime(:now, '+50 years'))
order by next_poll_at, id
limit :limit;

-- name: submitting_without_lease
select * from generated_images where stage = 'submitting' and (lease_until is null or lease_until <= :now)
  and generator not in (select generator from account_state where calls_after > datetime(:now, '+50 years'))
order by id;

-- name: started_before
-- Jobs of one stage that were started before a time.
select * from generated_images where stage = :stage and started_at <= :before
  and generator not in (select generator from account_state where calls_after > datetime(:before, '+50 years'))
order by id;

-- name: blocked_of_generator
select * from generated_images where stage = 'blocked' and generator = :generator
  and generator not in (select generator from account_state where calls_after > datetime('now', '+50 years'))
order by id;

-- name: newest_jobs
select * from generated_images order by id desc limit :limit offset :offset;

-- name: count_jobs^
select count(*) from generated_images;

-- name: find_jobs
-- One page, newest first. `needle` is part of a folded name or empty; `number` a job's number, or -1; `statuses` a JSON
-- list, empty for all. The inner query reads nothing but the index of names.
select * from generated_images
where id in (select id from generated_images indexed by generated_images_by_name
             where (instr(folded_name, :needle) > 0 or id = :number)
               and (:statuses = '[]' or status in (select value from json_each(:statuses)))
             order by id desc limit :limit offset :offset)
order by id desc;

-- name: count_found^
select count(*) from generated_images indexed by generated_images_by_name
where (instr(folded_name, :needle) > 0 or id = :number)
  and (:statuses = '[]' or status in (select value from json_each(:statuses)));

-- name: count_open^
select count(*) from generated_images
where stage in ('queued', 'submitting', 'uncertain', 'blocked', 'generating', 'saving', 'attention', 'late');

-- name: changed_after
select * from generated_images where change_number > :cursor order by change_number limit :limit;

-- name: queued_before^
select count(*) from generated_images
where stage = 'queued' and category = :category and id < :id;

-- name: events_of_job
select * from job_events where job_id = :job_id order by id;

-- name: pause_account!
-- The longer wait wins.
insert into account_state (generator, calls_after) values (:generator, :until)
on conflict (generator) do update set calls_after = max(calls_after, excluded.calls_after);

-- name: account_pause^
select calls_after from account_state where generator = :generator;

-- name: beat!
insert into scheduler_heartbeats (owner, at) values (:owner, :at)
on conflict (owner) do update set at = excluded.at;

-- name: forget_old_beats!
delete from scheduler_heartbeats where at < :before or at > :after;

-- name: last_beat^
select owner, at from scheduler_heartbeats order by at desc, owner limit 1;

-- name: uncertain_of_generator
-- A person decides between tasks of nobody; what is another job's by now is no candidate, and the search goes on.
select * from generated_images
where (stage = 'uncertain'
       or (stage = 'attention' and (cancelled_at is not null
                                    or not exists (select 1 from seen_tasks s where s.job_id = generated_images.id
                                                   and not exists (select 1 from generated_images o
                                                                   where o.task_id = s.task_id)))))
  and generator = :generator and (lease_until is null or lease_until <= :now)
  and (scanned_at is null or scanned_at <= :scanned_before)
  and generator not in (select generator from account_state where calls_after > datetime(:now, '+50 years'))
order by id
limit :limit;

-- name: job_of_task^
select id from generated_images where task_id = :task_id;

-- name: facts_of_account^
-- The lag is the longest of the last day; what failed may never be listed.
select f.*, (select max(usage_lag_s) from generated_images
             where account = :account and task_id is not null and usage_seen_at > :since) as usage_lag_s,
       (select max(round((julianday(usage_missed_at) - julianday(intent_at)) * 86400, 3)) from generated_images
        where account = :account and task_id is not null and intent_at > :since and usage_seen_at is null
          and (stage <> 'done' or status = 'completed')) as usage_missing_s
from (select :account as wanted) left join account_facts f on f.account = wanted;

-- name: note_echo!
insert into account_facts (account, echo_seen_at) values (:account, :now)
on conflict (account) do update set echo_seen_at = coalesce(echo_seen_at, excluded.echo_seen_at);

-- name: note_balance!
insert into account_facts (account, balance, held, balance_at) values (:account, :balance, :held, :now)
on conflict (account) do update
set balance = excluded.balance, held = excluded.held, balance_at = excluded.balance_at;

-- name: usage_awaited
-- Bound tasks of the account whose row in usage was not seen yet, or whose final credits are unknown.
select id, task_id, intent_at, send_by, usage_missed_at, usage_seen_at from generated_images
where account = :account and task_id is not null and intent_at > :since
  and (usage_seen_at is null or (stage = 'done' and credits_used is null))
order by intent_at;

-- name: mark_usage_seen!
update generated_images set usage_seen_at = :now, usage_lag_s = :lag_s where id = :id and usage_seen_at is null;

-- name: mark_usage_missed!
update generated_images set usage_missed_at = :now where id = :id;

-- name: jobs_of_tasks
-- Bound tasks of the account that a usage list names.
select * from generated_images
where task_id in (select value from json_each(:task_ids)) and account = :account and intent_at > :since
order by id;

-- name: bound_tasks
select task_id from generated_images where task_id in (select value from json_each(:task_ids));

-- name: keep_orphaned!
-- What is known of a task only grows; a webhook names no more than its id.
insert into seen_tasks (task_id, account, source, type, status, created_at, credits_used, job_id, evidence, first_seen_at)
values (:task_id, :account, :source, :type, :status, :created_at, :credits_used, :job_id, :evidence, :now)
on conflict (task_id) do update
set type = case when excluded.type = '' then type else excluded.type end,
    status = case when excluded.status = '' then status else excluded.status end,
    created_at = coalesce(excluded.created_at, created_at),
    credits_used = coalesce(excluded.credits_used, credits_used),
    job_id = coalesce(excluded.job_id, job_id),
    evidence = case when excluded.evidence = '' then evidence else excluded.evidence end;

-- name: orphaned_tasks
-- Those that still belong to no job. `job_id` -1: all but those that a person is being asked about.
select * from seen_tasks s
where (s.job_id = :job_id
       or (:job_id = -1 and not exists (select 1 from generated_images a where a.id = s.job_id and a.stage = 'attention')))
  and not exists (select 1 from generated_images j where j.task_id = s.task_id)
order by coalesce(s.created_at, s.first_seen_at) desc, s.task_id
limit :limit;

-- name: is_seen^
select 1 as known from seen_tasks where task_id = :task_id;

-- name: insert_delivery!
insert into webhook_deliveries (id, type, task_id, received_at) values (:id, :type, :task_id, :now);

-- name: delivery_by_id^
select id from webhook_deliveries where id = :id;

-- name: forget_old_deliveries!
delete from webhook_deliveries where received_at < :before;

-- name: last_delivery^
select max(received_at) as at from webhook_deliveries;

-- name: hint_task!
-- There is news of this task: it is due at once.
update generated_images
set hint_at = :now, next_poll_at = :now,
    change_number = (select coalesce(max(change_number), 0) + 1 from generated_images)
where task_id = :task_id and stage in ('generating', 'late') and (hint_at is not :now or next_poll_at is not :now);

-- name: credits_of_jobs
-- For the budget: what jobs created since then used or may still use.
select credits_used, case when stage = 'done' and (task_id is null or status = 'failed') then null else credits_estimate end
       as may_use
from generated_images where created_at >= :since;

-- name: recent_durations
select started_at, finished_at from generated_images
where status = 'completed' and category = :category and kind = :kind and started_at is not null
order by id desc limit :limit;

-- name: job_of_intent^
-- The newest job whose attempt had this nonce or this token of a picture.
select * from generated_images
where (:nonce is not null and nonce = :nonce) or (:image_token is not null and image_token = :image_token)
order by id desc
limit 1;

-- name: newest_id^
select coalesce(max(id), 0) from generated_images;

-- name: last_change^
select coalesce(max(change_number), 0) from generated_images;

-- name: installation^
select id from installation;

-- name: name_installation!
-- Once; whoever comes later gets the same.
insert into installation (only_row, id) values (1, :id) on conflict (only_row) do nothing;
