/* SPDX-License-Identifier: Apache-2.0
 *
 * ui.h: how we speak. Data goes to stdout, talk to stderr as "medveil: ..." without a capital or a
 * full stop; hints follow as "medveil: hint: ...". Progress is drawn only on a terminal.
 */
#ifndef MV_CLI_UI_H
#define MV_CLI_UI_H

#include "cli.h"

#include <jansson.h>

void ui_say(const char *format, ...) MV_PRINTF(1, 2);  /* "medveil: ..." on stderr */
void ui_hint(const char *format, ...) MV_PRINTF(1, 2); /* "medveil: hint: ..." */

/* ui_fail: say err's sentence and hint (or the status's own) and give the exit code for it. */
int ui_fail(mv_status status, const mv_error *err);
int ui_exit_code(mv_status status);

/* ui_each: work on one operand after another, whatever became of those before; an interrupt ends
 * it. folder: they go into a folder, each by its own name (path_wants_folder of --output). The exit
 * code: of the last that failed, or CLI_PARTIAL when others did not. */
typedef mv_status (*ui_operand)(void *context, const char *operand, bool folder, mv_error *err);
int ui_each(const cli_args *args, ui_operand work, void *context);

/* ui_json: print one object on one line of stdout and release it. */
void ui_json(json_t *object);

/* ui_progress: a bar with stage, rate and time left on a terminal, else silent; stops the work with
 * MV_E_INTERRUPTED after SIGINT or SIGTERM. ui_progress_end clears the bar's line. */
mv_progress ui_progress(void);
void ui_progress_end(void);
bool ui_interrupted(void);

#endif
