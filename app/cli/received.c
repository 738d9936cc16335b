/* SPDX-License-Identifier: Apache-2.0
 *
 * received.c: the notes on what has arrived. A note is the sealed receipt, or nothing when there is
 * none, then a zero byte and the path; "NAME.arriving" becomes "NAME".
 */
#include "received.h"

#include "base/file.h"
#include "base/home.h"
#include "envelope/derive.h"
#include "show.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ARRIVING ".arriving"

static mv_status note_path(char out[PATH_SIZE], const received_note *note, const char *suffix,
                           mv_error *err)
{
    char folder[PATH_SIZE];
    const mv_status st = mv_home_make(folder, sizeof folder, "received", err);
    return st != MV_OK ? st : path_join(out, PATH_SIZE, folder, note->name, suffix, err);
}

/* Which of its two names the note has. */
static mv_status look(received_note *note, char path[PATH_SIZE], mv_error *err)
{
    mv_status st = MV_OK;

    note->state = RECEIVED_ARRIVED;
    MV_TRY(note_path(path, note, "", err));
    if (access(path, F_OK) == 0) {
        return MV_OK;
    }
    note->state = RECEIVED_ARRIVING;
    MV_TRY(note_path(path, note, ARRIVING, err));
    if (access(path, F_OK) != 0) {
        note->state = RECEIVED_NEVER;
    }
done:
    return st;
}

static mv_status read_note(received_note *note, const mv_buffer *bytes)
{
    const uint8_t *zero = bytes->bytes;
    if (bytes->len > MV_RECEIPT_SEALED_LEN && bytes->bytes[MV_RECEIPT_SEALED_LEN] == 0) {
        zero += MV_RECEIPT_SEALED_LEN;
        note->has_receipt = true;
        memcpy(note->receipt, bytes->bytes, MV_RECEIPT_SEALED_LEN);
    }
    const size_t path_len = (size_t)(bytes->bytes + bytes->len - zero);
    if (path_len < 2 || path_len > sizeof note->path || zero[0] != 0) {
        return MV_E_FORMAT;
    }
    memcpy(note->path, zero + 1, path_len - 1);
    return MV_OK;
}

mv_status received_find(received_note *note, const mv_card *owner, const mv_client_file *file,
                        mv_error *err)
{
    mv_status st = MV_OK;
    uint8_t hash[MV_HASH_LEN];
    char path[PATH_SIZE];
    mv_buffer bytes = mv_buffer_make(PATH_SIZE + MV_RECEIPT_SEALED_LEN);
    const mv_part part[2] = {{owner->sign_public, MV_CARD_SIGN_LEN},
                             {file->hash, MV_CLIENT_HASH_LEN}};

    memset(note, 0, sizeof *note);
    mv_derive(hash, NULL, "medveil received 1", part, 2);
    show_hex(note->name, hash, (RECEIVED_NAME_SIZE - 1) / 2);
    MV_TRY(look(note, path, err));
    if (note->state != RECEIVED_NEVER) {
        MV_TRY(mv_file_read(&bytes, path, err));
        st = read_note(note, &bytes);
        MV_REQUIRE(st == MV_OK, err, st, "%s is damaged; remove it to receive its file again",
                   path);
    }
done:
    mv_buffer_clear(&bytes);
    return st;
}

mv_status received_flush_folder(const char *folder, mv_error *err)
{
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool done = fd >= 0 && fsync(fd) == 0;
    const int why = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    return done ? MV_OK : mv_fail(err, MV_E_IO, "cannot write in %s: %s", folder, strerror(why));
}

static mv_status flush_notes(mv_error *err)
{
    char folder[PATH_SIZE];
    const mv_status st = mv_home_path(folder, sizeof folder, "received", err);
    return st == MV_OK ? received_flush_folder(folder, err) : st;
}

mv_status received_arriving(received_note *note, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_SIZE];
    mv_buffer bytes = mv_buffer_make(PATH_SIZE + MV_RECEIPT_SEALED_LEN);

    if (note->has_receipt) {
        MV_TRY(mv_buffer_append(&bytes, note->receipt, sizeof note->receipt));
    }
    MV_TRY(mv_buffer_put_u8(&bytes, 0));
    MV_TRY(mv_buffer_append(&bytes, (const uint8_t *)note->path, strlen(note->path)));
    MV_TRY(note_path(path, note, ARRIVING, err));
    MV_TRY(mv_file_write(path, bytes.bytes, bytes.len, MV_OUTPUT_FORCE | MV_OUTPUT_PRIVATE, err));
    MV_TRY(flush_notes(err));
    note->state = RECEIVED_ARRIVING;
done:
    mv_buffer_clear(&bytes);
    return st;
}

mv_status received_arrived(received_note *note, mv_error *err)
{
    mv_status st = MV_OK;
    char before[PATH_SIZE], after[PATH_SIZE];

    MV_TRY(note_path(before, note, ARRIVING, err));
    MV_TRY(note_path(after, note, "", err));
    MV_REQUIRE(rename(before, after) == 0, err, MV_E_IO, "cannot write %s: %s", after,
               strerror(errno));
    note->state = RECEIVED_ARRIVED;
    st = flush_notes(err);
done:
    return st;
}
