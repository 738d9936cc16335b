/* SPDX-License-Identifier: Apache-2.0
 *
 * msg_epochs.c: which epochs a sender and a receiver have to think of.
 */
#include "wire/json.h"
#include "wire/messages.h"

#include <string.h>

mv_status mv_epochs_write(mv_buffer *out, const mv_epochs *epochs)
{
    mv_status st = MV_OK;
    json_t *waiting = json_array();
    MV_ENSURE(waiting != NULL, MV_E_MEMORY);
    for (size_t i = 0; i < epochs->count; i++) {
        MV_ENSURE(json_array_append_new(waiting, json_integer(epochs->waiting[i])) == 0,
                  MV_E_MEMORY);
    }
    st = mv_json_put(out, json_pack("{s:I, s:O, s:I}", "epoch", (json_int_t)epochs->now, "waiting",
                                    waiting, "part_bytes_max", (json_int_t)epochs->part_bytes_max));
done:
    json_decref(waiting);
    return st;
}

static mv_status read_waiting(mv_epochs *out, const json_t *waiting)
{
    mv_status st = MV_OK;
    MV_ENSURE(json_is_array(waiting) && json_array_size(waiting) <= MV_EPOCHS_MAX, MV_E_FORMAT);
    for (size_t i = 0; i < json_array_size(waiting); i++) {
        const json_t *item = json_array_get(waiting, i);
        const json_int_t epoch = json_integer_value(item);
        MV_ENSURE(json_is_integer(item) && epoch >= 0 && epoch <= UINT32_MAX, MV_E_FORMAT);
        MV_ENSURE(i == 0 || (uint32_t)epoch > out->waiting[i - 1], MV_E_FORMAT);
        out->waiting[i] = (uint32_t)epoch;
        out->count++;
    }
done:
    return st;
}

mv_status mv_epochs_read(mv_epochs *out, const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    json_t *object = NULL;
    uint64_t now = 0;

    memset(out, 0, sizeof *out);
    MV_TRY(mv_json_parse(&object, bytes, len));
    MV_TRY(mv_json_number(&now, object, "epoch"));
    MV_ENSURE(now <= UINT32_MAX, MV_E_FORMAT);
    out->now = (uint32_t)now;
    MV_TRY(mv_json_number(&out->part_bytes_max, object, "part_bytes_max"));
    MV_ENSURE(out->part_bytes_max >= MV_BLOCK_LEN && out->part_bytes_max <= MV_PART_MAX &&
                  out->part_bytes_max % MV_BLOCK_LEN == 0,
              MV_E_FORMAT);
    MV_TRY(read_waiting(out, json_object_get(object, "waiting")));
done:
    json_decref(object);
    if (st != MV_OK) {
        memset(out, 0, sizeof *out);
    }
    return st;
}
