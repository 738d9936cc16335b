/* SPDX-License-Identifier: Apache-2.0
 *
 * msg_bundle.c: several small files in one request, and what became of each.
 */
#include "wire/json.h"
#include "wire/messages.h"

#include <string.h>

mv_status mv_bundle_append(mv_buffer *out, const mv_bundled *file)
{
    mv_status st = MV_OK;
    MV_ENSURE(file->len != 0 && file->len <= MV_BUNDLE_FILE_MAX, MV_E_LIMIT);
    MV_TRY(mv_buffer_reserve(out, MV_BUNDLE_HEAD + (size_t)file->len));
    MV_TRY(mv_buffer_append(out, file->hash, MV_FILE_HASH_LEN));
    MV_TRY(mv_buffer_put_u32le(out, file->len));
    MV_TRY(mv_buffer_append(out, file->bytes, file->len));
done:
    return st;
}

mv_status mv_bundle_next(mv_bundled *out, mv_reader *in)
{
    mv_status st = MV_OK;
    memset(out, 0, sizeof *out);
    MV_TRY(mv_read_view(in, &out->hash, MV_FILE_HASH_LEN));
    MV_TRY(mv_read_u32le(in, &out->len));
    MV_ENSURE(out->len != 0 && out->len <= MV_BUNDLE_FILE_MAX, MV_E_LIMIT);
    MV_TRY(mv_read_view(in, &out->bytes, out->len));
done:
    if (st != MV_OK) {
        memset(out, 0, sizeof *out);
    }
    return st;
}

mv_status mv_results_write(mv_buffer *out, const mv_results *results)
{
    mv_status st = MV_OK;
    json_t *list = json_array();
    MV_ENSURE(list != NULL, MV_E_MEMORY);
    for (size_t i = 0; i < results->count; i++) {
        MV_ENSURE(json_array_append_new(list, json_integer(results->status[i])) == 0, MV_E_MEMORY);
    }
    st = mv_json_put(out, json_pack("{s:O}", "results", list));
done:
    json_decref(list);
    return st;
}

mv_status mv_results_read(mv_results *out, const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    json_t *object = NULL;

    memset(out, 0, sizeof *out);
    MV_TRY(mv_json_parse(&object, bytes, len));
    const json_t *list = json_object_get(object, "results");
    MV_ENSURE(json_is_array(list) && json_array_size(list) <= MV_BUNDLE_FILES_MAX, MV_E_FORMAT);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const json_int_t status = json_integer_value(item);
        MV_ENSURE(json_is_integer(item) && status >= 200 && status <= 599, MV_E_FORMAT);
        out->status[out->count++] = (uint16_t)status;
    }
done:
    json_decref(object);
    if (st != MV_OK) {
        memset(out, 0, sizeof *out);
    }
    return st;
}
