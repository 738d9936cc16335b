/* SPDX-License-Identifier: Apache-2.0
 *
 * msg_problem.c: why a request was refused, as application/problem+json.
 */
#include "wire/json.h"
#include "wire/messages.h"

#include <string.h>

mv_status mv_problem_write(mv_buffer *out, const mv_problem *problem)
{
    json_t *object = json_pack("{s:i, s:s}", "status", problem->status, "title", problem->title);
    if (object != NULL && problem->limit_bytes != 0 &&
        json_object_set_new(object, "limit_bytes",
                            json_integer((json_int_t)problem->limit_bytes)) != 0) {
        json_decref(object);
        object = NULL;
    }
    return mv_json_put(out, object);
}

/* The title ends up on somebody's terminal. */
static bool printable(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] < ' ' || text[i] > '~') {
            return false;
        }
    }
    return true;
}

mv_status mv_problem_read(mv_problem *out, const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    json_t *object = NULL;
    uint64_t status = 0, limit = 0;

    memset(out, 0, sizeof *out);
    MV_TRY(mv_json_parse(&object, bytes, len));
    MV_TRY(mv_json_number(&status, object, "status"));
    MV_ENSURE(status >= 400 && status <= 599, MV_E_FORMAT);
    if (json_object_get(object, "limit_bytes") != NULL) {
        MV_TRY(mv_json_number(&limit, object, "limit_bytes"));
    }
    const json_t *title = json_object_get(object, "title");
    const size_t title_len = json_string_length(title);
    MV_ENSURE(json_is_string(title) && title_len < MV_PROBLEM_TEXT &&
                  printable(json_string_value(title), title_len),
              MV_E_FORMAT);
    memcpy(out->title, json_string_value(title), title_len);
    out->status = (int)status;
    out->limit_bytes = limit;
done:
    json_decref(object);
    return st;
}
