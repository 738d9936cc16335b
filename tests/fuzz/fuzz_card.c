/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_card.c: any bytes as a card file.
 */
#include "medveil/keys.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mv_card card;
    mv_error err = {0};
    const mv_status st = mv_card_read(&card, data, size, &err);
    if ((st == MV_OK) != (card.bytes_len != 0) || (st != MV_OK) != (err.text[0] != '\0')) {
        abort();
    }
    return 0;
}
