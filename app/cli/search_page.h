/* SPDX-License-Identifier: Apache-2.0
 *
 * search_page.h: what a search found as one HTML page without scripts or links: the query and the
 * neighbours as small pictures. It shows patients' images: a private file.
 */
#ifndef MV_CLI_SEARCH_PAGE_H
#define MV_CLI_SEARCH_PAGE_H

#include "base/bytes.h"
#include "medveil/image.h"

#include <stdbool.h>

/* Each appends to the page. search_page_tile: image NULL: the words alone.
 * errors: MV_E_MEMORY, MV_E_LIMIT */
MV_MUST_CHECK mv_status search_page_begin(mv_buffer *page, bool checked);
MV_MUST_CHECK mv_status search_page_tile(mv_buffer *page, const mv_image *image, const char *name,
                                         const char *words);
MV_MUST_CHECK mv_status search_page_write(mv_buffer *page, const char *path, bool force,
                                          mv_error *err);

#endif
