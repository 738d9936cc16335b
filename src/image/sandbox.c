/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox.c: fork, limits, a seccomp filter, and the pipe back.
 *
 * Through the pipe come a reply structure, the answer, then the bulk. The parent reads no more than
 * it has room for, waits no longer than stated, and collects the child in every case.
 */
#include "image/sandbox.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_DONE = 0, EXIT_NO_SANDBOX = 100, EXIT_PIPE = 101 };

typedef struct reply {
    uint32_t result;
    uint64_t bulk_len; /* bytes that follow the answer */
} reply;

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
static bool limit_resources(const mv_sandbox_job *job)
{
    const struct rlimit none = {0, 0}, time = {job->seconds + 1, job->seconds + 2};
    return limit_memory(job->memory) && setrlimit(RLIMIT_CPU, &time) == 0 &&
           setrlimit(RLIMIT_FSIZE, &none) == 0 && setrlimit(RLIMIT_CORE, &none) == 0 &&
           prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && prctl(PR_SET_DUMPABLE, 0) == 0;
}

/* 32-bit machines ask for memory by another call, of the same arguments. */
#ifdef SYS_mmap2
#define MMAP_CALL SCMP_SYS(mmap2)
#else
#define MMAP_CALL SCMP_SYS(mmap)
#endif

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
#ifdef HAS_SHADOW_MEMORY
        SCMP_SYS(sigaltstack), /* an address sanitizer asks for it when an exception is thrown */
#endif
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
           allow(filter, MMAP_CALL, 2, memory_alone) &&
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

static _Noreturn void child(const mv_sandbox_job *job, int pipe_end)
{
    reply r = {0, 0};
    (void)unsetenv("OPJ_NUM_THREADS"); /* a thread is a system call too many */
    if (!limit_resources(job) || !lock_down(pipe_end)) {
        _exit(EXIT_NO_SANDBOX);
    }
    r.result = job->work(job);
    r.bulk_len = r.result == 0 && job->bulk_len != NULL ? *job->bulk_len : 0;
    const bool ok = write_all(pipe_end, &r, sizeof r) &&
                    write_all(pipe_end, job->answer, job->answer_len) &&
                    write_all(pipe_end, job->bulk, (size_t)r.bulk_len);
    _exit(ok ? EXIT_DONE : EXIT_PIPE);
}

/* ---- in the parent ---- */

static mv_sandbox_end read_all(int fd, void *bytes, size_t len, double deadline_ms)
{
    uint8_t *next = bytes;
    while (len != 0) {
        struct pollfd wait = {fd, POLLIN, 0};
        const double left = deadline_ms - mv_clock_ms();
        if (left <= 0) {
            return MV_SANDBOX_TOO_SLOW;
        }
        if (poll(&wait, 1, (int)left + 1) <= 0) {
            continue; /* late, or a signal: the deadline above decides */
        }
        const ssize_t n = read(fd, next, len);
        if (n == 0 || (n < 0 && errno != EINTR)) {
            return MV_SANDBOX_DIED;
        }
        if (n > 0) {
            next += n;
            len -= (size_t)n;
        }
    }
    return MV_SANDBOX_ANSWERED;
}

mv_sandbox_end mv_sandbox_receive(uint32_t *result, bool *ended, const mv_sandbox_job *job, int fd)
{
    const double deadline_ms = mv_clock_ms() + 1000.0 * job->seconds;
    const size_t room = job->bulk_len != NULL ? *job->bulk_len : 0;
    reply r;
    mv_sandbox_end end = read_all(fd, &r, sizeof r, deadline_ms);
    if (end == MV_SANDBOX_ANSWERED) {
        end = read_all(fd, job->answer, job->answer_len, deadline_ms);
    }
    *ended = end == MV_SANDBOX_DIED;
    if (end != MV_SANDBOX_ANSWERED || r.bulk_len > room) {
        return end == MV_SANDBOX_ANSWERED ? MV_SANDBOX_DIED : end;
    }
    *result = r.result;
    if (job->bulk_len != NULL) {
        *job->bulk_len = (size_t)r.bulk_len;
    }
    end = read_all(fd, job->bulk, (size_t)r.bulk_len, deadline_ms);
    *ended = end == MV_SANDBOX_DIED;
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

/* A pipe that ended is that of a child which is dead; any other has to be ended. */
static mv_sandbox_end parent(uint32_t *result, const mv_sandbox_job *job, pid_t pid, int fd)
{
    bool ended = false;
    const mv_sandbox_end end = mv_sandbox_receive(result, &ended, job, fd);
    const int status = collect(pid, !ended);
    if (!ended) {
        return end;
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) {
        return MV_SANDBOX_TOO_SLOW;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_SANDBOX ? MV_SANDBOX_REFUSED
                                                                       : MV_SANDBOX_DIED;
}

mv_sandbox_end mv_sandbox_run(uint32_t *result, const mv_sandbox_job *job)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return MV_SANDBOX_NOT_STARTED;
    }
    const pid_t pid = fork();
    if (pid == 0) {
        (void)close(ends[0]);
        child(job, ends[1]);
    }
    (void)close(ends[1]);
    const mv_sandbox_end end = pid < 0 ? MV_SANDBOX_NOT_STARTED : parent(result, job, pid, ends[0]);
    (void)close(ends[0]);
    return end;
}
