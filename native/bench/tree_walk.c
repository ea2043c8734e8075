// SPDX-License-Identifier: MIT
//
// Reads what `bus.devices()` reads, in C: each device's link resolved, as a tree may lead
// elsewhere, its folder listed, its attributes and the name of its driver read, and with "channels"
// those of every channel, too. Prints milliseconds a walk, a line each. Run by the bench
// (tree.mjs):
//   tree_walk DEVICES_FOLDER ROUNDS [channels]

#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long bytes_read;

static void read_file(int folder, const char* name) {
  char buffer[4096];
  const int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  const ssize_t count = read(fd, buffer, sizeof(buffer));
  if (count > 0) bytes_read += count;
  close(fd);
}

static void read_link(int folder, const char* name) {
  char target[4096];
  const ssize_t count = readlinkat(folder, name, target, sizeof(target));
  if (count > 0) bytes_read += count;
}

// Reads the files of a folder; `depth` more levels of folders below it.
static void walk(int parent, const char* name, int depth) {
  const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* folder = fd < 0 ? NULL : fdopendir(fd);
  if (folder == NULL) return;
  for (struct dirent* entry; (entry = readdir(folder)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    if (entry->d_type == DT_REG) read_file(fd, entry->d_name);
    if (entry->d_type == DT_LNK) read_link(fd, entry->d_name);
    if (entry->d_type == DT_DIR && depth > 0) walk(fd, entry->d_name, depth - 1);
  }
  closedir(folder);
}

static void walk_devices(const char* devices, int depth) {
  DIR* folder = opendir(devices);
  if (folder == NULL) return;
  for (struct dirent* entry; (entry = readdir(folder)) != NULL;) {
    char link[4096];
    char path[PATH_MAX];
    if (entry->d_name[0] == '.') continue;
    snprintf(link, sizeof(link), "%s/%s", devices, entry->d_name);
    if (realpath(link, path) != NULL) walk(AT_FDCWD, path, depth);
  }
  closedir(folder);
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const int depth = argc > 3 && strcmp(argv[3], "channels") == 0 ? 2 : 0;
  for (int round = atoi(argv[2]); round > 0; round--) {
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    walk_devices(argv[1], depth);
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%.4f\n", (end.tv_sec - start.tv_sec) * 1e3 + (end.tv_nsec - start.tv_nsec) / 1e6);
  }
  return bytes_read > 0 ? 0 : 1;
}
