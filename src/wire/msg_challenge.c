/* SPDX-License-Identifier: Apache-2.0
 *
 * msg_challenge.c: a nonce to sign, given by the relay.
 */
#include "wire/hex.h"
#include "wire/json.h"
#include "wire/messages.h"

#include <string.h>

mv_status mv_challenge_write(mv_buffer *out, const uint8_t nonce[MV_NONCE_LEN])
{
    char text[2 * MV_NONCE_LEN + 1];
    mv_hex_write(text, nonce, MV_NONCE_LEN);
    return mv_json_put(out, json_pack("{s:s}", "nonce", text));
}

mv_status mv_challenge_read(uint8_t nonce[MV_NONCE_LEN], const uint8_t *bytes, size_t len)
{
    json_t *object = NULL;
    memset(nonce, 0, MV_NONCE_LEN);
    mv_status st = mv_json_parse(&object, bytes, len);
    if (st == MV_OK) {
        st = mv_json_hex(nonce, MV_NONCE_LEN, object, "nonce");
    }
    json_decref(object);
    return st;
}
