pragma user_version = 2;
BEGIN TRANSACTION;
CREATE TABLE account_facts (
    account      text primary key,
    echo_seen_at text,                              -- a normal task showed the nonce of its request
    balance      text,
    held         text,
    balance_at   text
) strict;
INSERT INTO "account_facts" VALUES('account-1','2025-12-31T10:24:19.000000+00:00','812.5','60','2025-12-31T10:24:19.000000+00:00');
CREATE TABLE account_state (
    generator   text primary key,
    calls_after text not null                       -- no call of this account before this time
) strict;
CREATE TABLE generated_images (
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
INSERT INTO "generated_images" VALUES(1,'s1','Dog','dog',1,1,'https://old.example/dog.png','https://old.example/dog.glb','completed','done','2024-01-02T03:04:05.000000+00:00','2024-01-02T03:04:05.000000+00:00','tripo','standard','{}',NULL,NULL,100,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,NULL,NULL,'2024-01-02T03:04:05.000000+00:00',NULL,NULL,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'',NULL,NULL,1);
INSERT INTO "generated_images" VALUES(2,'session','Never came','never came',1,1,NULL,NULL,'timeout','done','2025-12-30T09:00:01.000000+00:00','2025-12-31T10:11:52.000000+00:00','tripo','standard','{"model": "v3.1-20260211", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard", "orientation": "default", "auto_size": false, "style": "auto", "height_m": null, "back": null, "conversion": null}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,90,1,101,'file_1','2025-12-30T09:00:21.000000+00:00','old-never',NULL,3,NULL,NULL,'2026-04-25T02:58:32.000000+00:00',0,NULL,'2025-12-30T09:00:02.000000+00:00','2025-12-31T10:11:52.000000+00:00','2025-12-30T09:00:01.000000+00:00','account-1',0,NULL,NULL,NULL,0,NULL,NULL,NULL,'30',NULL,'timeout','No model came within the time it was watched.',NULL,'hash of Never came',NULL,NULL,14);
INSERT INTO "generated_images" VALUES(3,'session','Cup','cup',1,1,NULL,NULL,'completed','done','2025-12-31T10:11:53.000000+00:00','2025-12-31T10:12:00.000000+00:00','tripo','standard','{"model": "v3.1-20260211", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard", "orientation": "default", "auto_size": false, "style": "auto", "height_m": null, "back": null, "conversion": null}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}','{"key": "models/3/model.glb", "size_bytes": 5, "sha256": "9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4", "face_count": 12, "vertex_count": 8, "kind": "glb"}',100,1,102,'file_2','2025-12-31T10:12:13.000000+00:00','old-cup','old server',3,NULL,NULL,'2025-12-31T10:11:59.000000+00:00',0,NULL,'2025-12-31T10:11:54.000000+00:00','2025-12-31T10:12:00.000000+00:00','2025-12-31T10:11:53.000000+00:00','account-1',0,NULL,NULL,NULL,0,NULL,NULL,NULL,'30','30.50',NULL,NULL,'key of cup','hash of Cup',NULL,NULL,24);
INSERT INTO "generated_images" VALUES(4,'session','GRÖSSE','grösse',1,1,NULL,NULL,'completed','done','2025-12-31T10:12:01.000000+00:00','2025-12-31T10:12:08.000000+00:00','offline','offline','{"model": "v3.1-20260211", "face_limit": 5000, "texture": false, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard", "orientation": "default", "auto_size": false, "style": "relief", "height_m": 0.25, "back": {"key": "images/back.jpg", "name": "back.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}, "conversion": null}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}','{"key": "models/4/model.glb", "size_bytes": 5, "sha256": "9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4", "face_count": 12, "vertex_count": 8, "kind": "glb"}',100,1,103,'old-cup','2025-12-31T10:12:21.000000+00:00','old-big','old server',3,NULL,NULL,'2025-12-31T10:12:07.000000+00:00',0,NULL,'2025-12-31T10:12:02.000000+00:00','2025-12-31T10:12:08.000000+00:00','2025-12-31T10:12:01.000000+00:00','offline',0,NULL,NULL,NULL,0,NULL,NULL,NULL,'0','0',NULL,NULL,NULL,'hash of GRÖSSE',NULL,NULL,34);
INSERT INTO "generated_images" VALUES(5,'session','Thimble','thimble',1,1,NULL,NULL,'failed','done','2025-12-31T10:12:09.000000+00:00','2025-12-31T10:12:09.000000+00:00','tripo','p','{"model": "P1-20260311", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard", "orientation": "default", "auto_size": false, "style": "auto", "height_m": null, "back": null, "conversion": null}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,0,1,104,'file_4','2025-12-31T10:12:29.000000+00:00',NULL,'old server',1,NULL,NULL,NULL,0,NULL,NULL,'2025-12-31T10:12:09.000000+00:00','2025-12-31T10:12:09.000000+00:00','account-1',0,NULL,NULL,NULL,0,NULL,NULL,NULL,'30',NULL,'2008','Tripo refused the picture.',NULL,'hash of Thimble',NULL,NULL,38);
INSERT INTO "generated_images" VALUES(6,'session','Cup','cup',1,1,NULL,NULL,'completed','done','2025-12-31T10:12:10.000000+00:00','2025-12-31T10:12:17.000000+00:00','tripo','convert','{"model": "v3.1-20260211", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard", "orientation": "default", "auto_size": false, "style": "auto", "height_m": null, "back": null, "conversion": {"task_id": "old-cup", "format": "FBX", "quad": false, "face_limit": null}}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}','{"key": "models/6/model.fbx", "size_bytes": 5, "sha256": "9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4", "face_count": null, "vertex_count": null, "kind": "fbx"}',100,1,105,'old-cup','2025-12-31T10:12:30.000000+00:00','old-fbx','old server',3,NULL,NULL,'2025-12-31T10:12:16.000000+00:00',0,NULL,'2025-12-31T10:12:11.000000+00:00','2025-12-31T10:12:17.000000+00:00','2025-12-31T10:12:10.000000+00:00','account-1',0,NULL,NULL,NULL,0,NULL,NULL,NULL,'5','5',NULL,NULL,NULL,'hash of Cup',NULL,3,48);
INSERT INTO "generated_images" VALUES(7,'session','Not sent','not sent',1,1,NULL,NULL,'cancelled','done','2025-12-31T10:12:18.000000+00:00','2025-12-31T10:12:18.000000+00:00','tripo','standard','{"model": "v3.1-20260211", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard", "orientation": "default", "auto_size": false, "style": "auto", "height_m": null, "back": null, "conversion": null}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,0,0,NULL,NULL,NULL,NULL,NULL,1,NULL,NULL,NULL,0,NULL,NULL,'2025-12-31T10:12:18.000000+00:00',NULL,NULL,0,NULL,'2025-12-31T10:12:18.000000+00:00',NULL,0,NULL,NULL,NULL,'30',NULL,NULL,'Cancelled before it was sent; nothing was charged.',NULL,'hash of Not sent',NULL,NULL,50);
INSERT INTO "generated_images" VALUES(8,'session','Stopped','stopped',1,1,NULL,NULL,'cancelled','late','2025-12-31T10:12:19.000000+00:00','2025-12-31T10:24:12.000000+00:00','tripo','standard','{"model": "v3.1-20260211", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard", "orientation": "default", "auto_size": false, "style": "auto", "height_m": null, "back": null, "conversion": null}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,10,1,106,'file_6','2025-12-31T10:12:39.000000+00:00','old-stopped','old server',3,'2025-12-31T10:25:17.000000+00:00',NULL,'2025-12-31T10:12:55.000000+00:00',0,NULL,'2025-12-31T10:12:20.000000+00:00',NULL,'2025-12-31T10:12:19.000000+00:00','account-1',0,NULL,'2025-12-31T10:12:20.000000+00:00',NULL,0,NULL,NULL,NULL,'30',NULL,'timeout','This takes longer than the time limit. It is still being watched: if the model comes, you get it here.',NULL,'hash of Stopped',NULL,NULL,73);
INSERT INTO "generated_images" VALUES(9,'session','Vase','vase',1,1,NULL,NULL,'timeout','late','2025-12-31T10:12:26.000000+00:00','2025-12-31T10:24:12.000000+00:00','tripo','standard','{"model": "v3.1-20260211", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard", "orientation": "default", "auto_size": false, "style": "auto", "height_m": null, "back": null, "conversion": null}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,95,1,107,'file_7','2025-12-31T10:12:46.000000+00:00','old-vase',NULL,3,NULL,NULL,'2025-12-31T10:25:17.000000+00:00',0,NULL,'2025-12-31T10:12:27.000000+00:00',NULL,'2025-12-31T10:12:26.000000+00:00','account-1',0,NULL,NULL,NULL,0,NULL,NULL,NULL,'30',NULL,'timeout','This takes longer than the time limit. It is still being watched: if the model comes, you get it here.',NULL,'hash of Vase',NULL,NULL,74);
INSERT INTO "generated_images" VALUES(10,'session','Lost letter','lost letter',1,1,NULL,NULL,'running','uncertain','2025-12-31T10:24:18.000000+00:00','2025-12-31T10:24:18.000000+00:00','tripo','standard','{"model": "v3.1-20260211", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard", "orientation": "default", "auto_size": false, "style": "auto", "height_m": null, "back": null, "conversion": null}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,0,1,108,'file_8','2025-12-31T10:24:38.000000+00:00',NULL,NULL,2,NULL,NULL,NULL,0,NULL,NULL,NULL,'2025-12-31T10:24:18.000000+00:00','account-1',0,NULL,NULL,NULL,0,NULL,NULL,NULL,'30',NULL,NULL,NULL,NULL,'hash of Lost letter',NULL,NULL,86);
INSERT INTO "generated_images" VALUES(11,'session','Two of them','two of them',1,1,NULL,NULL,'running','attention','2025-12-31T10:24:19.000000+00:00','2025-12-31T10:24:19.000000+00:00','tripo','standard','{"model": "v3.1-20260211", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard", "orientation": "default", "auto_size": false, "style": "auto", "height_m": null, "back": null, "conversion": null}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,0,1,109,'file_9','2025-12-31T10:24:39.000000+00:00',NULL,NULL,2,NULL,NULL,NULL,0,NULL,NULL,NULL,'2025-12-31T10:24:19.000000+00:00','account-1',0,NULL,NULL,NULL,0,NULL,NULL,NULL,'30',NULL,'attention','Two tasks at Tripo could be this job''s.',NULL,'hash of Two of them',NULL,NULL,87);
INSERT INTO "generated_images" VALUES(12,'session','No credit','no credit',1,1,NULL,NULL,'running','blocked','2025-12-31T10:24:20.000000+00:00','2025-12-31T10:24:20.000000+00:00','tripo','standard','{"model": "v3.1-20260211", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard", "orientation": "default", "auto_size": false, "style": "auto", "height_m": null, "back": null, "conversion": null}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,0,1,110,'file_10','2025-12-31T10:24:40.000000+00:00',NULL,'old server',1,NULL,NULL,NULL,0,NULL,NULL,NULL,'2025-12-31T10:24:20.000000+00:00','account-1',0,NULL,NULL,NULL,0,NULL,NULL,NULL,'30',NULL,'2010','There is not enough credit.',NULL,'hash of No credit',NULL,NULL,91);
INSERT INTO "generated_images" VALUES(13,'session','Parcel','parcel',1,1,NULL,NULL,'running','saving','2025-12-31T10:24:21.000000+00:00','2025-12-31T10:24:28.000000+00:00','tripo','standard','{"model": "v3.1-20260211", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard", "orientation": "default", "auto_size": false, "style": "auto", "height_m": null, "back": null, "conversion": null}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,100,1,111,'file_11','2025-12-31T10:24:41.000000+00:00','old-parcel','old server',3,NULL,NULL,'2025-12-31T10:24:58.000000+00:00',0,NULL,'2025-12-31T10:24:22.000000+00:00',NULL,'2025-12-31T10:24:21.000000+00:00','account-1',0,NULL,NULL,NULL,1,NULL,NULL,NULL,'30','30',NULL,'The model could not be fetched yet.',NULL,'hash of Parcel',NULL,NULL,101);
INSERT INTO "generated_images" VALUES(14,'session','Bell','bell',1,1,NULL,NULL,'running','generating','2025-12-31T10:24:29.000000+00:00','2025-12-31T10:24:35.000000+00:00','tripo','standard','{"model": "v3.1-20260211", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard", "orientation": "default", "auto_size": false, "style": "auto", "height_m": null, "back": null, "conversion": null}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,40,1,112,'file_12','2025-12-31T10:24:49.000000+00:00','old-bell',NULL,2,NULL,NULL,'2025-12-31T10:25:15.000000+00:00',0,NULL,'2025-12-31T10:24:30.000000+00:00',NULL,'2025-12-31T10:24:29.000000+00:00','account-1',0,NULL,NULL,NULL,0,NULL,NULL,NULL,'30',NULL,NULL,NULL,NULL,'hash of Bell',NULL,NULL,109);
INSERT INTO "generated_images" VALUES(15,'session','Owl','owl',1,1,NULL,NULL,'running','generating','2025-12-31T10:24:36.000000+00:00','2025-12-31T10:24:37.000000+00:00','offline','offline','{"model": "v3.1-20260211", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard", "orientation": "default", "auto_size": false, "style": "coin", "height_m": null, "back": null, "conversion": null}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,0,1,113,'old-cup','2025-12-31T10:24:56.000000+00:00','old-owl',NULL,1,NULL,NULL,'2025-12-31T10:24:39.000000+00:00',0,NULL,'2025-12-31T10:24:37.000000+00:00',NULL,'2025-12-31T10:24:36.000000+00:00','offline',0,NULL,NULL,NULL,0,NULL,NULL,NULL,'0',NULL,NULL,NULL,NULL,'hash of Owl',NULL,NULL,114);
INSERT INTO "generated_images" VALUES(16,'session','Cup','cup',1,1,NULL,NULL,'running','generating','2025-12-31T10:24:38.000000+00:00','2025-12-31T10:24:39.000000+00:00','tripo','convert','{"model": "v3.1-20260211", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard", "orientation": "default", "auto_size": false, "style": "auto", "height_m": null, "back": null, "conversion": {"task_id": "old-cup", "format": "FBX", "quad": true, "face_limit": 4000}}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,0,1,114,'old-cup','2025-12-31T10:24:58.000000+00:00','old-quads',NULL,1,NULL,NULL,'2025-12-31T10:24:41.000000+00:00',0,NULL,'2025-12-31T10:24:39.000000+00:00',NULL,'2025-12-31T10:24:38.000000+00:00','account-1',0,NULL,NULL,NULL,0,NULL,NULL,NULL,'10',NULL,NULL,NULL,NULL,'hash of Cup',NULL,3,119);
INSERT INTO "generated_images" VALUES(17,'session','Cup','cup',1,1,NULL,NULL,'running','queued','2025-12-31T10:24:40.000000+00:00','2025-12-31T10:24:40.000000+00:00','tripo','convert','{"model": "v3.1-20260211", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard", "orientation": "default", "auto_size": false, "style": "auto", "height_m": null, "back": null, "conversion": {"task_id": "old-cup", "format": "FBX", "quad": true, "face_limit": null}}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,NULL,NULL,NULL,'10',NULL,NULL,NULL,NULL,'hash of Cup',NULL,3,120);
INSERT INTO "generated_images" VALUES(18,'session','Sending','sending',1,1,NULL,NULL,'running','submitting','2025-12-31T10:24:41.000000+00:00','2025-12-31T10:24:41.000000+00:00','tripo','standard','{"model": "v3.1-20260211", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard", "orientation": "default", "auto_size": false, "style": "auto", "height_m": null, "back": null, "conversion": null}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,0,1,115,'file_15','2025-12-31T10:25:01.000000+00:00',NULL,'old server',1,'2025-12-31T10:25:41.000000+00:00',NULL,NULL,0,NULL,NULL,NULL,'2025-12-31T10:24:41.000000+00:00','account-1',0,NULL,NULL,NULL,0,NULL,NULL,NULL,'30',NULL,NULL,NULL,NULL,'hash of Sending',NULL,NULL,123);
INSERT INTO "generated_images" VALUES(19,'session','Thimble','thimble',1,1,NULL,NULL,'running','queued','2025-12-31T10:24:42.000000+00:00','2025-12-31T10:24:42.000000+00:00','tripo','p','{"model": "P1-20260311", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard", "orientation": "default", "auto_size": false, "style": "auto", "height_m": null, "back": null, "conversion": null}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,NULL,NULL,NULL,'30',NULL,NULL,NULL,NULL,'hash of Thimble',5,NULL,124);
INSERT INTO "generated_images" VALUES(20,'session','Waiting','waiting',1,1,NULL,NULL,'running','queued','2025-12-31T10:24:43.000000+00:00','2025-12-31T10:24:43.000000+00:00','tripo','standard','{"model": "v3.1-20260211", "face_limit": 9000, "texture": true, "pbr": false, "texture_quality": "detailed", "geometry_quality": "detailed", "orientation": "align_image", "auto_size": true, "style": "auto", "height_m": null, "back": null, "conversion": null}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,NULL,NULL,NULL,'30',NULL,NULL,NULL,NULL,'hash of Waiting',NULL,NULL,125);
INSERT INTO "generated_images" VALUES(21,'session','犬','犬',1,1,NULL,NULL,'running','queued','2025-12-31T10:24:44.000000+00:00','2025-12-31T10:24:44.000000+00:00','offline','offline','{"model": "v3.1-20260211", "face_limit": null, "texture": true, "pbr": true, "texture_quality": "standard", "geometry_quality": "standard", "orientation": "default", "auto_size": false, "style": "solid", "height_m": null, "back": null, "conversion": null}','{"key": "images/cup.jpg", "name": "cup.jpg", "media_type": "image/jpeg", "width_px": 640, "height_px": 480, "size_bytes": 7, "sha256": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97"}',NULL,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,NULL,NULL,NULL,'0',NULL,NULL,NULL,NULL,'hash of 犬',NULL,NULL,126);
CREATE TABLE installation (
    only_row integer primary key check (only_row = 1),
    id       text not null
) strict;
INSERT INTO "installation" VALUES(1,'3d8e61abbc03468d92a63ed8c6ffdfa8');
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
INSERT INTO "job_events" VALUES(1,2,'2025-12-30T09:00:01.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(2,2,'2025-12-30T09:00:01.000000+00:00','queued','submitting','running',1,NULL,NULL,'Sending the picture.');
INSERT INTO "job_events" VALUES(3,2,'2025-12-30T09:00:02.000000+00:00','submitting','generating','running',1,'old-never',NULL,'The model is being made.');
INSERT INTO "job_events" VALUES(4,2,'2025-12-30T09:11:47.000000+00:00','generating','late','timeout',1,'old-never','timeout','It takes longer than the time limit; it is still being watched.');
INSERT INTO "job_events" VALUES(5,2,'2025-12-31T10:11:52.000000+00:00','late','done','timeout',1,'old-never','timeout','No model came within the time it was watched.');
INSERT INTO "job_events" VALUES(6,3,'2025-12-31T10:11:53.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(7,3,'2025-12-31T10:11:53.000000+00:00','queued','submitting','running',1,NULL,NULL,'Sending the picture.');
INSERT INTO "job_events" VALUES(8,3,'2025-12-31T10:11:54.000000+00:00','submitting','generating','running',1,'old-cup',NULL,'The model is being made.');
INSERT INTO "job_events" VALUES(9,3,'2025-12-31T10:11:59.000000+00:00','generating','saving','running',1,'old-cup',NULL,'The model is made; it is being stored.');
INSERT INTO "job_events" VALUES(10,3,'2025-12-31T10:12:00.000000+00:00','saving','done','completed',1,'old-cup',NULL,'The model is ready.');
INSERT INTO "job_events" VALUES(11,4,'2025-12-31T10:12:01.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(12,4,'2025-12-31T10:12:01.000000+00:00','queued','submitting','running',1,NULL,NULL,'Sending the picture.');
INSERT INTO "job_events" VALUES(13,4,'2025-12-31T10:12:02.000000+00:00','submitting','generating','running',1,'old-big',NULL,'The model is being made.');
INSERT INTO "job_events" VALUES(14,4,'2025-12-31T10:12:07.000000+00:00','generating','saving','running',1,'old-big',NULL,'The model is made; it is being stored.');
INSERT INTO "job_events" VALUES(15,4,'2025-12-31T10:12:08.000000+00:00','saving','done','completed',1,'old-big',NULL,'The model is ready.');
INSERT INTO "job_events" VALUES(16,5,'2025-12-31T10:12:09.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(17,5,'2025-12-31T10:12:09.000000+00:00','queued','submitting','running',1,NULL,NULL,'Sending the picture.');
INSERT INTO "job_events" VALUES(18,5,'2025-12-31T10:12:09.000000+00:00','submitting','done','failed',1,NULL,'2008','Tripo refused the picture.');
INSERT INTO "job_events" VALUES(19,6,'2025-12-31T10:12:10.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(20,6,'2025-12-31T10:12:10.000000+00:00','queued','submitting','running',1,NULL,NULL,'Sending the order.');
INSERT INTO "job_events" VALUES(21,6,'2025-12-31T10:12:11.000000+00:00','submitting','generating','running',1,'old-fbx',NULL,'The file is being made.');
INSERT INTO "job_events" VALUES(22,6,'2025-12-31T10:12:16.000000+00:00','generating','saving','running',1,'old-fbx',NULL,'The file is made; it is being stored.');
INSERT INTO "job_events" VALUES(23,6,'2025-12-31T10:12:17.000000+00:00','saving','done','completed',1,'old-fbx',NULL,'The file is ready.');
INSERT INTO "job_events" VALUES(24,7,'2025-12-31T10:12:18.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(25,7,'2025-12-31T10:12:18.000000+00:00','queued','done','cancelled',0,NULL,NULL,'Cancelled before it was sent; nothing was charged.');
INSERT INTO "job_events" VALUES(26,8,'2025-12-31T10:12:19.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(27,8,'2025-12-31T10:12:19.000000+00:00','queued','submitting','running',1,NULL,NULL,'Sending the picture.');
INSERT INTO "job_events" VALUES(28,8,'2025-12-31T10:12:20.000000+00:00','submitting','generating','running',1,'old-stopped',NULL,'The model is being made.');
INSERT INTO "job_events" VALUES(29,8,'2025-12-31T10:12:20.000000+00:00','generating','generating','cancelled',1,'old-stopped',NULL,'Cancelled. Tripo cannot be stopped: it may still finish this model and charge for it.');
INSERT INTO "job_events" VALUES(30,9,'2025-12-31T10:12:26.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(31,9,'2025-12-31T10:12:26.000000+00:00','queued','submitting','running',1,NULL,NULL,'Sending the picture.');
INSERT INTO "job_events" VALUES(32,9,'2025-12-31T10:12:27.000000+00:00','submitting','generating','running',1,'old-vase',NULL,'The model is being made.');
INSERT INTO "job_events" VALUES(33,8,'2025-12-31T10:24:12.000000+00:00','generating','late','cancelled',1,'old-stopped','timeout','It takes longer than the time limit; it is still being watched.');
INSERT INTO "job_events" VALUES(34,9,'2025-12-31T10:24:12.000000+00:00','generating','late','timeout',1,'old-vase','timeout','It takes longer than the time limit; it is still being watched.');
INSERT INTO "job_events" VALUES(35,10,'2025-12-31T10:24:18.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(36,10,'2025-12-31T10:24:18.000000+00:00','queued','submitting','running',1,NULL,NULL,'Sending the picture.');
INSERT INTO "job_events" VALUES(37,10,'2025-12-31T10:24:18.000000+00:00','submitting','uncertain','running',1,NULL,NULL,'The answer was lost.');
INSERT INTO "job_events" VALUES(38,11,'2025-12-31T10:24:19.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(39,11,'2025-12-31T10:24:19.000000+00:00','queued','submitting','running',1,NULL,NULL,'Sending the picture.');
INSERT INTO "job_events" VALUES(40,11,'2025-12-31T10:24:19.000000+00:00','submitting','uncertain','running',1,NULL,NULL,'The answer was lost.');
INSERT INTO "job_events" VALUES(41,11,'2025-12-31T10:24:19.000000+00:00','uncertain','attention','running',1,NULL,'attention','Two tasks at Tripo could be this job''s.');
INSERT INTO "job_events" VALUES(42,12,'2025-12-31T10:24:20.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(43,12,'2025-12-31T10:24:20.000000+00:00','queued','submitting','running',1,NULL,NULL,'Sending the picture.');
INSERT INTO "job_events" VALUES(44,12,'2025-12-31T10:24:20.000000+00:00','submitting','blocked','running',1,NULL,'2010','There is not enough credit.');
INSERT INTO "job_events" VALUES(45,13,'2025-12-31T10:24:21.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(46,13,'2025-12-31T10:24:21.000000+00:00','queued','submitting','running',1,NULL,NULL,'Sending the picture.');
INSERT INTO "job_events" VALUES(47,13,'2025-12-31T10:24:22.000000+00:00','submitting','generating','running',1,'old-parcel',NULL,'The model is being made.');
INSERT INTO "job_events" VALUES(48,13,'2025-12-31T10:24:27.000000+00:00','generating','saving','running',1,'old-parcel',NULL,'The model is made; it is being stored.');
INSERT INTO "job_events" VALUES(49,14,'2025-12-31T10:24:29.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(50,14,'2025-12-31T10:24:29.000000+00:00','queued','submitting','running',1,NULL,NULL,'Sending the picture.');
INSERT INTO "job_events" VALUES(51,14,'2025-12-31T10:24:30.000000+00:00','submitting','generating','running',1,'old-bell',NULL,'The model is being made.');
INSERT INTO "job_events" VALUES(52,15,'2025-12-31T10:24:36.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(53,15,'2025-12-31T10:24:36.000000+00:00','queued','submitting','running',1,NULL,NULL,'Sending the picture.');
INSERT INTO "job_events" VALUES(54,15,'2025-12-31T10:24:37.000000+00:00','submitting','generating','running',1,'old-owl',NULL,'The model is being made.');
INSERT INTO "job_events" VALUES(55,16,'2025-12-31T10:24:38.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(56,16,'2025-12-31T10:24:38.000000+00:00','queued','submitting','running',1,NULL,NULL,'Sending the order.');
INSERT INTO "job_events" VALUES(57,16,'2025-12-31T10:24:39.000000+00:00','submitting','generating','running',1,'old-quads',NULL,'The file is being made.');
INSERT INTO "job_events" VALUES(58,17,'2025-12-31T10:24:40.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(59,18,'2025-12-31T10:24:41.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(60,18,'2025-12-31T10:24:41.000000+00:00','queued','submitting','running',1,NULL,NULL,'Sending the picture.');
INSERT INTO "job_events" VALUES(61,19,'2025-12-31T10:24:42.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(62,20,'2025-12-31T10:24:43.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
INSERT INTO "job_events" VALUES(63,21,'2025-12-31T10:24:44.000000+00:00',NULL,'queued','running',0,NULL,NULL,'Waiting for a free place.');
CREATE TABLE scheduler_heartbeats (
    owner text primary key,
    at    text not null
) strict;
INSERT INTO "scheduler_heartbeats" VALUES('old server','2025-12-31T10:24:44.000000+00:00');
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
INSERT INTO "seen_tasks" VALUES('old-two-1','account-1','usage','image_to_model','success',NULL,'30',11,'It fits in part.','2025-12-31T10:24:19.000000+00:00');
INSERT INTO "seen_tasks" VALUES('old-two-2','account-1','usage','image_to_model','success',NULL,'30',11,'It fits in part.','2025-12-31T10:24:19.000000+00:00');
INSERT INTO "seen_tasks" VALUES('old-stranger','account-1','usage','','',NULL,NULL,NULL,'','2025-12-31T10:24:19.000000+00:00');
CREATE TABLE store_clock (
    only_row integer primary key check (only_row = 1),
    boot_id  text not null,
    offset_s real not null,
    seen_at  text not null
) strict;
INSERT INTO "store_clock" VALUES(1,'boot of the sample',1767084700.0,'2025-12-31T10:24:40.000000+00:00');
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
CREATE INDEX generated_images_by_name on generated_images (folded_name, status);
CREATE INDEX generated_images_usage on generated_images (account, intent_at) where task_id is not null;
CREATE INDEX generated_images_usage_seen on generated_images (account, usage_seen_at) where task_id is not null;
CREATE INDEX generated_images_by_age on generated_images (created_at);
CREATE INDEX generated_images_by_nonce on generated_images (nonce) where nonce is not null;
CREATE INDEX generated_images_by_token on generated_images (image_token) where image_token is not null;
CREATE INDEX generated_images_conversions on generated_images (converted_from) where converted_from is not null;
CREATE INDEX job_events_of_job on job_events (job_id, id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('generated_images',21);
INSERT INTO "sqlite_sequence" VALUES('job_events',63);
COMMIT;
