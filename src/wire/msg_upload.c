/* SPDX-License-Identifier: Apache-2.0
 *
 * msg_upload.c: an upload in parts: what is offered, its name, and which bytes have arrived.
 */
#include "wire/hex.h"
#include "wire/json.h"
#include "wire/messages.h"

#include <string.h>

mv_status mv_offer_write(mv_buffer *out, const mv_offer *offer)
{
    char name[2 * MV_FILE_HASH_LEN + 1];
    mv_hex_write(name, offer->file, MV_FILE_HASH_LEN);
    return mv_json_put(out, json_pack("{s:s, s:I}", "file", name, "bytes", (json_int_t)offer->len));
}

mv_status mv_offer_read(mv_offer *out, const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    json_t *object = NULL;

    memset(out, 0, sizeof *out);
    MV_TRY(mv_json_parse(&object, bytes, len));
    MV_TRY(mv_json_hex(out->file, MV_FILE_HASH_LEN, object, "file"));
    MV_TRY(mv_json_number(&out->len, object, "bytes"));
    MV_ENSURE(out->len != 0 && out->len <= MV_SEQ_MAX, MV_E_FORMAT);
done:
    json_decref(object);
    if (st != MV_OK) {
        memset(out, 0, sizeof *out);
    }
    return st;
}

mv_status mv_ticket_write(mv_buffer *out, const mv_ticket *ticket)
{
    char name[2 * MV_UPLOAD_ID_LEN + 1];
    if (ticket->present) {
        return mv_json_put(out, json_pack("{s:b}", "present", 1));
    }
    mv_hex_write(name, ticket->upload, MV_UPLOAD_ID_LEN);
    return mv_json_put(out, json_pack("{s:s}", "upload", name));
}

mv_status mv_ticket_read(mv_ticket *out, const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    json_t *object = NULL;

    memset(out, 0, sizeof *out);
    MV_TRY(mv_json_parse(&object, bytes, len));
    out->present = json_is_true(json_object_get(object, "present"));
    if (!out->present) {
        MV_TRY(mv_json_hex(out->upload, MV_UPLOAD_ID_LEN, object, "upload"));
    }
done:
    json_decref(object);
    return st;
}

mv_status mv_runs_write(mv_buffer *out, const mv_runs *runs)
{
    mv_status st = MV_OK;
    json_t *have = json_array();
    MV_ENSURE(have != NULL, MV_E_MEMORY);
    for (size_t i = 0; i < runs->count; i++) {
        json_t *run =
            json_pack("[I, I]", (json_int_t)runs->run[i].first, (json_int_t)runs->run[i].end);
        MV_ENSURE(json_array_append_new(have, run) == 0, MV_E_MEMORY); /* takes run, NULL too */
    }
    st = mv_json_put(out, json_pack("{s:I, s:O}", "bytes", (json_int_t)runs->len, "have", have));
done:
    json_decref(have);
    return st;
}

static mv_status read_run(mv_runs *out, const json_t *item)
{
    mv_status st = MV_OK;
    const json_t *first = json_array_get(item, 0), *end = json_array_get(item, 1);
    mv_run *run = &out->run[out->count];

    MV_ENSURE(json_array_size(item) == 2 && json_is_integer(first) && json_is_integer(end) &&
                  json_integer_value(first) >= 0 && json_integer_value(end) >= 0,
              MV_E_FORMAT);
    run->first = (uint64_t)json_integer_value(first);
    run->end = (uint64_t)json_integer_value(end);
    MV_ENSURE(run->first < run->end && run->end <= out->len, MV_E_FORMAT);
    MV_ENSURE(out->count == 0 || run[-1].end < run->first, MV_E_FORMAT);
    out->count++;
done:
    return st;
}

mv_status mv_runs_read(mv_runs *out, const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    json_t *object = NULL;

    memset(out, 0, sizeof *out);
    MV_TRY(mv_json_parse(&object, bytes, len));
    MV_TRY(mv_json_number(&out->len, object, "bytes"));
    const json_t *have = json_object_get(object, "have");
    MV_ENSURE(json_is_array(have) && json_array_size(have) <= MV_RUNS_MAX, MV_E_FORMAT);
    for (size_t i = 0; i < json_array_size(have); i++) {
        MV_TRY(read_run(out, json_array_get(have, i)));
    }
done:
    json_decref(object);
    if (st != MV_OK) {
        memset(out, 0, sizeof *out);
    }
    return st;
}

bool mv_runs_add(mv_runs *runs, uint64_t first, uint64_t end)
{
    size_t low = 0, high;
    mv_run joined = {first, end};

    while (low < runs->count && runs->run[low].end < first) {
        low++;
    }
    for (high = low; high < runs->count && runs->run[high].first <= end; high++) {
        joined.first = runs->run[high].first < joined.first ? runs->run[high].first : joined.first;
        joined.end = runs->run[high].end > joined.end ? runs->run[high].end : joined.end;
    }
    if (low == high && runs->count == MV_RUNS_MAX) {
        return false;
    }
    /* run[low..high) becomes one */
    memmove(runs->run + low + 1, runs->run + high, (runs->count - high) * sizeof *runs->run);
    runs->run[low] = joined;
    runs->count = runs->count - (high - low) + 1;
    return true;
}

bool mv_runs_whole(const mv_runs *runs)
{
    return runs->count == 1 && runs->run[0].first == 0 && runs->run[0].end == runs->len;
}
