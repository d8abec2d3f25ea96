pragma user_version = 0;
BEGIN TRANSACTION;
CREATE TABLE account_facts (
    account      text primary key,
    echo_seen_at text,                              -- a normal task showed the nonce of its request
    balance      text,
    held         text,
    balance_at   text
) strict;
INSERT INTO "account_facts" VALUES('account-1','2025-12-31T10:24:11.000000+00:00','812.5','60','2025-12-31T10:24:11.000000+00:00');
CREATE TABLE account_state (
    generator   text primary key,
    calls_after text not null                       -- no call of this account before this time
) strict;
CREATE TABLE generated_images (
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
    change_number    integer not null default 0,    -- grows with every write to any row
    check ((stage = 'done') = (finished_at is not null)),
    check (status <> 'completed' or model is not null),
    check (stage not in ('generating', 'saving', 'late') or task_id is not null)
) strict;
INSERT INTO "generated_images" VALUES(1,'session','Never came',1,'timeout','done','2025-12-30T09:00:01.000000+00:00','2025-12-31T10:11:52.000000+00:00','tripo','standard','{"model": "v3.1-20260211", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard"}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,90,1,101,'file_1','2025-12-30T09:00:21.000000+00:00','old-never',NULL,3,NULL,NULL,'2026-04-25T02:58:32.000000+00:00',0,NULL,'2025-12-30T09:00:02.000000+00:00','2025-12-31T10:11:52.000000+00:00','2025-12-30T09:00:01.000000+00:00','account-1',0,NULL,NULL,NULL,0,NULL,NULL,NULL,'30',NULL,'timeout','No model came within the time it was watched.',NULL,'hash of Never came',NULL,13);
INSERT INTO "generated_images" VALUES(2,'session','Cup',1,'completed','done','2025-12-31T10:11:53.000000+00:00','2025-12-31T10:12:00.000000+00:00','tripo','standard','{"model": "v3.1-20260211", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard"}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}','{"key": "models/2/model.glb", "size_bytes": 5, "sha256": "9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4", "face_count": 12, "vertex_count": 8}',100,1,102,'file_2','2025-12-31T10:12:13.000000+00:00','old-cup','old server',3,NULL,NULL,'2025-12-31T10:11:59.000000+00:00',0,NULL,'2025-12-31T10:11:54.000000+00:00','2025-12-31T10:12:00.000000+00:00','2025-12-31T10:11:53.000000+00:00','account-1',0,NULL,NULL,NULL,0,NULL,NULL,NULL,'30','30.50',NULL,NULL,'key of cup','hash of Cup',NULL,23);
INSERT INTO "generated_images" VALUES(3,'session','GRÖSSE',1,'completed','done','2025-12-31T10:12:01.000000+00:00','2025-12-31T10:12:08.000000+00:00','offline','offline','{"model": "v3.1-20260211", "face_limit": 5000, "texture": false, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard"}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}','{"key": "models/3/model.glb", "size_bytes": 5, "sha256": "9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4", "face_count": 12, "vertex_count": 8}',100,1,103,'old-cup','2025-12-31T10:12:21.000000+00:00','old-big','old server',3,NULL,NULL,'2025-12-31T10:12:07.000000+00:00',0,NULL,'2025-12-31T10:12:02.000000+00:00','2025-12-31T10:12:08.000000+00:00','2025-12-31T10:12:01.000000+00:00','offline',0,NULL,NULL,NULL,0,NULL,NULL,NULL,'0','0',NULL,NULL,NULL,'hash of GRÖSSE',NULL,33);
INSERT INTO "generated_images" VALUES(4,'session','Thimble',1,'failed','done','2025-12-31T10:12:09.000000+00:00','2025-12-31T10:12:09.000000+00:00','tripo','p','{"model": "P1-20260311", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard"}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,0,1,104,'file_4','2025-12-31T10:12:29.000000+00:00',NULL,'old server',1,NULL,NULL,NULL,0,NULL,NULL,'2025-12-31T10:12:09.000000+00:00','2025-12-31T10:12:09.000000+00:00','account-1',0,NULL,NULL,NULL,0,NULL,NULL,NULL,'30',NULL,'2008','Tripo refused the picture.',NULL,'hash of Thimble',NULL,37);
INSERT INTO "generated_images" VALUES(5,'session','Not sent',1,'cancelled','done','2025-12-31T10:12:10.000000+00:00','2025-12-31T10:12:10.000000+00:00','tripo','standard','{"model": "v3.1-20260211", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard"}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,0,0,NULL,NULL,NULL,NULL,NULL,1,NULL,NULL,NULL,0,NULL,NULL,'2025-12-31T10:12:10.000000+00:00',NULL,NULL,0,NULL,'2025-12-31T10:12:10.000000+00:00',NULL,0,NULL,NULL,NULL,'30',NULL,NULL,'Cancelled before it was sent; nothing was charged.',NULL,'hash of Not sent',NULL,39);
INSERT INTO "generated_images" VALUES(6,'session','Stopped',1,'cancelled','late','2025-12-31T10:12:11.000000+00:00','2025-12-31T10:24:04.000000+00:00','tripo','standard','{"model": "v3.1-20260211", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard"}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,10,1,105,'file_5','2025-12-31T10:12:31.000000+00:00','old-stopped','old server',3,'2025-12-31T10:25:09.000000+00:00',NULL,'2025-12-31T10:12:47.000000+00:00',0,NULL,'2025-12-31T10:12:12.000000+00:00',NULL,'2025-12-31T10:12:11.000000+00:00','account-1',0,NULL,'2025-12-31T10:12:12.000000+00:00',NULL,0,NULL,NULL,NULL,'30',NULL,'timeout','This takes longer than the time limit. It is still being watched: if the model comes, you get it here.',NULL,'hash of Stopped',NULL,62);
INSERT INTO "generated_images" VALUES(7,'session','Vase',1,'timeout','late','2025-12-31T10:12:18.000000+00:00','2025-12-31T10:24:09.000000+00:00','tripo','standard','{"model": "v3.1-20260211", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard"}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,95,1,106,'file_6','2025-12-31T10:12:38.000000+00:00','old-vase',NULL,3,NULL,NULL,'2025-12-31T10:25:09.000000+00:00',0,NULL,'2025-12-31T10:12:19.000000+00:00',NULL,'2025-12-31T10:12:18.000000+00:00','account-1',0,NULL,NULL,NULL,0,NULL,NULL,NULL,'30',NULL,'timeout','This takes longer than the time limit. It is still being watched: if the model comes, you get it here.',NULL,'hash of Vase',NULL,63);
INSERT INTO "generated_images" VALUES(8,'session','Lost letter',1,'running','uncertain','2025-12-31T10:24:10.000000+00:00','2025-12-31T10:24:10.000000+00:00','tripo','standard','{"model": "v3.1-20260211", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard"}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,0,1,107,'file_7','2025-12-31T10:24:30.000000+00:00',NULL,NULL,2,NULL,NULL,NULL,0,NULL,NULL,NULL,'2025-12-31T10:24:10.000000+00:00','account-1',0,NULL,NULL,NULL,0,NULL,NULL,NULL,'30',NULL,NULL,NULL,NULL,'hash of Lost letter',NULL,75);
INSERT INTO "generated_images" VALUES(9,'session','Two of them',1,'running','attention','2025-12-31T10:24:11.000000+00:00','2025-12-31T10:24:11.000000+00:00','tripo','standard','{"model": "v3.1-20260211", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard"}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,0,1,108,'file_8','2025-12-31T10:24:31.000000+00:00',NULL,NULL,2,NULL,NULL,NULL,0,NULL,NULL,NULL,'2025-12-31T10:24:11.000000+00:00','account-1',0,NULL,NULL,NULL,0,NULL,NULL,NULL,'30',NULL,'attention','Two tasks at Tripo could be this job''s.',NULL,'hash of Two of them',NULL,76);
INSERT INTO "generated_images" VALUES(10,'session','No credit',1,'running','blocked','2025-12-31T10:24:12.000000+00:00','2025-12-31T10:24:12.000000+00:00','tripo','standard','{"model": "v3.1-20260211", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard"}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,0,1,109,'file_9','2025-12-31T10:24:32.000000+00:00',NULL,'old server',1,NULL,NULL,NULL,0,NULL,NULL,NULL,'2025-12-31T10:24:12.000000+00:00','account-1',0,NULL,NULL,NULL,0,NULL,NULL,NULL,'30',NULL,'2010','There is not enough credit.',NULL,'hash of No credit',NULL,80);
INSERT INTO "generated_images" VALUES(11,'session','Parcel',1,'running','saving','2025-12-31T10:24:13.000000+00:00','2025-12-31T10:24:20.000000+00:00','tripo','standard','{"model": "v3.1-20260211", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard"}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,100,1,110,'file_10','2025-12-31T10:24:33.000000+00:00','old-parcel','old server',3,NULL,NULL,'2025-12-31T10:24:50.000000+00:00',0,NULL,'2025-12-31T10:24:14.000000+00:00',NULL,'2025-12-31T10:24:13.000000+00:00','account-1',0,NULL,NULL,NULL,1,NULL,NULL,NULL,'30','30',NULL,'The model could not be fetched yet.',NULL,'hash of Parcel',NULL,90);
INSERT INTO "generated_images" VALUES(12,'session','Bell',1,'running','generating','2025-12-31T10:24:21.000000+00:00','2025-12-31T10:24:27.000000+00:00','tripo','standard','{"model": "v3.1-20260211", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard"}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,40,1,111,'file_11','2025-12-31T10:24:41.000000+00:00','old-bell',NULL,2,NULL,NULL,'2025-12-31T10:25:07.000000+00:00',0,NULL,'2025-12-31T10:24:22.000000+00:00',NULL,'2025-12-31T10:24:21.000000+00:00','account-1',0,NULL,NULL,NULL,0,NULL,NULL,NULL,'30',NULL,NULL,NULL,NULL,'hash of Bell',NULL,98);
INSERT INTO "generated_images" VALUES(13,'session','Owl',1,'running','generating','2025-12-31T10:24:28.000000+00:00','2025-12-31T10:24:29.000000+00:00','offline','offline','{"model": "v3.1-20260211", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard"}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,0,1,112,'old-cup','2025-12-31T10:24:48.000000+00:00','old-owl',NULL,1,NULL,NULL,'2025-12-31T10:24:31.000000+00:00',0,NULL,'2025-12-31T10:24:29.000000+00:00',NULL,'2025-12-31T10:24:28.000000+00:00','offline',0,NULL,NULL,NULL,0,NULL,NULL,NULL,'0',NULL,NULL,NULL,NULL,'hash of Owl',NULL,103);
INSERT INTO "generated_images" VALUES(14,'session','Sending',1,'running','submitting','2025-12-31T10:24:30.000000+00:00','2025-12-31T10:24:30.000000+00:00','tripo','standard','{"model": "v3.1-20260211", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard"}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,0,1,113,'file_13','2025-12-31T10:24:50.000000+00:00',NULL,'old server',1,'2025-12-31T10:25:30.000000+00:00',NULL,NULL,0,NULL,NULL,NULL,'2025-12-31T10:24:30.000000+00:00','account-1',0,NULL,NULL,NULL,0,NULL,NULL,NULL,'30',NULL,NULL,NULL,NULL,'hash of Sending',NULL,106);
INSERT INTO "generated_images" VALUES(15,'session','Thimble',1,'running','queued','2025-12-31T10:24:31.000000+00:00','2025-12-31T10:24:31.000000+00:00','tripo','p','{"model": "P1-20260311", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard"}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,NULL,NULL,NULL,'30',NULL,NULL,NULL,NULL,'hash of Thimble',4,107);
INSERT INTO "generated_images" VALUES(16,'session','Waiting',1,'running','queued','2025-12-31T10:24:32.000000+00:00','2025-12-31T10:24:32.000000+00:00','tripo','standard','{"model": "v3.1-20260211", "face_limit": 9000, "texture": true, "pbr": false, "texture_quality": "detailed", "geometry_quality": "detailed"}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,NULL,NULL,NULL,'30',NULL,NULL,NULL,NULL,'hash of Waiting',NULL,108);
INSERT INTO "generated_images" VALUES(17,'session','犬',1,'running','queued','2025-12-31T10:24:33.000000+00:00','2025-12-31T10:24:33.000000+00:00','offline','offline','{"model": "v3.1-20260211", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard"}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,NULL,NULL,NULL,'0',NULL,NULL,NULL,NULL,'hash of 犬',NULL,109);
CREATE TABLE job_events (
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
INSERT INTO "job_events" VALUES(1,1,'2025-12-30T09:00:01.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(2,1,'2025-12-30T09:00:01.000000+00:00','queued','submitting','running',1,NULL,NULL,'Sending the picture.');
INSERT INTO "job_events" VALUES(3,1,'2025-12-30T09:00:02.000000+00:00','submitting','generating','running',1,'old-never',NULL,'The model is being made.');
INSERT INTO "job_events" VALUES(4,1,'2025-12-30T09:11:47.000000+00:00','generating','late','timeout',1,'old-never','timeout','It takes longer than the time limit; it is still being watched.');
INSERT INTO "job_events" VALUES(5,1,'2025-12-31T10:11:52.000000+00:00','late','done','timeout',1,'old-never','timeout','No model came within the time it was watched.');
INSERT INTO "job_events" VALUES(6,2,'2025-12-31T10:11:53.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(7,2,'2025-12-31T10:11:53.000000+00:00','queued','submitting','running',1,NULL,NULL,'Sending the picture.');
INSERT INTO "job_events" VALUES(8,2,'2025-12-31T10:11:54.000000+00:00','submitting','generating','running',1,'old-cup',NULL,'The model is being made.');
INSERT INTO "job_events" VALUES(9,2,'2025-12-31T10:11:59.000000+00:00','generating','saving','running',1,'old-cup',NULL,'The model is made; it is being stored.');
INSERT INTO "job_events" VALUES(10,2,'2025-12-31T10:12:00.000000+00:00','saving','done','completed',1,'old-cup',NULL,'The model is ready.');
INSERT INTO "job_events" VALUES(11,3,'2025-12-31T10:12:01.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(12,3,'2025-12-31T10:12:01.000000+00:00','queued','submitting','running',1,NULL,NULL,'Sending the picture.');
INSERT INTO "job_events" VALUES(13,3,'2025-12-31T10:12:02.000000+00:00','submitting','generating','running',1,'old-big',NULL,'The model is being made.');
INSERT INTO "job_events" VALUES(14,3,'2025-12-31T10:12:07.000000+00:00','generating','saving','running',1,'old-big',NULL,'The model is made; it is being stored.');
INSERT INTO "job_events" VALUES(15,3,'2025-12-31T10:12:08.000000+00:00','saving','done','completed',1,'old-big',NULL,'The model is ready.');
INSERT INTO "job_events" VALUES(16,4,'2025-12-31T10:12:09.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(17,4,'2025-12-31T10:12:09.000000+00:00','queued','submitting','running',1,NULL,NULL,'Sending the picture.');
INSERT INTO "job_events" VALUES(18,4,'2025-12-31T10:12:09.000000+00:00','submitting','done','failed',1,NULL,'2008','Tripo refused the picture.');
INSERT INTO "job_events" VALUES(19,5,'2025-12-31T10:12:10.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(20,5,'2025-12-31T10:12:10.000000+00:00','queued','done','cancelled',0,NULL,NULL,'Cancelled before it was sent; nothing was charged.');
INSERT INTO "job_events" VALUES(21,6,'2025-12-31T10:12:11.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(22,6,'2025-12-31T10:12:11.000000+00:00','queued','submitting','running',1,NULL,NULL,'Sending the picture.');
INSERT INTO "job_events" VALUES(23,6,'2025-12-31T10:12:12.000000+00:00','submitting','generating','running',1,'old-stopped',NULL,'The model is being made.');
INSERT INTO "job_events" VALUES(24,6,'2025-12-31T10:12:12.000000+00:00','generating','generating','cancelled',1,'old-stopped',NULL,'Cancelled. Tripo cannot be stopped: it may still finish this model and charge for it.');
INSERT INTO "job_events" VALUES(25,7,'2025-12-31T10:12:18.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(26,7,'2025-12-31T10:12:18.000000+00:00','queued','submitting','running',1,NULL,NULL,'Sending the picture.');
INSERT INTO "job_events" VALUES(27,7,'2025-12-31T10:12:19.000000+00:00','submitting','generating','running',1,'old-vase',NULL,'The model is being made.');
INSERT INTO "job_events" VALUES(28,6,'2025-12-31T10:24:04.000000+00:00','generating','late','cancelled',1,'old-stopped','timeout','It takes longer than the time limit; it is still being watched.');
INSERT INTO "job_events" VALUES(29,7,'2025-12-31T10:24:04.000000+00:00','generating','late','timeout',1,'old-vase','timeout','It takes longer than the time limit; it is still being watched.');
INSERT INTO "job_events" VALUES(30,8,'2025-12-31T10:24:10.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(31,8,'2025-12-31T10:24:10.000000+00:00','queued','submitting','running',1,NULL,NULL,'Sending the picture.');
INSERT INTO "job_events" VALUES(32,8,'2025-12-31T10:24:10.000000+00:00','submitting','uncertain','running',1,NULL,NULL,'The answer was lost.');
INSERT INTO "job_events" VALUES(33,9,'2025-12-31T10:24:11.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(34,9,'2025-12-31T10:24:11.000000+00:00','queued','submitting','running',1,NULL,NULL,'Sending the picture.');
INSERT INTO "job_events" VALUES(35,9,'2025-12-31T10:24:11.000000+00:00','submitting','uncertain','running',1,NULL,NULL,'The answer was lost.');
INSERT INTO "job_events" VALUES(36,9,'2025-12-31T10:24:11.000000+00:00','uncertain','attention','running',1,NULL,'attention','Two tasks at Tripo could be this job''s.');
INSERT INTO "job_events" VALUES(37,10,'2025-12-31T10:24:12.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(38,10,'2025-12-31T10:24:12.000000+00:00','queued','submitting','running',1,NULL,NULL,'Sending the picture.');
INSERT INTO "job_events" VALUES(39,10,'2025-12-31T10:24:12.000000+00:00','submitting','blocked','running',1,NULL,'2010','There is not enough credit.');
INSERT INTO "job_events" VALUES(40,11,'2025-12-31T10:24:13.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(41,11,'2025-12-31T10:24:13.000000+00:00','queued','submitting','running',1,NULL,NULL,'Sending the picture.');
INSERT INTO "job_events" VALUES(42,11,'2025-12-31T10:24:14.000000+00:00','submitting','generating','running',1,'old-parcel',NULL,'The model is being made.');
INSERT INTO "job_events" VALUES(43,11,'2025-12-31T10:24:19.000000+00:00','generating','saving','running',1,'old-parcel',NULL,'The model is made; it is being stored.');
INSERT INTO "job_events" VALUES(44,12,'2025-12-31T10:24:21.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(45,12,'2025-12-31T10:24:21.000000+00:00','queued','submitting','running',1,NULL,NULL,'Sending the picture.');
INSERT INTO "job_events" VALUES(46,12,'2025-12-31T10:24:22.000000+00:00','submitting','generating','running',1,'old-bell',NULL,'The model is being made.');
INSERT INTO "job_events" VALUES(47,13,'2025-12-31T10:24:28.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(48,13,'2025-12-31T10:24:28.000000+00:00','queued','submitting','running',1,NULL,NULL,'Sending the picture.');
INSERT INTO "job_events" VALUES(49,13,'2025-12-31T10:24:29.000000+00:00','submitting','generating','running',1,'old-owl',NULL,'The model is being made.');
INSERT INTO "job_events" VALUES(50,14,'2025-12-31T10:24:30.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(51,14,'2025-12-31T10:24:30.000000+00:00','queued','submitting','running',1,NULL,NULL,'Sending the picture.');
INSERT INTO "job_events" VALUES(52,15,'2025-12-31T10:24:31.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(53,16,'2025-12-31T10:24:32.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(54,17,'2025-12-31T10:24:33.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
CREATE TABLE scheduler_heartbeats (
    owner text primary key,
    at    text not null
) strict;
INSERT INTO "scheduler_heartbeats" VALUES('old server','2025-12-31T10:24:33.000000+00:00');
CREATE TABLE seen_tasks (
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
INSERT INTO "seen_tasks" VALUES('old-two-1','account-1','usage','image_to_model','success',NULL,'30',9,'It fits in part.','2025-12-31T10:24:11.000000+00:00');
INSERT INTO "seen_tasks" VALUES('old-two-2','account-1','usage','image_to_model','success',NULL,'30',9,'It fits in part.','2025-12-31T10:24:11.000000+00:00');
INSERT INTO "seen_tasks" VALUES('old-stranger','account-1','usage','','',NULL,NULL,NULL,'','2025-12-31T10:24:11.000000+00:00');
CREATE TABLE webhook_deliveries (
    id          text primary key,                   -- of the signed body
    type        text not null,
    task_id     text,
    received_at text not null
) strict;
CREATE INDEX generated_images_by_stage on generated_images (stage, category, id);
CREATE INDEX generated_images_due on generated_images (next_poll_at) where stage in ('generating', 'late', 'saving');
CREATE INDEX generated_images_changes on generated_images (change_number);
CREATE INDEX generated_images_by_status on generated_images (status, id);
CREATE INDEX generated_images_usage on generated_images (account, intent_at) where task_id is not null;
CREATE INDEX generated_images_by_nonce on generated_images (nonce) where nonce is not null;
CREATE INDEX generated_images_by_token on generated_images (image_token) where image_token is not null;
CREATE INDEX job_events_of_job on job_events (job_id, id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('generated_images',17);
INSERT INTO "sqlite_sequence" VALUES('job_events',54);
COMMIT;
