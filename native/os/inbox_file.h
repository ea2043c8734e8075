// SPDX-License-Identifier: MIT
//
// Files that somebody else names: made, finished and removed below a folder that is held open.
// Every name is one component, looked up in the folder it is given with and never through a
// symbolic link, so no name and nothing that happens to the tree meanwhile leads elsewhere. Any of
// these may block for as long as a disk or a network filesystem does. Called by:
// binding/inbox_functions.

#ifndef VMBUS_OS_INBOX_FILE_H_
#define VMBUS_OS_INBOX_FILE_H_

#include <cstdint>
#include <string>

#include "result.h"
#include "unique_fd.h"

namespace vmbus::os {

// The root of the file system, to start a walk.
Result<UniqueFd> OpenRootFolder();

// A folder in a folder, to look up names in. ENOTDIR or ELOOP for a link.
Result<UniqueFd> OpenFolder(int folder, const std::string& name);

// A new folder, for its owner only, also to change its owner and mode. ESTALE: what stands there
// now is not what was made.
Result<UniqueFd> MakeFolder(int folder, const std::string& name);

// A file without a name, which nobody finds and which goes with its descriptor. EOPNOTSUPP where
// the file system has none.
Result<UniqueFd> CreateUnnamed(int folder);

// A new file, for its owner only. EEXIST where anything has the name.
Result<UniqueFd> CreateNamed(int folder, const std::string& name);

// Gives an unnamed file its name. 0 or an errno: EEXIST where anything has it.
int NameFile(int file, int folder, const std::string& name);

enum class Replace {
  kNothing,  // EEXIST where anything has the name
  kFile,     // an ordinary file is replaced at once; EEXIST for anything else
};

// 0 or an errno. With an error the file keeps its old name.
int RenameFile(int from_folder, const std::string& from, int to_folder, const std::string& to,
               Replace replace);

// What has the name: 0 for an ordinary file, EEXIST for anything else, ENOENT for nothing.
int FindFile(int folder, const std::string& name);

int RemoveFile(int folder, const std::string& name);
// ENOTEMPTY where it is not empty.
int RemoveFolder(int folder, const std::string& name);

// Whether the names in the folder are on the disk: 0 or an errno.
int SyncFolder(int folder);

// Bytes that one without privileges may still write; EOPNOTSUPP where the file system does not
// count.
Result<uint64_t> FreeBytes(int folder);

}  // namespace vmbus::os

#endif  // VMBUS_OS_INBOX_FILE_H_
