-- Keys that callers gave to orders whose job has a key of its own, by which the same order is found.
create table request_keys (
    key          text    primary key,
    job_id       integer not null references generated_images (id),
    request_hash text    not null
) strict;

-- How long jobs of one category and kind took lately.
create index generated_images_usual on generated_images (category, kind, id) where status = 'completed' and started_at is not null;

-- Servers of before kinds would make one picture again of what was several views: core.domain.request_codec.
update generated_images set image = null where kind = 'multiview_to_model' and request is not null;
