/* Put before the C library (LD_PRELOAD): calls that read fail where a test says, whoever makes
   them, DuckDB and Arrow included. `fail_calls` is called from Python by ctypes. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char part[512];
static char kind[16];
static int code;
static long first, count, seen, failed;

/* Let `times` calls of a kind (open, read, list, stat) fail, from the nth on, whose path holds
   `in_path`. */
void fail_calls(const char *call, const char *in_path, int number, long nth, long times) {
    snprintf(part, sizeof part, "%s", in_path);
    snprintf(kind, sizeof kind, "%s", call);
    code = number; first = nth; count = times; seen = failed = 0;
}

long calls_failed(void) { return failed; }

static int fails(const char *call, const char *path) {
    if (!count || !path || strcmp(call, kind) || !strstr(path, part)) return 0;
    long nth = __sync_add_and_fetch(&seen, 1);
    if (nth < first || nth >= first + count) return 0;
    __sync_add_and_fetch(&failed, 1);
    errno = code;
    return 1;
}

static int fails_at(const char *call, int descriptor) {
    char link[64], path[4096];
    if (!count || strcmp(call, kind)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return fails(call, path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define OPEN(name)                                                     \
    int name(const char *path, int flags, ...) {                       \
        va_list more; va_start(more, flags);                           \
        mode_t mode = va_arg(more, mode_t); va_end(more);              \
        return fails("open", path) ? -1 : REAL(name)(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                   \
    int name(int folder, const char *path, int flags, ...) {           \
        va_list more; va_start(more, flags);                           \
        mode_t mode = va_arg(more, mode_t); va_end(more);              \
        return fails("open", path) ? -1 : REAL(name)(folder, path, flags, mode); \
    }
OPENAT(openat)
OPENAT(openat64)

ssize_t read(int file, void *to, size_t size) {
    return fails_at("read", file) ? -1 : REAL(read)(file, to, size);
}
ssize_t pread(int file, void *to, size_t size, off_t at) {
    return fails_at("read", file) ? -1 : REAL(pread)(file, to, size, at);
}
ssize_t pread64(int file, void *to, size_t size, off64_t at) {
    return fails_at("read", file) ? -1 : REAL(pread64)(file, to, size, at);
}

struct dirent *readdir(DIR *folder) {
    return fails_at("list", dirfd(folder)) ? NULL : REAL(readdir)(folder);
}
struct dirent64 *readdir64(DIR *folder) {
    return fails_at("list", dirfd(folder)) ? NULL : REAL(readdir64)(folder);
}

#define STAT(name, kind)                                                       \
    int name(const char *restrict path, struct kind *restrict to) {            \
        return fails("stat", path) ? -1 : REAL(name)(path, to);                \
    }
STAT(stat, stat)
STAT(stat64, stat64)
STAT(lstat, stat)
STAT(lstat64, stat64)

#define STATAT(name, kind)                                                     \
    int name(int folder, const char *restrict path, struct kind *restrict to, int flags) { \
        return fails("stat", path) ? -1 : REAL(name)(folder, path, to, flags); \
    }
STATAT(fstatat, stat)
STATAT(fstatat64, stat64)

/* What programs built against an older C library call in place of `stat`. */
int __xstat(int version, const char *path, struct stat *to) {
    if (fails("stat", path)) return -1;
    int (*real)(int, const char *, struct stat *) = dlsym(RTLD_NEXT, "__xstat");
    return real ? real(version, path, to) : REAL(stat)(path, to);
}
