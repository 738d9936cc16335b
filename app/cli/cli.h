/* SPDX-License-Identifier: Apache-2.0
 *
 * cli.h: the command table. One row per command gives its options, its help, its man page and its
 * completions; a command is a function that reads the parsed arguments and returns an exit code.
 */
#ifndef MV_CLI_H
#define MV_CLI_H

#include "medveil/status.h"

#include <stdbool.h>
#include <stddef.h>

/* Exit codes, docs/cli.md. Unknown codes must be treated as failure. */
enum {
    CLI_OK = 0,
    CLI_FAILURE = 1,
    CLI_USAGE = 2,
    CLI_NOT_FOUND = 10,
    CLI_BUSY = 11,
    CLI_WRONG_KEY = 12,
    CLI_INTEGRITY = 13,
    CLI_POLICY = 14,
    CLI_PARTIAL = 15,
    CLI_INTERRUPTED = 130
};

typedef struct cli_option {
    const char *name;     /* long name without dashes; NULL ends the table */
    char letter;          /* short form, or 0 */
    const char *argument; /* NULL: a flag; else the word shown in help, e.g. "FILE" */
    const char *help;     /* one line */
} cli_option;

#define CLI_VALUES_MAX 4352 /* a study has up to 4096 files */

typedef struct cli_args {
    const struct cli_command *command;
    const char *operand[CLI_VALUES_MAX];
    size_t operand_count;
    struct {
        const cli_option *option;
        const char *value; /* "" for a flag */
    } given[CLI_VALUES_MAX];
    size_t given_count;
} cli_args;

typedef struct cli_command {
    const char *name;          /* "encrypt", "card add" */
    const char *operands;      /* "IN..." */
    const char *summary;       /* one line */
    const cli_option *options; /* --help, --json are added for every command */
    int (*run)(const cli_args *args);
    const char *description;           /* paragraphs for help and the man page; may be NULL */
    const char *examples;              /* lines; may be NULL */
    size_t operands_min, operands_max; /* checked before run; max 0 with min 0: none taken */
} cli_command;

extern const cli_command *const cli_commands[]; /* NULL-terminated, in the order of help */
extern const cli_option cli_common_options[];   /* of every command, after its own */

const char *cli_value(const cli_args *args, const char *option); /* last given, or NULL */
const char *cli_value_at(const cli_args *args, const char *option, size_t i); /* i-th, or NULL */
bool cli_flag(const cli_args *args, const char *option);

/* cli_number: parse option as a whole number in [min, max]; fallback when not given. On a bad value
 * says so on stderr and returns false. */
bool cli_number(const cli_args *args, const char *option, long min, long max, long fallback,
                long *out);

int cli_run(int argc, char **argv); /* the whole program but signal set-up */

#endif
