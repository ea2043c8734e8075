// SPDX-License-Identifier: MIT
//
// Files that somebody else names; see inbox_file.h. Source: Linux openat(2), linkat(2), rename(2).

#include "inbox_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string_view>

namespace vmbus::os {

namespace {

constexpr mode_t kOwnFolder = 0700;
constexpr mode_t kOwnFile = 0600;
constexpr int kFolderFlags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr int kFileFlags = O_WRONLY | O_CLOEXEC | O_NOCTTY;
// linux/fs.h, which cannot be included beside stdio.h of older C libraries.
constexpr unsigned kRenameNoReplace = 1;

// The callers check names for what people may mean by them; this is what safety rests on.
bool IsOneName(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

Result<UniqueFd> OpenAt(int folder, const char* name, int flags, mode_t mode = 0) {
  for (;;) {
    UniqueFd fd(openat(folder, name, flags, mode));
    if (fd.valid()) return fd;
    if (errno != EINTR) return LastErrno();
  }
}

int AnswerOf(int result) { return result == 0 ? 0 : errno; }

// 0 for an own folder without entries, else an errno.
int CheckOwnAndEmpty(int folder) {
  struct stat status{};
  if (fstat(folder, &status) != 0) return errno;
  if (status.st_uid != geteuid()) return ESTALE;
  UniqueFd other(fcntl(folder, F_DUPFD_CLOEXEC, 0));
  if (!other.valid()) return errno;
  DIR* entries = fdopendir(other.get());
  if (entries == nullptr) return errno;
  static_cast<void>(other.Release());
  int error = 0;
  errno = 0;
  while (const dirent* entry = readdir(entries)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") error = ESTALE;
  }
  if (error == 0) error = errno;
  closedir(entries);
  return error;
}

// File systems without RENAME_NOREPLACE: a link is as exclusive, and both names are the same file.
int LinkAndRemove(int from_folder, const char* from, int to_folder, const char* to) {
  if (linkat(from_folder, from, to_folder, to, 0) != 0) return errno;
  return AnswerOf(unlinkat(from_folder, from, 0));
}

}  // namespace

Result<UniqueFd> OpenRootFolder() { return OpenAt(AT_FDCWD, "/", kFolderFlags); }

Result<UniqueFd> OpenFolder(int folder, const std::string& name) {
  if (!IsOneName(name)) return Errno{EINVAL};
  return OpenAt(folder, name.c_str(), kFolderFlags);
}

Result<UniqueFd> MakeFolder(int folder, const std::string& name) {
  if (!IsOneName(name)) return Errno{EINVAL};
  if (mkdirat(folder, name.c_str(), kOwnFolder) != 0) return LastErrno();
  Result<UniqueFd> made =
      OpenAt(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (!made.ok()) return made;
  // Whoever may write in the folder could have put another one there, which would be given to the
  // owner of what arrives. An empty one of our own is as good as the new one.
  if (const int error = CheckOwnAndEmpty(made.value().get()); error != 0) return Errno{error};
  return made;
}

Result<UniqueFd> CreateUnnamed(int folder) {
  Result<UniqueFd> file = OpenAt(folder, ".", O_TMPFILE | kFileFlags, kOwnFile);
  // Kernels and file systems without it see a folder opened for writing.
  if (!file.ok() && (file.error() == EISDIR || file.error() == EINVAL)) return Errno{EOPNOTSUPP};
  return file;
}

Result<UniqueFd> CreateNamed(int folder, const std::string& name) {
  if (!IsOneName(name)) return Errno{EINVAL};
  return OpenAt(folder, name.c_str(), O_CREAT | O_EXCL | O_NOFOLLOW | kFileFlags, kOwnFile);
}

int NameFile(int file, int folder, const std::string& name) {
  if (!IsOneName(name)) return EINVAL;
  if (linkat(file, "", folder, name.c_str(), AT_EMPTY_PATH) == 0) return 0;
  // That needs CAP_DAC_READ_SEARCH, and says ENOENT without it; this needs /proc.
  if (errno != ENOENT && errno != EPERM) return errno;
  const std::string own = "/proc/self/fd/" + std::to_string(file);
  return AnswerOf(linkat(AT_FDCWD, own.c_str(), folder, name.c_str(), AT_SYMLINK_FOLLOW));
}

int RenameFile(int from_folder, const std::string& from, int to_folder, const std::string& to,
               Replace replace) {
  if (!IsOneName(from) || !IsOneName(to)) return EINVAL;
  if (replace == Replace::kFile) {
    const int there = FindFile(to_folder, to);
    if (there == 0) return AnswerOf(renameat(from_folder, from.c_str(), to_folder, to.c_str()));
    if (there != ENOENT) return there;
  }
  const long result =
      syscall(SYS_renameat2, from_folder, from.c_str(), to_folder, to.c_str(), kRenameNoReplace);
  if (result == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  return LinkAndRemove(from_folder, from.c_str(), to_folder, to.c_str());
}

int FindFile(int folder, const std::string& name) {
  if (!IsOneName(name)) return EINVAL;
  struct stat there{};
  if (fstatat(folder, name.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0) return errno;
  return S_ISREG(there.st_mode) ? 0 : EEXIST;
}

int RemoveFile(int folder, const std::string& name) {
  if (!IsOneName(name)) return EINVAL;
  return AnswerOf(unlinkat(folder, name.c_str(), 0));
}

int RemoveFolder(int folder, const std::string& name) {
  if (!IsOneName(name)) return EINVAL;
  return AnswerOf(unlinkat(folder, name.c_str(), AT_REMOVEDIR));
}

int SyncFolder(int folder) {
  Result<UniqueFd> readable = OpenAt(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (!readable.ok()) return readable.error();
  return AnswerOf(fsync(readable.value().get()));
}

Result<uint64_t> FreeBytes(int folder) {
  struct statvfs status{};
  if (fstatvfs(folder, &status) != 0) return LastErrno();
  if (status.f_blocks == 0) return Errno{EOPNOTSUPP};
  return uint64_t{status.f_bavail} * status.f_frsize;
}

}  // namespace vmbus::os
