-- Maquette's tables, functions and buckets. Paste the whole file into the SQL editor of your Supabase project and run it.
-- It works on an empty project and on an existing table generated_images, any number of times, and loses no row. What it
-- cannot work with it names before it has changed anything, with the statement that mends it (docs/deploy.md).
-- A test compares its columns, stages and constraints with the program's.
--
-- It runs in steps, each in a transaction of its own, so that a large table is never locked for long: look and shape
-- (exclusive, short), carry the rows in batches (writers wait for one batch), indexes (writers wait), and the rest
-- (exclusive, short). Cut off in between, run it again: it goes on where it was, and servers send nothing before the end.

begin;
set local lock_timeout = '10s';
-- A step below finds this function only if the look found nothing in the way.
drop function if exists public.maquette_carry(bigint, boolean);
commit;

begin;
set local lock_timeout = '10s';

-- What is in the way, one sentence each with what to do. Nothing was changed when it stops here.
do $look$
declare
    t oid := to_regclass('public.generated_images');
    relation pg_class;
    is_ours boolean;  -- an earlier run of this file shaped it
    said text[] := '{}';
    is_wrong boolean;
    wanted text;
    r record;
    originals constant text[] := array['id', 'session_id', 'target_object', 'image_url', 'iteration', '3d_url', 'created_at',
        'updated_at', 'status', 'task_id', 'error_message'];
    ours constant jsonb := '{"stage": "text", "generator": "text", "category": "text", "kind": "text", "request": "jsonb",
        "options": "jsonb", "image": "jsonb", "model": "jsonb", "progress": "integer", "attempt": "integer", "nonce": "bigint",
        "image_token": "text", "send_by": "timestamptz", "owner": "text", "epoch": "bigint", "lease_until": "timestamptz",
        "not_before": "timestamptz", "next_poll_at": "timestamptz", "missed_count": "integer", "missed_since": "timestamptz",
        "started_at": "timestamptz", "finished_at": "timestamptz", "intent_at": "timestamptz", "account": "text",
        "settle_scans": "integer", "scanned_at": "timestamptz", "cancelled_at": "timestamptz", "hint_at": "timestamptz",
        "fetch_tries": "integer", "usage_missed_at": "timestamptz", "usage_seen_at": "timestamptz",
        "usage_lag_s": "double precision", "credits_estimate": "numeric", "credits_used": "numeric", "error_code": "text",
        "idempotency_key": "text", "request_hash": "text", "retry_of": "bigint", "converted_from": "bigint",
        "change_number": "bigint", "folded_name": "text", "is_folded": "boolean", "add_id": "uuid", "write_id": "uuid"}';
    tables constant jsonb := '{"job_events": ["id", "job_id", "after"], "account_state": ["generator", "calls_after"],
        "account_facts": ["account", "echo_seen_at"], "seen_tasks": ["task_id", "account", "source"],
        "webhook_deliveries": ["id", "type", "received_at"], "scheduler_heartbeats": ["owner", "at"],
        "request_keys": ["key", "job_id", "request_hash"], "installation": ["only_row", "id"]}';
begin
    if (select count(*) from pg_roles where rolname in ('anon', 'authenticated', 'service_role')) < 3
       or to_regclass('storage.buckets') is null then
        raise exception 'Nothing was changed. This database is not a Supabase project''s: its roles anon, authenticated and service_role, or the table storage.buckets, are missing. Open the SQL editor of the project itself.';
    end if;
    for r in select key as name, value as columns from jsonb_each(tables) loop
        if to_regclass('public.' || r.name) is not null and (
            select count(*) from pg_attribute a join pg_class c on c.oid = a.attrelid
            where c.oid = to_regclass('public.' || r.name) and c.relkind = 'r' and not a.attisdropped
              and a.attname in (select jsonb_array_elements_text(r.columns))) < jsonb_array_length(r.columns) then
            said := said || format('There is a %s of yours in the schema public, and Maquette makes a table of that name. Give yours another: alter table public.%s rename to old_%s;', r.name, r.name, r.name);
        end if;
    end loop;
    select * into relation from pg_class where oid = t;
    if t is null then
        for r in select format('%I.generated_images', n.nspname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
                 where c.relname = 'generated_images' and c.relkind in ('r', 'p') and n.nspname !~ '^pg_' loop
            raise notice 'There is a table %. Maquette works in the schema public and makes an empty one there. If its rows shall be taken over, stop here, drop the empty table public.generated_images, and run: alter table % set schema public; Then run this file again.', r.name, r.name;
        end loop;
    elsif relation.relkind in ('v', 'm') then
        said := said || format('generated_images is a %s, and Maquette needs the table itself. Give the view another name: alter %s public.generated_images rename to generated_images_view; If a table lies behind it, give that the name generated_images.',
            case relation.relkind when 'v' then 'view' else 'materialized view' end, case relation.relkind when 'v' then 'view' else 'materialized view' end);
    elsif relation.relkind = 'p' then
        said := said || 'generated_images is partitioned, so its numbers cannot be unique by themselves. Copy it into a plain table: alter table public.generated_images rename to generated_images_parts; create table public.generated_images (like public.generated_images_parts including defaults); insert into public.generated_images select * from public.generated_images_parts;'::text;
    elsif relation.relkind = 'f' then
        said := said || 'generated_images is a foreign table: its rows lie in another database, where they cannot be held safely while a job is paid for. Copy it: alter foreign table public.generated_images rename to generated_images_far; create table public.generated_images as select * from public.generated_images_far;'::text;
    elsif relation.relkind <> 'r' then
        said := said || 'The name generated_images is taken in the schema public by something that is no table. Give that another name.'::text;
    else
        is_ours := to_regclass('public.maquette_changes') is not null
            and exists (select 1 from pg_attribute where attrelid = t and attname = 'change_number' and not attisdropped);
        if not pg_has_role(current_user, relation.relowner, 'usage') then
            said := said || format('The table generated_images belongs to %I, and you are %I. Run this file as its owner, or have the owner run: alter table public.generated_images owner to %I;', pg_get_userbyid(relation.relowner), current_user, current_user);
        end if;
        if relation.relpersistence = 'u' then
            said := said || 'generated_images is unlogged: the database empties it after a crash, and paid models with it. Run: alter table public.generated_images set logged;'::text;
        end if;
        if exists (select 1 from pg_inherits where t in (inhparent, inhrelid)) then
            said := said || 'generated_images inherits from another table or is inherited from, so its numbers are not unique over all its rows. Part them: alter table public.<child> no inherit public.generated_images;'::text;
        end if;
        for r in select rulename from pg_rewrite where ev_class = t and rulename <> '_RETURN' loop
            said := said || format('The rule %I changes what a write to generated_images does. Drop it: drop rule %I on public.generated_images;', r.rulename, r.rulename);
        end loop;

        -- the columns of before: of a type that works, or that can be made to
        for r in select a.attname as name, a.attnum, format_type(a.atttypid, null) as type, format_type(a.atttypid, a.atttypmod) as full_type,
                        y.typtype, y.typcategory, a.attgenerated <> '' as is_generated,
                        (select string_agg(distinct regexp_replace(pg_describe_object(d.classid, d.objid, 0), '^rule .* on ', ''), ', ')
                         from pg_depend d
                         left join pg_constraint k on d.classid = 'pg_constraint'::regclass and k.oid = d.objid
                         left join pg_attrdef e on d.classid = 'pg_attrdef'::regclass and e.oid = d.objid
                         where d.refclassid = 'pg_class'::regclass and d.refobjid = t and d.refobjsubid = a.attnum
                           and (d.classid in ('pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_trigger'::regclass)
                                or k.contype = 'f' or e.adnum <> a.attnum)) as users
                 from pg_attribute a join pg_type y on y.oid = a.atttypid
                 where a.attrelid = t and a.attnum > 0 and not a.attisdropped and a.attname = any (originals) loop
            if r.is_generated then
                said := said || format('The column %I is computed by the database, and Maquette has to write it. Run: alter table public.generated_images alter column %I drop expression;', r.name, r.name);
                continue;
            end if;
            wanted := case when r.name = 'id' then 'bigint' when r.name = 'iteration' then 'integer'
                           when r.name in ('created_at', 'updated_at') then 'timestamptz' else 'text' end;
            is_wrong := case wanted
                when 'bigint' then r.type not in ('integer', 'bigint')
                when 'integer' then r.type not in ('smallint', 'integer', 'bigint')
                when 'timestamptz' then r.type not in ('timestamp with time zone', 'timestamp without time zone', 'date')
                else r.typtype <> 'b' or r.typcategory <> 'S' and not (r.name in ('session_id', 'task_id') and r.type in ('uuid', 'integer', 'bigint')) end;
            if r.name = 'id' and is_wrong then
                said := said || format('The column id is of the type %s, and Maquette numbers its jobs. Keep yours under another name, and Maquette gives each row a number: alter table public.generated_images rename column id to old_id;', r.full_type);
            elsif r.name = 'iteration' and is_wrong then
                said := said || format('The column iteration is of the type %s, and Maquette needs whole numbers. Run: alter table public.generated_images alter column iteration drop default, alter column iteration type integer using iteration::text::integer;', r.full_type);
            elsif is_wrong then
                said := said || format('The column %I is of the %s %s, and Maquette needs %s. Run: alter table public.generated_images alter column %I drop default, alter column %I type %s using %I::text%s;',
                    r.name, case r.typtype when 'e' then 'enum' else 'type' end, r.full_type, case wanted when 'text' then 'text' else 'a time' end,
                    r.name, r.name, wanted, r.name, case wanted when 'text' then '' else '::timestamptz' end);
            elsif r.users is not null and r.full_type <> (case wanted when 'timestamptz' then 'timestamp with time zone' else wanted end)
                  and wanted <> 'bigint' and (wanted <> 'integer' or r.type = 'smallint') then
                said := said || format('The column %I is of the type %s and has to become %s, but this uses it: %s. Drop that, run this file, and make it again afterwards.',
                    r.name, r.full_type, wanted, r.users);
            end if;
        end loop;
        if exists (select 1 from pg_attribute where attrelid = t and attname = 'id' and not attisdropped and atttypid in (20, 23)) then
            for r in execute 'select count(*) filter (where id is null) as nulls, count(id) - count(distinct id) as twice from public.generated_images' loop
                if r.nulls + r.twice > 0 then
                    said := said || format('%s rows have no id or one that another row has. Give every row a number of its own: alter table public.generated_images rename column id to old_id; and run this file again.', r.nulls + r.twice);
                end if;
            end loop;
        end if;

        -- columns of theirs under the names of ours
        if not is_ours then
            for r in select a.attname as name, format_type(a.atttypid, a.atttypmod) as type, a.attgenerated <> '' as is_generated from pg_attribute a
                     where a.attrelid = t and a.attnum > 0 and not a.attisdropped and ours ? a.attname order by a.attnum loop
                execute format('select exists (select 1 from public.generated_images where %I is not null)', r.name) into is_wrong;
                if is_wrong or r.is_generated or r.type <> format_type((ours ->> r.name)::regtype, null) then
                    said := said || format('The column %I is yours, and Maquette has one of that name with another meaning. Keep yours under another name: alter table public.generated_images rename column %I to old_%s;', r.name, r.name, r.name);
                end if;
            end loop;
            if exists (select 1 from pg_attribute where attrelid = t and attname = 'task_id' and not attisdropped) then
                for r in execute 'select count(*) as many from public.generated_images where octet_length(task_id::text) > 2000' loop
                    if r.many > 0 then
                        said := said || format('%s rows have a task_id of more than 2,000 bytes, which is no task''s number. Keep what is there under another name: alter table public.generated_images rename column task_id to old_task_id;', r.many);
                    end if;
                end loop;
            end if;
        end if;

        -- what would refuse a new job
        for r in select a.attname as name, k.conname as key from pg_attribute a
                 left join pg_constraint k on k.conrelid = t and k.contype = 'p' and a.attnum = any (k.conkey)
                 where a.attrelid = t and a.attnum > 0 and not a.attisdropped and a.attnotnull
                   and not a.atthasdef and a.attidentity = '' and a.attname <> all (originals) and not ours ? a.attname loop
            said := said || format('The column %I may not be empty and has no default, so no new job could be written. Run: alter table public.generated_images %salter column %I drop not null;',
                r.name, case when r.key is null then '' else format('drop constraint %I, ', r.key) end, r.name);
        end loop;
        for r in select i.indexrelid::regclass as name, k.conname, i.indisprimary, string_agg(a.attname, ', ') as columns
                 from pg_index i join pg_attribute a on a.attrelid = t and a.attnum = any (i.indkey)
                 left join pg_constraint k on k.conindid = i.indexrelid and k.conrelid = t
                 where i.indrelid = t and i.indisunique and i.indexrelid::regclass::text not like '%maquette%'
                 group by 1, 2, 3
                 having not bool_or(a.attname in ('id', 'task_id')) and bool_and(a.attname = any (originals))
                     or i.indisprimary and bool_or(a.attname = any (originals)) and not bool_and(a.attname = 'id') loop
            said := said || format('%s allows each %s once, and would refuse a second job of the same. Run: %s', r.name, r.columns,
                case when r.conname is null then format('drop index public.%s;', r.name) else format('alter table public.generated_images drop constraint %I;', r.conname) end);
        end loop;
        for r in select k.conname, pg_get_expr(k.conbin, t) as condition, format_type(a.atttypid, a.atttypmod) as type
                 from pg_constraint k join pg_attribute a on a.attrelid = t and a.attname = 'status' and k.conkey = array[a.attnum]
                 join pg_type y on y.oid = a.atttypid and y.typtype = 'b'
                 where k.conrelid = t and k.contype = 'c' and k.conname not like 'maquette%' loop
            execute format('select string_agg(w, '', '') from (select w, w::%s as status from unnest(array[''running'', ''completed'', ''failed'', ''cancelled'', ''timeout'']) w) g where not (%s)', r.type, r.condition) into wanted;
            if wanted is not null then
                said := said || format('The constraint %I does not allow the status %s. Drop it, Maquette makes its own: alter table public.generated_images drop constraint %I;', r.conname, wanted, r.conname);
            end if;
        end loop;
        for r in select s.oid::regclass as name from pg_depend d join pg_attrdef e on d.classid = 'pg_attrdef'::regclass and e.oid = d.objid
                 join pg_attribute a on a.attrelid = e.adrelid and a.attnum = e.adnum and a.attname = 'id'
                 join pg_class s on s.oid = d.refobjid and s.relkind = 'S'
                 where e.adrelid = t and not pg_has_role(current_user, s.relowner, 'usage')
                   and case when s.relkind = 'S' then not has_sequence_privilege('service_role', s.oid, 'usage') end loop
            said := said || format('Numbers of new rows come from the sequence %s, which belongs to somebody else. Its owner has to run: grant usage, select, update on sequence %s to service_role;', r.name, r.name);
        end loop;

        -- what opens the rows to people; it is no obstacle
        for r in select policyname from pg_policies where schemaname = 'public' and tablename = 'generated_images' and permissive = 'PERMISSIVE'
                 and roles && array['public', 'anon', 'authenticated']::name[] loop
            raise notice 'The policy "%" opens rows of generated_images to people with the publishable key, or without one. This file takes their rights on the table away; so that they cannot come back: drop policy "%" on public.generated_images;', r.policyname, r.policyname;
        end loop;
    end if;
    for r in select distinct format('%I.%I', n.nspname, v.relname) as name from pg_depend d join pg_rewrite w on d.classid = 'pg_rewrite'::regclass and w.oid = d.objid
             join pg_class v on v.oid = w.ev_class and v.relkind in ('v', 'm') join pg_namespace n on n.oid = v.relnamespace
             where d.refclassid = 'pg_class'::regclass and d.refobjid = t and v.oid <> t
               and (has_any_column_privilege('anon', v.oid, 'select') or has_any_column_privilege('authenticated', v.oid, 'select')) loop
        raise notice 'The view % shows rows of generated_images to people with the publishable key, or without one, whatever rights they have on the table. Run: revoke all on % from public, anon, authenticated;', r.name, r.name;
    end loop;
    if said <> '{}' then
        raise exception using message = 'Maquette cannot work with this database yet, and nothing was changed. Mend this and run the file again:' || E'\n- ' || array_to_string(said, E'\n- ');
    end if;
end
$look$;

-- pg_trgm's functions stand outside the schema whose functions anybody may call over the network. One that was put into
-- `public` before is moved, or closed; where this role may do neither, the notice says what is left.
create schema if not exists extensions;
create extension if not exists pg_trgm with schema extensions;
do $$
declare
    f regprocedure;
    place text := (select extnamespace::regnamespace::text from pg_extension where extname = 'pg_trgm');
begin
    if place <> 'public' then
        return;
    end if;
    begin
        alter extension pg_trgm set schema extensions;
        return;
    exception when others then  -- somebody else's extension, or something else's name is taken there
        null;
    end;
    begin
        for f in select objid from pg_depend join pg_extension e on e.oid = refobjid
                 where extname = 'pg_trgm' and deptype = 'e' and classid = 'pg_proc'::regclass loop
            execute format('revoke all on function %s from public', f);
        end loop;
    exception when insufficient_privilege then
        raise notice 'Anybody may call the functions of the extension pg_trgm, which tell nothing of your rows. To '
                     'change that, run as their owner: alter extension pg_trgm set schema extensions;';
    end;
end
$$;

-- The database's clock is the only one that times are compared with.
create or replace function public.maquette_now() returns timestamptz
language sql volatile security invoker set search_path = pg_catalog, public, pg_temp
as $$ select pg_catalog.clock_timestamp() $$;

-- A name as it is searched for, nearly: the program folds names by its own rule (is_folded); this is for rows it has not
-- folded yet. Plain Latin letters come out the same.
create or replace function public.maquette_folded(p_name text) returns text
language sql immutable security invoker set search_path = pg_catalog, public, pg_temp
as $$
select left(case when octet_length(p_name) = char_length(p_name) then lower(p_name collate "C")
                 else normalize(replace(replace(lower(normalize(p_name, NFKC)), 'ß', 'ss'), 'ς', 'σ'), NFKC) end, 400)
$$;

-- What another program calls a status, in the five words of ours; a word that nobody knows is one of a job under way.
create or replace function public.maquette_word(p_status text) returns text
language sql immutable security invoker set search_path = pg_catalog, public, pg_temp
as $$
select case
    when p_status in ('completed', 'failed', 'cancelled', 'timeout') then p_status
    when lower(p_status) in ('completed', 'complete', 'success', 'succeeded', 'done', 'finished', 'ready') then 'completed'
    when lower(p_status) in ('failed', 'failure', 'error', 'banned') then 'failed'
    when lower(p_status) in ('cancelled', 'canceled', 'aborted') then 'cancelled'
    when lower(p_status) in ('timeout', 'timed_out', 'timed out', 'expired') then 'timeout'
    else 'running' end
$$;

-- A time that every program can read; "infinity" and years of five digits are none.
create or replace function public.maquette_is_time(p_at timestamptz) returns boolean
language sql immutable security invoker set search_path = pg_catalog, public, pg_temp
as $$ select p_at >= '0002-01-01 00:00:00+00' and p_at < '9999-01-01 00:00:00+00' $$;

-- ---------------------------------------------------------------------------------------------------------------- jobs

create sequence if not exists public.maquette_changes;

create table if not exists public.generated_images (
    id            bigint generated by default as identity primary key,
    session_id    text,
    target_object text,
    image_url     text,
    iteration     integer,
    "3d_url"      text,
    created_at    timestamptz not null default now()
);

-- A table that was there: what it lacks, its types, and a key.
alter table public.generated_images
    add column if not exists id            bigint generated by default as identity,
    add column if not exists session_id    text,
    add column if not exists target_object text,
    add column if not exists image_url     text,
    add column if not exists iteration     integer,
    add column if not exists "3d_url"      text,
    add column if not exists created_at    timestamptz;

do $$
declare
    t constant oid := 'public.generated_images'::regclass;
    parts text[];
    r record;
begin
    select array_agg(case
        when a.attname in ('created_at', 'updated_at') then format('alter column %I drop default, alter column %I type timestamptz using %I::timestamp at time zone ''UTC''', a.attname, a.attname, a.attname)
        when a.attname = 'iteration' then 'alter column iteration type integer'
        else format('alter column %I drop default, alter column %I type text using %I::text', a.attname, a.attname, a.attname) end) into parts
    from pg_attribute a
    where a.attrelid = t and not a.attisdropped
      and (a.attname in ('created_at', 'updated_at') and format_type(a.atttypid, null) in ('timestamp without time zone', 'date')
           or a.attname = 'iteration' and a.atttypid = 'smallint'::regtype
           or a.attname in ('session_id', 'target_object', 'image_url', '3d_url', 'status', 'task_id', 'error_message')
              and a.atttypid <> 'text'::regtype);
    if parts is not null then
        execute 'alter table public.generated_images ' || array_to_string(parts, ', ');
    end if;
    alter table public.generated_images alter column id set not null;
    if not exists (select 1 from pg_index where indrelid = t and indisunique and indisvalid and indpred is null and indexprs is null and indimmediate
                   and indnkeyatts = 1 and indkey[0] = (select attnum from pg_attribute where attrelid = t and attname = 'id')) then
        if exists (select 1 from pg_index where indrelid = t and indisprimary) then
            alter table public.generated_images add constraint maquette_id unique (id);
        else
            alter table public.generated_images add primary key (id);
        end if;
    end if;
    if exists (select 1 from pg_attribute where attrelid = t and attname = 'id' and attidentity = '' and not atthasdef) then
        alter table public.generated_images alter column id add generated by default as identity;
    end if;
    -- rows that came with their own numbers; the next one must be free
    for r in select s.oid::regclass as name from pg_class s join pg_depend d on s.oid in (d.objid, d.refobjid)
             left join pg_attrdef e on d.classid = 'pg_attrdef'::regclass and e.oid = d.objid
             join pg_attribute a on a.attrelid = t and a.attname = 'id'
             where s.relkind = 'S' and (d.refobjid = t and d.refobjsubid = a.attnum and d.classid = 'pg_class'::regclass
                                        or e.adrelid = t and e.adnum = a.attnum)
               and case when s.relkind = 'S' then pg_has_role(current_user, s.relowner, 'usage') end limit 1 loop
        if (select coalesce(max(id), 0) from public.generated_images) > coalesce(pg_sequence_last_value(r.name), 0) then
            perform setval(r.name, (select max(id) from public.generated_images));
        end if;
    end loop;
end
$$;

alter table public.generated_images
    add column if not exists status           text,
    add column if not exists task_id          text,
    add column if not exists updated_at       timestamptz,
    add column if not exists error_message    text,
    add column if not exists stage            text,
    add column if not exists generator        text not null default 'tripo',
    add column if not exists category         text not null default 'standard',
    add column if not exists kind             text not null default 'image_to_model',
    add column if not exists request          jsonb,   -- null in rows of before kinds, which have options, image and converted_from
    add column if not exists options          jsonb not null default '{}'::jsonb,
    add column if not exists image            jsonb,
    add column if not exists model            jsonb,
    add column if not exists progress         integer,
    add column if not exists attempt          integer not null default 0,
    add column if not exists nonce            bigint,
    add column if not exists image_token      text,
    add column if not exists send_by          timestamptz,
    add column if not exists owner            text,
    add column if not exists epoch            bigint not null default 0,
    add column if not exists lease_until      timestamptz,
    add column if not exists not_before       timestamptz,
    add column if not exists next_poll_at     timestamptz,
    add column if not exists missed_count     integer not null default 0,
    add column if not exists missed_since     timestamptz,
    add column if not exists started_at       timestamptz,
    add column if not exists finished_at      timestamptz,
    add column if not exists intent_at        timestamptz,
    add column if not exists account          text,         -- fingerprint of the account the attempt was meant for
    add column if not exists settle_scans     integer not null default 0,
    add column if not exists scanned_at       timestamptz,
    add column if not exists cancelled_at     timestamptz,
    add column if not exists hint_at          timestamptz,
    add column if not exists fetch_tries      integer not null default 0,
    add column if not exists usage_missed_at  timestamptz,
    add column if not exists usage_seen_at    timestamptz,
    add column if not exists usage_lag_s      double precision,
    add column if not exists credits_estimate numeric,
    add column if not exists credits_used     numeric,
    add column if not exists error_code       text,
    add column if not exists idempotency_key  text,
    add column if not exists request_hash     text not null default '',
    add column if not exists retry_of         bigint references public.generated_images (id),
    add column if not exists converted_from   bigint references public.generated_images (id),
    add column if not exists change_number    bigint,        -- grows with every write to any row
    add column if not exists folded_name      text,          -- of target_object, for the search
    add column if not exists is_folded        boolean not null default false,  -- by the program; false: nearly, by maquette_folded
    add column if not exists add_id           uuid,          -- of the write that made it: no later write changes it
    add column if not exists write_id         uuid;          -- of the last write: repeated after a lost answer, it is one.
                                                             -- Null in rows that another program wrote: nothing works on them

alter table public.generated_images
    alter column image_url drop not null,
    alter column image_url drop default,
    alter column "3d_url" drop not null,
    alter column "3d_url" drop default,
    alter column task_id drop not null,
    alter column task_id drop default,
    alter column error_message drop not null,
    alter column error_message drop default,
    alter column folded_name drop expression if exists;  -- an earlier update had the database fold names; values stay

-- A trial, which is taken back: whatever of this project's own would refuse a job speaks now, and not when one is paid.
do $$
declare
    reason text;
begin
    if exists (select 1 from pg_trigger where tgrelid = 'public.generated_images'::regclass and not tgisinternal and tgname like 'maquette%') then
        return;  -- jobs were written here before
    end if;
    begin
        insert into public.generated_images (id, session_id, target_object, iteration, status, stage)
        overriding system value
        values ((select coalesce(max(id), 0) + 1 from public.generated_images), '', '', 1, 'running', 'queued');
        update public.generated_images set image_url = '/api/jobs/0/image', "3d_url" = '/api/jobs/0/model.glb', task_id = 'a trial',
            status = 'completed', created_at = created_at, updated_at = now(), error_message = 'A trial.'
        where stage = 'queued';
        if not found then
            raise exception 'a new row vanishes';
        end if;
        raise exception using errcode = 'MQ001';
    exception
        when sqlstate 'MQ001' then
            null;
        when others then
            get stacked diagnostics reason = message_text;
            raise exception 'Maquette cannot work with this database yet, and nothing was changed. A new job was tried, and something of yours refused it: %. Drop or change that trigger or constraint, and run the file again.', reason;
    end;
end
$$;

-- Some rows of before, and what rows lack; how many it carried. With a model they are completed, without one nothing works
-- on them any more: none looks running, and what a column default once wrote into `status` is not believed. How another
-- program ended a job, and why, stays. Also ends what another program left under way for an hour. Triggers of this
-- project's own rest meanwhile: this is no news of a job.
create function public.maquette_carry(p_limit bigint, p_names boolean) returns bigint
language plpgsql volatile security invoker set search_path = pg_catalog, public, pg_temp
as $$
declare
    ids bigint[] := array(
        select id from public.generated_images
        where not p_names and (stage is null or (write_id is null and (
            stage = 'done' and status = 'running' and updated_at < now() - interval '1 hour'
            or stage <> 'done' and image is null and request is null)))  -- an earlier file took such a row for a job of ours
        order by id limit p_limit);
    unfolded bigint[] := array(
        select id from public.generated_images
        where p_names and not is_folded and stage is not null and folded_name is distinct from public.maquette_folded(target_object)
        limit p_limit);
    lacking bigint[] := array(
        select id from public.generated_images
        where not p_names and stage is not null and (session_id is null or target_object is null or iteration is null or generator is null or category is null
           or options is null or attempt is null or epoch is null or missed_count is null or settle_scans is null
           or fetch_tries is null or request_hash is null or progress is null
           or updated_at is null or created_at is null or change_number is null or folded_name is null
           or least(created_at, updated_at) < '0002-01-01 00:00:00+00' or greatest(created_at, updated_at) >= '9999-01-01 00:00:00+00') limit p_limit);
    resting text[] := array(
        select quote_ident(tgname) from pg_trigger
        where tgrelid = 'public.generated_images'::regclass and not tgisinternal and tgenabled = 'O');
    name text;
begin
    if cardinality(ids) + cardinality(unfolded) + cardinality(lacking) = 0 then
        return 0;
    end if;
    foreach name in array resting loop
        execute 'alter table public.generated_images disable trigger ' || name;
    end loop;
    update public.generated_images g
    set status = n.status,
        error_message = case
            when n.status = 'completed' then nullif(error_message, '')
            when n.word not in ('running', 'completed') then
                coalesce(nullif(error_message, ''), 'Another program made this job, and it ended as: ' || n.status || '. No reason was noted.')
            when coalesce(task_id, '') <> '' then
                concat_ws(' ', nullif(error_message, ''), 'Another program sent this job, and no model came of it here. Its task '
                    || left(task_id, 100) || ' may exist all the same, and be paid for: look it up at the service that makes the '
                    'models before you have it made again, or it may be paid twice.')
            else concat_ws(' ', nullif(error_message, ''), 'This job was made before the update, and no model came of it. Submit the picture again.') end,
        error_code = case when n.status = 'failed' and n.word in ('running', 'completed') then 'before_update' end,
        progress = case when n.status = 'completed' then 100 else 0 end,
        created_at = n.born, updated_at = n.changed, finished_at = n.changed, stage = 'done',
        session_id = coalesce(session_id, ''), target_object = coalesce(target_object, ''), iteration = coalesce(iteration, 1),
        generator = coalesce(generator, 'tripo'), category = coalesce(category, 'standard'), options = coalesce(options, '{}'::jsonb),
        attempt = coalesce(attempt, 0), epoch = coalesce(epoch, 0), missed_count = coalesce(missed_count, 0),
        settle_scans = coalesce(settle_scans, 0), fetch_tries = coalesce(fetch_tries, 0), request_hash = coalesce(request_hash, ''),
        folded_name = case when is_folded then folded_name else public.maquette_folded(coalesce(target_object, '')) end,
        change_number = nextval('public.maquette_changes')
    from (select o.id, w.word, b.born, case when public.maquette_is_time(o.updated_at) then o.updated_at else b.born end as changed,
                 case when w.word in ('running', 'completed') then case when coalesce(o."3d_url", '') <> '' then 'completed' else 'failed' end
                      else w.word end as status
          from public.generated_images o,
               lateral (select public.maquette_word(o.status) as word) w,
               lateral (select case when public.maquette_is_time(o.created_at) then o.created_at
                                    when public.maquette_is_time(o.updated_at) then o.updated_at else now() end as born) b
          where o.id = any (ids)) n
    where g.id = n.id;
    update public.generated_images set folded_name = public.maquette_folded(target_object) where id = any (unfolded);
    update public.generated_images
    set session_id = coalesce(session_id, ''), target_object = coalesce(target_object, ''),
        iteration = coalesce(iteration, 1), generator = coalesce(generator, 'tripo'),
        category = coalesce(category, 'standard'), options = coalesce(options, '{}'::jsonb),
        attempt = coalesce(attempt, 0), epoch = coalesce(epoch, 0), missed_count = coalesce(missed_count, 0),
        settle_scans = coalesce(settle_scans, 0), fetch_tries = coalesce(fetch_tries, 0),
        request_hash = coalesce(request_hash, ''),
        created_at = case when public.maquette_is_time(created_at) then created_at when public.maquette_is_time(updated_at) then updated_at else now() end,
        updated_at = case when public.maquette_is_time(updated_at) then updated_at when public.maquette_is_time(created_at) then created_at else now() end,
        progress = coalesce(progress, 0),
        folded_name = coalesce(folded_name, public.maquette_folded(coalesce(target_object, ''))),
        change_number = coalesce(change_number, nextval('public.maquette_changes'))
    where id = any (lacking);
    foreach name in array resting loop
        execute 'alter table public.generated_images enable trigger ' || name;
    end loop;
    return cardinality(ids) + cardinality(unfolded) + cardinality(lacking);
end
$$;
revoke all on function public.maquette_carry(bigint, boolean) from public, anon, authenticated;

commit;

-- Batches of 25,000 rows. What a very large table has more is carried in the last step.
begin; set local lock_timeout = '10s'; do $$ begin perform public.maquette_carry(25000, false); end $$; commit;
begin; set local lock_timeout = '10s'; do $$ begin perform public.maquette_carry(25000, false); end $$; commit;
begin; set local lock_timeout = '10s'; do $$ begin perform public.maquette_carry(25000, false); end $$; commit;
begin; set local lock_timeout = '10s'; do $$ begin perform public.maquette_carry(25000, false); end $$; commit;
begin; set local lock_timeout = '10s'; do $$ begin perform public.maquette_carry(25000, false); end $$; commit;
begin; set local lock_timeout = '10s'; do $$ begin perform public.maquette_carry(25000, false); end $$; commit;
begin; set local lock_timeout = '10s'; do $$ begin perform public.maquette_carry(25000, false); end $$; commit;
begin; set local lock_timeout = '10s'; do $$ begin perform public.maquette_carry(25000, false); end $$; commit;
begin; set local lock_timeout = '10s'; do $$ begin perform public.maquette_carry(25000, false); end $$; commit;
begin; set local lock_timeout = '10s'; do $$ begin perform public.maquette_carry(25000, false); end $$; commit;
begin; set local lock_timeout = '10s'; do $$ begin perform public.maquette_carry(25000, false); end $$; commit;
begin; set local lock_timeout = '10s'; do $$ begin perform public.maquette_carry(25000, false); end $$; commit;
begin; set local lock_timeout = '10s'; do $$ begin perform public.maquette_carry(25000, false); end $$; commit;
begin; set local lock_timeout = '10s'; do $$ begin perform public.maquette_carry(25000, false); end $$; commit;
begin; set local lock_timeout = '10s'; do $$ begin perform public.maquette_carry(25000, false); end $$; commit;
begin; set local lock_timeout = '10s'; do $$ begin perform public.maquette_carry(25000, false); end $$; commit;
-- Names that an earlier file folded by another rule.
begin; set local lock_timeout = '10s'; do $$ begin perform public.maquette_carry(null, true); end $$; commit;

-- Rows of before have no write_id: a task may be in several of them, and only ours are held to be unique.
begin;
set local lock_timeout = '10s';
create unique index if not exists maquette_task_of_one_job on public.generated_images (task_id) where task_id is not null and write_id is not null;
create unique index if not exists maquette_added_once on public.generated_images (add_id);
create unique index if not exists maquette_idempotency on public.generated_images (idempotency_key);
create index if not exists maquette_by_stage on public.generated_images (stage, category, id);
create index if not exists maquette_open on public.generated_images (id) where stage <> 'done';
commit;

begin;
set local lock_timeout = '10s';
create index if not exists maquette_due on public.generated_images (next_poll_at) where stage in ('generating', 'late', 'saving');
create index if not exists maquette_by_change on public.generated_images (change_number);
create index if not exists maquette_by_status on public.generated_images (status, id);
do $$
declare
    place text := (select n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_trgm');
begin
    execute format('create index if not exists maquette_by_name on public.generated_images using gin (folded_name %I.gin_trgm_ops)', place);
end
$$;
create index if not exists maquette_names on public.generated_images (folded_name, status, id);  -- short words have no trigram
commit;

begin;
set local lock_timeout = '10s';
-- What the program still has to fold.
create index if not exists maquette_unfolded on public.generated_images (id)
    where not is_folded and octet_length(target_object) <> char_length(target_object);
create index if not exists maquette_by_nonce on public.generated_images (nonce) where nonce is not null;
create index if not exists maquette_by_token on public.generated_images (image_token) where image_token is not null;
create index if not exists maquette_usage on public.generated_images (account, intent_at) where task_id is not null;
create index if not exists maquette_usage_seen on public.generated_images (account, usage_seen_at) where task_id is not null;
commit;

begin;
set local lock_timeout = '10s';
create index if not exists maquette_by_task on public.generated_images (task_id) where task_id is not null;
create index if not exists maquette_by_write on public.generated_images (write_id) where write_id is not null;
create index if not exists maquette_usual on public.generated_images (category, kind, id) where status = 'completed' and started_at is not null;
create index if not exists maquette_by_age on public.generated_images (created_at);
create index if not exists maquette_conversions on public.generated_images (converted_from) where converted_from is not null;
commit;

begin;
set local lock_timeout = '10s';
set local statement_timeout = '10min';

-- Nobody writes until the end: what another program wrote meanwhile is carried, too.
lock table public.generated_images in access exclusive mode;
do $$ begin perform public.maquette_carry(null, false); end $$;

update public.generated_images set kind = case
    when converted_from is not null then 'convert_model'
    when coalesce(options -> 'back', 'null'::jsonb) <> 'null'::jsonb then 'multiview_to_model' end
where request is null and kind = 'image_to_model'
  and (converted_from is not null or coalesce(options -> 'back', 'null'::jsonb) <> 'null'::jsonb);
-- Servers of before kinds would make one picture again of what was several views: without a picture they make nothing again.
update public.generated_images set image = null
where kind = 'multiview_to_model' and request is not null and image is not null;
-- so that a job that costs nothing is known by its estimate alone
update public.generated_images set credits_estimate = 0 where generator = 'offline' and credits_estimate is null;

alter table public.generated_images
    alter column session_id set not null,
    alter column target_object set not null,
    alter column iteration set not null,
    alter column status set default 'running',
    alter column status set not null,
    alter column stage drop default,  -- whoever names none is another program: see maquette_elsewhere
    alter column stage set not null,
    alter column created_at set default now(),
    alter column created_at set not null,
    alter column updated_at set default now(),
    alter column updated_at set not null,
    alter column generator set default 'tripo',
    alter column generator set not null,
    alter column category set default 'standard',
    alter column category set not null,
    alter column options set default '{}'::jsonb,
    alter column options set not null,
    alter column progress set default 0,
    alter column progress set not null,
    alter column attempt set default 0,
    alter column attempt set not null,
    alter column epoch set default 0,
    alter column epoch set not null,
    alter column missed_count set default 0,
    alter column missed_count set not null,
    alter column settle_scans set default 0,
    alter column settle_scans set not null,
    alter column fetch_tries set default 0,
    alter column fetch_tries set not null,
    alter column request_hash set default '',
    alter column request_hash set not null,
    alter column folded_name set not null,
    alter column change_number set default nextval('public.maquette_changes'),
    alter column change_number set not null;

alter table public.generated_images
    drop constraint if exists maquette_status,
    drop constraint if exists maquette_stage,
    drop constraint if exists maquette_category,
    drop constraint if exists maquette_progress,
    drop constraint if exists maquette_done,
    drop constraint if exists maquette_completed,
    drop constraint if exists maquette_task,
    drop constraint if exists maquette_times,
    add constraint maquette_status
        check (status in ('running', 'completed', 'failed', 'cancelled', 'timeout')),
    add constraint maquette_stage
        check (stage in ('queued', 'submitting', 'uncertain', 'blocked', 'generating', 'saving', 'attention', 'late', 'done')),
    add constraint maquette_progress check (progress between 0 and 100),
    add constraint maquette_done check ((stage = 'done') = (finished_at is not null)),
    add constraint maquette_completed
        check (status <> 'completed' or model is not null or "3d_url" is not null or write_id is null),
    add constraint maquette_task
        check (stage not in ('generating', 'saving', 'late') or task_id is not null),
    add constraint maquette_times  -- every program can read them
        check (least(created_at, updated_at) >= '0002-01-01 00:00:00+00' and greatest(created_at, updated_at) < '9999-01-01 00:00:00+00');

-- A row that another program writes into this table, as it always did: it names no stage, and no write of ours was ever at
-- it. It is taken as it comes, shown with its status, and never worked on.
create or replace function public.maquette_elsewhere() returns trigger
language plpgsql security invoker set search_path = pg_catalog, public, pg_temp
as $$
declare
    is_theirs boolean := false;
begin
    if tg_op = 'INSERT' then
        is_theirs := new.stage is null;
    elsif new.stage = 'done' and old.stage = 'done' then
        is_theirs := (new.status, new."3d_url", new.error_message, new.task_id)
                     is distinct from (old.status, old."3d_url", old.error_message, old.task_id);
    end if;
    if not public.maquette_is_time(new.created_at) then
        new.created_at := case when tg_op = 'UPDATE' then old.created_at else public.maquette_now() end;
    end if;
    if not public.maquette_is_time(new.updated_at) then
        new.updated_at := public.maquette_now();
    end if;
    if is_theirs then
        new.session_id := coalesce(new.session_id, '');
        new.target_object := coalesce(new.target_object, '');
        new.iteration := coalesce(new.iteration, 1);
        new.created_at := coalesce(new.created_at, public.maquette_now());
        new.updated_at := coalesce(new.updated_at, new.created_at);
        new.stage := 'done';
        new.finished_at := public.maquette_now();
        new.status := public.maquette_word(new.status);
        -- a model, and no word about it
        if coalesce(new."3d_url", '') <> '' and (new.status = 'running' or (tg_op = 'UPDATE' and new.status = old.status
                and old.error_code = 'before_update' and coalesce(old."3d_url", '') = '')) then
            new.status := 'completed';
        end if;
        new.progress := case when new.status = 'completed' then 100 else 0 end;
        if tg_op = 'UPDATE' and old.error_code = 'before_update' and new.status <> old.status then
            new.error_code := null;
            if new.error_message is not distinct from old.error_message then
                new.error_message := null;  -- ours, and no longer true
            end if;
        end if;
    end if;
    return new;
end
$$;
drop trigger if exists maquette_elsewhere on public.generated_images;
create trigger maquette_elsewhere before insert or update on public.generated_images
    for each row when (new.write_id is null) execute function public.maquette_elsewhere();

-- A name that the program did not fold is folded nearly.
create or replace function public.maquette_name() returns trigger
language plpgsql security invoker set search_path = pg_catalog, public, pg_temp
as $$
begin
    if tg_op = 'UPDATE' then
        if new.target_object is distinct from old.target_object and new.folded_name is not distinct from old.folded_name then
            new.is_folded := false;
        end if;
    end if;
    if not new.is_folded then
        new.folded_name := public.maquette_folded(new.target_object);
    end if;
    return new;
end
$$;
drop trigger if exists maquette_name on public.generated_images;
create trigger maquette_name before insert or update of target_object, folded_name, is_folded on public.generated_images
    for each row execute function public.maquette_name();

-- updated_at is when people last saw something new. Every write has a number; that usage was seen, or a name folded, is none.
create or replace function public.maquette_touch() returns trigger
language plpgsql security invoker set search_path = pg_catalog, public, pg_temp
as $$
declare
    noted public.generated_images := old;
begin
    new.updated_at := old.updated_at;
    if (new.status, new.stage, new.progress, new.attempt, new.task_id, new.started_at, new.finished_at, new.cancelled_at,
        new.model, new.credits_used, new.error_code, new.error_message, new.target_object, new."3d_url")
       is distinct from
       (old.status, old.stage, old.progress, old.attempt, old.task_id, old.started_at, old.finished_at, old.cancelled_at,
        old.model, old.credits_used, old.error_code, old.error_message, old.target_object, old."3d_url") then
        new.updated_at := public.maquette_now();
    end if;
    noted.usage_missed_at := new.usage_missed_at;
    noted.usage_seen_at := new.usage_seen_at;
    noted.usage_lag_s := new.usage_lag_s;
    noted.folded_name := new.folded_name;
    noted.is_folded := new.is_folded;
    if noted is distinct from new then
        new.change_number := nextval('public.maquette_changes');
    end if;
    return new;
end
$$;
drop trigger if exists maquette_touch on public.generated_images;
create trigger maquette_touch before update on public.generated_images
    for each row execute function public.maquette_touch();

create table if not exists public.job_events (
    id         bigint generated always as identity primary key,
    job_id     bigint not null references public.generated_images (id),
    at         timestamptz not null,
    before     text,
    after      text not null,
    status     text not null,
    attempt    integer not null,
    task_id    text,
    error_code text,
    note       text not null
);
create index if not exists job_events_of_job on public.job_events (job_id, id);

create table if not exists public.account_state (
    generator   text primary key,
    calls_after timestamptz not null
);
create table if not exists public.account_facts (
    account      text primary key,
    echo_seen_at timestamptz,
    balance      numeric,
    held         numeric,
    balance_at   timestamptz
);
create table if not exists public.seen_tasks (
    task_id       text primary key,
    account       text not null,
    source        text not null check (source in ('usage', 'webhook', 'journal')),
    type          text not null default '',
    status        text not null default '',
    created_at    timestamptz,
    credits_used  numeric,
    job_id        bigint references public.generated_images (id),
    evidence      text not null default '',
    first_seen_at timestamptz not null default now()
);
create index if not exists seen_tasks_of_job on public.seen_tasks (job_id) where job_id is not null;
create table if not exists public.webhook_deliveries (
    id          text primary key,
    type        text not null,
    task_id     text,
    received_at timestamptz not null
);
create table if not exists public.scheduler_heartbeats (
    owner text primary key,
    at    timestamptz not null
);
-- Keys that callers gave to orders whose job has a key of its own, by which the same order is found.
create table if not exists public.request_keys (
    key          text primary key,
    job_id       bigint not null references public.generated_images (id),
    request_hash text not null
);
-- Which table this is, for what lies on the servers' disks and names it; a project that is emptied gets another.
create table if not exists public.installation (
    only_row integer primary key check (only_row = 1),
    id       text not null
);

-- ----------------------------------------------------------------------------------------------------------- functions
-- Lists and rows come as JSON in a text: servers differ in how they hand an object to a jsonb parameter.

-- Rows by number, with the time: what a change is computed from.
create or replace function public.maquette_jobs(p_ids bigint[]) returns jsonb
language sql stable security invoker set search_path = pg_catalog, public, pg_temp
as $$
select jsonb_build_object('now', public.maquette_now(), 'rows', coalesce((
    select jsonb_agg(to_jsonb(j) order by j.id) from public.generated_images j where j.id = any (p_ids)), '[]'::jsonb))
$$;

-- Compare and set: each row only if it is as it was read, and its event with it. A repeated write is one write.
create or replace function public.maquette_write(p_writes text) returns setof public.generated_images
language plpgsql volatile security invoker set search_path = pg_catalog, public, pg_temp
as $$
declare
    w jsonb;
    r public.generated_images;
begin
    for w in select value from jsonb_array_elements(p_writes::jsonb) order by (value ->> 'id')::bigint loop
        select * into r from public.generated_images where id = (w ->> 'id')::bigint for update;
        if not found then
            continue;
        end if;
        if r.write_id = (w ->> 'write_id')::uuid then
            return next r;
            continue;
        end if;
        if r.change_number <> (w ->> 'version')::bigint
           or ((w ->> 'needs_lease')::boolean and (r.lease_until is null or r.lease_until <= (select public.maquette_now()))) then
            continue;
        end if;
        r := jsonb_populate_record(r, w -> 'row');
        update public.generated_images
        set status = r.status, stage = r.stage, model = r.model, progress = r.progress, attempt = r.attempt,
            nonce = r.nonce, image_token = r.image_token, send_by = r.send_by, task_id = r.task_id, owner = r.owner,
            epoch = r.epoch, lease_until = r.lease_until, not_before = r.not_before, next_poll_at = r.next_poll_at,
            missed_count = r.missed_count, missed_since = r.missed_since, started_at = r.started_at,
            finished_at = r.finished_at, intent_at = r.intent_at, account = r.account, settle_scans = r.settle_scans,
            scanned_at = r.scanned_at, cancelled_at = r.cancelled_at, hint_at = r.hint_at,
            fetch_tries = r.fetch_tries, credits_used = r.credits_used, error_code = r.error_code,
            error_message = r.error_message, write_id = (w ->> 'write_id')::uuid,
            "3d_url" = case when r.model is null then "3d_url" else '/api/jobs/' || r.id || '/model.' || coalesce(r.model ->> 'kind', 'glb') end
        where id = r.id
        returning * into r;
        if jsonb_typeof(w -> 'event') = 'object' then
            insert into public.job_events (job_id, at, before, after, status, attempt, task_id, error_code, note)
            values (r.id, public.maquette_now(), w -> 'event' ->> 'before', r.stage, r.status, r.attempt, r.task_id,
                    r.error_code, w -> 'event' ->> 'note');
        end if;
        return next r;
    end loop;
end
$$;

-- A write whose job asks a person about these tasks: they are remembered with it, or neither is.
create or replace function public.maquette_write_seen(p_writes text, p_tasks text) returns setof public.generated_images
language plpgsql volatile security invoker set search_path = pg_catalog, public, pg_temp
as $$
declare
    r public.generated_images;
begin
    for r in select * from public.maquette_write(p_writes) loop
        perform public.maquette_keep_seen(p_tasks);
        return next r;
    end loop;
end
$$;

-- What jobs created since then used, or may still use.
create or replace function public.maquette_credits(p_since timestamptz) returns numeric
language sql stable security invoker set search_path = pg_catalog, public, pg_temp
as $$
select coalesce(sum(coalesce(credits_used,
    case when stage = 'done' and (task_id is null or status = 'failed') then 0 else coalesce(credits_estimate, 0) end)), 0)
from public.generated_images where created_at >= p_since
$$;

-- The key that a caller gave to an order belongs to this job from now on.
create or replace function public.maquette_keep_key(p_new text, p_job bigint) returns void
language sql volatile security invoker set search_path = pg_catalog, public, pg_temp
as $$
insert into public.request_keys (key, job_id, request_hash)
select p_new::jsonb ->> 'caller_key', p_job, p_new::jsonb ->> 'caller_hash' where p_new::jsonb ->> 'caller_key' is not null
on conflict (key) do nothing
$$;

-- A new job; the same idempotency key, or the same write repeated, gives the same one. `of_key` says what the key that a
-- caller gave beside the job's own is: new, this request's from before, or another's.
create or replace function public.maquette_add(p_new text, p_write_id uuid, p_most numeric, p_since timestamptz) returns jsonb
language plpgsql volatile security invoker set search_path = pg_catalog, public, pg_temp
as $$
declare
    r public.generated_images;
    used numeric;
    caller text := p_new::jsonb ->> 'caller_key';
    wanted text := coalesce(p_new::jsonb ->> 'caller_key', p_new::jsonb ->> 'idempotency_key');
    kept public.request_keys;
begin
    if wanted is not null then  -- two requests under one key at the same moment, one after the other
        perform pg_advisory_xact_lock(hashtext('maquette key ' || wanted));
        select * into kept from public.request_keys where key = wanted;
        if found then
            select * into r from public.generated_images where id = kept.job_id;
            return jsonb_build_object('row', to_jsonb(r), 'created', r.add_id is not distinct from p_write_id, 'of_key',
                case when caller is null then 'new' when kept.request_hash = p_new::jsonb ->> 'caller_hash' then 'same' else 'other' end);
        end if;
    end if;
    if caller is not null then
        select * into r from public.generated_images where idempotency_key = caller;
        if found then
            return jsonb_build_object('row', to_jsonb(r), 'created', false, 'of_key', 'other');
        end if;
    end if;
    select * into r from public.generated_images
    where add_id = p_write_id or idempotency_key = p_new::jsonb ->> 'idempotency_key' limit 1;
    if found then
        perform public.maquette_keep_key(p_new, r.id);
        return jsonb_build_object('row', to_jsonb(r), 'created', r.add_id is not distinct from p_write_id, 'of_key', 'new');
    end if;
    if p_most is not null and coalesce((p_new::jsonb ->> 'credits_estimate')::numeric, 0) > 0 then
        perform pg_advisory_xact_lock(hashtext('maquette budget'));
        used := public.maquette_credits(p_since);
        if used + (p_new::jsonb ->> 'credits_estimate')::numeric > p_most then
            return jsonb_build_object('used', used);
        end if;
    end if;
    insert into public.generated_images (session_id, target_object, iteration, status, stage, created_at, updated_at,
        generator, category, kind, request, options, image, credits_estimate, idempotency_key, request_hash, retry_of, converted_from,
        folded_name, is_folded, write_id, add_id)
    values (p_new::jsonb ->> 'session_id', p_new::jsonb ->> 'target_object', (p_new::jsonb ->> 'iteration')::integer, 'running', 'queued',
        public.maquette_now(), public.maquette_now(), p_new::jsonb ->> 'generator', p_new::jsonb ->> 'category', coalesce(p_new::jsonb ->> 'kind', 'image_to_model'), p_new::jsonb -> 'request', p_new::jsonb -> 'options',
        nullif(p_new::jsonb -> 'image', 'null'::jsonb), (p_new::jsonb ->> 'credits_estimate')::numeric, p_new::jsonb ->> 'idempotency_key',
        p_new::jsonb ->> 'request_hash', (p_new::jsonb ->> 'retry_of')::bigint, (p_new::jsonb ->> 'converted_from')::bigint,
        p_new::jsonb ->> 'folded_name', p_new::jsonb ->> 'folded_name' is not null, p_write_id, p_write_id)
    on conflict do nothing
    returning * into r;
    if not found then  -- the same key, or the same call repeated, at the same moment
        select * into r from public.generated_images
        where add_id = p_write_id or idempotency_key = p_new::jsonb ->> 'idempotency_key' limit 1;
        perform public.maquette_keep_key(p_new, r.id);
        return jsonb_build_object('row', to_jsonb(r), 'created', r.add_id is not distinct from p_write_id, 'of_key', 'new');
    end if;
    perform public.maquette_keep_key(p_new, r.id);
    if r.image is not null or r.request -> 'inputs' is not null then
        update public.generated_images set image_url = '/api/jobs/' || r.id || '/image' where id = r.id returning * into r;
    end if;
    insert into public.job_events (job_id, at, before, after, status, attempt, note)
    values (r.id, r.created_at, null, 'queued', 'running', 0, p_new::jsonb ->> 'note');
    return jsonb_build_object('row', to_jsonb(r), 'created', true, 'of_key', 'new');
end
$$;

-- Claim jobs nobody holds, for this owner alone, with a new epoch. Servers of before kinds ask for 'queued', 'due' and
-- 'uncertain', and get only what they can make; newer ones ask for 'queued_any', 'due_any' and 'uncertain_any'. The old ones
-- take one kind's answers as a proof of what Tripo repeats of another's, and would send twice. 'saving' is for both.
create or replace function public.maquette_claim(p_kind text, p_owner text, p_lease_s double precision, p_generator text, p_limit integer, p_seconds double precision, p_slots text, p_write_id uuid) returns setof public.generated_images
language plpgsql volatile security invoker set search_path = pg_catalog, public, pg_temp
as $$
declare
    t timestamptz := public.maquette_now();
    ids bigint[] := '{}';
    found_ids bigint[];
    slot record;
    free integer;
begin
    if exists (select 1 from public.generated_images where write_id = p_write_id) then
        return query select * from public.generated_images where write_id = p_write_id;  -- the answer was lost
        return;
    end if;
    -- in a table that was moved away, or is not complete yet, nothing changes by itself: see core.services.migrate
    if p_kind not in ('queued', 'queued_any') and exists (
            select 1 from public.account_state where generator = p_generator and calls_after > t + interval '50 years') then
        return;
    end if;
    if p_kind in ('queued', 'queued_any') then
        perform pg_advisory_xact_lock(hashtext('maquette slots'));
        for slot in select key as category, value::integer as most from jsonb_each_text(p_slots::jsonb) loop
            select least(slot.most - count(*), p_limit) into free
            from public.generated_images
            where category = slot.category
              and (stage in ('submitting', 'uncertain', 'generating') or (stage = 'queued' and lease_until > t));
            if free > 0 then
                select coalesce(array_agg(id), '{}') into found_ids from (
                    select j.id from public.generated_images j
                    left join public.account_state a on a.generator = j.generator
                    where j.stage = 'queued' and j.category = slot.category
                      and (p_kind = 'queued_any' or j.kind in ('image_to_model', 'convert_model'))
                      and (j.lease_until is null or j.lease_until <= t) and (j.not_before is null or j.not_before <= t)
                      and (a.calls_after is null or a.calls_after <= t)
                    order by j.id limit free for update of j skip locked) f;
                ids := ids || found_ids;
            end if;
        end loop;
        ids := array(select unnest(ids) order by 1 limit p_limit);  -- the oldest of all categories
    elsif p_kind in ('due', 'due_any') then
        if exists (select 1 from public.account_state where generator = p_generator and calls_after > t)
           or not exists (select 1 from public.generated_images
                          where stage in ('generating', 'late') and generator = p_generator and next_poll_at <= t
                            and (p_kind = 'due_any' or kind in ('image_to_model', 'convert_model'))
                            and (lease_until is null or lease_until <= t)) then
            return;
        end if;
        select coalesce(array_agg(id), '{}') into ids from (
            select id from public.generated_images
            where stage in ('generating', 'late') and generator = p_generator
              and (p_kind = 'due_any' or kind in ('image_to_model', 'convert_model'))
              and next_poll_at <= t + make_interval(secs => p_seconds) and (lease_until is null or lease_until <= t)
            order by next_poll_at, id limit p_limit for update skip locked) f;
    elsif p_kind = 'saving' then
        select coalesce(array_agg(id), '{}') into ids from (
            select id from public.generated_images
            where stage = 'saving' and generator = p_generator and next_poll_at <= t
              and (lease_until is null or lease_until <= t)
            order by next_poll_at, id limit p_limit for update skip locked) f;
    elsif p_kind in ('uncertain', 'uncertain_any') then
        select coalesce(array_agg(id), '{}') into ids from (
            select j.id from public.generated_images j
            where (j.stage = 'uncertain' or (j.stage = 'attention' and (j.cancelled_at is not null
                   or not exists (select 1 from public.seen_tasks s where s.job_id = j.id
                                  and not exists (select 1 from public.generated_images o where o.task_id = s.task_id)))))
              and (p_kind = 'uncertain_any' or j.kind in ('image_to_model', 'convert_model'))
              and j.generator = p_generator and (j.lease_until is null or j.lease_until <= t)
              and (j.scanned_at is null or j.scanned_at <= t - make_interval(secs => p_seconds))
            order by j.id limit p_limit for update skip locked) f;
    end if;
    return query
        update public.generated_images
        set write_id = p_write_id, owner = p_owner, epoch = epoch + 1, lease_until = t + make_interval(secs => p_lease_s),
            hint_at = case when p_kind in ('due', 'due_any') then null else hint_at end
        where id = any (ids)
        returning *;
end
$$;

-- Jobs that a sweep moves on.
create or replace function public.maquette_stuck(p_kind text, p_age_s double precision, p_generator text) returns setof public.generated_images
language sql volatile security invoker set search_path = pg_catalog, public, pg_temp
as $$
select * from public.generated_images
where ((p_kind = 'submitting' and stage = 'submitting' and (lease_until is null or lease_until <= (select public.maquette_now())))
   or (p_kind = 'blocked' and stage = 'blocked' and generator = p_generator)
   or (p_kind in ('generating', 'late') and stage = p_kind
       and started_at <= (select public.maquette_now()) - make_interval(secs => p_age_s)))
  and generator not in (select a.generator from public.account_state a
                        where a.calls_after > (select public.maquette_now()) + interval '50 years')
order by id limit 500
$$;

-- Jobs that a sweep moves on, a batch after a number, with the time: what the changes are computed from.
create or replace function public.maquette_stuck_after(p_kind text, p_age_s double precision, p_generator text, p_after bigint, p_limit integer) returns jsonb
language sql volatile security invoker set search_path = pg_catalog, public, pg_temp
as $$
select jsonb_build_object('now', public.maquette_now(), 'rows', coalesce((select jsonb_agg(to_jsonb(f) order by f.id) from (
    select * from public.generated_images
    where ((p_kind = 'submitting' and stage = 'submitting' and (lease_until is null or lease_until <= (select public.maquette_now())))
        or (p_kind = 'blocked' and stage = 'blocked' and generator = p_generator)
        or (p_kind in ('generating', 'late') and stage = p_kind
            and started_at <= (select public.maquette_now()) - make_interval(secs => p_age_s)))
      and id > p_after
      and generator not in (select a.generator from public.account_state a
                            where a.calls_after > (select public.maquette_now()) + interval '50 years')
    order by id limit p_limit) f), '[]'::jsonb))
$$;

-- Names that the program has to fold.
create or replace function public.maquette_unfolded(p_limit integer) returns jsonb
language sql stable security invoker set search_path = pg_catalog, public, pg_temp
as $$
select coalesce(jsonb_agg(jsonb_build_object('id', f.id, 'target_object', f.target_object)), '[]'::jsonb) from (
    select id, target_object from public.generated_images
    where not is_folded and octet_length(target_object) <> char_length(target_object)
    order by id limit p_limit) f
$$;

-- Names that the program folded.
create or replace function public.maquette_fold(p_names text) returns void
language sql volatile security invoker set search_path = pg_catalog, public, pg_temp
as $$
update public.generated_images g set folded_name = n ->> 'folded_name', is_folded = true
from jsonb_array_elements(p_names::jsonb) n
where g.id = (n ->> 'id')::bigint and g.target_object = n ->> 'target_object'
$$;

-- One page of jobs, newest first, with both counts.
create or replace function public.maquette_page(p_needle text, p_number bigint, p_statuses text[], p_limit integer, p_offset integer) returns jsonb
language plpgsql stable security invoker set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_custom_plan  -- a plan for any word is a bad one for most
as $$
declare
    found_rows jsonb;
    total bigint;
begin
    if p_needle = '' and cardinality(p_statuses) = 0 then
        select coalesce(jsonb_agg(to_jsonb(f) order by f.id desc), '[]'::jsonb) into found_rows
        from (select * from public.generated_images order by id desc limit p_limit offset p_offset) f;
        select count(*) into total from public.generated_images;
    elsif p_needle = '' then
        select coalesce(jsonb_agg(to_jsonb(f) order by f.id desc), '[]'::jsonb) into found_rows
        from (select * from public.generated_images where status = any (p_statuses)
              order by id desc limit p_limit offset p_offset) f;
        select count(*) into total from public.generated_images where status = any (p_statuses);
    else
        with matching as materialized (
            select id from public.generated_images
            where (folded_name like p_needle or id = p_number)
              and (cardinality(p_statuses) = 0 or status = any (p_statuses)))
        select (select coalesce(jsonb_agg(to_jsonb(f) order by f.id desc), '[]'::jsonb)
                from (select j.* from public.generated_images j join matching m using (id)
                      order by j.id desc limit p_limit offset p_offset) f),
               (select count(*) from matching)
        into found_rows, total;
    end if;
    return jsonb_build_object('rows', found_rows, 'total', total,
                              'running', (select count(*) from public.generated_images where stage <> 'done'));
end
$$;

-- What happened to a job; null when there is none of this number.
create or replace function public.maquette_events(p_job bigint) returns jsonb
language sql stable security invoker set search_path = pg_catalog, public, pg_temp
as $$
select case when exists (select 1 from public.generated_images where id = p_job)
    then coalesce((select jsonb_agg(to_jsonb(e) order by e.id) from public.job_events e where e.job_id = p_job), '[]'::jsonb) end
$$;

-- Jobs written after a cursor.
create or replace function public.maquette_changed(p_cursor bigint, p_limit integer) returns setof public.generated_images
language sql stable security invoker set search_path = pg_catalog, public, pg_temp
as $$
select * from public.generated_images where change_number > p_cursor order by change_number limit p_limit
$$;

-- The number of this file; it grows with every change that a server can notice. A newer file keeps every function that
-- servers of the number before call, with the same arguments and answers, so that they can be replaced one by one.
create or replace function public.maquette_schema_version() returns integer
language sql immutable security invoker set search_path = pg_catalog, public, pg_temp
as $$ select 5 $$;

-- The number of this file, the oldest servers that it serves, and the newest job: jobs are never removed, so that number
-- never falls. `version` is for servers from before the numbers.
create or replace function public.maquette_table_state() returns jsonb
language sql stable security invoker set search_path = pg_catalog, public, pg_temp
as $$
select jsonb_build_object('version', 1, 'schema', public.maquette_schema_version(), 'serves', 1,
                          'newest', (select coalesce(max(id), 0) from public.generated_images))
$$;

-- Which table this is; named at the first question.
create or replace function public.maquette_installation() returns text
language plpgsql volatile security invoker set search_path = pg_catalog, public, pg_temp
as $$
begin
    if not exists (select 1 from public.installation) then
        insert into public.installation (only_row, id) values (1, replace(gen_random_uuid()::text, '-', ''))
        on conflict (only_row) do nothing;
    end if;
    return (select id from public.installation);
end
$$;

-- An installation that moved here takes its name along.
create or replace function public.maquette_name_installation(p_id text) returns void
language sql volatile security invoker set search_path = pg_catalog, public, pg_temp
as $$
insert into public.installation (only_row, id) values (1, p_id) on conflict (only_row) do update set id = excluded.id
$$;

-- The cursor of now.
create or replace function public.maquette_last_change() returns bigint
language sql stable security invoker set search_path = pg_catalog, public, pg_temp
as $$
select coalesce(max(change_number), 0) from public.generated_images
$$;

-- How many are ahead in line.
create or replace function public.maquette_queued_before(p_job bigint) returns bigint
language sql stable security invoker set search_path = pg_catalog, public, pg_temp
as $$
select count(*) from public.generated_images q, public.generated_images j
where j.id = p_job and q.stage = 'queued' and q.category = j.category and q.id < j.id
$$;

-- Jobs that make another file of this one's model, newest first.
create or replace function public.maquette_conversions(p_job bigint) returns setof public.generated_images
language sql stable security invoker set search_path = pg_catalog, public, pg_temp
as $$
select * from public.generated_images where converted_from = p_job order by id desc
$$;

-- Seconds that recent models took.
create or replace function public.maquette_durations(p_category text, p_limit integer) returns setof double precision
language sql stable security invoker set search_path = pg_catalog, public, pg_temp
as $$
select extract(epoch from finished_at - started_at)::double precision from public.generated_images
where status = 'completed' and category = p_category and started_at is not null order by id desc limit p_limit
$$;

-- The same of one category and kind. Servers of the version before ask without the kind.
create or replace function public.maquette_durations_of(p_category text, p_kind text, p_limit integer) returns setof double precision
language sql stable security invoker set search_path = pg_catalog, public, pg_temp
as $$
select extract(epoch from finished_at - started_at)::double precision from public.generated_images
where status = 'completed' and category = p_category and kind = p_kind and started_at is not null order by id desc limit p_limit
$$;

-- The job that a request with this idempotency key made, or ordered before.
create or replace function public.maquette_job_of_key(p_key text) returns setof public.generated_images
language sql stable security invoker set search_path = pg_catalog, public, pg_temp
as $$
select * from public.generated_images
where id = coalesce((select id from public.generated_images where idempotency_key = p_key),
                    (select job_id from public.request_keys where key = p_key))
$$;

-- The job whose newest attempt had this nonce or this token.
create or replace function public.maquette_job_of_intent(p_nonce bigint, p_token text) returns setof public.generated_images
language sql stable security invoker set search_path = pg_catalog, public, pg_temp
as $$
select * from public.generated_images where nonce = p_nonce or image_token = p_token order by id desc limit 1
$$;

-- The job that has a task.
create or replace function public.maquette_job_of_task(p_task text) returns setof public.generated_images
language sql stable security invoker set search_path = pg_catalog, public, pg_temp
as $$
select * from public.generated_images where task_id = p_task and write_id is not null limit 1
$$;

-- A scheduler is alive.
create or replace function public.maquette_beat(p_owner text) returns void
language sql volatile security invoker set search_path = pg_catalog, public, pg_temp
as $$
insert into public.scheduler_heartbeats (owner, at) values (p_owner, public.maquette_now())
on conflict (owner) do update set at = excluded.at;
delete from public.scheduler_heartbeats where at < (select public.maquette_now()) - interval '1 day'
  or at > (select public.maquette_now()) + interval '5 seconds';
$$;

-- The newest heartbeat.
create or replace function public.maquette_last_beat() returns jsonb
language sql stable security invoker set search_path = pg_catalog, public, pg_temp
as $$
select to_jsonb(b) from public.scheduler_heartbeats b order by b.at desc, b.owner collate "C" limit 1
$$;

-- All that the ticks of a process ask, in one answer: what is open, from when on it may be claimed, and the newest
-- change. It also says that this process is alive. What it counts, maquette_claim and maquette_stuck_after would find.
create or replace function public.maquette_look(p_owner text) returns jsonb
language plpgsql volatile security invoker set search_path = pg_catalog, public, pg_temp
as $$
declare
    t timestamptz := public.maquette_now();
begin
    if p_owner <> '' then
        perform public.maquette_beat(p_owner);
    end if;
    return jsonb_build_object(
        'now', t, 'state', public.maquette_table_state(), 'last_change', public.maquette_last_change(),
        'last_beat', public.maquette_last_beat(),
        'has_unfolded', exists (select 1 from public.generated_images
                                where not is_folded and octet_length(target_object) <> char_length(target_object)),
        'open', (select coalesce(jsonb_agg(to_jsonb(g)), '[]'::jsonb) from (
            select j.generator, j.category, j.stage, count(*) as count,
                   count(*) filter (where j.stage = 'queued' and j.lease_until > t) as leased,
                   round(extract(epoch from min(case
                       when j.stage in ('generating', 'late', 'saving') and j.next_poll_at is null then null
                       when j.stage in ('generating', 'late', 'saving') then greatest(t, j.lease_until, j.next_poll_at)
                       when j.stage = 'queued' then greatest(t, j.lease_until, j.not_before)
                       else greatest(t, j.lease_until) end) - t)::numeric, 3) as due_in_s,
                   round(extract(epoch from t - min(j.started_at))::numeric, 3) as oldest_s,
                   case when bool_and(j.scanned_at is not null)
                        then round(extract(epoch from t - min(j.scanned_at))::numeric, 3) end as scanned_ago_s
            from public.generated_images j where j.stage <> 'done' group by j.generator, j.category, j.stage) g));
end
$$;

-- No call of the account for a while; the longer wait wins.
create or replace function public.maquette_pause(p_generator text, p_wait_s double precision) returns void
language sql volatile security invoker set search_path = pg_catalog, public, pg_temp
as $$
insert into public.account_state (generator, calls_after)
values (p_generator, public.maquette_now() + make_interval(secs => p_wait_s))
on conflict (generator) do update set calls_after = greatest(account_state.calls_after, excluded.calls_after)
$$;

-- Seconds the account has to wait.
create or replace function public.maquette_wait_s(p_generator text) returns double precision
language sql stable security invoker set search_path = pg_catalog, public, pg_temp
as $$
select coalesce((select greatest(0, extract(epoch from calls_after - (select public.maquette_now())))::double precision
from public.account_state where generator = p_generator), 0)
$$;

-- What was observed of an account. The bound is a value, not a question, so that the planner sees how few rows are younger.
create or replace function public.maquette_facts(p_account text) returns jsonb
language plpgsql stable security invoker set search_path = pg_catalog, public, pg_temp
as $$
declare
    since timestamptz := public.maquette_now() - interval '1 day';
begin
    return (select jsonb_build_object(
        'echo_seen_at', f.echo_seen_at, 'balance', f.balance, 'held', f.held, 'balance_at', f.balance_at,
        'usage_lag_s', (select max(usage_lag_s) from public.generated_images
                        where account = p_account and task_id is not null and usage_seen_at > since),
        -- what failed may never be listed
        'usage_missing_s', (select round(extract(epoch from max(usage_missed_at - intent_at))::numeric, 3)
                            from public.generated_images
                            where account = p_account and task_id is not null and usage_seen_at is null
                              and intent_at > since and (stage <> 'done' or status = 'completed')))
    from (select 1) one left join public.account_facts f on f.account = p_account);
end
$$;

-- The account repeats nonces.
create or replace function public.maquette_note_echo(p_account text) returns void
language sql volatile security invoker set search_path = pg_catalog, public, pg_temp
as $$
insert into public.account_facts (account, echo_seen_at) values (p_account, public.maquette_now())
on conflict (account) do update set echo_seen_at = coalesce(account_facts.echo_seen_at, excluded.echo_seen_at)
$$;

-- What is left, and held.
create or replace function public.maquette_note_balance(p_account text, p_balance numeric, p_held numeric) returns void
language sql volatile security invoker set search_path = pg_catalog, public, pg_temp
as $$
insert into public.account_facts (account, balance, held, balance_at)
values (p_account, p_balance, p_held, public.maquette_now())
on conflict (account) do update set balance = excluded.balance, held = excluded.held, balance_at = excluded.balance_at
$$;

-- The oldest intent whose task is not in the usage list, or whose cost is unknown.
create or replace function public.maquette_usage_awaited(p_account text) returns timestamptz
language sql stable security invoker set search_path = pg_catalog, public, pg_temp
as $$
select min(intent_at) from public.generated_images
where account = p_account and task_id is not null and intent_at > (select public.maquette_now()) - interval '1 day'
  and (usage_seen_at is null or (stage = 'done' and credits_used is null))
$$;

-- Rows of the usage list: seen, how late, and what they cost.
create or replace function public.maquette_note_usage(p_account text, p_rows text, p_looked_every_s double precision) returns void
language plpgsql volatile security invoker set search_path = pg_catalog, public, pg_temp
as $$
declare
    t timestamptz := public.maquette_now();
begin
    -- how long the row took, as far as it can be told: our own pauses are not the vendor's
    update public.generated_images g
    set usage_seen_at = t,
        usage_lag_s = least(extract(epoch from t - g.intent_at),
                            coalesce(extract(epoch from g.usage_missed_at - g.intent_at), 0) + p_looked_every_s)
    where g.account = p_account and g.task_id is not null and g.intent_at > t - interval '1 day'
      and g.usage_seen_at is null
      and g.task_id in (select value ->> 'task_id' from jsonb_array_elements(p_rows::jsonb));
    update public.generated_images g set usage_missed_at = t
    where g.account = p_account and g.task_id is not null and g.intent_at > t - interval '1 day'
      and g.usage_seen_at is null;
    -- the bill of a task, also of a job that has ended; nothing else changes
    update public.generated_images g set credits_used = (u.value ->> 'credits_used')::numeric
    from jsonb_array_elements(p_rows::jsonb) u
    where g.account = p_account and g.task_id = u.value ->> 'task_id' and g.intent_at > t - interval '1 day'
      and (u.value ->> 'has_ended')::boolean and (u.value ->> 'credits_used') is not null
      and g.credits_used is distinct from (u.value ->> 'credits_used')::numeric;
end
$$;

-- Bound tasks of the account that a usage list names, with the time: what the bills are written from.
create or replace function public.maquette_jobs_of_tasks(p_account text, p_tasks text[]) returns jsonb
language sql volatile security invoker set search_path = pg_catalog, public, pg_temp
as $$
select jsonb_build_object('now', public.maquette_now(), 'rows', coalesce((
    select jsonb_agg(to_jsonb(j) order by j.id) from public.generated_images j
    where j.task_id = any (p_tasks) and j.account = p_account
      and j.intent_at > (select public.maquette_now()) - interval '1 day'), '[]'::jsonb))
$$;

-- An earlier file had it return a set of rows, which is the same list to the servers that call it.
do $$
begin
    if exists (select 1 from pg_proc where pronamespace = 'public'::regnamespace and proname = 'maquette_unbound' and proretset) then
        drop function public.maquette_unbound(text[]);
    end if;
end
$$;

-- Those of these tasks that belong to no job.
create or replace function public.maquette_unbound(p_tasks text[]) returns jsonb
language sql stable security invoker set search_path = pg_catalog, public, pg_temp
as $$
-- one value: a hosted project cuts lists of rows at a thousand
select coalesce(jsonb_agg(t), '[]'::jsonb) from unnest(p_tasks) t
where not exists (select 1 from public.generated_images where task_id = t)
$$;

-- Remember tasks that belong to no job; what is known only grows.
create or replace function public.maquette_keep_seen(p_tasks text) returns void
language plpgsql volatile security invoker set search_path = pg_catalog, public, pg_temp
as $$
declare
    t jsonb;
begin
    for t in select value from jsonb_array_elements(p_tasks::jsonb) loop  -- one by one: a task may be named twice
        insert into public.seen_tasks (task_id, account, source, type, status, created_at, credits_used, job_id, evidence, first_seen_at)
        values (t ->> 'task_id', t ->> 'account', t ->> 'source', t ->> 'type', t ->> 'status', (t ->> 'created_at')::timestamptz,
                (t ->> 'credits_used')::numeric, (t ->> 'job_id')::bigint, t ->> 'evidence', public.maquette_now())
        on conflict (task_id) do update
        set type = case when excluded.type = '' then seen_tasks.type else excluded.type end,
            status = case when excluded.status = '' then seen_tasks.status else excluded.status end,
            created_at = coalesce(excluded.created_at, seen_tasks.created_at),
            credits_used = coalesce(excluded.credits_used, seen_tasks.credits_used),
            job_id = coalesce(excluded.job_id, seen_tasks.job_id),
            evidence = case when excluded.evidence = '' then seen_tasks.evidence else excluded.evidence end;
    end loop;
end
$$;

-- Remembered tasks that still belong to no job.
create or replace function public.maquette_seen(p_job bigint, p_limit integer) returns setof public.seen_tasks
language sql stable security invoker set search_path = pg_catalog, public, pg_temp
as $$
select s.* from public.seen_tasks s
where (s.job_id = p_job or (p_job = -1 and not exists (select 1 from public.generated_images a
                                                       where a.id = s.job_id and a.stage = 'attention')))
  and not exists (select 1 from public.generated_images j where j.task_id = s.task_id)
order by coalesce(s.created_at, s.first_seen_at) desc, s.task_id collate "C" limit p_limit
$$;

-- Whether a task was named before it was bound.
create or replace function public.maquette_is_seen(p_task text) returns boolean
language sql stable security invoker set search_path = pg_catalog, public, pg_temp
as $$
select exists (select 1 from public.seen_tasks where task_id = p_task)
$$;

-- A signed webhook call: kept once, and its task is due at once.
create or replace function public.maquette_deliver(p_account text, p_id text, p_type text, p_task text) returns boolean
language plpgsql volatile security invoker set search_path = pg_catalog, public, pg_temp
as $$
declare
    is_new boolean;
begin
    insert into public.webhook_deliveries (id, type, task_id, received_at)
    values (p_id, p_type, p_task, public.maquette_now()) on conflict (id) do nothing;
    is_new := found;
    if not is_new then
        return false;
    end if;
    delete from public.webhook_deliveries where received_at < (select public.maquette_now()) - interval '7 days';
    if p_task is not null then
        update public.generated_images set hint_at = public.maquette_now(), next_poll_at = public.maquette_now()
        where task_id = p_task and stage in ('generating', 'late');
        if not exists (select 1 from public.generated_images where task_id = p_task) then
            insert into public.seen_tasks (task_id, account, source, first_seen_at)
            values (p_task, p_account, 'webhook', public.maquette_now())
            on conflict (task_id) do nothing;
        end if;
    end if;
    return true;
end
$$;

-- When the newest webhook call came.
create or replace function public.maquette_last_delivery() returns timestamptz
language sql stable security invoker set search_path = pg_catalog, public, pg_temp
as $$
select max(received_at) from public.webhook_deliveries
$$;

-- What lies in our buckets, a batch after a bucket and name, by bytes: for a look at all of it.
create or replace function public.maquette_stored_files(p_after text, p_limit integer) returns jsonb
language sql stable security invoker set search_path = pg_catalog, public, pg_temp
as $$
select coalesce(jsonb_agg(to_jsonb(f) order by f.bucket collate "C", f.name collate "C"), '[]'::jsonb) from (
    select bucket_id as bucket, name,
           case jsonb_typeof(metadata) when 'string' then (metadata #>> '{}')::jsonb else metadata end ->> 'size' as size
    from storage.objects
    where bucket_id in ('maquette-images', 'maquette-models')
      and (bucket_id || '/' || name) collate "C" > p_after collate "C"
    order by bucket_id collate "C", name collate "C" limit p_limit) f
$$;

-- Rows of another installation, with their own numbers; what is there already is left as it is.
create or replace function public.maquette_restore(p_table text, p_rows text) returns void
language plpgsql volatile security invoker set search_path = pg_catalog, public, pg_temp
as $$
begin
    if p_table = 'generated_images' then
        insert into public.generated_images (
            id, session_id, target_object, iteration, image_url, "3d_url", status, stage, created_at,
            updated_at, generator, category, kind, request, options, image, model, progress, attempt, nonce, image_token,
            send_by, task_id, owner, epoch, lease_until, not_before, next_poll_at, missed_count,
            missed_since, started_at, finished_at, intent_at, account, settle_scans, scanned_at,
            cancelled_at, hint_at, fetch_tries, usage_missed_at, usage_seen_at, usage_lag_s,
            credits_estimate, credits_used, error_code, error_message, idempotency_key, request_hash,
            retry_of, converted_from, folded_name, is_folded, change_number, write_id)
        overriding system value
        select
            id, session_id, target_object, iteration, image_url, "3d_url", status, stage, created_at,
            updated_at, generator, category, coalesce(kind, 'image_to_model'), request, options, image, model, progress, attempt, nonce, image_token,
            send_by, task_id, owner, epoch, lease_until, not_before, next_poll_at, missed_count,
            missed_since, started_at, finished_at, intent_at, account, settle_scans, scanned_at,
            cancelled_at, hint_at, fetch_tries, usage_missed_at, usage_seen_at, usage_lag_s,
            credits_estimate, credits_used, error_code, error_message, idempotency_key, request_hash,
            retry_of, converted_from, folded_name, folded_name is not null, change_number, write_id
        from jsonb_populate_recordset(null::public.generated_images, (
            select jsonb_agg(value || jsonb_build_object(
                'change_number', nextval('public.maquette_changes'),
                'write_id', case when coalesce(value ->> 'request', value ->> 'image', value ->> 'converted_from') is not null
                                 then gen_random_uuid() end,  -- none in rows of before, whose tasks need not be unique
                'image_url', case when coalesce(value ->> 'image', value -> 'request' ->> 'inputs') is null then value ->> 'image_url'
                                  else '/api/jobs/' || (value ->> 'id') || '/image' end,
                '3d_url', case when value ->> 'model' is null then value ->> '3d_url'
                               else '/api/jobs/' || (value ->> 'id') || '/model.' || coalesce(value -> 'model' ->> 'kind', 'glb') end) order by (value ->> 'id')::bigint)
            from jsonb_array_elements(p_rows::jsonb)))
        on conflict (id) do nothing;
        perform setval(pg_get_serial_sequence('public.generated_images', 'id'), (select max(id) from public.generated_images));
    elsif p_table = 'job_events' then
        insert into public.job_events overriding system value
        select * from jsonb_populate_recordset(null::public.job_events, p_rows::jsonb) on conflict (id) do nothing;
        perform setval(pg_get_serial_sequence('public.job_events', 'id'), (select max(id) from public.job_events));
    elsif p_table = 'account_facts' then
        insert into public.account_facts
        select * from jsonb_populate_recordset(null::public.account_facts, p_rows::jsonb) on conflict (account) do nothing;
    elsif p_table = 'seen_tasks' then
        insert into public.seen_tasks
        select * from jsonb_populate_recordset(null::public.seen_tasks, p_rows::jsonb) on conflict (task_id) do nothing;
    elsif p_table = 'webhook_deliveries' then
        insert into public.webhook_deliveries
        select * from jsonb_populate_recordset(null::public.webhook_deliveries, p_rows::jsonb) on conflict (id) do nothing;
    elsif p_table = 'request_keys' then
        insert into public.request_keys
        select * from jsonb_populate_recordset(null::public.request_keys, p_rows::jsonb) on conflict (key) do nothing;
    else
        raise exception 'not a table that moves: %', p_table;
    end if;
end
$$;

-- ------------------------------------------------------------------------------------------------------------- access
-- Only the server's secret key reads and writes. Row-level security is on, with no policy for anyone else.

alter table public.generated_images enable row level security;
revoke all on public.generated_images from public, anon, authenticated;
grant select, insert, update, delete on public.generated_images to service_role;
alter table public.job_events enable row level security;
revoke all on public.job_events from public, anon, authenticated;
grant select, insert, update, delete on public.job_events to service_role;
alter table public.account_state enable row level security;
revoke all on public.account_state from public, anon, authenticated;
grant select, insert, update, delete on public.account_state to service_role;
alter table public.account_facts enable row level security;
revoke all on public.account_facts from public, anon, authenticated;
grant select, insert, update, delete on public.account_facts to service_role;
alter table public.seen_tasks enable row level security;
revoke all on public.seen_tasks from public, anon, authenticated;
grant select, insert, update, delete on public.seen_tasks to service_role;
alter table public.webhook_deliveries enable row level security;
revoke all on public.webhook_deliveries from public, anon, authenticated;
grant select, insert, update, delete on public.webhook_deliveries to service_role;
alter table public.scheduler_heartbeats enable row level security;
revoke all on public.scheduler_heartbeats from public, anon, authenticated;
grant select, insert, update, delete on public.scheduler_heartbeats to service_role;
alter table public.request_keys enable row level security;
revoke all on public.request_keys from public, anon, authenticated;
grant select, insert, update, delete on public.request_keys to service_role;
alter table public.installation enable row level security;
revoke all on public.installation from public, anon, authenticated;
grant select, insert, update, delete on public.installation to service_role;
-- The sequences that number rows of our tables, and changes; no others. Rows that came from a backup have numbers already:
-- the sequences go on after the largest.
do $$
declare
    s record;
    most bigint;
begin
    for s in select distinct d.seq::regclass as name, d.tab::regclass as tab, a.attname as col
             from (select objid as seq, refobjid as tab, refobjsubid as num from pg_depend  -- owned by a column
                   where classid = 'pg_class'::regclass and refclassid = 'pg_class'::regclass and deptype in ('a', 'i')
                   union all
                   select refobjid, adrelid, adnum from pg_depend join pg_attrdef f on f.oid = objid  -- or its default
                   where classid = 'pg_attrdef'::regclass and refclassid = 'pg_class'::regclass) d
             join pg_class c on c.oid = d.seq and c.relkind = 'S'
             join pg_attribute a on a.attrelid = d.tab and a.attnum = d.num
             where d.tab in ('public.generated_images'::regclass, 'public.job_events'::regclass) loop
        begin
            execute format('revoke all on sequence %s from public, anon, authenticated', s.name);
            execute format('grant usage, select, update on sequence %s to service_role', s.name);
            execute format('select max(%I)::bigint from %s', s.col, s.tab) into most;
            perform setval(s.name, most) from pg_sequences q
            where format('%I.%I', q.schemaname, q.sequencename)::regclass = s.name and coalesce(q.last_value, 0) < most;
        exception when insufficient_privilege then
            if not has_sequence_privilege('service_role', s.name, 'usage') then
                raise exception 'The sequence % belongs to another role than the one that runs this file. Run as its owner: '
                                'grant usage, select, update on sequence % to service_role; and then this file again.', s.name, s.name;
            end if;
        end;
    end loop;
end
$$;
revoke all on function public.maquette_now() from public, anon, authenticated;
grant execute on function public.maquette_now() to service_role;
revoke all on function public.maquette_touch() from public, anon, authenticated;
grant execute on function public.maquette_touch() to service_role;
revoke all on function public.maquette_jobs(bigint[]) from public, anon, authenticated;
grant execute on function public.maquette_jobs(bigint[]) to service_role;
revoke all on function public.maquette_write(text) from public, anon, authenticated;
grant execute on function public.maquette_write(text) to service_role;
revoke all on function public.maquette_credits(timestamptz) from public, anon, authenticated;
grant execute on function public.maquette_credits(timestamptz) to service_role;
revoke all on function public.maquette_add(text, uuid, numeric, timestamptz) from public, anon, authenticated;
grant execute on function public.maquette_add(text, uuid, numeric, timestamptz) to service_role;
revoke all on function public.maquette_claim(text, text, double precision, text, integer, double precision, text, uuid) from public, anon, authenticated;
grant execute on function public.maquette_claim(text, text, double precision, text, integer, double precision, text, uuid) to service_role;
revoke all on function public.maquette_stuck(text, double precision, text) from public, anon, authenticated;
grant execute on function public.maquette_stuck(text, double precision, text) to service_role;
revoke all on function public.maquette_page(text, bigint, text[], integer, integer) from public, anon, authenticated;
grant execute on function public.maquette_page(text, bigint, text[], integer, integer) to service_role;
revoke all on function public.maquette_events(bigint) from public, anon, authenticated;
grant execute on function public.maquette_events(bigint) to service_role;
revoke all on function public.maquette_changed(bigint, integer) from public, anon, authenticated;
grant execute on function public.maquette_changed(bigint, integer) to service_role;
revoke all on function public.maquette_schema_version() from public, anon, authenticated;
grant execute on function public.maquette_schema_version() to service_role;
revoke all on function public.maquette_table_state() from public, anon, authenticated;
grant execute on function public.maquette_table_state() to service_role;
revoke all on function public.maquette_installation() from public, anon, authenticated;
grant execute on function public.maquette_installation() to service_role;
revoke all on function public.maquette_name_installation(text) from public, anon, authenticated;
grant execute on function public.maquette_name_installation(text) to service_role;
revoke all on function public.maquette_last_change() from public, anon, authenticated;
grant execute on function public.maquette_last_change() to service_role;
revoke all on function public.maquette_queued_before(bigint) from public, anon, authenticated;
grant execute on function public.maquette_queued_before(bigint) to service_role;
revoke all on function public.maquette_conversions(bigint) from public, anon, authenticated;
grant execute on function public.maquette_conversions(bigint) to service_role;
revoke all on function public.maquette_durations(text, integer) from public, anon, authenticated;
grant execute on function public.maquette_durations(text, integer) to service_role;
revoke all on function public.maquette_durations_of(text, text, integer) from public, anon, authenticated;
grant execute on function public.maquette_durations_of(text, text, integer) to service_role;
revoke all on function public.maquette_keep_key(text, bigint) from public, anon, authenticated;
grant execute on function public.maquette_keep_key(text, bigint) to service_role;
revoke all on function public.maquette_job_of_key(text) from public, anon, authenticated;
grant execute on function public.maquette_job_of_key(text) to service_role;
revoke all on function public.maquette_job_of_intent(bigint, text) from public, anon, authenticated;
grant execute on function public.maquette_job_of_intent(bigint, text) to service_role;
revoke all on function public.maquette_job_of_task(text) from public, anon, authenticated;
grant execute on function public.maquette_job_of_task(text) to service_role;
revoke all on function public.maquette_beat(text) from public, anon, authenticated;
grant execute on function public.maquette_beat(text) to service_role;
revoke all on function public.maquette_last_beat() from public, anon, authenticated;
grant execute on function public.maquette_last_beat() to service_role;
revoke all on function public.maquette_look(text) from public, anon, authenticated;
grant execute on function public.maquette_look(text) to service_role;
revoke all on function public.maquette_pause(text, double precision) from public, anon, authenticated;
grant execute on function public.maquette_pause(text, double precision) to service_role;
revoke all on function public.maquette_wait_s(text) from public, anon, authenticated;
grant execute on function public.maquette_wait_s(text) to service_role;
revoke all on function public.maquette_facts(text) from public, anon, authenticated;
grant execute on function public.maquette_facts(text) to service_role;
revoke all on function public.maquette_note_echo(text) from public, anon, authenticated;
grant execute on function public.maquette_note_echo(text) to service_role;
revoke all on function public.maquette_note_balance(text, numeric, numeric) from public, anon, authenticated;
grant execute on function public.maquette_note_balance(text, numeric, numeric) to service_role;
revoke all on function public.maquette_usage_awaited(text) from public, anon, authenticated;
grant execute on function public.maquette_usage_awaited(text) to service_role;
revoke all on function public.maquette_note_usage(text, text, double precision) from public, anon, authenticated;
grant execute on function public.maquette_note_usage(text, text, double precision) to service_role;
revoke all on function public.maquette_unbound(text[]) from public, anon, authenticated;
grant execute on function public.maquette_unbound(text[]) to service_role;
revoke all on function public.maquette_keep_seen(text) from public, anon, authenticated;
grant execute on function public.maquette_keep_seen(text) to service_role;
revoke all on function public.maquette_seen(bigint, integer) from public, anon, authenticated;
grant execute on function public.maquette_seen(bigint, integer) to service_role;
revoke all on function public.maquette_is_seen(text) from public, anon, authenticated;
grant execute on function public.maquette_is_seen(text) to service_role;
revoke all on function public.maquette_deliver(text, text, text, text) from public, anon, authenticated;
grant execute on function public.maquette_deliver(text, text, text, text) to service_role;
revoke all on function public.maquette_last_delivery() from public, anon, authenticated;
grant execute on function public.maquette_last_delivery() to service_role;
revoke all on function public.maquette_stored_files(text, integer) from public, anon, authenticated;
grant execute on function public.maquette_stored_files(text, integer) to service_role;
revoke all on function public.maquette_restore(text, text) from public, anon, authenticated;
grant execute on function public.maquette_restore(text, text) to service_role;
revoke all on function public.maquette_folded(text) from public, anon, authenticated;
grant execute on function public.maquette_folded(text) to service_role;
revoke all on function public.maquette_word(text) from public, anon, authenticated;
grant execute on function public.maquette_word(text) to service_role;
revoke all on function public.maquette_is_time(timestamptz) from public, anon, authenticated;
grant execute on function public.maquette_is_time(timestamptz) to service_role;
revoke all on function public.maquette_elsewhere() from public, anon, authenticated;
grant execute on function public.maquette_elsewhere() to service_role;
revoke all on function public.maquette_name() from public, anon, authenticated;
grant execute on function public.maquette_name() to service_role;
revoke all on function public.maquette_write_seen(text, text) from public, anon, authenticated;
grant execute on function public.maquette_write_seen(text, text) to service_role;
revoke all on function public.maquette_stuck_after(text, double precision, text, bigint, integer) from public, anon, authenticated;
grant execute on function public.maquette_stuck_after(text, double precision, text, bigint, integer) to service_role;
revoke all on function public.maquette_unfolded(integer) from public, anon, authenticated;
grant execute on function public.maquette_unfolded(integer) to service_role;
revoke all on function public.maquette_fold(text) from public, anon, authenticated;
grant execute on function public.maquette_fold(text) to service_role;
revoke all on function public.maquette_jobs_of_tasks(text, text[]) from public, anon, authenticated;
grant execute on function public.maquette_jobs_of_tasks(text, text[]) to service_role;

-- ------------------------------------------------------------------------------------------------------------ buckets
-- Private; what is in them is served by the program's own routes.

insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types) values
    ('maquette-images', 'maquette-images', false, 20971520, array['image/jpeg', 'image/png']),
    ('maquette-models', 'maquette-models', false, 536870912, array['model/gltf-binary', 'application/octet-stream', 'application/json', 'image/png', 'image/jpeg', 'image/webp'])
on conflict (id) do update
set public = excluded.public, file_size_limit = excluded.file_size_limit, allowed_mime_types = excluded.allowed_mime_types;

drop function public.maquette_carry(bigint, boolean);

commit;

notify pgrst, 'reload schema';
