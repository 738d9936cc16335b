/* SPDX-License-Identifier: Apache-2.0
 *
 * upload.c: a sealed file to a relay: whole, as one of a bundle, or in parts that may go over
 * several connections in any order. Each call is one try.
 */
#include "client_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HASH_BLOCK 65536

static mv_status hash_fd(uint8_t hash[MV_FILE_HASH_LEN], int fd, uint64_t len)
{
    crypto_generichash_state state;
    uint8_t block[HASH_BLOCK];

    (void)crypto_generichash_init(&state, NULL, 0, MV_FILE_HASH_LEN);
    for (uint64_t at = 0; at < len;) {
        const size_t want = len - at < sizeof block ? (size_t)(len - at) : sizeof block;
        const ssize_t got = pread(fd, block, want, (off_t)at);
        if (got <= 0) {
            return MV_E_IO;
        }
        (void)crypto_generichash_update(&state, block, (size_t)got);
        at += (uint64_t)got;
    }
    (void)crypto_generichash_final(&state, hash, MV_FILE_HASH_LEN);
    return MV_OK;
}

mv_status mv_outgoing_open(mv_outgoing *out, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    struct stat info;

    memset(out, 0, sizeof *out);
    out->fd = open(path, O_RDONLY | O_CLOEXEC);
    MV_REQUIRE(out->fd >= 0, err, errno == ENOENT ? MV_E_NOT_FOUND : MV_E_IO, "cannot read %s: %s",
               path, strerror(errno));
    MV_REQUIRE(fstat(out->fd, &info) == 0 && S_ISREG(info.st_mode), err, MV_E_IO,
               "%s is not a file", path);
    MV_REQUIRE((uint64_t)info.st_size <= MV_TRANSFER_LEN_MAX, err, MV_E_LIMIT,
               "%s is larger than a sealed file can be", path);
    out->file.len = (uint64_t)info.st_size;
    out->written = info.st_mtim;
    MV_REQUIRE(hash_fd(out->file.hash, out->fd, out->file.len) == MV_OK, err, MV_E_IO,
               "cannot read %s", path);
done:
    return st;
}

bool mv_outgoing_unchanged(const mv_outgoing *out)
{
    struct stat info;
    return fstat(out->fd, &info) == 0 && (uint64_t)info.st_size == out->file.len &&
           info.st_mtim.tv_sec == out->written.tv_sec &&
           info.st_mtim.tv_nsec == out->written.tv_nsec;
}

mv_status mv_client_hash_file(mv_client_file *out, const char *path, mv_error *err)
{
    mv_outgoing o;
    const mv_status st = mv_outgoing_open(&o, path, err);
    memset(out, 0, sizeof *out);
    if (st == MV_OK) {
        *out = o.file;
    }
    if (o.fd >= 0) {
        (void)close(o.fd);
    }
    return st;
}

mv_status mv_send_whole(mv_client *c, const mv_mailbox *mailbox, const mv_outgoing *file,
                        bool *duplicate, mv_error *err)
{
    mv_status st = MV_OK;
    mv_route route = {.kind = MV_ROUTE_FILE, .mailbox = *mailbox};
    char target[MV_TARGET_MAX];
    mv_http_call call = {.method = "PUT",
                         .target = target,
                         .if_none_match = "*",
                         .has_body = true,
                         .body_fd = file->fd,
                         .body_len = file->file.len,
                         .stage = "sending",
                         .stage_total = file->file.len};

    *duplicate = false;
    memcpy(route.file, file->file.hash, MV_FILE_HASH_LEN);
    mv_route_write(target, &route);
    MV_TRY(mv_client_upload_call(c, &call, mailbox->epoch, err));
    /* 412: If-None-Match says that it is there already */
    if (call.status != 201 && call.status != 200 && call.status != 412) {
        st = mv_client_refused(c, &call, err);
    }
    *duplicate = st == MV_OK && call.status != 201;
done:
    mv_http_call_clear(&call);
    return st;
}

mv_status mv_send_bundle(mv_client *c, const mv_mailbox *mailbox, const mv_buffer *body,
                         mv_results *results, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_route route = {.kind = MV_ROUTE_BUNDLE, .mailbox = *mailbox};
    char target[MV_TARGET_MAX];
    mv_http_call call = {.method = "POST",
                         .target = target,
                         .has_body = true,
                         .body = body->bytes,
                         .body_len = body->len,
                         .stage = "sending",
                         .stage_total = body->len};

    memset(results, 0, sizeof *results);
    mv_route_write(target, &route);
    MV_TRY(mv_client_upload_call(c, &call, mailbox->epoch, err));
    if (call.status != 200) {
        st = mv_client_refused(c, &call, err);
        goto done;
    }
    st = mv_results_read(results, call.reply.bytes, call.reply.len);
    MV_REQUIRE(st == MV_OK, err, MV_E_NETWORK, "the relay's answer is not in the expected format");
done:
    mv_http_call_clear(&call);
    return st;
}

mv_status mv_send_result(int status, bool *duplicate, mv_error *err)
{
    *duplicate = status == 200 || status == 412;
    switch (status) {
    case 200:
    case 201:
    case 412:
        return MV_OK;
    case 413:
        return mv_fail(err, MV_E_POLICY, "the file is larger than the relay takes");
    case 507:
        return mv_fail(err, MV_E_POLICY, "there is no room on the relay");
    case 429:
    case 503:
        return mv_fail(err, MV_E_BUSY, "the relay is overloaded");
    default:
        return mv_fail(err, MV_E_NETWORK, "the relay answers %d for one of the files", status);
    }
}

/* ---- in parts ---- */

mv_status mv_send_begin(mv_client *c, const mv_mailbox *mailbox, const mv_client_file *file,
                        mv_ticket *ticket, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_route route = {.kind = MV_ROUTE_UPLOADS, .mailbox = *mailbox};
    char target[MV_TARGET_MAX];
    mv_offer offer = {.len = file->len};
    mv_buffer body = mv_buffer_make(MV_MESSAGE_MAX);
    mv_http_call call = {.method = "POST", .target = target, .has_body = true};

    memset(ticket, 0, sizeof *ticket);
    memcpy(offer.file, file->hash, MV_FILE_HASH_LEN);
    mv_route_write(target, &route);
    MV_TRY(mv_offer_write(&body, &offer));
    call.body = body.bytes;
    call.body_len = body.len;
    MV_TRY(mv_client_upload_call(c, &call, mailbox->epoch, err));
    if (call.status != 201 && call.status != 200) {
        st = mv_client_refused(c, &call, err);
        goto done;
    }
    st = mv_ticket_read(ticket, call.reply.bytes, call.reply.len);
    MV_REQUIRE(st == MV_OK, err, MV_E_NETWORK, "the relay's answer is not in the expected format");
done:
    mv_buffer_clear(&body);
    mv_http_call_clear(&call);
    return st;
}

static void upload_target(char target[MV_TARGET_MAX], mv_route_kind kind,
                          const uint8_t upload[MV_UPLOAD_ID_LEN], uint64_t offset)
{
    mv_route route = {.kind = kind, .offset = offset};
    memcpy(route.upload, upload, MV_UPLOAD_ID_LEN);
    mv_route_write(target, &route);
}

/* One request about an upload. It has to begin anew when the relay does not know it (404), lacks
 * parts that it took (409) or put together something else (422). */
static mv_status about_upload(mv_client *c, mv_http_call *call, bool *known, mv_error *err)
{
    mv_status st = MV_OK;
    *known = true;
    MV_TRY(mv_client_call(c, call, err));
    if (call->status == 404 || call->status == 409 || call->status == 422) {
        *known = false;
    } else if (call->status < 200 || call->status > 299) {
        st = mv_client_refused(c, call, err);
    }
done:
    return st;
}

mv_status mv_send_have(mv_client *c, const uint8_t upload[MV_UPLOAD_ID_LEN], mv_runs *runs,
                       bool *known, mv_error *err)
{
    mv_status st = MV_OK;
    char target[MV_TARGET_MAX];
    mv_http_call call = {.method = "GET", .target = target};

    memset(runs, 0, sizeof *runs);
    upload_target(target, MV_ROUTE_UPLOAD, upload, 0);
    MV_TRY(about_upload(c, &call, known, err));
    if (*known) {
        st = mv_runs_read(runs, call.reply.bytes, call.reply.len);
        MV_REQUIRE(st == MV_OK, err, MV_E_NETWORK,
                   "the relay's answer is not in the expected format");
    }
done:
    mv_http_call_clear(&call);
    return st;
}

mv_status mv_send_part(mv_client *c, const uint8_t upload[MV_UPLOAD_ID_LEN], int fd,
                       const mv_run *part, bool *known, mv_error *err)
{
    char target[MV_TARGET_MAX];
    mv_http_call call = {.method = "PUT",
                         .target = target,
                         .has_body = true,
                         .is_part = true,
                         .body_fd = fd,
                         .body_offset = part->first,
                         .body_len = part->end - part->first,
                         .stage = "sending",
                         .stage_total = part->end - part->first};

    upload_target(target, MV_ROUTE_PART, upload, part->first);
    const mv_status st = about_upload(c, &call, known, err);
    mv_http_call_clear(&call);
    return st;
}

mv_status mv_send_finish(mv_client *c, const uint8_t upload[MV_UPLOAD_ID_LEN], bool *known,
                         mv_error *err)
{
    char target[MV_TARGET_MAX];
    mv_http_call call = {.method = "POST", .target = target, .has_body = true, .body_fd = -1};

    upload_target(target, MV_ROUTE_UPLOAD, upload, 0);
    const mv_status st = about_upload(c, &call, known, err);
    mv_http_call_clear(&call);
    return st;
}

/* ---- one file, start to end ---- */

mv_status mv_client_send(mv_client *client, mv_client_file *sent, bool *duplicate, const char *path,
                         const mv_card *recipient, mv_error *err)
{
    mv_status st = MV_OK;
    mv_outgoing out = {.fd = -1};
    mv_mailbox mailbox;
    mv_retry r = mv_retry_start(client);

    memset(sent, 0, sizeof *sent);
    *duplicate = false;
    MV_TRY(mv_outgoing_open(&out, path, err));
    do {
        st = mv_client_mailbox(&mailbox, client, recipient, 0, err);
        if (st == MV_OK) {
            st = mv_send_whole(client, &mailbox, &out, duplicate, err);
        }
    } while (mv_retry_again(client, &r, &st, err));
    MV_TRY(st);
    *sent = out.file;
    sent->epoch = mailbox.epoch;
done:
    if (out.fd >= 0) {
        (void)close(out.fd);
    }
    return st;
}
