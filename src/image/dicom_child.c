/* SPDX-License-Identifier: Apache-2.0
 *
 * dicom_child.c: fork, limits, a seccomp filter, and the pipe back.
 *
 * The answer is one reply structure, then the samples. The parent reads no more than it expects,
 * waits no longer than stated, and collects the child in every case.
 */
#include "image/dicom_child.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_DONE = 0, EXIT_NO_SANDBOX = 100, EXIT_PIPE = 101 };

typedef struct reply {
    uint32_t verdict;
    mv_image image; /* its pointer means nothing here */
} reply;

static size_t sample_bytes(const mv_image *image)
{
    return mv_image_sample_count(image) * mv_sample_size(image->type);
}

/* ---- in the child ---- */

#if defined(__SANITIZE_ADDRESS__)
#define HAS_SHADOW_MEMORY 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_SHADOW_MEMORY 1
#endif
#endif

/* The address space may grow by `more` bytes. An address sanitizer reserves terabytes for itself
 * and then needs room in proportion, so under it this one limit is left out. */
static bool limit_memory(size_t more)
{
#ifdef HAS_SHADOW_MEMORY
    (void)more;
    return true;
#else
    unsigned long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "re");
    const bool known = statm != NULL && fscanf(statm, "%lu", &pages) == 1;
    if (statm != NULL) {
        (void)fclose(statm);
    }
    const rlim_t most = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + more;
    const struct rlimit limit = {most, most};
    return known && setrlimit(RLIMIT_AS, &limit) == 0;
#endif
}

/* The parent stops a slow child first; the limit of processor time is for when it cannot. */
static bool limit_resources(const mv_child_job *job)
{
    const struct rlimit none = {0, 0}, time = {job->seconds + 1, job->seconds + 2};
    return limit_memory(job->memory) && setrlimit(RLIMIT_CPU, &time) == 0 &&
           setrlimit(RLIMIT_FSIZE, &none) == 0 && setrlimit(RLIMIT_CORE, &none) == 0 &&
           prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && prctl(PR_SET_DUMPABLE, 0) == 0;
}

static bool allow(scmp_filter_ctx filter, int call, unsigned count, const struct scmp_arg_cmp *when)
{
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, count, when) == 0;
}

/* Memory that is not executable, locks, time, the end, and the pipe; anything else kills. */
static bool add_rules(scmp_filter_ctx filter, int pipe_end)
{
    static const int harmless[] = {
        SCMP_SYS(exit),          SCMP_SYS(exit_group),      SCMP_SYS(brk),
        SCMP_SYS(munmap),        SCMP_SYS(mremap),          SCMP_SYS(madvise),
        SCMP_SYS(futex),         SCMP_SYS(rt_sigreturn),    SCMP_SYS(rt_sigprocmask),
        SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),    SCMP_SYS(time),
        SCMP_SYS(getrandom),     SCMP_SYS(restart_syscall), SCMP_SYS(sched_yield),
    };
    const struct scmp_arg_cmp to_the_pipe = {0, SCMP_CMP_MASKED_EQ, UINT32_MAX, (uint32_t)pipe_end};
    const struct scmp_arg_cmp memory_alone[2] = {
        {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0},
        {3, SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS},
    };
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++) {
        if (!allow(filter, harmless[i], 0, NULL)) {
            return false;
        }
    }
    return allow(filter, SCMP_SYS(write), 1, &to_the_pipe) &&
           allow(filter, SCMP_SYS(mmap), 2, memory_alone) &&
           allow(filter, SCMP_SYS(mprotect), 1, memory_alone);
}

static bool lock_down(int pipe_end)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    const bool ok = filter != NULL && add_rules(filter, pipe_end) && seccomp_load(filter) == 0;
    if (filter != NULL) {
        seccomp_release(filter);
    }
    return ok;
}

static bool write_all(int fd, const void *bytes, size_t len)
{
    const uint8_t *next = bytes;
    while (len != 0) {
        const ssize_t n = write(fd, next, len);
        if (n < 0 && errno != EINTR) {
            return false;
        }
        if (n > 0) {
            next += n;
            len -= (size_t)n;
        }
    }
    return true;
}

static _Noreturn void child(const mv_child_job *job, int pipe_end)
{
    reply answer;
    memset(&answer, 0, sizeof answer);
    (void)unsetenv("OPJ_NUM_THREADS"); /* a thread is a system call too many */
    if (!limit_resources(job) || !lock_down(pipe_end)) {
        _exit(EXIT_NO_SANDBOX);
    }
    answer.verdict = job->work(job->image, job->bytes, job->len);
    answer.image = *job->image;
    answer.image.sample = NULL;
    const bool samples = job->fills_samples && answer.verdict == MV_DICOM_OK;
    const bool ok = write_all(pipe_end, &answer, sizeof answer) &&
                    (!samples || write_all(pipe_end, job->image->sample, sample_bytes(job->image)));
    _exit(ok ? EXIT_DONE : EXIT_PIPE);
}

/* ---- in the parent ---- */

typedef enum read_end { READ_ALL, READ_SHORT, READ_LATE } read_end;

static read_end read_all(int fd, void *bytes, size_t len, double deadline_ms)
{
    uint8_t *next = bytes;
    while (len != 0) {
        struct pollfd wait = {fd, POLLIN, 0};
        const double left = deadline_ms - mv_clock_ms();
        if (left <= 0) {
            return READ_LATE;
        }
        if (poll(&wait, 1, (int)left + 1) <= 0) {
            continue; /* late, or a signal: the deadline above decides */
        }
        const ssize_t n = read(fd, next, len);
        if (n == 0 || (n < 0 && errno != EINTR)) {
            return READ_SHORT;
        }
        if (n > 0) {
            next += n;
            len -= (size_t)n;
        }
    }
    return READ_ALL;
}

static read_end read_answer(mv_dicom_verdict *verdict, const mv_child_job *job, int fd)
{
    const double deadline_ms = mv_clock_ms() + 1000.0 * job->seconds;
    reply answer;
    read_end end = read_all(fd, &answer, sizeof answer, deadline_ms);
    if (end != READ_ALL) {
        return end;
    }
    if (answer.verdict >= MV_DICOM_VERDICTS) {
        return READ_SHORT;
    }
    *verdict = (mv_dicom_verdict)answer.verdict;
    if (!job->fills_samples) {
        *job->image = answer.image;
        job->image->sample = NULL;
    } else if (*verdict ==
               MV_DICOM_OK) { /* into the shape that the parent knows, not the reply's */
        end = read_all(fd, job->image->sample, sample_bytes(job->image), deadline_ms);
    }
    return end;
}

static int collect(pid_t pid, bool stop)
{
    int status = -1;
    if (stop) {
        (void)kill(pid, SIGKILL);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

static mv_child_end parent(mv_dicom_verdict *verdict, const mv_child_job *job, pid_t pid, int fd)
{
    const read_end end = read_answer(verdict, job, fd);
    const int status = collect(pid, end != READ_SHORT);
    if (end == READ_ALL) {
        return MV_CHILD_ANSWERED;
    }
    if (end == READ_LATE || (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)) {
        return MV_CHILD_TOO_SLOW;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_SANDBOX ? MV_CHILD_NO_SANDBOX
                                                                       : MV_CHILD_DIED;
}

mv_child_end mv_child_run(mv_dicom_verdict *verdict, const mv_child_job *job)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return MV_CHILD_NOT_STARTED;
    }
    const pid_t pid = fork();
    if (pid == 0) {
        (void)close(ends[0]);
        child(job, ends[1]);
    }
    (void)close(ends[1]);
    const mv_child_end end = pid < 0 ? MV_CHILD_NOT_STARTED : parent(verdict, job, pid, ends[0]);
    (void)close(ends[0]);
    return end;
}
