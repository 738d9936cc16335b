/* SPDX-License-Identifier: Apache-2.0
 *
 * man.c: the command table as a manual page and as bash completion. Both are printed by the program
 * (medveil help man, medveil help completion) when it is built, so they cannot lag behind it.
 */
#include "man.h"

#include <string.h>

static const struct {
    int code;
    const char *meaning;
} exit_codes[] = {
    {CLI_OK, "done"},
    {CLI_FAILURE, "failed; the message says why"},
    {CLI_USAGE, "wrong usage"},
    {CLI_NOT_FOUND, "no such file, object or peer"},
    {CLI_BUSY, "somebody else is using it"},
    {CLI_WRONG_KEY, "none of the keys opens this"},
    {CLI_INTEGRITY, "the data is not authentic, or not what it should be"},
    {CLI_POLICY, "refused by policy"},
    {CLI_PARTIAL, "some of several were done, some not"},
    {CLI_INTERRUPTED, "interrupted"},
};

static const struct {
    const char *name, *meaning;
} environment[] = {
    {"MEDVEIL_HOME", "folder of the card book and of installed models"},
    {"MV_CPU_MASK", "portable, avx2, avx512 or ifma: use no newer instructions than these"},
};

/* text as roff: no dash becomes a hyphen, no line becomes a request */
static void roff(FILE *to, const char *text)
{
    bool line_start = true;
    for (; *text != '\0'; text++) {
        if (line_start && (*text == '.' || *text == '\'')) {
            fputs("\\&", to);
        }
        if (*text == '\\') {
            fputs("\\e", to);
        } else if (*text == '-') {
            fputs("\\-", to);
        } else {
            fputc(*text, to);
        }
        line_start = *text == '\n';
    }
}

static void roff_lines(FILE *to, const char *lines)
{
    roff(to, lines);
    if (lines[0] != '\0' && lines[strlen(lines) - 1] != '\n') {
        fputc('\n', to);
    }
}

static void man_options(FILE *to, const cli_option *option)
{
    for (; option != NULL && option->name != NULL; option++) {
        fputs(".TP\n", to);
        if (option->letter != 0) {
            fprintf(to, "\\fB\\-%c\\fR, ", option->letter);
        }
        fputs("\\fB\\-\\-", to);
        roff(to, option->name);
        fputs("\\fR", to);
        if (option->argument != NULL) {
            fputs(" \\fI", to);
            roff(to, option->argument);
            fputs("\\fR", to);
        }
        fputc('\n', to);
        roff_lines(to, option->help);
    }
}

static void man_command(FILE *to, const cli_command *command)
{
    fprintf(to, ".SS medveil %s", command->name);
    if (command->options != NULL) {
        fputs(" [options]", to);
    }
    if (command->operands != NULL) {
        fputc(' ', to);
        roff(to, command->operands);
    }
    fputc('\n', to);
    roff_lines(to, command->summary);
    man_options(to, command->options);
    if (command->description != NULL) {
        fputs(".PP\n", to);
        roff_lines(to, command->description);
    }
    if (command->examples != NULL) {
        fputs(".PP\nExamples:\n.PP\n.nf\n", to);
        roff_lines(to, command->examples);
        fputs(".fi\n", to);
    }
}

void cli_print_man(FILE *to)
{
    fputs(".TH MEDVEIL 1 \"\" \"medveil " MV_VERSION "\"\n"
          ".SH NAME\nmedveil \\- encrypted medical image transmission\n"
          ".SH SYNOPSIS\n.B medveil\n\\fICOMMAND\\fR [options] ...\n"
          ".SH DESCRIPTION\n"
          "Sends medical images so that nobody between sender and receiver can read them.\n"
          "For research; not for diagnosis.\n.SH COMMANDS\n",
          to);
    for (size_t i = 0; cli_commands[i] != NULL; i++) {
        man_command(to, cli_commands[i]);
    }
    fputs(".SH OPTIONS OF EVERY COMMAND\n", to);
    man_options(to, cli_common_options);
    fputs(".SH EXIT STATUS\n", to);
    for (size_t i = 0; i < sizeof exit_codes / sizeof exit_codes[0]; i++) {
        fprintf(to, ".TP\n%d\n%s\n", exit_codes[i].code, exit_codes[i].meaning);
    }
    fputs(".PP\nUnknown codes must be treated as failure.\n.SH ENVIRONMENT\n", to);
    for (size_t i = 0; i < sizeof environment / sizeof environment[0]; i++) {
        fprintf(to, ".TP\n%s\n%s\n", environment[i].name, environment[i].meaning);
    }
}

static void completion_words(FILE *to, const cli_option *option)
{
    for (; option != NULL && option->name != NULL; option++) {
        fprintf(to, " --%s", option->name);
    }
}

/* The first words of all commands, each once; commands of two words stand together in the table. */
static void completion_first_words(FILE *to)
{
    const char *last = "";
    for (size_t i = 0; cli_commands[i] != NULL; i++) {
        const char *name = cli_commands[i]->name;
        const size_t len = strcspn(name, " ");
        if (strlen(last) < len || strncmp(last, name, len) != 0 || strcspn(last, " ") != len) {
            fprintf(to, " %.*s", (int)len, name);
        }
        last = name;
    }
}

static void completion_second_words(FILE *to)
{
    for (size_t i = 0; cli_commands[i] != NULL; i++) {
        const char *space = strchr(cli_commands[i]->name, ' ');
        if (space != NULL) {
            fprintf(to, "    %.*s) words=\"$words %s\" ;;&\n", (int)(space - cli_commands[i]->name),
                    cli_commands[i]->name, space + 1);
        }
    }
}

void cli_print_completion(FILE *to)
{
    fputs("# bash completion for medveil\n_medveil() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} words=\n"
          "    if [ \"$COMP_CWORD\" = 1 ]; then\n        words=\"help",
          to);
    completion_first_words(to);
    fputs("\"\n    elif [ \"$COMP_CWORD\" = 2 ]; then\n        case ${COMP_WORDS[1]} in\n", to);
    completion_second_words(to);
    fputs("        esac\n    fi\n    case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n", to);
    for (size_t i = 0; cli_commands[i] != NULL; i++) {
        fprintf(to, "    \"%s\"%s) words=\"$words", cli_commands[i]->name,
                strchr(cli_commands[i]->name, ' ') == NULL ? "\\ *" : "");
        completion_words(to, cli_commands[i]->options);
        completion_words(to, cli_common_options);
        fputs("\" ;;\n", to);
    }
    fputs("    esac\n    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n}\n"
          "complete -o default -F _medveil medveil\n",
          to);
}
