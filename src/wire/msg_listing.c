/* SPDX-License-Identifier: Apache-2.0
 *
 * msg_listing.c: one page of what waits in a mailbox.
 */
#include "wire/hex.h"
#include "wire/json.h"
#include "wire/messages.h"

#include <string.h>

static mv_status append_entry(json_t *files, const mv_listing_entry *entry)
{
    char name[2 * MV_FILE_HASH_LEN + 1];
    mv_hex_write(name, entry->file, MV_FILE_HASH_LEN);
    json_t *file = json_pack("{s:s, s:I, s:I}", "file", name, "bytes", (json_int_t)entry->len,
                             "seq", (json_int_t)entry->seq);
    return json_array_append_new(files, file) == 0 ? MV_OK : MV_E_MEMORY; /* takes file, NULL too */
}

mv_status mv_listing_write(mv_buffer *out, const mv_listing *listing)
{
    mv_status st = MV_OK;
    json_t *files = json_array();
    MV_ENSURE(files != NULL, MV_E_MEMORY);
    for (size_t i = 0; i < listing->count; i++) {
        MV_TRY(append_entry(files, &listing->entry[i]));
    }
    st = mv_json_put(out, json_pack("{s:O, s:b}", "files", files, "more", (int)listing->more));
done:
    json_decref(files);
    return st;
}

static mv_status read_entry(mv_listing *out, const json_t *file)
{
    mv_status st = MV_OK;
    mv_listing_entry *entry = &out->entry[out->count];
    MV_TRY(mv_json_hex(entry->file, MV_FILE_HASH_LEN, file, "file"));
    MV_TRY(mv_json_number(&entry->len, file, "bytes"));
    MV_TRY(mv_json_number(&entry->seq, file, "seq"));
    /* strictly ascending: a page can neither repeat an arrival nor go back */
    MV_ENSURE(entry->seq <= MV_SEQ_MAX && entry->seq > (out->count == 0 ? 0 : entry[-1].seq),
              MV_E_FORMAT);
    out->count++;
done:
    return st;
}

mv_status mv_listing_read(mv_listing *out, const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    json_t *object = NULL;

    memset(out, 0, sizeof *out);
    MV_TRY(mv_json_parse(&object, bytes, len));
    const json_t *files = json_object_get(object, "files");
    const json_t *more = json_object_get(object, "more");
    MV_ENSURE(json_is_array(files) && json_is_boolean(more), MV_E_FORMAT);
    MV_ENSURE(json_array_size(files) <= MV_LISTING_MAX, MV_E_LIMIT);
    for (size_t i = 0; i < json_array_size(files); i++) {
        MV_TRY(read_entry(out, json_array_get(files, i)));
    }
    out->more = json_is_true(more);
    MV_ENSURE(!out->more || out->count != 0, MV_E_FORMAT); /* else asking again would not end */
done:
    json_decref(object);
    if (st != MV_OK) {
        memset(out, 0, sizeof *out);
    }
    return st;
}
