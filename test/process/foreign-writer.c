// SPDX-License-Identifier: MIT
//
// A program of somebody else that shares a pool file, with one kind of lock only: fcntl as the daemon, or flock as cloud-init.
//   foreign-writer fcntl|flock write FILE NAME COUNT   counts up the keys NAME and "shared", rewriting the file as the daemon does
//   foreign-writer fcntl|flock hold FILE               locks, says "held", and lets go when its input ends
//   foreign-writer fcntl|flock try FILE                status 0 if the lock could be had, 3 if somebody has it
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { kKey = 512, kValue = 2048, kRecord = kKey + kValue, kMost = 256 };
static char records[kMost][kRecord];
static int uses_flock;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static int lock(int fd, int type, int wait) {
  if (uses_flock) return flock(fd, (type == F_UNLCK ? LOCK_UN : LOCK_EX) | (wait ? 0 : LOCK_NB));
  struct flock range = {.l_type = (short)type, .l_whence = SEEK_SET};
  return fcntl(fd, wait ? F_SETLKW : F_SETLK, &range);
}

// N:ddd…, as long as the number says: a value that was torn or mixed does not fit itself.
static void put(char *value, long n) {
  memset(value, 0, kValue);
  int used = snprintf(value, kValue, "%ld:", n);
  memset(value + used, (int)('0' + n % 10), (size_t)(n * 37 % 900));
}

static int count_up(int count, const char *key) {
  int i = 0;
  while (i < count && strcmp(records[i], key) != 0) ++i;
  if (i == count) {
    memset(records[i], 0, kRecord);
    strcpy(records[i], key);
    ++count;
  }
  put(records[i] + kKey, strtol(records[i] + kKey, NULL, 10) + 1);
  return count;
}

static void rewrite(int fd, const char *name) {
  if (lock(fd, F_WRLCK, 1) != 0) die("lock");
  ssize_t bytes = pread(fd, records, sizeof(records) - 2 * kRecord, 0);
  if (bytes < 0 || bytes % kRecord != 0) die("a torn file");
  int count = (int)(bytes / kRecord);
  count = count_up(count, name);
  count = count_up(count, "shared");
  if (ftruncate(fd, 0) != 0) die("ftruncate");
  if (pwrite(fd, records, (size_t)count * kRecord, 0) != (ssize_t)count * kRecord) die("pwrite");
  if (lock(fd, F_UNLCK, 0) != 0) die("unlock");
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  uses_flock = strcmp(argv[1], "flock") == 0;
  int fd = open(argv[3], O_RDWR | O_CLOEXEC);
  if (fd < 0) die(argv[3]);
  if (strcmp(argv[2], "try") == 0) return lock(fd, F_WRLCK, 0) == 0 ? 0 : 3;
  if (strcmp(argv[2], "hold") == 0) {
    if (lock(fd, F_WRLCK, 1) != 0) die("lock");
    printf("held\n");
    fflush(stdout);
    char byte;
    while (read(0, &byte, 1) > 0) continue;
    return 0;
  }
  unsigned seed = (unsigned)getpid();
  for (long i = strtol(argv[5], NULL, 10); i > 0; --i) {
    rewrite(fd, argv[4]);
    usleep((unsigned)(rand_r(&seed) % 300));
  }
  return 0;
}
