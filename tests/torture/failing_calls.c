/* Library for LD_PRELOAD that counts, in one folder, the calls that write, flush, rename, lock, map, create or remove
 * files, and lets one of them fail before it has any effect. FAILING_CALL holds the folder, a file for the counter, a
 * file for the log, the number of the failing call (0: none) and which of its errors occurs, separated by line feeds. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static char folder[PATH_MAX];
static int *counter;
static int log_file = -1, failing, variant;

static const struct {
    const char *call; /* its beginning */
    int errors[3];
} faults[] = {
    {"write", {ENOSPC, EIO, EDQUOT}}, {"pwrite", {ENOSPC, EIO, EDQUOT}}, {"open", {EACCES, ENOSPC, EMFILE}},
    {"fsync", {EIO, ENOSPC, EDQUOT}}, {"fdatasync", {EIO, ENOSPC, EDQUOT}}, {"ftruncate", {EIO, ENOSPC, EPERM}},
    {"flock", {ENOLCK, EIO, EOPNOTSUPP}}, {"fcntl", {ENOLCK, EIO, EACCES}}, {"mmap", {ENOMEM, ENODEV, EACCES}},
    {"mkdir", {ENOSPC, EACCES, EROFS}}, {"rename", {EIO, EACCES, ENOSPC}}, {"", {EACCES, EIO, EPERM}},
};

static int error_of(const char *call) {
    int i = 0;
    while (strncmp(call, faults[i].call, strlen(faults[i].call)))
        i++;
    return faults[i].errors[variant % 3];
}

__attribute__((constructor)) void start_counting(void) {
    const char *text = getenv("FAILING_CALL");
    char counter_path[PATH_MAX], log_path[PATH_MAX];
    if (!text || sscanf(text, "%4095[^\n]\n%4095[^\n]\n%4095[^\n]\n%d\n%d", folder, counter_path, log_path, &failing, &variant) != 5)
        return;
    int file = syscall(SYS_openat, AT_FDCWD, counter_path, O_RDWR | O_CLOEXEC, 0);
    log_file = syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_APPEND | O_CLOEXEC, 0);
    counter = (int *)syscall(SYS_mmap, NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    syscall(SYS_close, file);
}

static int path_of(int file, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t n = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
    path[n < 0 ? 0 : n] = 0;
    return n >= 0;
}

/* Returns whether this call fails; the path is relative to the open folder, or that of the open file if it is NULL. */
static int fails(const char *call, int at, const char *name) {
    char path[2 * PATH_MAX] = "", line[2 * PATH_MAX + 128], failure[64];
    int saved = errno, fault = 0;
    if (!counter)
        return 0;
    if (!name || name[0] != '/') {
        if (at == AT_FDCWD)
            path[0] = 0;
        else if (!path_of(at, path))
            path[0] = 0;
        if (name)
            strcat(strcat(path, "/"), name);
    } else
        strcpy(path, name);
    size_t n = strlen(folder);
    if (!strncmp(path, folder, n) && (path[n] == '/' || path[n] == 0)) {
        int number = __sync_add_and_fetch(counter, 1);
        fault = number == failing;
        int length = snprintf(line, sizeof line, "%d %s %s%s\n", number, call, path + n, fault ? strcat(strcpy(failure, " FAILED with "), strerrorname_np(error_of(call))) : "");
        syscall(SYS_write, log_file, line, length);
    }
    errno = fault ? error_of(call) : saved;
    return fault;
}

#define NEXT(name) ({ static __typeof__(&name) next; if (!next) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name); next; })
#define BY_FILE(type, name, parameters, ...) \
    type name parameters { return fails(#name, file, NULL) ? (type)-1 : NEXT(name)(__VA_ARGS__); }
#define BY_NAME(name, parameters, at, path, ...) \
    int name parameters { return fails(#name, at, path) ? -1 : NEXT(name)(__VA_ARGS__); }

BY_FILE(ssize_t, write, (int file, const void *data, size_t n), file, data, n)
BY_FILE(ssize_t, writev, (int file, const struct iovec *parts, int n), file, parts, n)
BY_FILE(ssize_t, pwrite, (int file, const void *data, size_t n, off_t place), file, data, n, place)
BY_FILE(ssize_t, pwrite64, (int file, const void *data, size_t n, off64_t place), file, data, n, place)
BY_FILE(int, fsync, (int file), file)
BY_FILE(int, fdatasync, (int file), file)
BY_FILE(int, ftruncate, (int file, off_t n), file, n)
BY_FILE(int, ftruncate64, (int file, off64_t n), file, n)
BY_FILE(int, fallocate, (int file, int mode, off_t place, off_t n), file, mode, place, n)
BY_FILE(int, posix_fallocate, (int file, off_t place, off_t n), file, place, n)
BY_FILE(int, fchmod, (int file, mode_t mode), file, mode)
BY_NAME(mkdir, (const char *path, mode_t mode), AT_FDCWD, path, path, mode)
BY_NAME(mkdirat, (int at, const char *path, mode_t mode), at, path, at, path, mode)
BY_NAME(unlink, (const char *path), AT_FDCWD, path, path)
BY_NAME(unlinkat, (int at, const char *path, int flags), at, path, at, path, flags)
BY_NAME(rmdir, (const char *path), AT_FDCWD, path, path)
BY_NAME(link, (const char *from, const char *to), AT_FDCWD, to, from, to)
BY_NAME(linkat, (int a, const char *from, int b, const char *to, int flags), b, to, a, from, b, to, flags)
BY_NAME(symlink, (const char *to, const char *path), AT_FDCWD, path, to, path)
BY_NAME(rename, (const char *from, const char *to), AT_FDCWD, to, from, to)
BY_NAME(renameat, (int a, const char *from, int b, const char *to), b, to, a, from, b, to)
BY_NAME(renameat2, (int a, const char *from, int b, const char *to, unsigned flags), b, to, a, from, b, to, flags)
BY_NAME(chmod, (const char *path, mode_t mode), AT_FDCWD, path, path, mode)
BY_NAME(utimensat, (int at, const char *path, const struct timespec times[2], int flags), at, path, at, path, times, flags)

int flock(int file, int how) {
    return !(how & LOCK_UN) && fails("flock", file, NULL) ? -1 : NEXT(flock)(file, how);
}

#define MAP(name, offset_type) \
    void *name(void *place, size_t n, int protection, int flags, int file, offset_type offset) { \
        return !(flags & MAP_ANONYMOUS) && fails(#name, file, NULL) ? MAP_FAILED : NEXT(name)(place, n, protection, flags, file, offset); \
    }
MAP(mmap, off_t)
MAP(mmap64, off64_t)

#define IS_WRITING(flags) ((flags) & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC))
#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, mode_t); va_end(rest); \
        return IS_WRITING(flags) && fails(#name, AT_FDCWD, path) ? -1 : NEXT(name)(path, flags, mode); \
    }
#define OPENAT(name) \
    int name(int at, const char *path, int flags, ...) { \
        va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, mode_t); va_end(rest); \
        return IS_WRITING(flags) && fails(#name, at, path) ? -1 : NEXT(name)(at, path, flags, mode); \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

#define FCNTL(name) \
    int name(int file, int command, ...) { \
        va_list rest; va_start(rest, command); void *value = va_arg(rest, void *); va_end(rest); \
        int is_lock = command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK || command == F_OFD_SETLKW; \
        if (is_lock && ((struct flock *)value)->l_type != F_UNLCK && fails("fcntl", file, NULL)) return -1; \
        return NEXT(name)(file, command, value); \
    }
FCNTL(fcntl)
FCNTL(fcntl64)
