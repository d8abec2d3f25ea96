-- name: insert_job<!
-- A new row; the id is the job's number for ever.
insert into generated_images (session_id, target_object, iteration, status, stage, created_at, updated_at, generator,
                              category, options, image, credits_estimate, idempotency_key, request_hash, retry_of,
                              change_number)
values (:session_id, :target_object, :iteration, 'running', 'queued', :now, :now, :generator, :category, :options,
        :image, :credits_estimate, :idempotency_key, :request_hash, :retry_of,
        (select coalesce(max(change_number), 0) + 1 from generated_images));

-- name: save_job!
-- Everything about a job that can change. The caller read the row in this same transaction.
update generated_images
set status = :status, stage = :stage, updated_at = :updated_at, model = :model, progress = :progress,
    attempt = :attempt, nonce = :nonce, image_token = :image_token, send_by = :send_by, task_id = :task_id,
    owner = :owner, epoch = :epoch, lease_until = :lease_until, not_before = :not_before, next_poll_at = :next_poll_at,
    missed_count = :missed_count, missed_since = :missed_since, started_at = :started_at, finished_at = :finished_at,
    credits_used = :credits_used, error_code = :error_code, error_message = :error_message,
    change_number = (select coalesce(max(change_number), 0) + 1 from generated_images)
where id = :id;

-- name: insert_event!
insert into job_events (job_id, at, before, after, status, attempt, task_id, error_code, note)
values (:job_id, :at, :before, :after, :status, :attempt, :task_id, :error_code, :note);

-- name: job_by_id^
select * from generated_images where id = :id;

-- name: job_by_idempotency_key^
select * from generated_images where idempotency_key = :key;

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
-- Tasks to be asked for now, the longest due first.
select j.*
from generated_images j
left join account_state a on a.generator = j.generator
where j.stage in ('generating', 'late') and j.generator = :generator and j.next_poll_at <= :now
  and (j.lease_until is null or j.lease_until <= :now)
  and (a.calls_after is null or a.calls_after <= :now)
order by j.next_poll_at
limit :limit;

-- name: due_for_saving
-- Finished tasks whose model nobody is fetching.
select * from generated_images
where stage = 'saving' and generator = :generator and next_poll_at <= :now and (lease_until is null or lease_until <= :now)
order by next_poll_at
limit :limit;

-- name: submitting_without_lease
select * from generated_images where stage = 'submitting' and (lease_until is null or lease_until <= :now);

-- name: started_before
-- Jobs of one stage that were started before a time.
select * from generated_images where stage = :stage and started_at <= :before;

-- name: blocked_of_generator
select * from generated_images where stage = 'blocked' and generator = :generator order by id;

-- name: find_jobs
-- One page, newest first. `needle` is a LIKE pattern over the folded name; `number` a job's number, or -1.
select * from generated_images
where (:needle = '' or fold(target_object) like :needle escape '\' or id = :number)
  and (:statuses = '' or instr(:statuses, ' ' || status || ' ') > 0)
order by id desc
limit :limit offset :offset;

-- name: count_jobs^
select count(*) from generated_images
where (:needle = '' or fold(target_object) like :needle escape '\' or id = :number)
  and (:statuses = '' or instr(:statuses, ' ' || status || ' ') > 0);

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
delete from scheduler_heartbeats where at < :before;

-- name: last_beat^
select owner, at from scheduler_heartbeats order by at desc limit 1;

-- name: uncertain_of_generator
select * from generated_images
where stage = 'uncertain' and generator = :generator and (lease_until is null or lease_until <= :now)
order by id
limit :limit;

-- name: job_of_task^
select id from generated_images where task_id = :task_id;
