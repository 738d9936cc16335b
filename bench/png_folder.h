/* SPDX-License-Identifier: Apache-2.0
 *
 * png_folder.h: the pictures of a folder, for tools that measure quality.
 */
#ifndef MV_BENCH_PNG_FOLDER_H
#define MV_BENCH_PNG_FOLDER_H

#include "medveil/image.h"

/* png_folder_each: visit every .png in and beneath folder, in order of their names, until one call
 * returns anything but MV_OK, which is then returned. errors: MV_E_NOT_FOUND */
MV_MUST_CHECK mv_status png_folder_each(const char *folder,
                                        mv_status (*visit)(void *user, const char *path,
                                                           const char *name, mv_error *err),
                                        void *user, mv_error *err);

/* png_gray8: one slice of 8 bits. side: resized to a square of that side and stretched to 0..255;
 * 0: as it is. errors: those of mv_image_load and mv_image_resize; MV_E_UNSUPPORTED (colour) */
MV_MUST_CHECK mv_status png_gray8(mv_image *out, const char *path, uint32_t side, mv_error *err);

#endif
