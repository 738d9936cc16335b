/* SPDX-License-Identifier: Apache-2.0
 *
 * replay.c: run a fuzz target on every file of a folder, once as it is, once with its second half
 * missing, and once with each of its first 64 bytes changed.   argument: the folder
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In an allocation of exactly len bytes, so that a sanitizer sees a read past the end. */
static void run_one(const uint8_t *bytes, size_t len)
{
    uint8_t *exact = malloc(len == 0 ? 1 : len);
    if (exact == NULL) {
        abort();
    }
    memcpy(exact, bytes, len);
    (void)LLVMFuzzerTestOneInput(exact, len);
    free(exact);
}

static int replay(const char *path)
{
    static uint8_t bytes[1 << 20];
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        return 0;
    }
    const size_t len = fread(bytes, 1, sizeof bytes, f);
    (void)fclose(f);
    run_one(bytes, len);
    run_one(bytes, len / 2);
    for (size_t i = 0; i < len && i < 64; i++) {
        bytes[i] ^= 0x55;
        run_one(bytes, len);
        bytes[i] ^= 0x55;
    }
    return 1;
}

int main(int argc, char **argv)
{
    int files = 0;
    char path[4096];
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    if (folder == NULL) {
        (void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    for (const struct dirent *e = readdir(folder); e != NULL; e = readdir(folder)) {
        (void)snprintf(path, sizeof path, "%s/%s", argv[1], e->d_name);
        files += e->d_name[0] != '.' ? replay(path) : 0;
    }
    (void)closedir(folder);
    (void)printf("%d files replayed\n", files);
    return files > 0 ? 0 : 1;
}
