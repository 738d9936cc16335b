/* SPDX-License-Identifier: Apache-2.0
 *
 * folder.h: a fresh folder for one test, and its removal with all that is in it.
 */
#ifndef TEST_SUPPORT_FOLDER_H
#define TEST_SUPPORT_FOLDER_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEST_FOLDER_MAX 256

static int folder_remove_entry(const char *path, const struct stat *info, int type,
                               struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

static inline void folder_remove(const char *path)
{
    (void)nftw(path, folder_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* "" when it cannot be made. */
static inline void folder_make(char out[TEST_FOLDER_MAX])
{
    const char *base = getenv("TMPDIR");
    (void)snprintf(out, TEST_FOLDER_MAX, "%s/medveil-test-XXXXXX", base == NULL ? "/tmp" : base);
    if (mkdtemp(out) == NULL) {
        out[0] = '\0';
    }
}

#endif
