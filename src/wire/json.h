/* SPDX-License-Identifier: Apache-2.0
 *
 * json.h: JSON bodies through jansson, with the limits that all messages share.
 */
#ifndef MV_WIRE_JSON_H
#define MV_WIRE_JSON_H

#include "base/bytes.h"

#include <jansson.h>

/* mv_json_put: append the object as compact text and release it; NULL stands for "out of memory".
 */
MV_MUST_CHECK mv_status mv_json_put(mv_buffer *out, json_t *object);

/* mv_json_parse: one object of at most MV_MESSAGE_MAX bytes without repeated keys.
 * owner: release *out with json_decref. errors: MV_E_FORMAT, MV_E_LIMIT */
MV_MUST_CHECK mv_status mv_json_parse(json_t **out, const uint8_t *bytes, size_t len);

/* A member that must be there and of this kind, else MV_E_FORMAT. */
MV_MUST_CHECK mv_status mv_json_hex(uint8_t *out, size_t len, const json_t *object,
                                    const char *key);
MV_MUST_CHECK mv_status mv_json_number(uint64_t *out, const json_t *object, const char *key);

#endif
