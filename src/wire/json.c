/* SPDX-License-Identifier: Apache-2.0
 *
 * json.c: the only file of this layer that knows how jansson reads and writes.
 */
#include "wire/json.h"

#include "wire/hex.h"
#include "wire/messages.h"

#include <string.h>

static int append(const char *bytes, size_t len, void *user)
{
    mv_buffer *out = user;
    return mv_buffer_append(out, (const uint8_t *)bytes, len) == MV_OK ? 0 : -1;
}

mv_status mv_json_put(mv_buffer *out, json_t *object)
{
    mv_status st = MV_OK;
    MV_ENSURE(object != NULL, MV_E_MEMORY);
    MV_ENSURE(json_dump_callback(object, append, out, JSON_COMPACT | JSON_PRESERVE_ORDER) == 0,
              MV_E_MEMORY);
done:
    json_decref(object);
    return st;
}

mv_status mv_json_parse(json_t **out, const uint8_t *bytes, size_t len)
{
    *out = NULL;
    if (len > MV_MESSAGE_MAX) {
        return MV_E_LIMIT;
    }
    json_t *object = json_loadb((const char *)bytes, len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(object)) {
        json_decref(object);
        return MV_E_FORMAT;
    }
    *out = object;
    return MV_OK;
}

mv_status mv_json_hex(uint8_t *out, size_t len, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_string(value) && json_string_length(value) == 2 * len &&
                   mv_hex_read(out, len, json_string_value(value))
               ? MV_OK
               : MV_E_FORMAT;
}

mv_status mv_json_number(uint64_t *out, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        return MV_E_FORMAT;
    }
    *out = (uint64_t)json_integer_value(value);
    return MV_OK;
}
