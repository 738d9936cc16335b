/* SPDX-License-Identifier: Apache-2.0
 *
 * test_conformance.c: the table of transfer syntaxes in docs/conformance.md says what the code
 * does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/dicom_shim.h"
#include "image/dicom_syntax.h"

#include <stdio.h>
#include <string.h>

#define STANDARD "1.2.840.10008."

enum { LINE_LEN_MAX = 1024, ROWS_MAX = 128 };

typedef struct row {
    char uid[65];
    bool read;
} row;

static const char *page_path;
static row rows[ROWS_MAX];
static size_t row_count;

/* | name | `UID` | yes or no | .. */
static bool parse_row(row *r, const char *line)
{
    char word[4];
    const char *uid = strstr(line, "| `" STANDARD);
    if (uid == NULL || sscanf(uid, "| `%64[0-9.]` | %3[a-z] |", r->uid, word) != 2) {
        return false;
    }
    r->read = strcmp(word, "yes") == 0;
    return r->read || strcmp(word, "no") == 0;
}

static int read_page(void **state)
{
    char line[LINE_LEN_MAX];
    FILE *in = fopen(page_path, "r");
    (void)state;
    if (in == NULL || !mv_dicom_prepare()) {
        return -1;
    }
    while (row_count < ROWS_MAX && fgets(line, sizeof line, in) != NULL) {
        row_count += parse_row(&rows[row_count], line);
    }
    (void)fclose(in);
    return row_count > 20 ? 0 : -1;
}

static void every_row_of_the_page_is_what_the_code_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < row_count; i++) {
        if (mv_dicom_syntax_is_read(rows[i].uid) != rows[i].read) {
            fail_msg("%s is said to be %sread", rows[i].uid, rows[i].read ? "" : "not ");
        }
    }
    print_message("%zu transfer syntaxes\n", row_count);
}

static void every_transfer_syntax_of_the_code_has_its_row(void **state)
{
    const char *uid = NULL;
    (void)state;
    for (size_t i = 0; (uid = mv_dicom_syntax_at(i)) != NULL; i++) {
        size_t found = 0;
        for (size_t j = 0; j < row_count; j++) {
            found += strcmp(rows[j].uid, uid) == 0;
        }
        if (found != 1 && strncmp(uid, STANDARD, strlen(STANDARD)) == 0) {
            fail_msg("%s stands in %zu rows", uid, found);
        }
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_the_page_is_what_the_code_does),
        cmocka_unit_test(every_transfer_syntax_of_the_code_has_its_row),
    };
    if (argc != 2) {
        return 1;
    }
    page_path = argv[1];
    return cmocka_run_group_tests(tests, read_page, NULL);
}
