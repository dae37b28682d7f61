/* A library for LD_PRELOAD that writes down what a program asks of the files in one folder (writes,
 * truncations, syncs, names made and taken away) and what it sends over sockets, in the order in which
 * all of that happened. What a disk may hold after a power loss can be computed from it; see src/main.rs.
 *
 *   KEYSLOT_RECORD_FOLDER  the folder, absolute
 *   KEYSLOT_RECORD         the file that is written, outside that folder
 *
 * Each event is a header of 24 bytes, little endian, and `length` bytes. One lock is held over an
 * operation and its event, so that the order of events is the order of effects; a sync has two events,
 * since it covers only what came before its start and promises nothing before its end.
 *
 * Works on Linux with glibc, for what goes through the C library, as SQLite does. Files whose name ends
 * in -shm are left out: they are memory that several processes share, and no part of the database.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { NAMED = 1, WRITTEN, TRUNCATED, SYNC_BEGUN, SYNCED, FOLDER_SYNC_BEGUN, FOLDER_SYNCED, REMOVED, SENT };

struct event {
  uint32_t kind;
  uint32_t length; /* of the bytes that follow */
  uint64_t file;   /* its inode */
  uint64_t offset; /* of a write; the size, of a truncation; the number, of a sync; 1 if a name is new */
};

/* What is known of a descriptor. */
enum what { UNKNOWN = 0, OTHER, SOCKET, TRACKED, FOLDER };
#define DESCRIPTORS 65536
static unsigned char what_is[DESCRIPTORS];
static uint64_t inode_of[DESCRIPTORS];

/* The most bytes kept of what is sent at once: the head and body of one small answer. */
#define SENT_MAX 4096

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *folder;
static size_t folder_length;
static int out = -1;
static uint64_t syncs;


__attribute__((constructor)) static void start(void) {
  const char *record = getenv("KEYSLOT_RECORD");
  folder = getenv("KEYSLOT_RECORD_FOLDER");
  if (!record || !folder) return;
  folder_length = strlen(folder);
  out = (int)syscall(SYS_openat, AT_FDCWD, record, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* A recording with a gap would prove nothing: rather no recording, and no program. */
static void must_write(struct iovec *parts, int count, size_t total) {
  if (syscall(SYS_writev, out, parts, count) != (long)total) abort();
}

static void note(enum kind kind, uint64_t file, uint64_t offset, const void *bytes, size_t length) {
  struct event event = {kind, (uint32_t)length, file, offset};
  struct iovec parts[] = {{&event, sizeof event}, {(void *)bytes, length}};
  must_write(parts, length ? 2 : 1, sizeof event + length);
}

static int inside(const char *path) {
  size_t length = strlen(path);
  if (out < 0 || strncmp(path, folder, folder_length) != 0 || path[folder_length] != '/') return 0;
  return length < 4 || strcmp(path + length - 4, "-shm") != 0;
}

static enum what kind_of(int fd) {
  if (out < 0 || fd < 0 || fd >= DESCRIPTORS) return OTHER;
  if (what_is[fd] == UNKNOWN) {
    struct stat found;
    what_is[fd] = fstat(fd, &found) == 0 && S_ISSOCK(found.st_mode) ? SOCKET : OTHER;
  }
  return what_is[fd];
}

static int opened(int fd, const char *path, int existed) {
  struct stat found;
  if (fd < 0 || fd >= DESCRIPTORS || fstat(fd, &found) != 0) return fd;
  inode_of[fd] = found.st_ino;
  if (S_ISDIR(found.st_mode)) {
    what_is[fd] = strcmp(path, folder) == 0 ? FOLDER : OTHER;
  } else if (inside(path)) {
    what_is[fd] = TRACKED;
    const char *name = path + folder_length + 1;
    note(NAMED, found.st_ino, !existed, name, strlen(name));
  } else {
    what_is[fd] = OTHER;
  }
  return fd;
}

static int open_any(int at, const char *path, int flags, mode_t mode) {
  if (out < 0 || path[0] != '/') return (int)syscall(SYS_openat, at, path, flags, mode);
  pthread_mutex_lock(&lock);
  int existed = syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0;
  int fd = (int)syscall(SYS_openat, at, path, flags, mode);
  int error = errno;
  opened(fd, path, existed);
  if (fd >= 0 && (flags & O_TRUNC) && kind_of(fd) == TRACKED) note(TRUNCATED, inode_of[fd], 0, NULL, 0);
  pthread_mutex_unlock(&lock);
  errno = error;
  return fd;
}

#define MODE(flags, last)                              \
  mode_t mode = 0;                                     \
  if ((flags) & (O_CREAT | O_TMPFILE)) {               \
    va_list rest;                                      \
    va_start(rest, last);                              \
    mode = va_arg(rest, mode_t);                       \
    va_end(rest);                                      \
  }

int open(const char *path, int flags, ...) { MODE(flags, flags) return open_any(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags, flags) return open_any(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags, flags) return open_any(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags, flags) return open_any(at, path, flags, mode); }

int close(int fd) {
  if (fd >= 0 && fd < DESCRIPTORS) what_is[fd] = UNKNOWN;
  return (int)syscall(SYS_close, fd);
}

static ssize_t write_at(int fd, const void *bytes, size_t length, off_t offset) {
  if (kind_of(fd) != TRACKED) return syscall(SYS_pwrite64, fd, bytes, length, offset);
  pthread_mutex_lock(&lock);
  ssize_t done = syscall(SYS_pwrite64, fd, bytes, length, offset);
  int error = errno;
  if (done > 0) note(WRITTEN, inode_of[fd], (uint64_t)offset, bytes, (size_t)done);
  pthread_mutex_unlock(&lock);
  errno = error;
  return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return write_at(fd, bytes, length, offset); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) { return write_at(fd, bytes, length, offset); }

/* Before the bytes leave: whoever gets them cannot know of them earlier. */
static void sending(const struct iovec *parts, int count) {
  char bytes[SENT_MAX];
  size_t length = 0;
  for (int index = 0; index < count && length < SENT_MAX; index++) {
    size_t piece = parts[index].iov_len < SENT_MAX - length ? parts[index].iov_len : SENT_MAX - length;
    memcpy(bytes + length, parts[index].iov_base, piece);
    length += piece;
  }
  pthread_mutex_lock(&lock);
  note(SENT, 0, 0, bytes, length);
  pthread_mutex_unlock(&lock);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  /* No file of a database is written so; if one is, the recording would be wrong. */
  if (kind_of(fd) == TRACKED) abort();
  if (kind_of(fd) == SOCKET) sending(parts, count);
  return syscall(SYS_writev, fd, parts, count);
}

ssize_t write(int fd, const void *bytes, size_t length) {
  struct iovec whole = {(void *)bytes, length};
  if (kind_of(fd) == SOCKET) sending(&whole, 1);
  if (kind_of(fd) != TRACKED) return syscall(SYS_write, fd, bytes, length);
  pthread_mutex_lock(&lock);
  struct stat found;
  int flags = fcntl(fd, F_GETFL);
  off_t offset = flags >= 0 && (flags & O_APPEND) && fstat(fd, &found) == 0 ? found.st_size : lseek(fd, 0, SEEK_CUR);
  ssize_t done = syscall(SYS_write, fd, bytes, length);
  int error = errno;
  if (done > 0) note(WRITTEN, inode_of[fd], (uint64_t)offset, bytes, (size_t)done);
  pthread_mutex_unlock(&lock);
  errno = error;
  return done;
}

ssize_t send(int fd, const void *bytes, size_t length, int flags) {
  struct iovec whole = {(void *)bytes, length};
  if (out >= 0) sending(&whole, 1);
  return syscall(SYS_sendto, fd, bytes, length, flags, NULL, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  if (out >= 0) sending(message->msg_iov, (int)message->msg_iovlen);
  return syscall(SYS_sendmsg, fd, message, flags);
}

static int truncate_to(int fd, off_t size) {
  if (kind_of(fd) != TRACKED) return (int)syscall(SYS_ftruncate, fd, size);
  pthread_mutex_lock(&lock);
  int result = (int)syscall(SYS_ftruncate, fd, size);
  int error = errno;
  if (result == 0) note(TRUNCATED, inode_of[fd], (uint64_t)size, NULL, 0);
  pthread_mutex_unlock(&lock);
  errno = error;
  return result;
}

int ftruncate(int fd, off_t size) { return truncate_to(fd, size); }
int ftruncate64(int fd, off_t size) { return truncate_to(fd, size); }

static int sync_by(long call, int fd) {
  enum what what = kind_of(fd);
  if (what != TRACKED && what != FOLDER) return (int)syscall(call, fd);
  pthread_mutex_lock(&lock);
  uint64_t number = ++syncs;
  note(what == TRACKED ? SYNC_BEGUN : FOLDER_SYNC_BEGUN, inode_of[fd], number, NULL, 0);
  pthread_mutex_unlock(&lock);
  int result = (int)syscall(call, fd);
  int error = errno;
  if (result == 0) {
    pthread_mutex_lock(&lock);
    note(what == TRACKED ? SYNCED : FOLDER_SYNCED, inode_of[fd], number, NULL, 0);
    pthread_mutex_unlock(&lock);
  }
  errno = error;
  return result;
}

int fsync(int fd) { return sync_by(SYS_fsync, fd); }
int fdatasync(int fd) { return sync_by(SYS_fdatasync, fd); }

int unlink(const char *path) {
  if (!inside(path)) return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
  pthread_mutex_lock(&lock);
  int result = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
  int error = errno;
  if (result == 0) note(REMOVED, 0, 0, path + folder_length + 1, strlen(path + folder_length + 1));
  pthread_mutex_unlock(&lock);
  errno = error;
  return result;
}

/* Ways to change a file that the recording does not know. SQLite and the server do not use them on the
 * files in question; if that changes, this has to learn them. */
#define UNKNOWN_WAY(fd) \
  if (kind_of(fd) == TRACKED) abort()

int fallocate(int fd, int mode, off_t offset, off_t length) {
  UNKNOWN_WAY(fd);
  return (int)syscall(SYS_fallocate, fd, mode, offset, length);
}

int rename(const char *from, const char *to) {
  if (inside(from) || inside(to)) abort();
  return (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
}
